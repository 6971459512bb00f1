package block

import (
	"errors"
	"fmt"
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

// A filter that denied a word that is there would hide evidence.
func TestFilterHasEveryWord(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	rapid.Check(t, func(r *rapid.T) {
		var in []Item
		for _, texts := range rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 0, 4), 1, 20).Draw(r, "texts") {
			in = append(in, saying(texts...))
		}
		s, err := c.Seal(7, 3, keys, in)
		if err != nil {
			r.Fatal(err)
		}
		f, err := c.OpenFilter(7, s.Header, keys.Block, s.Filter)
		if err != nil {
			r.Fatal(err)
		}
		for _, it := range in {
			for _, p := range it.Event.GetInteraction().GetInput()[0].GetParts() {
				if !has(f, keys, p.GetText()) {
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

// A filter that misses a word is found, though it opens.
func TestCheckFilter(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	in := []Item{saying("the quick brown fox"), saying("jumps over the lazy dog")}
	s, err := c.Seal(7, 3, keys, in[:1])
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
	path := filepath.Join("testdata", "filter.v1.golden")
	text := "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. 東京都 2026"
	var m filterMaker
	got, err := m.encode([]Item{saying(text)}, keys.Words)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *update {
		want, err = got, os.WriteFile(path, got, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := decodeFilter(want)
	if err != nil {
		t.Fatal(err)
	}
	if !has(f, keys, text) {
		t.Error("the golden filter denies a word that it has")
	}
}

func FuzzDecodeFilter(f *testing.F) {
	var m filterMaker
	b, err := m.encode([]Item{saying("some words")}, Keys{}.Words)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, key uint64) {
		filter, err := decodeFilter(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			return
		}
		filter.MayHave(key) // whatever it says, it must not fail
	})
}
