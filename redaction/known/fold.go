package known

import (
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A class says what a character is. The zero class is a separator.
type class uint16

const (
	letter   class = 1 << iota // a letter, or a mark that is as good as one (Thai vowels)
	digit                      // a decimal digit of any script
	upper                      // upper or title case
	lower                      // lower case
	marked                     // the letter carries a diacritic
	mark                       // belongs to the letter before it and is not compared
	hidden                     // neither seen nor compared: soft hyphen, zero width space
	unspaced                   // of a script that puts no spaces between words
	hangul                     // Korean: particles follow a name without a space
	joins                      // nothing can end before it: kept marks, trailing jamo
	word     = letter | digit
)

// maxElems is how many elements one character folds to at most: щ is shch.
const maxElems = 4

// A glyph is a character, folded: its elements are what is compared. An
// element is a lower-case letter without diacritics or a digit; a letter of
// the Latin, Cyrillic and Greek scripts becomes ASCII.
type glyph struct {
	elems [maxElems]rune
	n     int
	class class
}

// A packed glyph has one element that is not ASCII, or four that are; else
// its n is unpacked.
type packed struct {
	elems [maxElems]byte
	other rune
	n     uint8
	class class
}

const unpacked = 255

func (p *packed) glyph() glyph {
	g := glyph{n: int(p.n), class: p.class}
	if p.other != 0 {
		g.elems[0] = p.other
		return g
	}
	for i, b := range p.elems {
		g.elems[i] = rune(b)
	}
	return g
}

func pack(g glyph) packed {
	p := packed{n: uint8(g.n), class: g.class}
	if g.n > 1 && hasWide(g) {
		p.n = unpacked
	}
	for i, e := range g.elems[:g.n] {
		if e >= utf8.RuneSelf {
			p.other = e
		}
		p.elems[i] = byte(e)
	}
	return p
}

// folding has what would take too long to work out for every character: the
// alphabets of Europe, and with which bytes the spellings of an element begin.
type folding struct {
	ascii  [utf8.RuneSelf]class
	glyphs [tableEnd]packed
	leads  [utf8.RuneSelf][]lead // by ASCII element
}

// A lead is a first byte of a character and the bytes that come second.
type lead struct {
	first  byte
	second bytes
}

const tableEnd = 0x2000

// foldings is made when it is first needed, in about two milliseconds.
var foldings = sync.OnceValue(newFolding)

func newFolding() *folding {
	f := new(folding)
	for r := range rune(tableEnd) {
		g, _ := slowFold(string(r))
		f.glyphs[r] = pack(g)
		if r < utf8.RuneSelf {
			f.ascii[r] = g.class
		}
	}
	for _, span := range foldedSpans {
		for r := span[0]; r <= span[1]; r++ {
			f.addLead(string(r))
		}
	}
	return f
}

func hasWide(g glyph) bool {
	for _, e := range g.elems[:g.n] {
		if e >= utf8.RuneSelf {
			return true
		}
	}
	return false
}

// foldedSpans are where characters stand that fold to ASCII.
var foldedSpans = [...][2]rune{
	{0x80, 0x24FF}, {0x2C00, 0x2DFF}, {0xA640, 0xABFF}, {0xFB00, 0xFB4F}, {0xFF00, 0xFFEF}, {0x10780, 0x107BF}, {0x1D400, 0x1D7FF},
	{0x1DF00, 0x1DFFF}, {0x1E030, 0x1E08F},
	// Decimal digits.
	{0xA620, 0xA63F}, {0x104A0, 0x104AF}, {0x10D30, 0x10D4F}, {0x11066, 0x1106F}, {0x110F0, 0x110F9}, {0x11136, 0x1113F},
	{0x111D0, 0x111D9}, {0x112F0, 0x112F9}, {0x11450, 0x11459}, {0x114D0, 0x114D9}, {0x11650, 0x11659}, {0x116C0, 0x116EF},
	{0x11730, 0x11739}, {0x118E0, 0x118E9}, {0x11950, 0x11959}, {0x11BF0, 0x11BF9}, {0x11C50, 0x11C59}, {0x11D50, 0x11D59},
	{0x11DA0, 0x11DA9}, {0x11F50, 0x11F59}, {0x16130, 0x16139}, {0x16A60, 0x16A69}, {0x16AC0, 0x16AC9}, {0x16B50, 0x16B59},
	{0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E140, 0x1E149}, {0x1E2F0, 0x1E2F9}, {0x1E4F0, 0x1E4F9}, {0x1E5F1, 0x1E5FA},
	{0x1E950, 0x1E959}, {0x1FBF0, 0x1FBF9},
}

// addLead notes the first two bytes of a character under its first element.
func (f *folding) addLead(s string) {
	g, _ := f.fold(s)
	if g.n == 0 || g.class&word == 0 || g.elems[0] >= utf8.RuneSelf {
		return
	}
	leads := &f.leads[g.elems[0]]
	*leads = addLead(*leads, s)
}

func addLead(leads []lead, s string) []lead {
	i := slices.IndexFunc(leads, func(l lead) bool { return l.first == s[0] })
	if i < 0 {
		i = len(leads)
		leads = append(leads, lead{first: s[0]})
	}
	leads[i].second.add(s[1])
	return leads
}

// fold folds the first character of s, which must not be empty, and returns
// its size.
func (f *folding) fold(s string) (glyph, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return f.glyphs[c].glyph(), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if r < tableEnd && f.glyphs[r].n != unpacked {
		return f.glyphs[r].glyph(), size
	}
	return slowFold(s)
}

// classOf is the class of the first character of s alone.
func (f *folding) classOf(s string) (class, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return f.ascii[c], 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if r < tableEnd {
		return f.glyphs[r].class, size
	}
	g, size := slowFold(s)
	return g.class, size
}

// slowFold works out what the table holds, and folds what it does not.
func slowFold(s string) (glyph, int) {
	r, size := utf8.DecodeRuneInString(s)
	c := classify(r)
	switch {
	case r == utf8.RuneError, c&word == 0:
		return glyph{class: c}, size
	case c&digit != 0:
		return glyph{elems: [maxElems]rune{'0' + digitValue(r)}, n: 1, class: c}, size
	case r >= hangulFirst && r <= hangulLast:
		return syllable(r), size
	}
	g := glyph{class: c}
	if latin, ok := spelled(unicode.ToLower(r)); ok {
		g.put(latin)
		return g, size
	}
	if d := norm.NFKD.PropertiesString(s[:size]).Decomposition(); d == nil || !g.putAll(d) {
		g.elems, g.n = [maxElems]rune{unicode.ToLower(r)}, 1
	}
	return g, size
}

// putAll adds what the characters of a decomposition fold to. False says that
// it is not made of letters alone, or is too long.
func (g *glyph) putAll(d []byte) bool {
	for len(d) > 0 {
		r, size := utf8.DecodeRune(d)
		d = d[size:]
		r = unicode.ToLower(r)
		if latin, ok := spelled(r); ok {
			if g.n+len(latin) > maxElems {
				return false
			}
			g.put(latin)
			continue
		}
		switch c := classify(r); {
		case c&mark != 0:
			g.class |= marked
		case c&word == 0 || g.n == maxElems:
			return false
		default:
			g.elems[g.n] = r
			g.n++
		}
	}
	return g.n > 0
}

// put adds ASCII elements; a trailing * says that they stand for a letter with
// a diacritic. Without elements the letter is as good as a mark.
func (g *glyph) put(latin string) {
	for _, e := range latin {
		if e == '*' {
			g.class |= marked
			continue
		}
		g.elems[g.n] = e
		g.n++
	}
	if g.n == 0 {
		g.class = mark
	}
}

// Hangul syllables decompose by arithmetic (The Unicode Standard, 3.12).
const (
	hangulFirst, hangulLast       = 0xAC00, 0xD7A3
	jamoL, jamoV, jamoT           = 0x1100, 0x1161, 0x11A7
	jamoVCount, jamoTCount        = 21, 28
	jamoTrailFirst, jamoTrailLast = 0x1160, 0x11FF
)

func syllable(r rune) glyph {
	i := r - hangulFirst
	g := glyph{n: 2, class: letter | hangul}
	g.elems[0] = jamoL + i/(jamoVCount*jamoTCount)
	g.elems[1] = jamoV + i/jamoTCount%jamoVCount
	if t := i % jamoTCount; t != 0 {
		g.elems[2], g.n = jamoT+t, 3
	}
	return g
}

// digitValue is the value of a decimal digit: Unicode encodes them in runs of
// ten, from zero on, that lie in the table of Nd without a gap.
func digitValue(r rune) rune {
	for first := r; ; first-- {
		if !unicode.Is(unicode.Nd, first-1) {
			return (r - first) % 10
		}
	}
}
