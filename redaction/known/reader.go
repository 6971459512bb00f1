package known

import (
	"strings"
	"unicode/utf8"
)

// A gap says what stands between two elements.
type gap uint8

const (
	gapNone   gap = iota // they are of one word
	gapCase              // case turns from lower to upper, as in janeDoe
	gapDigit             // a letter meets a digit
	gapScript            // nothing shows where words end: Chinese, Thai
	gapSpace             // separators
)

// maxGap bounds the bytes between two letters that belong together.
const maxGap = 64

// A reader goes over a text, element by element, and tells what it passed on
// the way. It is the one place that knows what is not compared: separators,
// hidden characters, diacritics, and what follows the first letter of ae, oe,
// ue and aa, which makes Müller, Mueller and Muller one. That goes on over the
// end of a word, since mariaeriksson does not show one.
type reader struct {
	f     *folding
	s     string
	pos   int  // the end of what was read
	skip  bool // initials are skipped
	raw   bool // second letters are delivered
	elem  rune // the last element
	class class
	g     glyph
	left  int // elements of g that were not delivered yet

	// Between the last element and the one before it:
	gap      gap
	gapStart int // where the separators begin
	// Of the element before the last one:
	double, marked bool // its second letter was passed; it carries a diacritic
	pairEnd        int  // where its second letter ends a word, 0 if nowhere

	start   int  // where the character of the last element begins
	run     int  // characters since the last separator
	alone   bool // a single character stood before the last separator
	initial bool // an initial stood after separators
}

// next reads the next element. False says that the text ends, or that nothing
// near belongs to what was read.
func (r *reader) next() bool {
	if r.left > 0 {
		r.gap, r.double, r.marked = gapNone, false, r.class&marked != 0
		r.elem = r.g.elems[r.g.n-r.left]
		r.left--
		return true
	}
	if r.quick() {
		return true
	}
	r.double, r.marked, r.pairEnd = false, r.class&marked != 0, 0
	r.gap, r.gapStart = gapNone, r.pos
	limit := min(len(r.s), r.pos+maxGap)
	for i := r.pos; i < limit; {
		c, size := r.f.classOf(r.s[i:])
		switch {
		case c&word != 0:
			if r.skip && r.gap == gapSpace && r.isInitial(i, c, size) {
				i += size
				continue
			}
			next := i + size
			if !r.take(i, c) {
				r.double, i = true, next
				if endGap(r.f, r.s, i, c) == gapSpace {
					r.pairEnd = i
				}
				continue
			}
			return true
		case c&mark != 0:
			r.marked = r.marked || r.gap == gapNone
		case c&hidden == 0:
			if r.gap != gapSpace {
				r.gap, r.gapStart = gapSpace, i
			}
			size = max(size, escapeLen(r.s, i))
		}
		i += size
	}
	return false
}

// quick delivers what most elements are: a lower-case letter of ASCII, right
// after a letter.
func (r *reader) quick() bool {
	if r.pos >= len(r.s) || r.class&letter == 0 || r.class&(unspaced|hangul) != 0 {
		return false
	}
	c := r.s[r.pos]
	if !isLower(c) || !r.raw && isPair(r.elem, rune(c)) {
		return false
	}
	r.gap, r.double, r.marked = gapNone, false, r.class&marked != 0
	r.elem, r.class = rune(c), letter|lower
	r.start = r.pos
	r.pos++
	r.run++
	return true
}

// take delivers the first element of the letter or digit at i unless it only
// is the second letter of a pair.
func (r *reader) take(i int, c class) bool {
	elem, left, size := rune(r.s[i]|0x20), 0, 1
	if r.s[i] >= utf8.RuneSelf {
		r.g, size = r.f.fold(r.s[i:])
		elem, left, c = r.g.elems[0], r.g.n-1, r.g.class
	}
	if !r.raw && left == 0 && isPair(r.elem, elem) {
		return false
	}
	switch {
	case r.gap == gapSpace:
		r.initial = r.initial || r.isInitial(i, c, size)
		r.alone, r.run = r.run == 1, 0
	case r.run > 0:
		r.gap = turn(r.class, c, r.f, r.s, i+size)
	}
	r.elem, r.class, r.left = elem, c, left
	r.start, r.pos = i, i+size
	r.run++
	return true
}

// isPair reports whether b only lengthens a, as in ae for ä. Any number of
// such letters does: or Ana Aalto would not be Ana Alto.
func isPair(a, b rune) bool {
	return b == 'e' && (a == 'a' || a == 'o' || a == 'u') || a == 'a' && b == 'a'
}

// isInitial reports whether the letter at i stands alone. What an apostrophe
// follows does not: O'Neil.
func (r *reader) isInitial(i int, c class, size int) bool {
	if c&letter == 0 || c&(unspaced|joins) != 0 || i+size >= len(r.s) {
		return false
	}
	for i += size; i < min(len(r.s), r.pos+2*maxGap); {
		after, n := r.f.classOf(r.s[i:])
		switch {
		case after&word != 0:
			return false
		case after == 0:
			return r.s[i] != '\'' && !strings.HasPrefix(r.s[i:], "’")
		}
		i += n
	}
	return false
}

// turn tells what lies between two characters of the classes a and b without
// a separator between them; b ends at i.
func turn(a, b class, f *folding, s string, i int) gap {
	switch {
	case b&joins != 0:
		return gapNone
	case (a|b)&unspaced != 0, (a^b)&hangul != 0:
		return gapScript
	case (a^b)&digit != 0:
		return gapDigit
	case b&upper == 0 || a&(upper|lower) == 0:
		return gapNone
	case a&lower != 0:
		return gapCase
	case i < len(s): // HTTPJane, but not HTTP
		if after, _ := f.classOf(s[i:]); after&lower != 0 {
			return gapCase
		}
	}
	return gapNone
}

// escapeLen returns the length of an escape at i that stands for a separator
// in text that was not unescaped: \n before a capital, %20; 1 if none is there.
func escapeLen(s string, i int) int {
	switch s[i] {
	case '\\':
		if i+2 < len(s) && isEscape(s[i+1]) && isUpper(s[i+2]) {
			return 2
		}
	case '%':
		if isPercent(s, i) {
			return 3
		}
	}
	return 1
}

func isEscape(c byte) bool { return c == 'n' || c == 'r' || c == 't' }

// isPercent reports whether %XX at i stands for a separator.
func isPercent(s string, i int) bool {
	if i+2 >= len(s) || s[i] != '%' {
		return false
	}
	hi, lo := hexValue(s[i+1]), hexValue(s[i+2])
	return hi >= 0 && hi < 8 && lo >= 0 && !isAlnum(byte(hi<<4|lo))
}

func hexValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isUpper(c) || isLower(c) }
