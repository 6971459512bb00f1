package known

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// addStarts notes the pairs of bytes with which any spelling of the patterns
// may begin.
func (s *Set) addStarts() {
	for i := range s.patterns {
		p := &s.patterns[i]
		first := s.elems[p.first].rune()
		if p.flags&telephone != 0 || first >= utf8.RuneSelf {
			continue
		}
		s.starts.addLetters(s.word(int32(i)))
		row := afterLetter
		for _, c := range "ae" {
			if isPair(first, c) {
				row.addLetter(c)
			}
		}
		if p.n > 1 {
			row.addLetter(s.elems[p.first+1].rune())
		}
		s.starts.add(byte(first), &row)
		if isLower(byte(first)) {
			s.starts.add(byte(first)-0x20, &row)
		}
	}
	s.addLeads()
	if s.phones > 0 {
		s.addPhonePairs()
	}
	s.starts.build()
}

// afterLetter has what may follow any letter: separators and all that is not
// ASCII.
var afterLetter = bytes{^uint64(0x03FF << 48), ^uint64(0x07FFFFFE<<32 | 0x07FFFFFE), ^uint64(0), ^uint64(0)}

// addLetter adds the ASCII spellings of an element.
func (b *bytes) addLetter(e rune) {
	if e >= utf8.RuneSelf {
		return
	}
	b.add(byte(e))
	if isLower(byte(e)) {
		b.add(byte(e) - 0x20)
	}
}

// addLeads adds the characters of more than one byte that patterns may begin
// with.
func (s *Set) addLeads() {
	var done bytes
	for i := range s.patterns {
		switch first := s.elems[s.patterns[i].first].rune(); {
		case first >= utf8.RuneSelf:
			s.addWide(first)
		case !done.has(byte(first)):
			done.add(byte(first))
			s.addRows(s.f.leads[first])
		}
	}
}

func (s *Set) addRows(leads []lead) {
	for i := range leads {
		s.starts.add(leads[i].first, &leads[i].second)
	}
}

// addWide adds the spellings of an element that is not ASCII.
func (s *Set) addWide(e rune) {
	for _, r := range [...]rune{e, unicode.ToUpper(e), unicode.ToTitle(e)} {
		var buf [utf8.UTFMax]byte
		utf8.EncodeRune(buf[:], r)
		var row bytes
		row.add(buf[1])
		s.starts.add(buf[0], &row)
	}
	s.addRows(wideLeads()[e])
}

// wideLeads has, by element, the characters that fold to it and more, or to it
// alone and are others. It is made when a value in such a script is first
// compiled, in about ten milliseconds.
var wideLeads = sync.OnceValue(func() map[rune][]lead {
	f, leads := foldings(), map[rune][]lead{}
	for _, table := range []*unicode.RangeTable{unicode.L, unicode.M} {
		for _, span := range table.R16 {
			addWideLeads(f, leads, rune(span.Lo), rune(span.Hi))
		}
		for _, span := range table.R32 {
			addWideLeads(f, leads, rune(span.Lo), rune(span.Hi))
		}
	}
	return leads
})

func addWideLeads(f *folding, leads map[rune][]lead, lo, hi rune) {
	if hi-lo > 4000 && lo != hangulFirst {
		return // ideographs, which are themselves
	}
	for r := lo; r <= hi; r++ {
		s := string(r)
		g, _ := f.fold(s)
		if r >= utf8.RuneSelf && g.n > 0 && g.class&word != 0 && g.elems[0] >= utf8.RuneSelf && g.elems[0] != r {
			leads[g.elems[0]] = addLead(leads[g.elems[0]], s)
		}
	}
}

// addPhonePairs adds what numbers begin with.
func (s *Set) addPhonePairs() {
	row := afterLetter
	for c := byte('0'); c <= '9'; c++ {
		row.add(c)
	}
	for c := byte('0'); c <= '9'; c++ {
		s.starts.add(c, &row)
		s.addRows(s.f.leads[c])
	}
	s.starts.add('+', &row)
	s.starts.add('(', &row)
}
