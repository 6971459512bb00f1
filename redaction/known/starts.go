package known

import (
	"math/bits"
	"unicode/utf8"
)

// starts tells the pairs of bytes with which a match may begin: at the start of
// a word, also after a lower-case letter, digit or escape; everywhere in
// scripts without spaces; and for telephone numbers at + and (.
//
// A text is gone over in blocks of eight bytes. Each byte has flags, which one
// load gets: the groups of pairs that it may be the first byte of, those that
// it may be the second of or stand behind, and those that may begin behind it.
// Where the flags of four bytes agree on a group, the pair is looked up.
type starts struct {
	rows  [256]bytes // by first byte: what may come second
	flags [256]uint64
	used  []byte // first bytes, as they came
	// thirds has, by the first two letters of patterns, a bit for the third,
	// loose the first letters behind which any letter may stand third.
	thirds [32][32]uint32
	loose  uint32
	table  *table // of a set that does not change
}

// The flags of a byte, by the place of their lowest bit. There are eight groups
// of pairs that begin in lower case, which they cannot do within a word, and
// eight of others.
const (
	ofSecond  = 16
	ofBefore  = 32
	ofThird   = 48
	groups    = 8
	lowerOnes = 1<<groups - 1
	upperOnes = lowerOnes << groups
	allOnes   = lowerOnes | upperOnes
)

// plainFlags are those of bytes before any pair is added: every group has what
// may follow any letter, and what is no letter stands third.
var plainFlags = func() (flags [256]uint64) {
	for c := range 256 {
		if afterLetter.has(byte(c)) {
			flags[c] |= allOnes << ofSecond
		}
		if !isLower(byte(c) | 0x20) {
			flags[c] |= lowerOnes<<ofBefore | allOnes<<ofThird
		}
		flags[c] |= upperOnes << ofBefore
	}
	return flags
}()

func (s *starts) reset() {
	s.table = nil
	s.rows = [256]bytes{}
	s.flags = plainFlags
	s.used = s.used[:0]
	s.thirds, s.loose = [32][32]uint32{}, 0
}

// add adds the pairs of a first byte and each of row.
func (s *starts) add(first byte, row *bytes) {
	if s.rows[first].empty() {
		s.used = append(s.used, first)
	}
	s.rows[first].or(row)
}

// addLetters adds the first letters of a pattern. Behind a word of one letter
// an initial may be passed over: X b. Ray.
func (s *starts) addLetters(word []elem) {
	letter := func(i int) int {
		if i < len(word) && word[i].rune() < utf8.RuneSelf && isLower(byte(word[i].rune())) {
			return int(word[i].rune()) & 0x1F
		}
		return -1
	}
	a, b, c := letter(0), letter(1), letter(2)
	if a >= 0 && len(word) > 1 && word[1]&breakFlags != 0 {
		s.loose |= 1 << a
	}
	switch {
	case a < 0:
	case b < 0:
		for i := range s.thirds[a] {
			s.thirds[a][i] = ^uint32(0)
		}
	case c < 0:
		s.thirds[a][b] = ^uint32(0)
	default:
		s.thirds[a][b] |= 1 << c
	}
}

// leads reports whether the three letters of text at i may be the first of a
// pattern. That it also does where they are no three.
func (s *starts) leads(text string, i int) bool {
	if i+2 >= len(text) {
		return true
	}
	a, b, c := text[i]|0x20, text[i+1]|0x20, text[i+2]|0x20
	if !isLower(a) || !isLower(b) || !isLower(c) || isPair(rune(a), rune(b)) || isPair(rune(b), rune(c)) {
		return true
	}
	return s.thirds[a&0x1F][b&0x1F]>>(c&0x1F)&1 != 0
}

// build makes the flags.
func (s *starts) build() {
	var lower, others int
	for _, first := range s.used {
		group := groups + others%groups
		if isLower(first) {
			group = lower % groups
			lower++
		} else {
			others++
		}
		s.flags[first] |= 1 << group
		for i, row := range s.rows[first] {
			for row &^= afterLetter[i]; row != 0; row &= row - 1 {
				s.flags[64*i+bits.TrailingZeros64(row)] |= 1 << (ofSecond + group)
			}
		}
		for third := s.third(first); third != 0; third &= third - 1 {
			c := 'a' - 1 + bits.TrailingZeros32(third)
			s.flags[c] |= 1 << (ofThird + group)
			s.flags[c-0x20] |= 1 << (ofThird + group)
		}
	}
}

