package words

import (
	"slices"
	"strings"
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
				if word := strings.Join(Fold(text[w.Start:w.End]), ""); len([]rune(word)) >= PrefixLength {
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
