package main

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// A sheet writes text under a margin. On a terminal it breaks lines between
// words, and keeps doing so where a text comes in pieces.
type sheet struct {
	out    io.Writer
	style  style
	width  int // columns; 0: only the text's own lines end
	margin int // columns that the lines after the first are set in
	column int // where the next character goes
}

// write writes evidence, made harmless and painted.
func (s *sheet) write(sgr, text string) error {
	for i, line := range s.lines(visible(text)) {
		if i > 0 {
			if err := s.print("\n" + strings.Repeat(" ", s.margin)); err != nil {
				return err
			}
		}
		if err := s.print(s.style.content(sgr, line)); err != nil {
			return err
		}
	}
	return nil
}

// label begins a line with words of our own.
func (s *sheet) label(sgr, text string) error {
	s.column = columns(text)
	return s.print("\n" + s.style.paint(sgr, text))
}

func (s *sheet) print(text string) error {
	_, err := io.WriteString(s.out, text)
	return err
}

// lines breaks a harmless text that begins where the last one ended.
func (s *sheet) lines(text string) []string {
	var lines []string
	var line strings.Builder
	end := func() {
		lines = append(lines, strings.TrimRight(line.String(), " "))
		line.Reset()
		s.column = s.margin
	}
	for text != "" {
		n := breakable(text)
		piece := text[:n]
		text = text[n:]
		if piece == "\n" {
			end()
			continue
		}
		if piece == "\t" && s.width > 0 {
			piece = "    "
		}
		w := columns(piece)
		if s.width > 0 && s.column+w > s.width && s.column > s.margin {
			end()
			if strings.Trim(piece, " ") == "" {
				continue
			}
		}
		for s.width > 0 && s.column+w > s.width && w > 1 { // longer than a line
			head := fitting(piece, max(2, s.width-s.column))
			line.WriteString(piece[:head])
			piece = piece[head:]
			if w = columns(piece); w > 0 {
				end()
			}
		}
		line.WriteString(piece)
		s.column += w
	}
	return append(lines, line.String())
}

// breakable returns how long the first piece of a text is that no line may end
// in, in bytes: a word, spaces, a line end, or one wide character.
func breakable(text string) int {
	first, n := utf8.DecodeRuneInString(text)
	if first == '\n' || first == '\t' || wide(first) {
		return n
	}
	for i, r := range text[n:] {
		if r == '\n' || r == '\t' || wide(r) || (r == ' ') != (first == ' ') {
			return n + i
		}
	}
	return len(text)
}

// fitting returns how many bytes of text fit into so many columns.
func fitting(text string, n int) int {
	for i, r := range text {
		if n -= runeColumns(r); n < 0 {
			return i
		}
	}
	return len(text)
}

// columns is how many columns a text takes on a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// wide tells whether a character takes two columns.
func wide(r rune) bool {
	if r < 0x1100 {
		return false
	}
	kind := width.LookupRune(r).Kind()
	return kind == width.EastAsianWide || kind == width.EastAsianFullwidth
}
