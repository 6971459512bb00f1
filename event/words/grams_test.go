package words

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The places of words are those of the words that Of names, and what stands there
// is just that word.
func TestEachIsOf(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := texts().Draw(r, "text")
		var got []Hash
		Each(text, func(w Word) bool {
			got = append(got, w.Hash)
			if again := Of(text[w.Start:w.End]); len(again) != 1 || again[0] != w.Hash {
				r.Errorf("at %d–%d stands %q, whose words are %x and not %x", w.Start, w.End, text[w.Start:w.End], again, w.Hash)
			}
			return true
		})
		if want := Of(text); !slices.Equal(got, want) {
			r.Errorf("%q: got %x, want %x", text, got, want)
		}
		if len(got) > 1 {
			n := 0
			Each(text, func(Word) bool { n++; return false })
			if n != 1 {
				r.Errorf("went on %d times after it was enough", n-1)
			}
		}
	})
}

// A pair or a prefix that the set misses would hide what is there.
func TestSetHasGrams(t *testing.T) {
	s := Set{Grams: true}
	rapid.Check(t, func(r *rapid.T) {
		s.Reset()
		var pairs, prefixes []Hash
		add := func(to *[]Hash, h Hash) {
			if !slices.Contains(*to, h) {
				*to = append(*to, h)
			}
		}
		for _, text := range rapid.SliceOfN(texts(), 0, 8).Draw(r, "texts") {
			of := Of(text)
			for i := 1; i < len(of); i++ {
				add(&pairs, Pair(of[i-1], of[i]))
			}
			Each(text, func(w Word) bool {
				if word := string(AppendCanonical(nil, text[w.Start:w.End])); len([]rune(word)) >= PrefixLength {
					add(&prefixes, PrefixOf(word))
				}
				return true
			})
			s.Add(text)
			s.Add(text)
		}
		if !slices.Equal(s.Pairs(), pairs) {
			r.Errorf("pairs: got %x, want %x", s.Pairs(), pairs)
		}
		if !slices.Equal(s.Prefixes(), prefixes) {
			r.Errorf("prefixes: got %x, want %x", s.Prefixes(), prefixes)
		}
	})
}

// The canonical form has the words of the text and says where each stands.
func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		" -- ":               "",
		"The  quick, BROWN.": "the quick brown",
		"É\u0301cole-x":      "ecole x",
		"GPTは東京、猫 x":         "gpt は東京 猫 x",
		"東abc京":              "東 abc 京",
		"\u200babc\u200b ":   "abc",
	} {
		if got := string(AppendCanonical(nil, text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		text := texts().Draw(r, "text")
		form, places := Canonical(text)
		if got := AppendCanonical([]byte("x"), text); string(got) != "x"+string(form) {
			r.Errorf("got %q and %q", got, form)
		}
		if again := AppendCanonical(nil, string(form)); string(again) != string(form) {
			r.Errorf("%q is %q again", form, again)
		}
		if !slices.Equal(Of(string(form)), Of(text)) {
			r.Errorf("%q has other words than %q", form, text)
		}
		if len(places) != len(form) {
			r.Fatalf("%d places for %d bytes", len(places), len(form))
		}
		last := 0
		for i, p := range places {
			if form[i] == ' ' {
				continue
			}
			if p[0] < last || p[1] <= p[0] {
				r.Errorf("byte %d stands at %v, after %d", i, p, last)
			}
			last = p[0]
		}
	})
}

// What a pair or a prefix is called is part of the format of the log.
func TestGramNames(t *testing.T) {
	for name, h := range map[string][2]Hash{
		"pair":          {Pair(1, 2), 0x25a1264b13e17696},
		"pair reversed": {Pair(2, 1), 0xf90fbe59dcb716fe},
		"prefix":        {PrefixOf("bomb"), 0xa711827191160b35},
		"longer":        {PrefixOf("bombay"), 0xa711827191160b35},
	} {
		if h[0] != h[1] {
			t.Errorf("%s: got %#x, want %#x", name, h[0], h[1])
		}
	}
}
