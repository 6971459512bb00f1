package phone

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The parameters of RFC 3966, section 3, that matter to a number.
const (
	phoneContext = ";phone-context="
	subaddress   = ";isub="
	extParameter = ";ext="
)

func beforeSubaddress(s string) string {
	if i := strings.Index(s, subaddress); i > 0 {
		return s[:i]
	}
	return s
}

// validContext reports whether s is a global number or a domain name (RFC
// 3966, section 5.1.5).
func validContext(s string) bool {
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		digits := 0
		for _, r := range rest {
			if _, ok := digit(r); ok {
				digits++
			} else if !strings.ContainsRune("-.()", r) {
				return false
			}
		}
		return digits > 0
	}
	return domain(strings.TrimSuffix(s, "."))
}

// domain reports whether s is labels of letters, digits and hyphens, of which
// the last begins with a letter.
func domain(s string) bool {
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if _, ok := digit(r); !ok && r != '-' && !isLetter(r) {
				return false
			}
		}
		last = label
	}
	return isLetter(rune(last[0]))
}

func isLetter(r rune) bool { return r < utf8.RuneSelf && byte(r)|0x20-'a' < 26 }

// interval is the places at which an extension can begin.
type interval struct{ first, last int }

// intervals are those of the ways an extension can be written.
type intervals struct {
	all [6]interval
	n   int
}

func (starts *intervals) add(first, last int) {
	starts.all[starts.n] = interval{first, last}
	starts.n++
}

// extensionStart returns the first place from which all that follows is an
// extension, -1 where there is none.
func extensionStart(s string) int {
	if !mayExtend(s) {
		return -1
	}
	starts := extensionStarts(s)
	first := -1
	for _, x := range starts.all[:starts.n] {
		if first < 0 || x.first < first {
			first = x.first
		}
	}
	return first
}

// mayExtend reports whether s has what every extension has: a letter, a sign
// that is no punctuation, or a tilde.
func mayExtend(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c == '~' || ascii[c] != number && ascii[c] != punctuation && ascii[c] != plus {
			return true
		}
	}
	return false
}

// trimSpaces cuts spaces, tabs, no-break spaces and the other ASCII characters
// given from the end of s.
func trimSpaces(s, others string) string {
	for len(s) > 0 {
		switch last := s[len(s)-1]; {
		case last == ' ' || last == '\t' || last < utf8.RuneSelf && strings.IndexByte(others, last) >= 0:
			s = s[:len(s)-1]
		case strings.HasSuffix(s, "\u00A0"):
			s = s[:len(s)-len("\u00A0")]
		default:
			return s
		}
	}
	return s
}

// beforeDigits are what may stand, with spaces, between a label and the digits.
const beforeDigits = ",-"

// extensionStarts finds the ways in which s can end with an extension, as
// libphonenumber takes them. It works from the end: no label has digits, so
// the extension is all the digits there. The clearer the label, the more
// digits it may have.
func extensionStarts(s string) (starts intervals) {
	rest, hash := strings.CutSuffix(s, "#")
	before, n := cutDigits(rest)
	if n == 0 {
		return starts
	}
	if !hash && n <= 20 && foldSuffix(before, extParameter) {
		starts.add(len(before)-len(extParameter), len(before)-len(extParameter))
	}
	if n <= 6 && hash { // American: - 503#
		if i := len(strings.TrimRight(before, "- ")); i < len(before) {
			starts.add(i, len(before)-1)
		}
	}
	label, marked := cutMark(before)
	starts.labels(label, n)
	starts.commas(before, label, marked, n)
	return starts
}

// cutDigits cuts the digits at the end of s and returns how many they were.
func cutDigits(s string) (before string, n int) {
	for len(s) > 0 {
		r, size := rune(s[len(s)-1]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeLastRuneInString(s)
		}
		if _, ok := digit(r); !ok {
			break
		}
		s = s[:len(s)-size]
		n++
	}
	return s, n
}

// cutMark cuts what may stand between a label and the digits: a colon or full
// stop, then spaces and the like.
func cutMark(s string) (before string, marked bool) {
	s = trimSpaces(s, beforeDigits)
	for _, mark := range [...]string{":", ".", "．"} {
		if before, ok := strings.CutSuffix(s, mark); ok {
			return before, true
		}
	}
	return s, false
}

