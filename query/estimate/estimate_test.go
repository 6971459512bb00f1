package estimate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// outcomes calls f with what is kept of a session whose events have the given
// probabilities, and with which probability that is so.
func outcomes(events []float64, f func(kept []Kept, p float64)) {
	levels := append(slices.Clone(events), 0)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	for i, from := range levels { // the random number is from here to the next
		to := 1.0
		if i+1 < len(levels) {
			to = levels[i+1]
		}
		if to == from {
			continue
		}
		byP := map[float64]uint64{}
		for _, p := range events {
			if from < p {
				byP[p]++
			}
		}
		var kept []Kept
		for _, p := range levels {
			if byP[p] > 0 {
				kept = append(kept, Kept{p, byP[p]})
			}
		}
		f(kept, to-from)
	}
}

// Over all samples a total is right in the mean, and so is what is said of how it
// varies: also where events of one session were kept by different rules.
func TestTotalIsUnbiased(t *testing.T) {
	for _, events := range [][]float64{
		{0.1}, {0.5, 0.5, 0.5}, {0.05, 1}, {0.01, 0.01, 0.5, 0.5, 0.5}, {0.2, 0.3, 0.9, 1, 1}, {1},
	} {
		var mean, square, variance float64
		outcomes(events, func(kept []Kept, p float64) {
			var one total
			one.add(kept)
			value := one.certain + one.value
			mean += p * value
			square += p * value * value
			variance += p * one.variance
		})
		if want := float64(len(events)); math.Abs(mean-want) > 1e-9 {
			t.Errorf("%v: mean %v, want %v", events, mean, want)
		}
		if want := square - mean*mean; math.Abs(variance-want) > 1e-6*(1+want) {
			t.Errorf("%v: variance %v, want %v", events, variance, want)
		}
	}
}

// samples calls f with every sample of people's sessions, which have probabilities
// of their own, and its probability.
func samples(people [][]float64, f func(s []subject, p float64)) {
	var all []float64
	for _, sessions := range people {
		all = append(all, sessions...)
	}
	for set := range 1 << len(all) {
		var seen subjects
		p, at := 1.0, 0
		for id, sessions := range people {
			for _, q := range sessions {
				if set&(1<<at) != 0 {
					p *= q
					seen.of(uint64(id + 1)).see(q)
				} else {
					p *= 1 - q
				}
				at++
			}
		}
		if p > 0 {
			f(seen.all, p)
		}
	}
}

// What is called an estimate without an assumption is right in the mean, and so
// are the bounds' middles: one not above, the other not below the number.
func TestPeopleInTheMean(t *testing.T) {
	for name, all := range map[string][][]float64{
		"alike":     {{0.5}, {0.5, 0.5}, {0.5, 0.5, 0.5}, {0.5}},
		"different": {{0.6, 0.9}, {0.5}, {0.7, 0.7}, {0.99}},
		"certain":   {{1, 0.5}, {1}, {0.5, 0.5}, {0.8}},
	} {
		var value, most, want float64
		samples(all, func(s []subject, p float64) {
			e := people(s)
			if e.Method == Model || e.Method == Bounds {
				t.Fatalf("%s: method %d", name, e.Method)
			}
			value += p * e.Value
			var c chance
			for i := range s {
				if !s[i].certain {
					c.add(&s[i])
				}
			}
			most += p * (c.singles + c.seen - c.frequencies[1] + float64(len(s)) - c.seen)
		})
		want = float64(len(all))
		if math.Abs(value-want) > 1e-9 {
			t.Errorf("%s: mean %v, want %v", name, value, want)
		}
		if most < want-1e-9 {
			t.Errorf("%s: mean of the upper bound %v, below %v", name, most, want)
		}
	}
}

