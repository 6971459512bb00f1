package plain_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/afterimage/afterimage/query/plain"
)

// Evidence is adversarial: a transcript that could move the cursor or turn
// text around could show an investigator what was never said.
func TestText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"plain, ünïcode 漢字 👩‍👩‍👧 ok\n\ttoo", "plain, ünïcode 漢字 👩‍👩‍👧 ok\n\ttoo"},
		{"\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"},
		{"over\rwrite\bn\x7f\x00", "over␍write␈n␡␀"},
		{"\u009b31m", "<U+009B>31m"},
		{"user\u202egnp.exe", "user<U+202E>gnp.exe"},
		{"a\u2028b", "a<U+2028>b"},
		{"hidden\U000e0041\U000e0042", "hidden<U+E0041><U+E0042>"},
		{"broken \xff utf-8", "broken \ufffd utf-8"},
	} {
		if got := plain.Text(tt.text); got != tt.want {
			t.Errorf("plain.Text(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("\x1b[31m\u202e")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := plain.Text(text)
		if !utf8.ValidString(got) || strings.IndexFunc(got, plain.Dangerous) >= 0 {
			t.Errorf("got %q from %q: a reader would be misled", got, text)
		}
		if again := plain.Text(got); again != got {
			t.Errorf("got %q from %q, which is harmless already", again, got)
		}
	})
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0 ms"}, {900 * time.Millisecond, "900 ms"}, {2600 * time.Millisecond, "2 s 600 ms"}, {time.Minute, "1 min"},
		{3*time.Hour + 12*time.Minute + 4*time.Second, "3 h 12 min"}, {50 * time.Hour, "2 d 2 h"}, {-time.Second, "0 ms"},
	} {
		if got := plain.Span(tt.d); got != tt.want {
			t.Errorf("Span(%v): got %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestRedacted(t *testing.T) {
	text := "to [EMAIL:k7m2qa5d3hx4], not [sic]"
	start, end, found := plain.Redacted(text)
	if !found || text[start:end] != "[EMAIL:k7m2qa5d3hx4]" {
		t.Errorf("got %d to %d, %v, want the token", start, end, found)
	}
	if _, _, found := plain.Redacted("[sic] [EMAIL]"); found {
		t.Error("found a token where there is none")
	}
}