// third returns a set of the letters that may stand third behind a first byte,
// right behind the second or, where that is a separator, behind it.
func (s *starts) third(first byte) (set uint32) {
	if !isLower(first|0x20) || isPair(rune(first|0x20), 'e') || s.loose>>(first&0x1F)&1 != 0 {
		return allLetters
	}
	for c := byte('a'); c <= 'z'; c++ {
		if s.rows[first].has(c) {
			set |= 1 << (c & 0x1F)
		}
	}
	for second, thirds := range s.thirds[first&0x1F] {
		if set |= thirds; thirds == 0 {
			continue
		}
		for _, c := range [...]byte{'a', 'e'} {
			if isPair(rune(second)|0x60, rune(c)) {
				set |= 1 << (c & 0x1F)
			}
		}
	}
	return set & allLetters
}

// allLetters has a bit for each letter: that of a is 1.
const allLetters = 1<<27 - 2

// next returns the first place from i on where a match may begin, or the length
// of the text. A text that ends after the first byte counts as one that goes on
// with 0.
func (s *starts) next(text string, i int) int {
	if s.table != nil {
		return s.nextByPairs(text, i)
	}
	f := &s.flags
	if i < 3 {
		if at := s.within(text, i, min(3, len(text))); at < 3 {
			return at
		}
		i = 3
	}
	if i+9 >= len(text) {
		return s.within(text, i, len(text))
	}
	escaped := escapes(uint64(text[i-3]) | uint64(text[i-2])<<8 | uint64(text[i-1])<<16 | uint64(text[i])<<24)
	for ; i+9 < len(text); i += 8 {
		w := text[i-1 : i+10]
		b, f0, f1, f2, f3, f4 := f[w[0]], f[w[1]], f[w[2]], f[w[3]], f[w[4]], f[w[5]]
		f5, f6, f7, f8, f9 := f[w[6]], f[w[7]], f[w[8]], f[w[9]], f[w[10]]
		m := b>>ofBefore&f0&(f1>>ofSecond)&(f2>>ofThird) | f0>>ofBefore&f1&(f2>>ofSecond)&(f3>>ofThird) |
			f1>>ofBefore&f2&(f3>>ofSecond)&(f4>>ofThird) | f2>>ofBefore&f3&(f4>>ofSecond)&(f5>>ofThird) |
			f3>>ofBefore&f4&(f5>>ofSecond)&(f6>>ofThird) | f4>>ofBefore&f5&(f6>>ofSecond)&(f7>>ofThird) |
			f5>>ofBefore&f6&(f7>>ofSecond)&(f8>>ofThird) | f6>>ofBefore&f7&(f8>>ofSecond)&(f9>>ofThird)
		here := escapes(load8(w[2:10])) // one behind the block, too: what stands third may follow it
		if m&allOnes == 0 && escaped|here == 0 {
			continue
		}
		escaped = here
		if at := s.within(text, i, i+8); at < i+8 {
			return at
		}
	}
	return s.within(text, i, len(text))
}

// escapes returns 0 if none of eight bytes is one behind which letters may be no
// letters: \n, %2F (Hacker's Delight, 6-1).
func escapes(x uint64) uint64 {
	const ones = 0x0101010101010101
	a, b := x^ones*'\\', x^ones*'%'
	return ((a-ones)&^a | (b-ones)&^b) & (ones << 7)
}

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// within returns the first place from i on, before end, where a match may
// begin, or end.
func (s *starts) within(text string, i, end int) int {
	for ; i < end; i++ {
		c, second := text[i], byte(0)
		if i+1 < len(text) {
			second = text[i+1]
		}
		if s.rows[c].has(second) && !inWord(text, i) && s.leads(text, i) {
			return i
		}
	}
	return end
}

// inWord reports whether the letter at i cannot begin a word: it is in lower
// case and follows another one.
func inWord(text string, i int) bool {
	return isLower(text[i]) && i > 0 && isLower(text[i-1]|0x20) && !isEscaped(text, i-1)
}
