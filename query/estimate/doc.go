// Package estimate says from a sample of sessions how many events, sessions and
// people there were. It knows nothing of the log.
//
//	s := estimate.New()
//	s.Add(estimate.Session{Kept: []estimate.Kept{{Probability: 0.05, Events: 3}}})
//	r := s.Result()
//
// A session is kept or not by one random number: an event of it is kept if that
// is below the event's probability. So events of a session depend on each other
// wholly, sessions not at all, and a session is seen with the largest of its
// events' probabilities, which is seen with it.
//
// What is always true:
//
//   - Events and sessions are Horvitz-Thompson totals (1952), their variance that
//     of Poisson sampling of clusters, with joint probabilities min(p, q) within a
//     session; intervals are score intervals, which hold for few sessions too.
//   - People are counted without an assumption where that can be: where everything
//     of a person was kept with certainty, or no session with less than one half
//     (Good and Toulmin 1956). Where it cannot, how often people come must be
//     assumed to follow one of a few laws, the interval covers all of them that the
//     sample does not refute, and the result says so. Where it refutes all, or is
//     too small to tell, there are only bounds.
//   - Bounds hold whatever people do.
//
// docs/query-analysis.md says what that was measured to be worth.
package estimate
