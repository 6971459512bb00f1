package phone

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds the bytes of a number as written.
const maxText = 250

// class is what a character is in a number as written.
type class uint8

const (
	other  class = iota
	number       // a decimal digit
	plus
	punctuation // and the star
	letter
	letterX // stands for a carrier code or an extension
)

// classOf returns the class of a character: ASCII and the dashes, spaces and
// full-width forms that libphonenumber's VALID_PUNCTUATION has.
func classOf(r rune) class {
	if r < utf8.RuneSelf {
		return ascii[r]
	}
	switch {
	case r >= '\u2010' && r <= '\u2015', r >= '\uFF0D' && r <= '\uFF0F': // dashes; full-width - . /
		return punctuation
	case strings.ContainsRune("\u2212\u30FC\u00A0\u00AD\u200B\u2060\u3000\uFF08\uFF09\uFF3B\uFF3D\u2053\u223C\uFF5E", r):
		return punctuation
	case r == '\uFF0B':
		return plus
	case r == '\u017F', r == '\u212A': // equal to s and k but for case
		return letter
	}
	if _, ok := digit(r); ok {
		return number
	}
	return other
}

// ascii has the classes of ASCII.
var ascii = [utf8.RuneSelf]class{
	'0': number, '1': number, '2': number, '3': number, '4': number, '5': number, '6': number, '7': number, '8': number, '9': number,
	'A': letter, 'B': letter, 'C': letter, 'D': letter, 'E': letter, 'F': letter, 'G': letter, 'H': letter, 'I': letter,
	'J': letter, 'K': letter, 'L': letter, 'M': letter, 'N': letter, 'O': letter, 'P': letter, 'Q': letter, 'R': letter,
	'S': letter, 'T': letter, 'U': letter, 'V': letter, 'W': letter, 'X': letterX, 'Y': letter, 'Z': letter,
	'a': letter, 'b': letter, 'c': letter, 'd': letter, 'e': letter, 'f': letter, 'g': letter, 'h': letter, 'i': letter,
	'j': letter, 'k': letter, 'l': letter, 'm': letter, 'n': letter, 'o': letter, 'p': letter, 'q': letter, 'r': letter,
	's': letter, 't': letter, 'u': letter, 'v': letter, 'w': letter, 'x': letterX, 'y': letter, 'z': letter,
	'+': plus, ' ': punctuation, '-': punctuation, '.': punctuation, '/': punctuation, '(': punctuation, ')': punctuation,
	'[': punctuation, ']': punctuation, '~': punctuation, '*': punctuation,
}

// digit returns a decimal digit of any script as ASCII.
func digit(r rune) (byte, bool) {
	if r < utf8.RuneSelf {
		return byte(r), byte(r)-'0' <= 9
	}
	return foreignDigit(r)
}

func foreignDigit(r rune) (byte, bool) {
	switch {
	case r >= '０' && r <= '９':
		return byte(r-'０') + '0', true
	case !unicode.Is(unicode.Nd, r):
		return 0, false
	}
	return '0' + byte((r-blockOf(r))%10), true
}

// blockOf returns where the block of digits r is in begins: with a zero, as
// all in Unicode do.
func blockOf(r rune) rune {
	for _, x := range unicode.Nd.R16 {
		if r <= rune(x.Hi) {
			return rune(x.Lo)
		}
	}
	for _, x := range unicode.Nd.R32 {
		if r <= rune(x.Hi) {
			return rune(x.Lo)
		}
	}
	return r
}

// read takes the digits out of a number as written and reports whether it has
// the form of one.
func (d *dialled) read(s string) bool {
	if len(s) < 2 || len(s) > maxText {
		return false
	}
	if done, ok := d.readPlain(s); done {
		return ok
	}
	return d.readAny(s)
}

// readPlain reads what most numbers are: digits and ASCII punctuation. done is
// false where something else stands in the text.
func (d *dialled) readPlain(s string) (done, ok bool) {
	start := 0 // letters and signs before the first digit or + are skipped
	for start < len(s) && s[start]-'0' > 9 && s[start] != '+' {
		if s[start] == ';' || s[start] >= utf8.RuneSelf {
			return false, false
		}
		start++
	}
	i := start
	for i < len(s) && s[i] == '+' {
		i++
	}
	d.plus, d.n = i > start, 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c-'0' <= 9:
			if d.n == maxDigits {
				return true, false
			}
			d.digits[d.n] = c
			d.n++
		case c == ' ' || c-'-' <= 2 || c == '(' || c == ')': // - . /
		default:
			return false, false
		}
	}
	return true, d.n >= 3 || d.n == 2 && len(s)-start == 2
}

