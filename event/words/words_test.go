package words

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hashes are those of words given in their folded form.
func hashes(folded ...string) (all []Hash) {
	for _, w := range folded {
		h := fnv.New64a()
		h.Write([]byte(w))
		all = append(all, Hash(h.Sum64()))
	}
	return all
}

// What a word is. An investigator who types a word in another case or without
// its accents must find it.
func TestOf(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		" -- \n!":                       nil,
		"The quick, brown fox.":         {"the", "quick", "brown", "fox"},
		"don't stop":                    {"don", "t", "stop"},
		"take 500mg at 8.30":            {"take", "500mg", "at", "8", "30"},
		`{"file_name": "a/b.txt"}`:      {"file", "name", "a", "b", "txt"},
		"[EMAIL:k7m2qa] wrote":          {"email", "k7m2qa", "wrote"},
		"ÉCOLE école ecole e\u0301cole": {"ecole", "ecole", "ecole", "ecole"},
		"Zwölf Łódź Øre STRASSE Straße": {"zwolf", "lodz", "ore", "strasse", "straße"},
		"ΣΊΣΥΦΟΣ σίσυφος":               {"σισυφοσ", "σισυφοσ"},
		"Ёлка елка":                     {"елка", "елка"},
		"ｆｕｌｌ ｗｉｄｔｈ １２ x²":              {"full", "width", "12", "x2"},
		"co\u00adope\u200brate":         {"cooperate"},
		"東京都":                           {"東京", "京都"},
		"GPTは東京、猫":                      {"gpt", "は東", "東京"},
		"がか":                            {"かか"},
		"한국어":                           {"한국", "국어"},
		"मेरा नाम":                      {"मरा", "नाम"},
		"مرحبا، بالعالم":                {"مرحبا", "بالعالم"},
		"abc東":                          {"abc"},
		"東abc京":                         {"abc"},
		strings.Repeat("a", 70) + " b":  {strings.Repeat("a", 64), "b"},
	} {
		if got := Of(text); !slices.Equal(got, hashes(want...)) {
			t.Errorf("%q: got %x, want those of %q", text, got, want)
		}
	}
}

// texts are random texts of everything that words are made of.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("abAB01  ,.é\u0301ßΣ東京都かがｶ한국ไทย\u00ad\u200b\u0130𝐀\uFFFD"))),
		rapid.StringOfN(rapid.SampledFrom([]rune("abcé")), 60, 140, -1))
}

// The fast way finds the words that the plain one does, however texts are
// added.
func TestSetHasTheWordsOf(t *testing.T) {
	var s Set
	rapid.Check(t, func(r *rapid.T) {
		s.Reset()
		var want []Hash
		for _, text := range rapid.SliceOfN(texts(), 0, 8).Draw(r, "texts") {
			for _, h := range Of(text) {
				if !slices.Contains(want, h) {
					want = append(want, h)
				}
			}
			s.Add(text)
			s.Add(text)
		}
		if !slices.Equal(s.Hashes(), want) {
			r.Fatalf("got %x, want %x", s.Hashes(), want)
		}
	})
}

// What a set gives of a text is what Of does, whatever is in it before; and it has
// the words from then on.
func TestAppendOf(t *testing.T) {
	var s Set
	rapid.Check(t, func(r *rapid.T) {
		s.Reset()
		before, text := texts().Draw(r, "before"), texts().Draw(r, "text")
		s.Add(before)
		for range 2 {
			got := s.AppendOf([]Hash{7}, text)
			if want := append([]Hash{7}, Of(text)...); !slices.Equal(got, want) {
				r.Fatalf("%q: got %x, want %x", text, got, want)
			}
		}
		for _, h := range slices.Concat(Of(before), Of(text)) {
			if !slices.Contains(s.Hashes(), h) {
				r.Fatalf("%q and %q: %x is missing", before, text, h)
			}
		}
		n := len(s.Hashes())
		if s.Add(text); len(s.Hashes()) != n {
			r.Fatalf("%q: added twice", text)
		}
	})
}

// Words that a part of a text shows to be in it are in it, wherever it is cut.
// A wrong one would hide what a search for the part must find.
func TestWithin(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		part := texts().Draw(r, "part")
		whole := Of(texts().Draw(r, "before") + part + texts().Draw(r, "behind"))
		for _, h := range Within(part) {
			if !slices.Contains(whole, h) {
				r.Fatalf("%x of %q is not in the whole", h, part)
			}
		}
	})
	for part, want := range map[string][]string{
		"":                   nil,
		"one":                nil,
		"one two":            nil,
		" one two":           {"one"},
		"one two three four": {"two", "three"},
		" one ":              {"one"},
		"東京都":                {"東京", "京都"},
		"in東京out":            {"東京"},
		"in 東京 out of":       {"東京", "out"},
		"\u0301 a":           nil,
	} {
		if got := Within(part); !slices.Equal(got, hashes(want...)) {
			t.Errorf("within %q: got %x, want those of %q", part, got, want)
		}
	}
}

// A set grows with what is in it, and gives back nothing after a reset.
func TestSetGrows(t *testing.T) {
	var s Set
	for i := range 100_000 {
		s.Add(fmt.Sprint(i))
	}
	if n := len(s.Hashes()); n != 100_000 {
		t.Errorf("%d words, want 100000", n)
	}
	s.Reset()
	s.Add("again")
	if got := s.Hashes(); !slices.Equal(got, hashes("again")) {
		t.Errorf("after a reset: %x", got)
	}
}

// Once its memory is there, a set allocates nothing for a text or a word.
func TestAddAllocatesNothing(t *testing.T) {
	var s Set
	texts := []string{strings.Repeat("the quick brown fox ", 100), "zwölf Boxkämpfer 東京都", "jagen Viktor"}
	if n := testing.AllocsPerRun(100, func() {
		s.Reset()
		for _, text := range texts {
			s.Add(text)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAdd is about English, whose words and texts are all new or all the
// same, and about Chinese.
func BenchmarkAdd(b *testing.B) {
	english, err := os.ReadFile(filepath.Join("..", "..", "LICENSE"))
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"english": string(english), "chinese": strings.Repeat("我能吞下玻璃而不伤身体。", 300)} {
		b.Run(name, func(b *testing.B) {
			var s Set
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s.Reset()
				s.Add(text)
			}
		})
	}
}
