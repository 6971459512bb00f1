package block

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// saying is an event in which the user says each of the texts.
func saying(texts ...string) Item {
	m := &pb.Message{Role: "user"}
	for _, s := range texts {
		m.Parts = append(m.Parts, &pb.Part{Kind: &pb.Part_Text{Text: s}})
	}
	return Item{Event: &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{m}}}}}
}

// has reports whether the filter lets every word of the text through.
func has(f *Filter, k Keys, text string) bool {
	return !slices.ContainsFunc(keysOf(k, text), func(key uint64) bool { return !f.MayHave(key) })
}

// keysOf are the keys of the words of a text.
func keysOf(k Keys, text string) (keys []uint64) {
	for _, w := range words.Of(text) {
		keys = append(keys, k.Words.Sum(uint64(w)))
	}
	return keys
}

// hasGrams reports whether the filter lets every pair of words of the text
// through, and the beginning of every word.
func hasGrams(f *Filter, k Keys, text string) bool {
	of := words.Of(text)
	for i := 1; i < len(of); i++ {
		if !f.MayHavePair(k.Words.Sum(uint64(words.Pair(of[i-1], of[i])))) {
			return false
		}
	}
	ok := true
	words.Each(text, func(w words.Word) bool {
		if word := string(words.AppendCanonical(nil, text[w.Start:w.End])); len([]rune(word)) >= words.PrefixLength {
			ok = ok && f.MayHavePrefix(k.Words.Sum(uint64(words.PrefixOf(word))))
		}
		return ok
	})
	return ok
}

// A filter that denied a word that is there would hide evidence.
func TestFilterHasEveryWord(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	rapid.Check(t, func(r *rapid.T) {
		var in []Item
		for _, texts := range rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 0, 4), 1, 20).Draw(r, "texts") {
			in = append(in, saying(texts...))
		}
		seal := c.Seal
		if rapid.Bool().Draw(r, "dense") {
			seal = c.SealDense
		}
		s, err := seal(7, 3, keys, in)
		if err != nil {
			r.Fatal(err)
		}
		f, err := c.OpenFilter(7, s.Header, keys.Block, s.Filter)
		if err != nil {
			r.Fatal(err)
		}
		for _, it := range in {
			for _, p := range it.Event.GetInteraction().GetInput()[0].GetParts() {
				if !has(f, keys, p.GetText()) || !hasGrams(f, keys, p.GetText()) {
					r.Fatalf("denied a word of %q", p.GetText())
				}
			}
		}
		if err := c.CheckFilter(7, s.Header, keys, s.Filter, in); err != nil {
			r.Fatal(err)
		}
	})
}

// Of words that are not there a filter lets one in 256 through; with another
// bucket's keys every word is like one that is not there.
func TestFilterDeniesMostOthers(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	var texts []string
	for i := range 5_000 {
		texts = append(texts, fmt.Sprintf("word%d", i))
	}
	s, err := c.Seal(7, 3, keys, []Item{saying(strings.Join(texts, " "))})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.OpenFilter(7, s.Header, keys.Block, s.Filter)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		keys Keys
		word string
	}{"other words": {keys, "other"}, "other keys": {bucketKeys(t), "word"}} {
		let := 0
		for i := range 5_000 {
			if has(f, k.keys, fmt.Sprintf("%s%d", k.word, i)) {
				let++
			}
		}
		if let > 60 { // 20 expected, standard deviation 4.4
			t.Errorf("%s: let %d of 5000 through", name, let)
		}
	}
	t.Logf("%.2f bits a word", float64(8*len(s.Filter))/5_000)
}

// Of pairs that are not there one in four passes, and of beginnings one in
// sixteen.
func TestGramsDenyMostOthers(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	var texts []string
	for i := range 5_000 {
		texts = append(texts, fmt.Sprintf("%04dth", i))
	}
	s, err := c.SealDense(7, 3, keys, []Item{saying(strings.Join(texts, " "))})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.OpenFilter(7, s.Header, keys.Block, s.Filter)
	if err != nil {
		t.Fatal(err)
	}
	pairs, prefixes := 0, 0
	for i := range 5_000 {
		pair := words.Pair(words.Of(texts[i])[0], words.Of(texts[(i+2)%5_000])[0])
		if f.MayHavePair(keys.Words.Sum(uint64(pair))) {
			pairs++
		}
		if f.MayHavePrefix(keys.Words.Sum(uint64(words.PrefixOf(fmt.Sprintf("%04d", 5_000+i))))) {
			prefixes++
		}
	}
	if pairs < 525 || pairs > 725 { // 625 expected, standard deviation 23
		t.Errorf("let %d of 5000 pairs through", pairs)
	}
	if prefixes < 240 || prefixes > 390 { // 312 expected, standard deviation 17
		t.Errorf("let %d of 5000 prefixes through", prefixes)
	}
}

