package redaction

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A splitting says where a text is cut: into the text parts of one message,
// between characters, and into deltas, anywhere. Both end with the text.
type splitting struct{ parts, deltas []int }

// checkSplit holds that a text comes out of an event the same whether it stands
// in one part or in several, and that parts and deltas end where their ends
// came to be: at the same place, or behind the replacement that took it in.
func checkSplit(ctx context.Context, t rapid.TB, r *Redactor, s string, cut splitting) {
	t.Helper()
	out, ends, err := splitText(ctx, r, s, cut.parts)
	if errors.Is(err, ErrUnsettled) {
		return // fails closed; TestTurns holds that real texts settle
	}
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	in := &pb.Interaction{Output: []*pb.Message{{}}}
	for i, end := range cut.parts {
		in.Output[0].Parts = append(in.Output[0].Parts, &pb.Part{Kind: &pb.Part_Text{Text: s[start(cut.parts, i):end]}})
	}
	for i, end := range cut.deltas {
		in.Deltas = append(in.Deltas, &pb.Delta{Bytes: uint32(end - start(cut.deltas, i))})
	}
	if _, err := r.Event(ctx, &pb.Event{Body: &pb.Event_Interaction{Interaction: in}}, pseudonym); err != nil {
		t.Fatalf("%q cut at %v: %v", s, cut, err)
	}
	var got []string
	for i, p := range in.Output[0].Parts {
		got = append(got, p.GetText())
		if want := out[ends(start(cut.parts, i)):ends(cut.parts[i])]; p.GetText() != want {
			t.Errorf("%q cut at %v: part %d is %q; want %q", s, cut, i, p.GetText(), want)
		}
	}
	if all := strings.Join(got, ""); all != out {
		t.Fatalf("%q cut at %v became %q; want %q", s, cut, all, out)
	}
	at := 0
	for i, d := range in.Deltas {
		at += int(d.Bytes)
		if want := ends(cut.deltas[i]); at != want {
			t.Fatalf("%q cut at %v: delta %d ends at %d; want %d in %q", s, cut, i, at, want, out)
		}
	}
}

func start(ends []int, i int) int {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// splitText returns s redacted as one text, and a function that tells where a
// place of s came to be. As one text but for parts that are JSON documents by
// themselves: nothing is written across their borders.
func splitText(ctx context.Context, r *Redactor, s string, parts []int) (string, func(int) int, error) {
	var out strings.Builder
	var found []Finding
	from := 0
	flush := func(to int) error {
		text, fs, err := r.Text(ctx, s[from:to], pseudonym)
		for _, f := range fs {
			f.Start, f.End, f.ReplStart, f.ReplEnd = f.Start+from, f.End+from, f.ReplStart+out.Len(), f.ReplEnd+out.Len()
			found = append(found, f)
		}
		out.WriteString(text)
		from = to
		return err
	}
	for i, end := range parts {
		if begin := start(parts, i); len(parts) > 1 && isDocument(s[begin:end]) {
			if err := flush(begin); err != nil {
				return "", nil, err
			}
			if err := flush(end); err != nil {
				return "", nil, err
			}
		}
	}
	if err := flush(len(s)); err != nil {
		return "", nil, err
	}
	return out.String(), func(place int) int { return moved(found, place) }, nil
}

// isDocument reports whether s is a JSON object or array.
func isDocument(s string) bool {
	trimmed := strings.TrimLeft(s, " \t\r\n")
	return (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid([]byte(s))
}

// moved returns where a place of a text is once what was found is replaced.
func moved(found []Finding, place int) int {
	by := 0
	for _, f := range found {
		if f.Start >= place {
			break
		}
		if place < f.End {
			return f.ReplEnd
		}
		by = f.ReplEnd - f.End
	}
	return place + by
}

// runeEnds returns the places of s where a character ends.
func runeEnds(s string) []int {
	var ends []int
	for i := range s {
		if i > 0 {
			ends = append(ends, i)
		}
	}
	return append(ends, len(s))
}

// cutAt draws up to n places from those given, and adds the last.
func cutAt(rnd *rand.Rand, places []int, n int) []int {
	last := places[len(places)-1]
	cut := []int{last}
	for range rnd.IntN(n + 1) {
		cut = append(cut, places[rnd.IntN(len(places))])
	}
	slices.Sort(cut)
	return cut // the same place twice is an empty part
}

// anywhere returns every place of s.
func anywhere(s string) []int {
	places := make([]int, len(s))
	for i := range places {
		places[i] = i + 1
	}
	return places
}

// TestSplitRandom cuts random texts at random.
func TestSplitRandom(t *testing.T) {
	r := newRedactor(t, Config{Timeout: noTimeout})
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(rt, "pieces"), "")
		places := rapid.SliceOfN(rapid.SampledFrom(runeEnds(s)), 0, 6).Draw(rt, "parts")
		deltas := rapid.SliceOfN(rapid.IntRange(0, len(s)), 0, 6).Draw(rt, "deltas")
		cut := splitting{append(places, len(s)), append(deltas, len(s))}
		slices.Sort(cut.parts)
		slices.Sort(cut.deltas)
		checkSplit(t.Context(), rt, r, s, cut)
	})
}

