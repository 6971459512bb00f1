package query

import (
	"bytes"
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
		plain, pure := words.Plain(s.plain, text)
		s.plain = plain
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
	plain []byte
	form  []byte

	// Calls repeat their conversation so far: a text without any of the terms
	// need not be looked through again. Texts are known by a secret hash of 64
	// bits, so that none can be made to pass for another.
	seed  maphash.Seed
	known []uint64 // each at its place, the last one that belongs there; 0: none
	mark  uint64   // of the text under way
}

// The texts that are remembered: those that take longer to look through than to
// remember, and so many.
const (
	minKnown = 64 // bytes
	maxKnown = 1 << 14
)

func newScratch() *scratch {
	return &scratch{seed: maphash.MakeSeed(), known: make([]uint64, maxKnown)}
}

// skips tells whether a text is known to have none of the terms.
func (s *scratch) skips(text []byte) bool {
	if len(text) < minKnown {
		return false
	}
	s.mark = max(maphash.Bytes(s.seed, text), 1)
	return s.known[s.mark%maxKnown] == s.mark
}

// skip remembers the text that skips was asked about last.
func (s *scratch) skip(text []byte) {
	if len(text) >= minKnown {
		s.known[s.mark%maxKnown] = s.mark
	}
}

// A finder finds one term in texts.
type finder struct {
	textTerm
	ascii       bool
	form        []byte
	needle      []byte   // the longest of its words
	left, right [][]byte // those before and after it
	begin, end  bool     // a word must begin, or end, where the term does

	letters [][][]byte // of what is no ASCII: the ways to write some of its letters
}

// maxLetters is how many letters a text is asked for before its canonical form is
// made.
const maxLetters = 3

func newFinder(t textTerm) finder {
	f := finder{textTerm: t, form: []byte(t.form), ascii: isASCII(t.form)}
	all := bytes.Fields(f.form)
	longest := 0
	for i, word := range all {
		if len(word) > len(all[longest]) {
			longest = i
		}
	}
	f.left, f.needle, f.right = all[:longest], all[longest], all[longest+1:]
	for _, r := range t.form {
		if r >= utf8.RuneSelf && len(f.letters) < maxLetters {
			f.letters = append(f.letters, words.Variants(r))
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

// in tells whether a text has the term. plain and pure are what words.Plain
// returns for it.
func (f *finder) in(text, plain []byte, pure bool, s *scratch) bool {
	if f.ascii {
		return f.inPlain(plain)
	}
	if pure {
		return false // Words of ASCII fold to ASCII.
	}
	for _, letter := range f.letters {
		if !slices.ContainsFunc(letter, func(way []byte) bool { return bytes.Contains(text, way) }) {
			return false
		}
	}
	s.form = words.AppendCanonical(s.form[:0], text)
	return f.next(s.form, 0) >= 0
}

// inPlain finds a term of ASCII: its longest word, and the others beside it.
func (f *finder) inPlain(plain []byte) bool {
	for at := 0; ; at++ {
		i := bytes.Index(plain[at:], f.needle)
		if i < 0 {
			return false
		}
		at += i
		if f.before(plain[:at]) && f.after(plain[at+len(f.needle):]) {
			return true
		}
	}
}

// before tells whether a plain text ends with the words before the needle, after
// which a word begins.
func (f *finder) before(plain []byte) bool {
	for i := len(f.left); ; i-- {
		n := len(plain)
		if n > 0 && alphanumeric(plain[n-1]) {
			return false
		}
		if i == 0 {
			return true
		}
		for n > 0 && between(plain[n-1]) {
			n--
		}
		var found bool
		if plain, found = bytes.CutSuffix(plain[:n], f.left[i-1]); !found {
			return false
		}
	}
}

// after tells whether a plain text goes on with the words after the needle, which
// ends a word.
func (f *finder) after(plain []byte) bool {
	for i := 0; ; i++ {
		if i == len(f.right) && !f.end {
			return true
		}
		if len(plain) > 0 && alphanumeric(plain[0]) {
			return false
		}
		if i == len(f.right) {
			return true
		}
		n := 0
		for n < len(plain) && between(plain[n]) {
			n++
		}
		var found bool
		if plain, found = bytes.CutPrefix(plain[n:], f.right[i]); !found {
			return false
		}
	}
}

// alphanumeric tells whether a byte of plain text belongs to words.
func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == words.Strange
}

// between tells whether a byte of plain text is between words.
func between(c byte) bool { return !alphanumeric(c) && c != words.Unspaced }

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
