package minhash

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event/words"
)

// What is alike, by hand.
func TestJaccard(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"the quick brown fox", "the quick brown fox", 1},
		{"The quick, brown FOX!", "the quick brown fox", 1},
		{"the quick brown fox", "the quick red fox", 3.0 / 7},
		{"the quick brown fox", "fox brown quick the", 0},
		{"a b c d e", "a b c d", 4.0 / 7},
		{"sorry", "sorry", 1},
		{"sorry", "yes", 0},
		{"東京都です", "東京府です", 2.0 / 8},
		{"", "", 0},
		{"...", "a", 0},
	} {
		if got := Jaccard(Of(c.a), Of(c.b)); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q and %q: got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// said are random texts of few words, so that many are alike.
func said(n int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(strings.Fields("a b c d e f g h 1 2 東京 ß , !")), 0, n), func(w []string) string { return strings.Join(w, " ") })
}

// The measure is the one that sets define.
func TestJaccardOfSets(t *testing.T) {
	set := func(text string) map[uint64]bool {
		out := map[uint64]bool{}
		pairs(words.Of(text), func(s uint64) { out[s] = true })
		return out
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := said(12).Draw(r, "a"), said(12).Draw(r, "b")
		in, of := set(a), set(b)
		both, either := 0, len(of)
		for s := range in {
			if of[s] {
				both++
			} else {
				either++
			}
		}
		want := float64(both) / float64(max(either, 1))
		if got := Jaccard(Of(a), Of(b)); got != want {
			r.Fatalf("%q and %q: got %v, want %v", a, b, got, want)
		}
	})
}

// A sketch is written and read, and fits its size.
func TestSketchRoundTrip(t *testing.T) {
	var m Maker
	rapid.Check(t, func(r *rapid.T) {
		s := m.Sketch(words.Of(said(100).Draw(r, "text")))
		b := s.Append([]byte{1})
		got, rest, ok := Parse(append(b[1:], 2, 3))
		if len(b) > 1+MaxSize || !ok || got != s || len(rest) != 2 {
			r.Fatalf("%x is read as %x before %x, %v", s, got, rest, ok)
		}
		if _, _, ok := Parse(b[1 : len(b)-1]); ok {
			r.Fatalf("%x is read without its end", s)
		}
	})
}

// A text is always found by itself, and by one that differs in nothing that
// counts.
func TestProbeFindsTheSame(t *testing.T) {
	var m Maker
	rapid.Check(t, func(r *rapid.T) {
		text := said(100).Draw(r, "text")
		threshold := rapid.Float64Range(0.01, 1).Draw(r, "threshold")
		alike, may := NewProbe(text, threshold).Estimate(m.Sketch(words.Of(strings.ToUpper(text) + ".")))
		if words := len(Of(text)) > 0; may != words || may && alike != 1 {
			r.Fatalf("%q by itself: got %v, %v", text, alike, may)
		}
	})
}

// Short texts are found whenever they reach the threshold, by any probe: what
// their letters say is never less than what is true. (Two words of 256 have the
// same letter; where that makes two shingles of a text one, a text may be missed
// that just reaches the threshold. With these words none does.)
func TestProbeFindsShortTexts(t *testing.T) {
	var m Maker
	rapid.Check(t, func(r *rapid.T) {
		text, other := said(40).Draw(r, "text"), said(7).Draw(r, "other")
		threshold := rapid.Float64Range(0.01, 1).Draw(r, "threshold")
		p := NewProbe(text, threshold)
		exact := Jaccard(p.Set, Of(other))
		alike, may := p.Estimate(m.Sketch(words.Of(other)))
		if exact >= threshold && !may || may && alike < exact {
			r.Fatalf("%q by %q: exactly %v, estimated %v, %v", other, text, exact, alike, may)
		}
	})
}

// altered returns a text of n words, and one in which about that share of its
// shingles is the same.
func altered(r *rand.Rand, n int, share float64) (a, b string) {
	var of, to []string
	for range n {
		w := fmt.Sprintf("w%d", r.IntN(1_000_000))
		of = append(of, w)
		if r.Float64() > share {
			w = fmt.Sprintf("w%d", r.IntN(1_000_000))
		}
		to = append(to, w)
	}
	return strings.Join(of, " "), strings.Join(to, " ")
}

