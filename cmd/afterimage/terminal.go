package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// redacted matches what redaction puts in place of a value: [EMAIL:k7m2qa…].
var redacted = regexp.MustCompile(`\[[A-Z][A-Z0-9_]*:[a-z2-7]{4,}\]`)

// terminal reports whether w is one, and how wide.
func terminal(w any) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		width = 100
	}
	return width, true
}

// A style paints text. Its zero value paints nothing.
type style struct{ on bool }

// styleFor paints where w is a terminal and NO_COLOR (no-color.org) is unset.
func styleFor(w io.Writer) style {
	_, ok := terminal(w)
	return style{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	purple = "35"
	cyan   = "36"
	struck = "2;9"
)

func (s style) paint(sgr, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// content paints evidence: harmless, and with redactions standing out.
func (s style) content(sgr, text string) string {
	text = visible(text)
	if !s.on {
		return text
	}
	var b strings.Builder
	for text != "" {
		at := redacted.FindStringIndex(text)
		if at == nil {
			break
		}
		b.WriteString(s.paint(sgr, text[:at[0]]))
		b.WriteString(s.paint(purple+";7", text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	return b.String() + s.paint(sgr, text)
}

// visible makes text harmless to a terminal: escape sequences, other control
// characters, overrides of the writing direction and invisible tag characters
// are spelled out. Line ends and tabs stay.
func visible(text string) string {
	if strings.IndexFunc(text, dangerous) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x20 && dangerous(r):
			b.WriteRune(0x2400 + r) // ␛ for the escape character, and so on
		case r == 0x7f:
			b.WriteRune(0x2421)
		case dangerous(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func dangerous(r rune) bool {
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

// oneLine is the beginning of text, on one line, at most n characters.
func oneLine(text string, n int) string {
	if len(text) > 8*n {
		text = text[:8*n] // enough for n characters after folding; may cut a rune, which visible mends
	}
	text = visible(strings.Join(strings.Fields(text), " "))
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	r := []rune(text)
	return string(r[:n-1]) + "…"
}

// pad fills text with spaces to n characters, or cuts it.
func pad(text string, n int) string { return widen(oneLine(text, n), n) }

// widen fills text with spaces to n characters.
func widen(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(text)))
}
