package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/afterimage/afterimage/query/plain"
)

// terminal reports whether w is one, and how wide.
func terminal(w any) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
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
		start, end, found := plain.Redacted(text)
		if !found {
			break
		}
		b.WriteString(s.paint(sgr, text[:start]))
		b.WriteString(s.paint(purple+";7", text[start:end]))
		text = text[end:]
	}
	return b.String() + s.paint(sgr, text)
}

// visible makes text harmless to a terminal: see package plain.
func visible(text string) string { return plain.Text(text) }

// oneLine is the beginning of text, on one line, at most n columns wide.
func oneLine(text string, n int) string {
	if len(text) > 8*n {
		text = text[:8*n] // enough for n columns after folding; may cut a rune, which visible mends
	}
	text = visible(strings.Join(strings.Fields(text), " "))
	if columns(text) <= n {
		return text
	}
	return text[:fitting(text, n-1)] + "…"
}

// pad fills text with spaces to n columns, or cuts it.
func pad(text string, n int) string { return widen(oneLine(text, n), n) }

// widen fills text with spaces to n columns.
func widen(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-columns(text)))
}
