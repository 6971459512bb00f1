package estimate_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/afterimage/afterimage/query/estimate"
)

// laws are ways in which people may come, as the number of sessions of one of
// them; 0: that one does not come. The last four are none that is assumed.
var laws = []struct {
	name     string
	sessions func(r *rand.Rand) int
}{
	{"power law, exponent 2", func(r *rand.Rand) int { return poisson(0.6/(1-r.Float64()), r) }},
	{"power law, exponent 2.5", func(r *rand.Rand) int { return poisson(0.5*math.Pow(1-r.Float64(), -1/1.5), r) }},
	{"exponential (gamma, shape 1)", func(r *rand.Rand) int { return poisson(8*r.ExpFloat64(), r) }},
	{"gamma, shape 1/2", func(r *rand.Rand) int { return poisson(10*math.Pow(r.NormFloat64(), 2), r) }},
	{"lognormal, sigma 1", func(r *rand.Rand) int { return poisson(math.Exp(1+r.NormFloat64()), r) }},
	{"lognormal, sigma 1.5", func(r *rand.Rand) int { return poisson(math.Exp(0.5+1.5*r.NormFloat64()), r) }},
	{"whole numbers, exponent 3", func(r *rand.Rand) int { return int(math.Pow(1-r.Float64(), -0.5)) }},
	{"one session each", func(*rand.Rand) int { return 1 }},
	{"1 to 10 sessions, all as often", func(r *rand.Rand) int { return 1 + r.IntN(10) }},
	{"three sessions each", func(*rand.Rand) int { return 3 }},
	{"nine in ten once, the tenth 20 to 60 times", func(r *rand.Rand) int {
		if r.IntN(10) > 0 {
			return 1
		}
		return 20 + poisson(20, r)
	}},
}

func poisson(mean float64, r *rand.Rand) (n int) {
	if mean > 1000 {
		return int(max(0, mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	for at := r.ExpFloat64(); at < mean; at += r.ExpFloat64() {
		n++
	}
	return n
}

// BenchmarkLaws prints how often the intervals for people, and the bounds, have the
// truth in them where people follow one law or another. Its time is that of one
// sample and the estimates from it.
func BenchmarkLaws(b *testing.B) {
	const people, most = 15_000, 20_000
	samples := runs() / 5
	for _, law := range laws {
		r := rand.New(rand.NewPCG(1, 1))
		var sessions []int
		for len(sessions) < people {
			if n := law.sessions(r); n > 0 {
				sessions = append(sessions, min(n, most))
			}
		}
		b.Run(law.name, func(b *testing.B) {
			for _, p := range []float64{0.01, 0.05, 0.2, 0.5} {
				results := make([]estimate.Result, samples)
				var wg sync.WaitGroup
				for worker := range runtime.GOMAXPROCS(0) {
					wg.Go(func() {
						for i := worker; i < samples; i += runtime.GOMAXPROCS(0) {
							results[i] = drawSessions(sessions, p, random(i))
						}
					})
				}
				wg.Wait()
				b.Logf("%4.0f %%: %s", 100*p, line("subjects", people, results, func(r estimate.Result) estimate.Estimate { return r.Subjects }))
			}
			for b.Loop() {
				drawSessions(sessions, 0.05, random(0))
			}
		})
	}
}

// drawSessions samples the sessions of people with one probability.
func drawSessions(sessions []int, p float64, r *rand.Rand) estimate.Result {
	s := estimate.New()
	for id, n := range sessions {
		for range n {
			if r.Float64() < p {
				s.Add(estimate.Session{
					Kept: []estimate.Kept{{Probability: p, Events: 1}}, People: []estimate.Person{{ID: uint64(id + 1), Probability: p}},
				})
			}
		}
	}
	return s.Result()
}