// labels adds where an extension after a word or a sign, with which s ends,
// begins.
func (starts *intervals) labels(s string, n int) {
	if label := explicitLabel(s); label != 0 && n <= 20 {
		i := len(s) - label
		starts.add(len(trimSpaces(s[:i], ",")), i)
		return
	}
	if label := ambiguousLabel(s); label != 0 && n <= 9 {
		i := len(s) - label
		starts.add(len(trimSpaces(s[:i], ",")), i)
	}
}

// explicitLabel returns the bytes of the label that s ends with: ext, xtn,
// extension, extensión, доб (Russian), anexo (Spanish) or full-width ext.
func explicitLabel(s string) int {
	if !endsInLetter(s) {
		return 0
	}
	longest := 0
	for _, label := range [...]string{
		"xt", "xtn", "xtensio", "xtension", "xtensió", "xtensión", "xtensio\u0301", "xtensio\u0301n", "ｘｔ", "ｘｔｎ", "доб", "anexo",
	} {
		if n := foldSuffixLen(s, label); n > longest {
			longest = n
		}
	}
	if longest == 0 {
		return 0
	}
	rest, first := s[:len(s)-longest], s[len(s)-longest:]
	switch {
	case foldSuffix(first[:1], "x") && foldSuffix(rest, "e"):
		longest++
	case fullWidthX(first) && foldSuffix(rest, "ｅ"):
		longest += len("ｅ")
	}
	return longest
}

// endsInLetter reports whether s ends in a letter or outside ASCII.
func endsInLetter(s string) bool {
	return s != "" && (s[len(s)-1] >= utf8.RuneSelf || isLetter(rune(s[len(s)-1])))
}

func fullWidthX(s string) bool {
	return strings.HasPrefix(s, "ｘ") || strings.HasPrefix(s, "Ｘ")
}

// ambiguousLabel returns the bytes of a label that is more often something
// else.
func ambiguousLabel(s string) int {
	if !endsInLetter(s) && !strings.HasSuffix(s, "#") && !strings.HasSuffix(s, "~") {
		return 0
	}
	for _, label := range [...]string{"x", "ｘ", "#", "＃", "~", "～", "int", "ｉｎｔ"} {
		if n := foldSuffixLen(s, label); n > 0 {
			return n
		}
	}
	return 0
}

// commas adds where an extension after pauses, as telephones dial them, begins:
// after two commas or a semicolon, or, when it is short, after one comma.
// s is what stands before the mark.
func (starts *intervals) commas(before, s string, marked bool, n int) {
	if n > 15 {
		return
	}
	if strings.HasSuffix(s, ";") {
		starts.add(len(trimSpaces(s[:len(s)-1], "")), len(s)-1)
		return
	}
	pause := ","
	if n > 9 {
		pause = ",,"
	}
	if marked && strings.HasSuffix(s, pause) {
		i := len(strings.TrimRight(s, ","))
		if n > 9 {
			i = len(s) - len(pause)
		}
		starts.add(len(trimSpaces(s[:i], "")), i)
		return
	}
	tail := before[len(trimSpaces(before, beforeDigits)):]
	if i := strings.Index(tail, pause); i >= 0 {
		i += len(before) - len(tail)
		starts.add(len(trimSpaces(before[:i], "")), i)
	}
}

func foldSuffix(s, suffix string) bool { return foldSuffixLen(s, suffix) > 0 }

// foldSuffixLen returns the bytes of the end of s that equals suffix but for
// case, 0 where it does not.
func foldSuffixLen(s, suffix string) int {
	end := len(s)
	for len(suffix) > 0 {
		want, n := utf8.DecodeLastRuneInString(suffix)
		got, m := utf8.DecodeLastRuneInString(s[:end])
		if m == 0 || got != want && !foldEqual(got, want) {
			return 0
		}
		suffix, end = suffix[:len(suffix)-n], end-m
	}
	return len(s) - end
}

func foldEqual(a, b rune) bool {
	for f := unicode.SimpleFold(a); f != a; f = unicode.SimpleFold(f) {
		if f == b {
			return true
		}
	}
	return false
}
