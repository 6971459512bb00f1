package event

import (
	"errors"
	"fmt"
	"slices"
)

// A located error is a violation on its way out of a decoder: every level it
// passes puts its field before the path, so that decoding keeps no path.
type located struct {
	path   []step // innermost first
	reason string
}

func (e *located) Error() string { return e.violation().Error() }

// violation spells the path out.
func (e *located) violation() *ValidationError {
	path := slices.Clone(e.path)
	slices.Reverse(path)
	return violation(pathString(path), e.reason)
}

// within says that err came from the named field; index is -1 where that is
// not repeated.
func within(err error, name string, index int) error {
	if l, ok := errors.AsType[*located](err); ok {
		l.path = append(l.path, step{name, index})
	}
	return err
}

// public turns a decoder's error into what the package's functions return.
func public(err error) error {
	if l, ok := errors.AsType[*located](err); ok {
		return l.violation()
	}
	return err
}

func wrong(format string, args ...any) error {
	return &located{reason: fmt.Sprintf(format, args...)}
}
