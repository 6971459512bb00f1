package estimate

import (
	"math/rand/v2"
	"testing"
)

// What was kept with certainty hides what was sampled and not kept: no answer may
// call itself exact then, and its interval must reach the truth.
func TestUnseen(t *testing.T) {
	const runs, certain, sampled, p = 2_000, 1, 10, 0.05
	random := rand.New(rand.NewPCG(1, 2))
	covered, said := 0, 0
	for range runs {
		s := New()
		for i := range certain + sampled {
			probability := p
			if i < certain {
				probability = 1
			}
			if random.Float64() < probability {
				s.Add(Session{Kept: []Kept{{probability, 1}}, People: []Person{{uint64(i + 1), probability}}})
			}
		}
		r := s.Result().Unseen(p)
		if r.Sessions.Method == Exact || r.Events.Method == Exact || r.Subjects.Method == Exact {
			said++
		}
		if r.Sessions.Low <= certain+sampled && certain+sampled <= r.Sessions.High {
			covered++
		}
	}
	if said > 0 {
		t.Errorf("%d of %d answers call themselves exact", said, runs)
	}
	if covered < runs*90/100 {
		t.Errorf("%d of %d intervals reach the truth", covered, runs)
	}
	all := New()
	all.Add(Session{Kept: []Kept{{1, 3}}})
	if r := all.Result().Unseen(1); r.Events.Method != Exact || r.Events.High != 3 {
		t.Errorf("where everything is kept: got %+v", r.Events)
	}
}
