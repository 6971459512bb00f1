package phone

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plausible reports whether a candidate found in running text, with its
// separators, has the form in which people write telephone numbers: digits in
// a few groups, brackets in pairs, perhaps an extension. Dates, times, decimal
// fractions, IPv4 addresses and the pages of a journal have another. It asks
// no numbering plan; Written does.
func Plausible(text string) bool {
	text = strings.TrimPrefix(text, "tel:")
	if i := extensionStart(text); i > 0 {
		text = text[:i]
	}
	var w written
	return w.scan(text) && w.grouped() && !w.date() && !w.fraction() && !w.address() && !w.pages()
}

const (
	maxGroupsWritten = 10
	maxSeparator     = 4 // characters between two groups
	maxSingles       = 3 // groups of one digit: +1, (0) and an area code
)

// written is how a candidate is written: the lengths of its groups of digits,
// their values and what stands before each.
type written struct {
	plus   bool
	n      int
	groups [maxGroupsWritten]group
	pairs  int
	slash  int
	first  int // the group before the first slash
}

type group struct {
	separator rune   // the last character before it that is no space, or a space
	value     uint16 // of up to four digits
	digits    uint8
	run       uint8 // characters before it
	bracket   bool  // one opens before it
}

// scan splits text in groups and reports whether it has only digits and
// punctuation, and brackets in pairs.
func (w *written) scan(text string) bool {
	rest := strings.TrimLeft(text, "+＋")
	w.plus = len(rest) < len(text)
	var next group
	open, digits := false, false // within a bracket; the character before was a digit
	for _, r := range rest {
		switch c, isDigit := digit(r); {
		case isDigit && digits:
			w.groups[w.n-1].add(c)
		case isDigit:
			if w.n == maxGroupsWritten {
				return false
			}
			w.groups[w.n] = next
			w.groups[w.n].add(c)
			w.n++
			next, digits = group{}, true
		case r == '+' && w.n == 0 && open: // (+49) 30
			w.plus = true
		case classOf(r) != punctuation || r == '*' || !w.bracket(r, &open, digits):
			return false
		default:
			w.slashes(r)
			next.mark(r)
			digits = false
		}
	}
	return w.n > 0 && !open && next.run <= 1
}

func (w *written) slashes(r rune) {
	if r != '/' && r != '／' {
		return
	}
	if w.slash++; w.slash == 1 {
		w.first = w.n - 1
	}
}

func (g *group) add(c byte) {
	if g.digits++; g.digits <= 4 {
		g.value = g.value*10 + uint16(c-'0')
	}
}

func (g *group) mark(r rune) {
	g.run++
	g.bracket = g.bracket || opens(r)
	if g.separator == 0 || r != ' ' {
		g.separator = r
	}
}

func opens(r rune) bool { return r == '(' || r == '[' || r == '（' || r == '［' }

func closes(r rune) bool { return r == ')' || r == ']' || r == '）' || r == '］' }

// bracket follows brackets: they do not nest and hold digits.
func (w *written) bracket(r rune, open *bool, afterDigit bool) bool {
	switch {
	case opens(r):
		w.pairs++
		if *open {
			return false
		}
		*open = true
	case closes(r):
		if !*open || !afterDigit {
			return false
		}
		*open = false
	}
	return true
}

// grouped reports whether the groups are such as numbers have.
func (w *written) grouped() bool {
	singles := 0
	for i, g := range w.groups[:w.n] {
		if g.digits == 1 {
			singles++
		}
		if g.run > maxSeparator || g.digits > maxNational+3 || i == 0 && g.run > 1 {
			return false
		}
	}
	// A second slash is for two numbers or a date, but may follow the calling
	// code.
	return singles <= maxSingles && w.pairs <= 2 && (w.slash <= 1 || w.slash == 2 && w.plus && w.first == 0)
}

// date reports whether the candidate begins with a date: 2011-08-09, 9.8.2011,
// 08/31/95 or, with an hour after it, 20110809 08.
func (w *written) date() bool {
	g := &w.groups
	switch {
	case w.plus:
		return false
	case w.n == 2 && g[0].digits == 8 && g[1].digits == 2:
		return year(g[0].value) && g[1].separator == ' ' && g[1].value < 24
	case w.n < 3 || g[1].separator != g[2].separator || !strings.ContainsRune("-./", g[1].separator):
		return false
	case g[0].digits == 4 && year(g[0].value):
		return dayAndMonth(g[1], g[2])
	case g[2].digits == 4 && year(g[2].value) && w.n == 3, g[2].digits == 2 && g[1].separator == '/':
		return dayAndMonth(g[0], g[1])
	}
	return false
}

func year(n uint16) bool { return n >= 1000 && n < 3000 }

func dayAndMonth(a, b group) bool {
	if a.digits > 2 || b.digits > 2 || a.value == 0 || b.value == 0 {
		return false
	}
	return a.value <= 12 && b.value <= 31 || a.value <= 31 && b.value <= 12
}

// fraction reports whether the candidate is a decimal number or amount.
func (w *written) fraction() bool {
	return w.n == 2 && !w.plus && w.groups[1].separator == '.' && w.groups[1].run == 1 && w.pairs == 0
}

// address reports whether the candidate is an IPv4 address.
func (w *written) address() bool {
	if w.n != 4 || w.plus {
		return false
	}
	for i, g := range w.groups[:4] {
		if g.digits > 3 || g.value > 255 || i > 0 && (g.separator != '.' || g.run != 1) {
			return false
		}
	}
	return true
}

// pages reports whether the candidate is pages and a year: 211-227 (2003).
func (w *written) pages() bool {
	g := &w.groups
	return w.n == 3 && !w.plus && g[0].digits <= 5 && g[1].digits <= 5 && g[1].separator == '-' && g[2].bracket && g[2].digits <= 4
}

// Alone reports whether text[start:end] is not part of a longer number, a word
// or an amount of money or per cent. Letters of other scripts than Latin may
// touch a number, as in Chinese.
func Alone(text string, start, end int) bool {
	before, n := utf8.DecodeLastRuneInString(text[:start])
	if n > 0 && (touches(before) || before == '+' || joins(before) && endsInDigit(text[:start-n])) {
		return false
	}
	after, n := utf8.DecodeRuneInString(text[end:])
	if n == 0 {
		return true
	}
	return !touches(after) && !(joins(after) && beginsWithDigit(text[end+n:]))
}

// touches reports whether a character next to digits makes them another thing.
func touches(r rune) bool {
	return r == '%' || r == '‰' || r == '_' || r == '#' || unicode.Is(unicode.Sc, r) || unicode.Is(unicode.Latin, r) || unicode.Is(unicode.Nd, r) || unicode.Is(unicode.Mn, r)
}

// joins reports whether a character between digits joins them.
func joins(r rune) bool { return strings.ContainsRune(".,:/-'", r) }

func endsInDigit(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	_, ok := digit(r)
	return ok
}

func beginsWithDigit(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	_, ok := digit(r)
	return ok
}
