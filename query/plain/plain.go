// Package plain makes evidence harmless to whoever reads it. Evidence is
// adversarial: a text that could move a terminal's cursor, end a page's markup
// or turn the letters around could show an investigator what was never said.
//
//	fmt.Println(plain.Text("over\rwrite \x1b[2J")) // over␍write ␛[2J
//
// What is always true: what Text returns is valid UTF-8 without control
// characters other than line ends and tabs, and without characters that change
// the order in which others are shown.
package plain

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// redacted matches what redaction puts in place of a value: [EMAIL:k7m2qa…].
var redacted = regexp.MustCompile(`\[[A-Z][A-Z0-9_]*:[a-z2-7]{4,}\]`)

// Text spells out in a text what would act on its reader: escape sequences,
// other control characters, overrides of the writing direction, separators of
// lines and paragraphs, and tag characters, which no font shows. Line ends and
// tabs stay; bytes that are no UTF-8 become U+FFFD.
func Text(text string) string {
	if strings.IndexFunc(text, Dangerous) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x20 && Dangerous(r):
			b.WriteRune(0x2400 + r) // ␛ for the escape character, and so on
		case r == 0x7f:
			b.WriteRune(0x2421)
		case Dangerous(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Dangerous tells whether Text spells a character out.
func Dangerous(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case unicode.IsControl(r):
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional overrides
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph separators
		return true
	case r >= 0xe0000 && r <= 0xe007f: // tags: text that no font shows
		return true
	}
	return false
}

// Redacted returns where the first token stands that redaction put in place of
// a value, and whether there is one.
func Redacted(text string) (start, end int, found bool) {
	at := redacted.FindStringIndex(text)
	if at == nil {
		return 0, 0, false
	}
	return at[0], at[1], true
}

// Span says how long something lasted, for people: the two largest units, such
// as "3 h 12 min".
func Span(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 ms"
}