// A score interval has the totals in it whose own standard error leads to the
// estimate, reaches beyond it for few and is empty where nothing is left to chance.
func TestScore(t *testing.T) {
	for _, c := range []struct{ value, variance float64 }{{100, 100 * 99}, {3, 3}, {5000, 20000}} {
		low, high := score(c.value, c.variance, z95)
		for _, end := range []float64{low, high} {
			se := math.Sqrt(end * c.variance / c.value)
			if got := math.Abs(c.value-end) / se; math.Abs(got-z95) > 1e-9 {
				t.Errorf("%+v: the end %v is %v standard errors away, want %v", c, end, got, z95)
			}
		}
		if low < 0 || high <= c.value {
			t.Errorf("%+v: from %v to %v", c, low, high)
		}
	}
	if low, high := score(7, 0, z95); low != 7 || high != 7 {
		t.Errorf("of a count: from %v to %v, want 7", low, high)
	}
}

// Of nothing seen at one in a hundred there may have been some three hundred
// sessions, not none; at certainty there were none; and without a probability
// nothing is known.
func TestNothing(t *testing.T) {
	if r := Nothing(0.01); math.Abs(r.Sessions.High-298.07) > 0.01 || r.Subjects.Method != Bounds || !math.IsInf(r.Events.High, 1) {
		t.Errorf("at 1 %%: %+v", r)
	}
	if r := Nothing(1); r.Sessions.High != 0 || r.Events.Method != Exact {
		t.Errorf("at 100 %%: %+v", r)
	}
	anonymous := New()
	anonymous.Add(Session{Kept: []Kept{{0.01, 3}}, Unnamed: true})
	if r := anonymous.Result(); r.Events.Value != 300 || math.Abs(r.Sessions.High-298.07) > 0.01 || !math.IsNaN(r.Subjects.Value) {
		t.Errorf("of no session and nobody: %+v", r)
	}
	if r := Nothing(math.NaN()); !math.IsInf(r.Sessions.High, 1) {
		t.Errorf("at no known probability: %+v", r)
	}
}

// The quadrature of a gamma mixture is the negative binomial distribution.
func TestCellsAreNegativeBinomial(t *testing.T) {
	const p = 0.05
	for _, shape := range []float64{0.4, 1, 5} {
		const mean = 2.0
		m := mixture{gammas, [2]float64{shape, math.Log(mean / shape)}}
		c := m.cells(newGrid(p))
		for _, pair := range [][2]int{{1, 2}, {2, 5}, {5, 12}} {
			got := c[pair[0]] / c[pair[1]]
			want := negativeBinomial(pair[0], shape, mean) / negativeBinomial(pair[1], shape, mean)
			if math.Abs(got/want-1) > 1e-4 {
				t.Errorf("shape %v: P(%d)/P(%d) = %v, want %v", shape, pair[0], pair[1], got, want)
			}
		}
		none := negativeBinomial(0, shape, mean) - negativeBinomial(0, shape, mean/p)
		if got, want := c[0]/c[1], none/negativeBinomial(1, shape, mean); math.Abs(got/want-1) > 1e-2 {
			t.Errorf("shape %v: unseen to seen once %v, want %v", shape, got, want)
		}
	}
}

func negativeBinomial(j int, shape, mean float64) float64 {
	a, _ := math.Lgamma(float64(j) + shape)
	b, _ := math.Lgamma(float64(j) + 1)
	c, _ := math.Lgamma(shape)
	q := mean / (mean + shape)
	return math.Exp(a - b - c + float64(j)*math.Log(q) + shape*math.Log1p(-q))
}

// Derivatives that are wrong lead a search astray without a sound.
func TestSlopes(t *testing.T) {
	var f frequencies
	f[1], f[2], f[3], f[9] = 300, 60, 20, 4
	c := newCounts(&f, 0.05)
	for i, of := range families {
		m := mixture{of, of.clamp(of.starts[0](c.p), c.p)}
		for _, unseen := range []float64{0, 2500} {
			got := c.likelihood(m, unseen).by
			for a := range got {
				const h = 1e-5
				up, down := m, m
				up.at[a] += h
				down.at[a] -= h
				want := (c.likelihood(up, unseen).at - c.likelihood(down, unseen).at) / (2 * h)
				if math.Abs(got[a]-want) > 1e-3*(1+math.Abs(want)) {
					t.Errorf("law %d, %v unseen, parameter %d: slope %v, want %v", i, unseen, a, got[a], want)
				}
			}
		}
	}
}

