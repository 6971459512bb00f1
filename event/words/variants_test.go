package words_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/afterimage/afterimage/event/words"
)

// Of every character, what it folds to has it among its variants.
func TestVariants(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		form := words.AppendCanonical(nil, string(r))
		if len(form) == 0 {
			continue
		}
		if folded, _ := utf8.DecodeRune(form); !slices.ContainsFunc(words.Variants(folded), func(b []byte) bool { return string(b) == string(r) }) {
			t.Fatalf("%q folds to %q, whose variants are %q", r, folded, words.Variants(folded))
		}
	}
	if got, want := bytes.Join(words.Variants('б'), nil), "бБ"; !strings.HasPrefix(string(got), want) {
		t.Errorf("got %q, want %q first", got, want)
	}
}
