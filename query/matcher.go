package query

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
)

// A textQuery is what is looked for in the texts of events. It is immutable and
// safe for concurrent use.
type textQuery struct {
	kinds    event.TextKind
	terms    []finder
	positive int // terms that are wanted; the others are not
}

// newTextQuery returns nil where nothing is looked for.
func newTextQuery(terms []textTerm, kinds event.TextKind) *textQuery {
	if len(terms) == 0 {
		return nil
	}
	if kinds == 0 {
		kinds = event.AllTexts
	}
	q := &textQuery{kinds: kinds}
	for _, t := range terms {
		q.terms = append(q.terms, newFinder(t))
		if !t.not {
			q.positive++
		}
	}
	// What is rare is looked for first, so that most texts are left early.
	slices.SortStableFunc(q.terms, func(a, b finder) int { return len(b.needle) - len(a.needle) })
	return q
}

// match tells whether an event, as it is stored, has all that is wanted and
// nothing that is not.
func (q *textQuery) match(stored []byte, s *scratch) (bool, error) {
	s.found = append(s.found[:0], make([]bool, len(q.terms))...)
	refused, missing := false, q.positive
	err := event.EachText(stored, func(kind event.TextKind, text []byte) bool {
		if kind&q.kinds == 0 || s.skips(text) {
			return true
		}
		plain, pure := s.lower(text)
		hit := false
		for i := range q.terms {
			t := &q.terms[i]
			if !t.in(text, plain, pure, s) {
				continue
			}
			if hit = true; t.not {
				refused = true
			} else if !s.found[i] {
				s.found[i] = true
				missing--
			}
		}
		if !hit {
			s.skip(text)
		}
		return !refused && (missing > 0 || q.positive < len(q.terms))
	})
	return err == nil && !refused && missing == 0, err
}

// scratch is the memory that matching one query takes, for one goroutine at a
// time.
type scratch struct {
	found []bool
	ascii []byte
	form  []byte

	// Calls repeat their conversation so far: a text without any of the terms
	// need not be looked through again. Texts are known by two secret hashes, so
	// that none can be made to pass for another.
	seeds [2]maphash.Seed
	known map[[2]uint64]struct{}
	mark  [2]uint64 // of the text under way
}

// The texts that are remembered: those that take longer to look through than to
// remember, and so many.
const (
	minKnown = 64 // bytes
	maxKnown = 1 << 14
)

func newScratch() *scratch {
	return &scratch{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, known: map[[2]uint64]struct{}{}}
}

// skips tells whether a text is known to have none of the terms.
func (s *scratch) skips(text []byte) bool {
	if len(text) < minKnown {
		return false
	}
	s.mark = [2]uint64{maphash.Bytes(s.seeds[0], text), maphash.Bytes(s.seeds[1], text)}
	_, known := s.known[s.mark]
	return known
}

// skip remembers the text that skips was asked about last.
func (s *scratch) skip(text []byte) {
	if len(text) < minKnown {
		return
	}
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[s.mark] = struct{}{}
}

// lower returns the text in lower case as words of ASCII see it: with a space for each
// byte of what separates them, other for each of what belongs to a word and is no
// ASCII, and the ASCII that a character stands for in its place. It is valid until the
// next call. pure tells whether no word has anything but ASCII.
func (s *scratch) lower(text []byte) (plain []byte, pure bool) {
	if cap(s.ascii) < len(text)+8 {
		s.ascii = make([]byte, 2*len(text)+8)
	}
	out := s.ascii[:len(text)+8]
	pure = true
	n := 0 // of out
	for i := 0; i < len(text); {
		if i+8 <= len(text) {
			if v := binary.LittleEndian.Uint64(text[i:]); v&high == 0 {
				// Of each byte the highest bit: set in a where it is 'A' or more, in z
				// where it is more than 'Z'.
				a := v + (0x80-'A')*ones
				z := v + (0x80-'Z'-1)*ones
				binary.LittleEndian.PutUint64(out[n:], v|(a&^z&high)>>2)
				i, n = i+8, n+8
				continue
			}
		}
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			i += size
			role, as := words.RoleOf(r)
			switch role {
			case words.Ignored:
				continue
			case words.Alike:
				size = 1
			case words.Other:
				as, pure = other, false
			case words.Apart:
				as, pure = ' ', pure && !words.Spaceless(r)
			}
			for range size {
				out[n] = as
				n++
			}
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[n] = c
		i, n = i+1, n+1
	}
	return out[:n], pure
}

// other stands for a byte of a letter that is no ASCII.
const other = 0xff

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// A finder finds one term in texts.
type finder struct {
	textTerm
	ascii      bool
	needle     []byte // the longest of its words
	form       []byte
	begin, end bool // a word must begin, or end, where the term does
}

func newFinder(t textTerm) finder {
	f := finder{textTerm: t, form: []byte(t.form), ascii: isASCII(t.form)}
	for word := range bytes.FieldsSeq(f.form) {
		if len(word) > len(f.needle) {
			f.needle = word
		}
	}
	first, _ := utf8.DecodeRuneInString(t.form)
	last, _ := utf8.DecodeLastRuneInString(t.form)
	f.begin, f.end = !words.Spaceless(first), !words.Spaceless(last) && !t.prefix
	return f
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// in tells whether a text has the term. plain and pure are what lower returns for
// it.
func (f *finder) in(text, plain []byte, pure bool, s *scratch) bool {
	switch {
	case !f.ascii && !pure:
	case !f.ascii:
		return false // Words of ASCII fold to ASCII.
	case len(f.needle) == len(f.form):
		return f.inPlain(plain)
	case !bytes.Contains(plain, f.needle):
		return false
	}
	s.form = words.AppendCanonical(s.form[:0], text)
	return f.next(s.form, 0) >= 0
}

// inPlain finds the one word of the term in lower-case ASCII.
func (f *finder) inPlain(plain []byte) bool {
	for at := 0; ; at++ {
		i := bytes.Index(plain[at:], f.needle)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(f.needle)
		if (at == 0 || !alphanumeric(plain[at-1])) && (!f.end || end == len(plain) || !alphanumeric(plain[end])) {
			return true
		}
	}
}

// alphanumeric tells whether a byte that lower returned belongs to words.
func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == other }

// next returns where in a canonical form the term stands next, from a place on;
// -1 if nowhere.
func (f *finder) next(form []byte, from int) int {
	for at := from; ; at++ {
		i := bytes.Index(form[at:], f.form)
		if i < 0 {
			return -1
		}
		at += i
		end := at + len(f.form)
		if (!f.begin || at == 0 || form[at-1] == ' ') && (!f.end || end == len(form) || form[end] == ' ') {
			return at
		}
	}
}
