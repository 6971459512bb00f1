package eventlog

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// anyOf asks for every one of the words.
func anyOf(all []words.Hash) (out [][]words.Hash) {
	for _, h := range all {
		out = append(out, []words.Hash{h})
	}
	return out
}

// saying is an interaction in which the user says the text.
func saying(n int, text string) *pb.Event {
	e := sample(n * 13 * 5) // an interaction
	e.Body = &pb.Event_Interaction{Interaction: &pb.Interaction{
		Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}},
	}}
	return e
}

// A scan for words yields every event that has them, in the scan's order, and
// skips most blocks that do not.
func TestScanForWords(t *testing.T) {
	vocabulary := []string{"alpha", "Beta", "gámma", "δέλτα", "東京", "42"}
	l := open(t, config(t))
	var texts []string
	rapid.Check(t, func(r *rapid.T) {
		tenant := event.Tenant(fmt.Sprintf("t%d", len(l.Tenants())))
		texts = texts[:0]
		for range rapid.IntRange(1, 12).Draw(r, "blocks") {
			var batch []Prepared
			for range rapid.IntRange(1, 3).Draw(r, "events") {
				text := fmt.Sprint(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 3).Draw(r, "text"))
				p, err := l.Prepare(tenant, saying(len(texts), text))
				if err != nil {
					r.Fatal(err)
				}
				batch, texts = append(batch, p), append(texts, text)
			}
			if _, err := l.Append(t.Context(), batch); err != nil {
				r.Fatal(err)
			}
		}
		want := rapid.SliceOfNDistinct(rapid.SampledFrom(vocabulary), 1, 3, rapid.ID).Draw(r, "wanted")
		order := rapid.SampledFrom([]Order{NewestFirst, OldestFirst, LogOrder, LogReverse}).Draw(r, "order")
		sel := Selection{Words: anyOf(words.Of(fmt.Sprint(want))), Order: order}
		hasAll := func(e *pb.Event) bool {
			var all []words.Hash
			event.Texts(e, func(text string) { all = append(all, words.Of(text)...) })
			return !slices.ContainsFunc(words.Of(fmt.Sprint(want)), func(h words.Hash) bool { return !slices.Contains(all, h) })
		}
		got, all := matching(t, l, tenant, sel, hasAll), matching(t, l, tenant, Selection{Order: order}, hasAll)
		if !slices.Equal(got, all) {
			r.Fatalf("%q in %q: got %d, want %d", want, texts, got, all)
		}
	})
}

// matching returns the seqs of the scanned events that keep takes.
func matching(t *testing.T, l *Log, tenant event.Tenant, sel Selection, keep func(*pb.Event) bool) (out []event.Seq) {
	t.Helper()
	for entry, err := range l.Scan(t.Context(), tenant, sel) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		if keep(e) {
			out = append(out, entry.Seq)
		}
	}
	return out
}

// What no block can have opens none: the scan yields nothing though there are
// events. Either of two words is enough.
func TestScanSkipsBlocks(t *testing.T) {
	l := open(t, config(t))
	for n := range 20 {
		p, err := l.Prepare("acme", saying(n, fmt.Sprintf("marker%d of many", n)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), []Prepared{p}); err != nil {
			t.Fatal(err)
		}
	}
	one := func(text string) words.Hash { return words.Of(text)[0] }
	for _, c := range []struct {
		words [][]words.Hash
		least []event.Seq
		most  int // one block in 256 is let through though it has none of them
	}{
		{nil, []event.Seq{0, 7, 19}, 20},
		{[][]words.Hash{{one("absent")}}, nil, 2},
		{[][]words.Hash{{one("marker7")}}, []event.Seq{7}, 3},
		{[][]words.Hash{{one("marker7"), one("MARKER8")}}, []event.Seq{7, 8}, 4},
		{[][]words.Hash{{one("marker7")}, {one("marker8")}}, nil, 2},
		{[][]words.Hash{{one("many")}}, []event.Seq{0, 7, 19}, 20},
	} {
		got := seqs(t, l, "acme", Selection{Words: c.words, Order: LogOrder})
		if len(got) > c.most || slices.ContainsFunc(c.least, func(s event.Seq) bool { return !slices.Contains(got, s) }) {
			t.Errorf("%x: got %d, want %d and few others", c.words, got, c.least)
		}
	}
}