// Long texts pass with the probability that is promised, at the threshold and
// above it, and what is estimated is true on average; few others pass.
func TestProbeKeepsItsPromise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const runs = 1500
	for _, n := range []int{15, 40, 400} {
		var m Maker
		for _, share := range []float64{0.95, 0.9, 0.8, 0.7} {
			var at, above, alike, estimated float64
			for range runs {
				a, b := altered(r, n, share)
				exact, s := Jaccard(Of(a), Of(b)), m.Sketch(words.Of(b))
				if exact < 0.12 {
					exact, s = 1, m.Sketch(words.Of(a))
				}
				if _, may := NewProbe(a, exact).Estimate(s); may {
					at++
				}
				if _, may := NewProbe(a, exact-0.1).Estimate(s); may {
					above++
				}
				e, _ := NewProbe(a, 0.01).Estimate(s)
				alike, estimated = alike+exact/runs, estimated+e/runs
			}
			if at < 0.89*runs || above < 0.985*runs {
				t.Errorf("%d words, %.2f kept: of %d, %.0f pass at their threshold and %.0f at 0.1 less; want 0.9 and 0.99 of them", n, share, runs, at, above)
			}
			if math.Abs(alike-estimated) > 0.01 {
				t.Errorf("%d words, %.2f kept: %.3f alike on average, estimated %.3f", n, share, alike, estimated)
			}
		}
	}
	passed := 0
	for range runs {
		a, b := altered(r, 60, 0)
		var m Maker
		if _, may := NewProbe(a, 0.4).Estimate(m.Sketch(words.Of(b))); may {
			passed++
		}
	}
	if passed > runs/200 {
		t.Errorf("%d of %d texts pass that have nothing in common with the probe's", passed, runs)
	}
}

// Numbers of shingles are told to an eighth.
func TestClasses(t *testing.T) {
	last := byte(0)
	for n := 1; n < 1<<21; n++ {
		c := classOf(n)
		least, greatest := ofClass(c)
		if n < least || n > greatest || c < last || float64(greatest-least) > float64(n)/8 {
			t.Fatalf("%d is of class %d, which is from %d to %d", n, c, least, greatest)
		}
		last = c
	}
	if int(literal)+int(classOf(1<<25)) > 255 {
		t.Error("a text of 32 million shingles has a class beyond a byte")
	}
}

// The minima of a union are those of its parts, whatever round they come from:
// that is what makes sketches of unequal texts comparable.
func TestMinimaOfUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		a, b := make([]uint64, 1+r.IntN(60)), make([]uint64, 1+r.IntN(60))
		for i := range a {
			a[i] = r.Uint64()
		}
		for i := range b {
			b[i] = r.Uint64()
		}
		of, to, both := leastOf(a), leastOf(b), leastOf(slices.Concat(a, b))
		for i := range both {
			if both[i] != of[i] && both[i] != to[i] {
				t.Fatalf("minimum %d of %d and %d shingles is that of neither", i, len(a), len(b))
			}
		}
	}
}

// What sketches are never changes: stores hold them.
func TestGoldenSketches(t *testing.T) {
	long := "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness"
	var m Maker
	for text, want := range map[string]string{
		"":                                "00",
		"Sorry, I can't help with that.":  "075e14583b2102b5",
		"東京都の天気は晴れです。":                    "0a227837b5ce9a4b97350e",
		long:                              "1d715ccdc86e94f1f9ed70236d5484",
		strings.Repeat(long+" 東京 ", 40):   "1e715ccdc86e94f1b9ed8023685684",
		"a a a a a a a a a a a a a a a a": "119134f489906fbeb16ba88ba3f262",
	} {
		if got := fmt.Sprintf("%x", m.Sketch(words.Of(text)).Append(nil)); got != want {
			t.Errorf("%.40q: got %s, want %s", text, got, want)
		}
	}
}

func BenchmarkSketch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{10, 60, 250} {
		text, _ := altered(r, n, 1)
		b.Run(fmt.Sprintf("words=%d", n), func(b *testing.B) {
			var m Maker
			b.SetBytes(int64(len(text)))
			of := words.Of(text)
			for b.Loop() {
				m.Sketch(of)
			}
		})
	}
}

func BenchmarkEstimate(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var m Maker
	var sketches []Sketch
	for range 1 << 16 {
		text, _ := altered(r, 5+r.IntN(200), 1)
		sketches = append(sketches, m.Sketch(words.Of(text)))
	}
	text, _ := altered(r, 60, 1)
	p := NewProbe(text, 0.4)
	var hits []Hit
	for b.Loop() {
		hits = p.AppendHits(hits[:0], sketches)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sketches)), "ns/sketch")
}