// People who come as Zipf's law has it are found at one session in ten, within the
// interval about as often as it says; a number that no law describes is not made
// up.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sessions := zipf(4000, 3000, r)
	missed := 0
	for range 40 {
		e := people(drawPeople(sessions, 0.1, r).all)
		if e.Method != Model {
			t.Fatalf("method %d, want a model", e.Method)
		}
		if e.Low > 4000 || e.High < 4000 {
			missed++
		}
		if e.AtLeast > 4000 || e.AtMost < 4000 {
			t.Errorf("bounds %v to %v, want 4000 between them", e.AtLeast, e.AtMost)
		}
	}
	if missed > 6 { // of which one in 200 suites would have more
		t.Errorf("the interval missed %d times in 40", missed)
	}
	two := make([]int, 20_000) // of whom nine in ten came once, and one in ten forty times
	for i := range two {
		if two[i] = 1; i%10 == 0 {
			two[i] = 40
		}
	}
	if e := people(drawPeople(two, 0.1, r).all); e.Method != Bounds || !math.IsNaN(e.Value) || e.Low > 20_000 || e.High < 20_000 {
		t.Errorf("two kinds of people: %+v, want bounds around 20000", e)
	}
	if e := people(drawPeople(sessions[:20], 0.1, r).all); e.Method != Bounds {
		t.Errorf("few people: %+v, want bounds", e)
	}
}

// A part of a sample tells as much as it would alone, however samples are put
// together.
func TestMerge(t *testing.T) {
	one, first, second := New(), New(), New()
	for i := range 100 {
		s := Session{Kept: []Kept{{0.1 + 0.008*float64(i), uint64(i + 1)}}, People: []Person{{uint64(i%30 + 1), 0.5}}, Unnamed: i%7 == 0}
		one.Add(s)
		if i%2 == 0 {
			first.Add(s)
		} else {
			second.Add(s)
		}
	}
	first.Merge(second)
	a, b := one.Result(), first.Result()
	for _, pair := range [][2]Estimate{{a.Events, b.Events}, {a.Sessions, b.Sessions}, {a.Subjects, b.Subjects}} {
		if math.Abs(pair[0].Value-pair[1].Value) > 1e-9*pair[0].Value || math.Abs(pair[0].High-pair[1].High) > 1e-9*pair[0].High || pair[0].Observed != pair[1].Observed {
			t.Errorf("got %+v, want %+v", pair[1], pair[0])
		}
	}
	if !first.Knows(30) || first.Knows(31) {
		t.Error("the merged sample does not know whom it has")
	}
}

// The more samples are compared with what they are of, the wider is each one's
// interval: else one in twenty of a hundred would be taken for wrong.
func TestMayBe(t *testing.T) {
	s := New()
	for range 20 {
		s.Add(Session{Kept: []Kept{{Probability: 0.5, Events: 1}}})
	}
	of := s.Result().Events
	for _, c := range []struct {
		events  float64
		samples int
		want    bool
	}{{math.Ceil(of.Low), 1, true}, {math.Floor(of.Low), 1, false}, {math.Floor(of.High), 1, true}, {math.Ceil(of.High), 1, false}, {math.Ceil(of.High), 100, true}, {19, 1 << 20, false}} {
		if got := s.MayBe(uint64(c.events), c.samples); got != c.want {
			t.Errorf("%v of %d samples: got %v, want %v", c.events, c.samples, got, c.want)
		}
	}
}
