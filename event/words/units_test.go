package words

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Units are words where there are spaces and characters where there are none:
// a text in Chinese must not be one word, nor each of its words two of them.
func TestAppendUnits(t *testing.T) {
	for text, want := range map[string][]string{
		"":                             nil,
		" -- 🙂\n!":                     nil,
		"The quick, brown fox.":        {"the", "quick", "brown", "fox"},
		"don't stop":                   {"don", "t", "stop"},
		"ÉCOLE e\u0301cole":            {"ecole", "ecole"},
		"co\u00adope\u200brate":        {"cooperate"},
		"東京都":                          {"東", "京", "都"},
		"GPTは東京、猫":                     {"gpt", "は", "東", "京", "猫"},
		"が、か":                          {"か", "か"},
		"한국어 abc":                      {"한", "국", "어", "abc"},
		"abc東":                         {"abc", "東"},
		"東abc京":                        {"東", "abc", "京"},
		strings.Repeat("é", 70) + " b": {strings.Repeat("e", 64), "b"},
	} {
		if got := AppendUnits(nil, text); !slices.Equal(got, hashes(want...)) {
			t.Errorf("%q: got %x, want those of %q", text, got, want)
		}
	}
}

// Where nothing is written without spaces, units are words: both are cut alike.
func TestUnitsAreWords(t *testing.T) {
	spaced := rapid.StringOf(rapid.SampledFrom([]rune("abAB01  ,.é\u0301ßΣ\u00ad\u200b\u0130𝐀\uFFFD")))
	rapid.Check(t, func(r *rapid.T) {
		text := spaced.Draw(r, "text")
		if got, want := AppendUnits(nil, text), Of(text); !slices.Equal(got, want) {
			r.Fatalf("%q: got %x, want %x", text, got, want)
		}
	})
}

// Whatever a text is, its units do not depend on what stands before it.
func TestUnitsOfParts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := texts().Draw(r, "a"), texts().Draw(r, "b")
		if got, want := AppendUnits(nil, a+" "+b), AppendUnits(AppendUnits(nil, a), b); !slices.Equal(got, want) {
			r.Fatalf("%q and %q: got %x, want %x", a, b, got, want)
		}
	})
}
