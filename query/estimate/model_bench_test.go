package estimate

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// zipf is how many sessions people have of whom the n-th comes most/n times in the
// mean, those who come.
func zipf(people int, most float64, r *rand.Rand) (out []int) {
	for n := 1; len(out) < people; n++ {
		if sessions := poissonDraw(most/float64(n), r); sessions > 0 {
			out = append(out, sessions)
		}
	}
	return out
}

func poissonDraw(mean float64, r *rand.Rand) (n int) {
	for at := r.ExpFloat64(); at < mean; at += r.ExpFloat64() {
		n++
	}
	return n
}

// drawPeople samples the sessions of people with one probability.
func drawPeople(sessions []int, p float64, r *rand.Rand) (s subjects) {
	for id, n := range sessions {
		for range n {
			if r.Float64() < p {
				s.of(uint64(id + 1)).see(p)
			}
		}
	}
	return s
}

// BenchmarkPeople estimates the number of people from samples of different sizes.
func BenchmarkPeople(b *testing.B) {
	for _, c := range []struct {
		people int
		p      float64
	}{{500, 0.05}, {5_000, 0.05}, {50_000, 0.01}, {50_000, 0.2}} {
		r := rand.New(rand.NewPCG(1, 1))
		s := drawPeople(zipf(c.people, float64(c.people), r), c.p, r)
		b.Run(fmt.Sprintf("%d people, %d seen", c.people, len(s.all)), func(b *testing.B) {
			var e Estimate
			for b.Loop() {
				e = people(s.all)
			}
			b.Logf("%+v", e)
		})
	}
}
