package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/afterimage/afterimage/query/plain"
)

func FuzzVisible(f *testing.F) {
	f.Add("\x1b[31m\u202e", 10)
	f.Add("[EMAIL:k7m2qa5d3hx4] \xff", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = 1 + max(n, -n)&0xff
		for _, got := range []string{visible(text), oneLine(text, n), style{}.content("", text)} {
			if !utf8.ValidString(got) || strings.IndexFunc(got, plain.Dangerous) >= 0 {
				t.Errorf("got %q from %q: a terminal would act on it", got, text)
			}
		}
		if got := columns(oneLine(text, n)); got > n {
			t.Errorf("got %d columns, want at most %d", got, n)
		}
	})
}

// Redactions must stand out, and nothing else may be painted like one.
func TestContentMarksRedactions(t *testing.T) {
	got := style{on: true}.content(green, "to [EMAIL:k7m2qa5d3hx4], not [sic] \x1b[0m")
	want := "\x1b[32mto \x1b[0m\x1b[35;7m[EMAIL:k7m2qa5d3hx4]\x1b[0m\x1b[32m, not [sic] ␛[0m\x1b[0m"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (style{}).content(green, "to [EMAIL:k7m2qa5d3hx4]"); strings.Contains(got, "\x1b") {
		t.Errorf("got %q without a terminal, want no escape", got)
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		text string
		want time.Time
	}{
		{"2026-11-22T03:00:00+01:00", time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)},
		{"2026-11-22 03:00:00", time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)},
		{"2026-11-22", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		{"2h", now.Add(-2 * time.Hour)},
		{"90m ago", now.Add(-90 * time.Minute)},
		{"1.5d", now.Add(-36 * time.Hour)},
	} {
		got, err := parseTime(tt.text, now)
		if err != nil || !got.Equal(tt.want) {
			t.Errorf("parseTime(%q): got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "d", "2x", "1d2", "2026-13-01", "1e400d", "NaNd"} {
		if got, err := parseTime(text, now); err == nil {
			t.Errorf("parseTime(%q): got %v, want an error", text, got)
		}
	}
}