// readAny reads any number: with letters, an extension, other scripts' digits
// or the parameters of RFC 3966.
func (d *dialled) readAny(s string) bool {
	if strings.IndexByte(s, ';') < 0 {
		return d.readBody(extract(s))
	}
	i := strings.Index(s, phoneContext)
	if i < 0 {
		return d.readBody(beforeSubaddress(extract(s)))
	}
	context, _, _ := strings.Cut(s[i+len(phoneContext):], ";")
	switch {
	case !validContext(context):
		return false
	case i == 0:
		return d.readBody(beforeSubaddress(extract(s)))
	}
	local := s[:i]
	if j := strings.Index(local, "tel:"); j >= 0 {
		local = local[j+len("tel:"):]
	}
	if context[0] == '+' {
		return d.readBody(beforeSubaddress(context + local)) // the one form that costs an allocation
	}
	return d.readBody(beforeSubaddress(local))
}

// extract cuts what stands before the first digit or + and a second number,
// as in 555 0100 x302/x2303.
func extract(s string) string {
	for i, r := range s {
		if c := classOf(r); c == number || c == plus {
			return beforeSecond(s[i:])
		}
	}
	return ""
}

// beforeSecond cuts s at a slash or backslash, spaces and x.
func beforeSecond(s string) string {
	for i := range len(s) {
		if (s[i] == '/' || s[i] == '\\') && strings.HasPrefix(strings.TrimLeft(s[i+1:], " "), "x") {
			return s[:i]
		}
	}
	return s
}

// readBody reads a number from its first digit or + on.
func (d *dialled) readBody(s string) bool {
	if !viable(s) {
		return false
	}
	if i := extensionStart(s); i >= 0 && viable(s[:i]) {
		s = s[:i]
	}
	rest := strings.TrimLeft(s, "+＋")
	d.plus, d.n = len(rest) < len(s), 0
	if vanity(rest) {
		return d.readVanity(rest)
	}
	for _, r := range rest {
		if c, ok := digit(r); ok && !d.push(c) {
			return false
		}
	}
	return true
}

func (d *dialled) push(c byte) bool {
	if d.n == maxDigits {
		return false
	}
	d.digits[d.n] = c
	d.n++
	return true
}

// vanity reports whether letters stand for digits: three or more do.
func vanity(s string) bool {
	n := 0
	for i := range len(s) {
		if isLetter(rune(s[i])) {
			n++
		}
	}
	return n >= 3
}

// keypad has the digits of the letters A to Z (ITU-T E.161).
const keypad = "22233344455566677778889999"

// readVanity reads letters as the digits of their keys. Digits of other
// scripts are dropped, as libphonenumber does.
func (d *dialled) readVanity(s string) bool {
	for _, r := range s {
		c := byte(0)
		switch {
		case r == '\u017F':
			c = keypad['S'-'A']
		case r >= utf8.RuneSelf:
		case byte(r)-'0' <= 9:
			c = byte(r)
		case byte(r)|0x20-'a' < 26:
			c = keypad[byte(r)|0x20-'a']
		}
		if c != 0 && !d.push(c) {
			return false
		}
	}
	return true
}

// viable reports whether s has the form of a number, perhaps with an
// extension: three digits with only punctuation among them, after which
// letters may come as well. Two digits alone are a short number.
func viable(s string) bool {
	third, end := body(s)
	switch {
	case third < 0:
		return twoDigits(s)
	case end == len(s):
		return true
	}
	starts := extensionStarts(s)
	for _, x := range starts.all[:starts.n] {
		if max(x.first, third) <= min(x.last, end) {
			return true
		}
	}
	return false
}

// body returns the end of the third digit, -1 where there is none, and the end
// of what can belong to a number without its extension.
func body(s string) (third, end int) {
	digits := 0
	third = -1
	i := len(s) - len(strings.TrimLeft(s, "+＋"))
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch classOf(r) {
		case number:
			if digits++; digits == 3 {
				third = i + n
			}
		case punctuation, letterX:
		case letter:
			if digits < 3 {
				return -1, i
			}
		default:
			return third, i
		}
		i += n
	}
	return third, i
}

func twoDigits(s string) bool {
	n := 0
	for _, r := range s {
		if classOf(r) != number {
			return false
		}
		n++
	}
	return n == 2
}