// TestSplitEverywhere cuts short texts in two at every place: the examples, and
// the texts of the shared cases where they are at hand.
func TestSplitEverywhere(t *testing.T) {
	r := newRedactor(t, Config{Timeout: noTimeout})
	for _, s := range []string{findSample, jsonSample, "Call me at +44 20 7946 0958, password: hunter2x!", `["{\"a\":[\"alice@example.com\"]}", 1]`, "漢字alice@example.com👩‍👩‍👧 GB29NWBK60161331926819"} {
		for _, place := range runeEnds(s) {
			checkSplit(t.Context(), t, r, s, splitting{[]int{place, len(s)}, []int{place, len(s)}})
		}
	}
	t.Run("cases", func(t *testing.T) {
		for i, c := range readCases(t) {
			if len(c.Text) > 400 || len(c.Text) == 0 || sampled(t, i, 40) {
				continue
			}
			for _, place := range runeEnds(c.Text) {
				checkSplit(t.Context(), t, r, c.Text, splitting{[]int{place, len(c.Text)}, []int{place, len(c.Text)}})
			}
		}
	})
}

// TestSplitCorpus cuts turns of the shared corpus at random, into up to six
// parts and as many deltas.
func TestSplitCorpus(t *testing.T) {
	r := newRedactor(t, Config{Timeout: noTimeout})
	rnd := rand.New(rand.NewPCG(1, 2))
	for i, s := range corpusTurns(t) {
		if sampled(t, i, 4) {
			continue
		}
		checkSplit(t.Context(), t, r, s, splitting{cutAt(rnd, runeEnds(s), 6), cutAt(rnd, anywhere(s), 6)})
	}
}

// sampled leaves out all but every step-th of many, unless a long run is asked
// for.
func sampled(t testing.TB, i, step int) bool {
	t.Helper()
	if os.Getenv("AFTERIMAGE_CORPUS") != "" {
		step = 1
	}
	return i%step != 0
}

// corpusTurns returns the texts of a sample of the shared corpus, all of it in
// a long run: a handful from every file, each text once.
func corpusTurns(t testing.TB) []string {
	step := 400
	if os.Getenv("AFTERIMAGE_CORPUS") != "" {
		step = 20
	}
	seen := map[string]bool{}
	var turns []string
	for _, e := range corpusEvents(t, step) {
		for _, s := range texts(e) {
			if s == "" || seen[s] || !utf8.ValidString(s) {
				continue
			}
			seen[s] = true
			turns = append(turns, s)
		}
	}
	if len(turns) == 0 {
		t.Fatal("the corpus has no texts")
	}
	return turns
}
