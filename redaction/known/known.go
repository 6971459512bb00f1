package known

import (
	"errors"
	"fmt"
	"iter"
)

// A Kind says how a value may be written.
type Kind uint8

// The kinds of values.
const (
	Other   Kind = iota // a customer number, a word, anything
	Name                // of a person: the order of its words does not matter
	Email               // an address of electronic mail
	Phone               // a telephone number, with or without country and area
	Address             // of a house
)

// A Value is something that is known to be personal.
type Value struct {
	Text string
	Kind Kind
	Type string // what replaces it, e.g. PERSON; nothing here looks at it
	// Whole says that the parts of a name do not count alone.
	Whole bool
}

// A Match is an occurrence of a value: text[Start:End].
type Match struct {
	Start, End int
	Value      int // its index in the values handed in
}

// A Set finds values. What Compile returns is safe for concurrent use as long
// as neither Reset nor Tabulate is called.
type Set struct {
	f        *folding
	values   []Value
	elems    []elem // of all patterns, one after another
	patterns []pattern
	phones   int // how many patterns are of telephone numbers
	trie     trie
	starts   starts
	raw      raw  // the value being compiled
	held     elem // breaks before an element that was passed over
}

// What a value cannot be.
var (
	errEmpty = errors.New("no letter or digit")
	errLong  = fmt.Errorf("more than %d letters and digits, or %d bytes between two", maxValue, maxGap)
)

// Compile makes a set of values. A value whose text is empty matches nothing.
// Errors name the index of a value, never its text.
func Compile(values []Value) (*Set, error) {
	s := new(Set)
	if err := s.Reset(values); err != nil {
		return nil, err
	}
	s.Tabulate()
	return s, nil
}

// Tabulate makes the set quicker to search with until the next Reset. It takes a
// millisecond and 256 KiB: for values that stay.
func (s *Set) Tabulate() { s.starts.tabulate() }

// Reset makes s a set of other values, in the memory that it has. After an
// error it is empty.
func (s *Set) Reset(values []Value) error {
	s.clear()
	s.values = append(s.values, values...)
	for i := range values {
		if err := s.add(i); err != nil {
			s.clear()
			return fmt.Errorf("known value %d: %w", i, err)
		}
	}
	s.addStarts()
	return nil
}

func (s *Set) clear() {
	s.f = foldings()
	clear(s.values)
	s.values = s.values[:0]
	s.elems, s.patterns, s.phones = s.elems[:0], s.patterns[:0], 0
	s.starts.reset()
	s.trie.reset()
}

// Match returns the end of the longest occurrence that begins at text[i], and
// the index of its value. It looks at a bounded stretch of text around i, and
// checks itself that no word goes on there.
func (s *Set) Match(text string, i int) (end, value int, ok bool) {
	if i >= len(text) || len(s.patterns) == 0 {
		return 0, 0, false
	}
	q := search{s: s, text: text, at: i}
	c, size := s.f.classOf(text[i:])
	if s.phones > 0 && (c&digit != 0 || text[i] == '+' || text[i] == '(') {
		q.phone()
	}
	if c&word != 0 && s.leads(text, i) {
		if q.before = before(s.f, text, i, size, c); q.before != gapNone {
			q.walk(false)
			if q.initial {
				q.walk(true)
			}
		}
	}
	return q.end, q.value, q.end > 0
}

// leads is a quick look at the letters that stand at text[i] without anything
// between them: false says that no pattern begins so.
func (s *Set) leads(text string, i int) bool {
	node, last := int32(root), rune(0)
	for ; i < len(text) && isAlnum(text[i]); i++ {
		e := rune(text[i] | 0x20) // leaves digits as they are
		if isPair(last, e) {
			continue
		}
		if node = s.trie.step(node, e); node <= 0 {
			return node != noEdge
		}
		if s.trie.accept[node] >= 0 {
			return true
		}
		last = e
	}
	return true
}

// All yields the occurrences from left to right, the longest where several
// begin at one place; they do not overlap.
func (s *Set) All(text string) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for i := s.starts.next(text, 0); i < len(text); i = s.starts.next(text, i) {
			end, value, ok := s.Match(text, i)
			if !ok {
				i++
				continue
			}
			if !yield(Match{i, end, value}) {
				return
			}
			i = end
		}
	}
}

// bytes is a set of bytes.
type bytes [4]uint64

func (b *bytes) add(c byte)      { b[c>>6] |= 1 << (c & 63) }
func (b *bytes) has(c byte) bool { return b[c>>6]>>(c&63)&1 != 0 }
func (b *bytes) empty() bool     { return *b == bytes{} }

func (b *bytes) or(o *bytes) {
	for i := range b {
		b[i] |= o[i]
	}
}
