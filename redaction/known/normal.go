package known

import (
	"slices"
	"strings"
)

// areaTail is how many last digits of a telephone number tell it: what
// precedes them may be missing.
const areaTail = 9

// Normal returns the form of a value from which its pseudonym is made: the
// same however the value is spelled. Of a name titles and the order of the
// words do not count; of a telephone number the last nine digits do; an
// address of electronic mail is what the detector of package redaction makes
// of it. A value without letters and digits is its own normal form.
func (v Value) Normal() string {
	text := strings.TrimSpace(v.Text)
	if v.Kind == Email {
		return strings.ToLower(text)
	}
	s := Set{f: foldings(), values: []Value{v}}
	if err := s.raw.read(s.f, text); err != nil {
		return text
	}
	switch v.Kind {
	case Name:
		return s.normalName()
	case Phone:
		if d := s.raw.number(); len(d) >= phoneTail {
			return written(d[max(0, len(d)-areaTail):])
		}
	}
	return s.join(span{hi: len(s.raw.elems)})
}

func (s *Set) normalName() string {
	for j := range s.raw.words {
		s.raw.words[j].role = s.role(s.raw.words[j])
	}
	var words []string
	for _, word := range s.core() {
		words = append(words, s.join(word))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// join writes elements as a pattern has them.
func (s *Set) join(w span) string {
	s.begin()
	first := len(s.elems)
	s.putSpan(w)
	return written(s.elems[first:])
}

func written(elems []elem) string {
	var b strings.Builder
	for _, e := range elems {
		b.WriteRune(e.rune())
	}
	return b.String()
}

// number returns the digits of a telephone number without an extension, in
// memory that the next call takes.
func (w *raw) number() []elem {
	w.dialled = w.dialled[:0]
	for _, e := range w.elems {
		if e.isDigit() && len(w.dialled) < maxPhone {
			w.dialled = append(w.dialled, e&^elemFlags)
		} else if len(w.dialled) >= phoneTail {
			break
		}
	}
	return w.dialled
}
