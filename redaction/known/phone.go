package known

import (
	"strings"
	"unicode/utf8"
)

const (
	// phoneTail is how many digits from the end must agree: the subscriber
	// numbers of the largest plans have seven.
	phoneTail = 7
	// minNational is how many digits make a national number that stands alone
	// behind other digits, which could be its area.
	minNational = 9
	// maxPhone bounds the digits of a telephone number as it is dialled: 15
	// (ITU-T E.164, 6.1), and an international and a trunk prefix.
	maxPhone = 20
	// maxPrefix bounds what may stand before the digits that agree: 00 and a
	// country code.
	maxPrefix = 5
	// maxPhoneGap bounds the bytes between two digits.
	maxPhoneGap = 5
)

// telephone adds a number by its last digits; an extension is left out. A
// number that is too short for that is found as it is.
func (s *Set) telephone(i int) {
	digits := s.raw.number()
	if len(digits) < phoneTail {
		s.whole(i, splits|joinsNums)
		return
	}
	s.begin()
	for _, e := range digits {
		s.put(e)
	}
	id := int32(len(s.patterns) - 1)
	p := &s.patterns[id]
	p.n, p.value, p.flags = int32(len(digits)), int32(i), telephone
	s.phones++
	s.insertPhone(id)
}

func (s *Set) insertPhone(id int32) {
	word := s.word(id)
	k := phoneKey(word[len(word)-phoneTail:])
	if first := s.trie.slot(k).to; first != noEdge {
		first = ^first
		s.chain(&first, id)
		return
	}
	s.trie.put(k, ^id)
}

// phoneKey is the key of the edge of the last digits of a number.
func phoneKey[D elem | byte](digits []D) uint64 {
	var k uint64
	for _, d := range digits {
		k = k*10 + uint64(d&0xF)
	}
	return 1<<62 | k
}

// A number is what is read of one that is dialled.
type number struct {
	digits [maxPhone]byte
	n      int
	group  int  // digits in the first group
	plus   bool // it is international
	inside bool // another group of digits stands before it
}

// phone reads the number at the place and looks up what its groups end with.
func (q *search) phone() {
	if q.at > 0 && isDigit(q.text[q.at-1]) {
		return
	}
	var num number
	num.inside = q.at > 1 && isDigit(q.text[q.at-2]) && phoneSign(q.text[q.at-1:]) > 0
	for i, gap := q.at, 0; i < len(q.text); {
		d, size := q.digit(i)
		if d < 0 {
			if size = phoneSign(q.text[i:]); size == 0 || gap+size > maxPhoneGap {
				return
			}
			num.plus = num.plus || q.text[i] == '+' && num.n == 0
			i, gap = i+size, gap+size
			continue
		}
		if num.n == maxPhone {
			return
		}
		num.digits[num.n] = byte('0' + d)
		num.n++
		i, gap = i+size, 0
		if next, _ := q.digit(i); next < 0 {
			if num.group == 0 {
				num.group = num.n
			}
			q.phoneEnd(&num, i)
		}
	}
}

// digit returns the value of the digit at i, -1 if there is none.
func (q *search) digit(i int) (int, int) {
	if i >= len(q.text) {
		return -1, 0
	}
	if c := q.text[i]; c < utf8.RuneSelf {
		if !isDigit(c) {
			return -1, 0
		}
		return int(c - '0'), 1
	}
	if c, _ := q.s.f.classOf(q.text[i:]); c&digit == 0 {
		return -1, 0
	}
	g, size := q.s.f.fold(q.text[i:])
	return int(g.elems[0] - '0'), size
}

// phoneSign returns the length of a sign that stands between the digits of
// telephone numbers.
func phoneSign(s string) int {
	switch s[0] {
	case ' ', '-', '.', '/', '(', ')', '+':
		return 1
	}
	if s[0] < utf8.RuneSelf {
		return 0
	}
	for _, sign := range [...]string{"\u00A0", "\u2009", "\u202F", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\u200B", "\u00AD", "\u2060"} {
		if strings.HasPrefix(s, sign) {
			return len(sign)
		}
	}
	return 0
}

// phoneEnd tries the values that end like the number.
func (q *search) phoneEnd(num *number, end int) {
	if num.n < phoneTail {
		return
	}
	first := q.s.trie.slot(phoneKey(num.digits[num.n-phoneTail : num.n])).to
	if first == noEdge {
		return
	}
	for p := ^first; p >= 0; p = q.s.patterns[p].next {
		if end > q.end && num.agrees(q.s.word(p)) {
			q.end, q.value = end, int(q.s.patterns[p].value)
		}
	}
}

// agrees reports whether the number may be d: the same from the end on, down
// to prefixes for long distance that only one of them has.
func (num *number) agrees(d []elem) bool {
	t := num.digits[:num.n]
	for len(t) > 0 && len(d) > 0 && rune(t[len(t)-1]) == d[len(d)-1].rune() {
		t, d = t[:len(t)-1], d[:len(d)-1]
	}
	switch {
	case num.n-len(t) < phoneTail:
		return false
	case len(t) == 0:
		return len(d) == 0 || !num.inside || num.n >= minNational
	case len(t) > maxPrefix || !num.isPrefix(t):
		return false
	case len(d) == 0, zeros(t), zeros(d):
		return true
	}
	return trunk(t, d) || t[0] == '8' && len(t) == 1 && len(d) == 1 && d[0].rune() == '7' // Russia
}

// isPrefix reports whether the digits before those that agree look like a
// prefix, not like another number in front.
func (num *number) isPrefix(t []byte) bool {
	return num.plus || t[0] == '0' || len(t) == 1 && (t[0] == '1' || t[0] == '8') || len(t) < num.group && len(t) < maxPrefix
}

// zeros reports whether digits are trunk and international prefixes alone.
func zeros[D elem | byte](digits []D) bool {
	for _, d := range digits {
		if d&0xF != 0 {
			return false
		}
	}
	return true
}

// trunk reports whether a country code is followed by a trunk prefix on one
// side alone: +46 (0)8.
func trunk(t []byte, d []elem) bool {
	if len(t) > len(d) {
		if t[len(t)-1] != '0' {
			return false
		}
		t = t[:len(t)-1]
	} else {
		if d[len(d)-1].rune() != '0' {
			return false
		}
		d = d[:len(d)-1]
	}
	for len(t) > 0 && len(d) > 0 && rune(t[len(t)-1]) == d[len(d)-1].rune() {
		t, d = t[:len(t)-1], d[:len(d)-1]
	}
	return zeros(t) && zeros(d)
}