// Whatever the keys, a filter has them, and of others about as many as its bits
// say.
func TestRibbon(t *testing.T) {
	var m ribbonMaker
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 63, 64, 65, 1_000, 7_000, 30_000, 200_000} {
		for _, width := range []int{1, 2, 9, 16} {
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = random.Uint64()
			}
			if n > 1 {
				keys[1] = keys[0] // given twice
			}
			b, err := m.appendRibbon([]byte("x"), keys, width)
			if err != nil {
				t.Fatalf("%d keys: %v", n, err)
			}
			read := reader{b: append(b[1:], 'y')}
			f := read.ribbon()
			if read.err != nil || string(read.b) != "y" {
				t.Fatalf("%d keys: error %v, %d bytes left", n, read.err, len(read.b))
			}
			for _, k := range keys {
				if !f.mayHave(k) {
					t.Fatalf("%d keys, %d bits: denied one", n, width)
				}
			}
			let, want := 0, 100_000/float64(int(1)<<width)
			for range 100_000 {
				if f.mayHave(random.Uint64()) {
					let++
				}
			}
			if n > 60 && math.Abs(float64(let)-want) > 6*math.Sqrt(want)+0.02*want {
				t.Errorf("%d keys, %d bits: let %d of 100,000 others through, want about %.0f", n, width, let, want)
			}
			if size := float64(8*len(b)) / float64(max(n, 1)*width); n >= 7_000 && size > 1.1 {
				t.Errorf("%d keys, %d bits: takes %.3f times as many", n, width, size)
			}
		}
	}
}

// A filter that misses a word is found, though it opens.
func TestCheckFilter(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	for name, seal := range map[string]func(ID, uint32, Keys, []Item) (*Sealed, error){"first": c.Seal, "dense": c.SealDense} {
		t.Run(name, func(t *testing.T) { testCheckFilter(t, c, keys, seal) })
	}
}

func testCheckFilter(t *testing.T, c *Codec, keys Keys, seal func(ID, uint32, Keys, []Item) (*Sealed, error)) {
	in := []Item{saying("the quick brown fox"), saying("jumps over the lazy dog")}
	s, err := seal(7, 3, keys, in[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckFilter(7, s.Header, keys, s.Filter, in); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	again, err := c.SealFilter(7, s.Header, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckFilter(7, s.Header, keys, again, in); err != nil {
		t.Errorf("made again: %v", err)
	}
}

// Filters on people's disks can be read for ever, with every word they have.
func TestGoldenFilter(t *testing.T) {
	var keys Keys // of zeros, the same for ever
	text := "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 東京都 2026"
	for version, is := range map[string]struct{ grams, written bool }{
		"v1": {}, "v2": {written: true}, "v2grams": {grams: true}, "v2grams834": {grams: true, written: true},
	} {
		path := filepath.Join("testdata", "filter."+version+".golden")
		var m filterMaker
		got, err := m.encode([]Item{saying(text)}, keys.Words, is.grams)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && *update && is.written {
			want, err = got, os.WriteFile(path, got, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := decodeFilter(want)
		if err != nil {
			t.Fatal(err)
		}
		if !has(f, keys, text) || !hasGrams(f, keys, text) {
			t.Errorf("%s: the golden filter denies a word that it has", version)
		}
		if is.written && !bytes.Equal(got, want) {
			t.Errorf("%s: is not what is written today", version)
		}
		if f.grams != is.grams {
			t.Errorf("%s: pairs and beginnings: got %t, want %t", version, f.grams, is.grams)
		}
	}
}

func FuzzDecodeFilter(f *testing.F) {
	for _, grams := range []bool{false, true} {
		var m filterMaker
		b, err := m.encode([]Item{saying("some words")}, Keys{}.Words, grams)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, key uint64) {
		filter, err := decodeFilter(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			return
		}
		filter.MayHave(key) // whatever they say, they must not fail
		filter.MayHavePair(key)
		filter.MayHavePrefix(key)
	})
}
