package identifier

import "sync"

// A whole is a kind of value that is no [Form]: its characters or the places
// of its separators say more than a pattern can.
type whole struct {
	entity, country string
	valid           func(text string) bool
}

var wholes = sync.OnceValue(func() []whole { return nil })
