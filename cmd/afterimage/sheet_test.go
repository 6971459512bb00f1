package main

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// written returns what a sheet makes of a text that comes in pieces after a
// label as wide as the margin.
func written(t testing.TB, width, margin int, pieces ...string) string {
	t.Helper()
	var out bytes.Buffer
	s := sheet{out: &out, width: width, margin: margin}
	s.column = margin
	for _, piece := range pieces {
		if err := s.write("", piece); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestSheet(t *testing.T) {
	for _, tt := range []struct {
		name   string
		width  int
		pieces []string
		want   string
	}{
		{"no terminal, no breaks", 0, []string{"one two three four five six"}, "one two three four five six"},
		{"its own lines", 0, []string{"one\ntwo"}, "one\n  two"},
		{"between words", 12, []string{"one two three four"}, "one two\n  three four"},
		{"in pieces", 12, []string{"one ", "two ", "three"}, "one two \n  three"},
		{"wide characters", 8, []string{"漢字漢字漢"}, "漢字漢\n  字漢"},
		{"marks take no column", 8, []string{"e\u0301e\u0301e\u0301 abc"}, "e\u0301e\u0301e\u0301\n  abc"},
		{"a word longer than a line", 8, []string{"abcdefghij"}, "abcdef\n  ghij"},
		{"harmless", 0, []string{"\x1b[2J"}, "␛[2J"},
		{"tabs", 20, []string{"a\tb"}, "a    b"},
	} {
		if got := written(t, tt.width, 2, tt.pieces...); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Whatever is written in whatever pieces, no line is wider than the terminal,
// and but for white space nothing is lost.
func TestSheetFits(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab \n\t漢e\u0301👩é.")), 0, 40, -1)
	bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
	rapid.Check(t, func(t *rapid.T) {
		width, pieces := rapid.IntRange(6, 30).Draw(t, "width"), rapid.SliceOfN(text, 0, 5).Draw(t, "pieces")
		var out bytes.Buffer
		s := sheet{out: &out, width: width, margin: 2, column: 2}
		for _, piece := range pieces {
			if err := s.write("", piece); err != nil {
				t.Fatal(err)
			}
		}
		for i, line := range strings.Split(out.String(), "\n") {
			if i == 0 {
				line = "  " + line
			}
			if columns(line) > width {
				t.Fatalf("line %q of %d columns, want at most %d", line, columns(line), width)
			}
		}
		if got, want := bare(out.String()), bare(strings.Join(pieces, "")); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestOneLineIsByColumns(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"漢字漢字", 8, "漢字漢字"}, {"漢字漢字", 7, "漢字漢…"}, {"漢字漢字", 6, "漢字…"}, {"e\u0301e\u0301", 2, "e\u0301e\u0301"}, {"abc", 1, "…"},
	} {
		if got := oneLine(tt.text, tt.n); got != tt.want {
			t.Errorf("oneLine(%q, %d): got %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
	if got := pad("漢", 4); got != "漢  " {
		t.Errorf("pad: got %q, want two columns and two spaces", got)
	}
}
