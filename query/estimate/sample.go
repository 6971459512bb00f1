package estimate

import "math"

// Kept is how many events of a session were kept with one probability, in (0, 1].
type Kept struct {
	Probability float64
	Events      uint64
}

// A Session is what was seen of one: at least one event.
type Session struct {
	// Kept are its events by probability, which ascends.
	Kept []Kept
	// People are those whom its events name; mostly one.
	People []Person
	// Unnamed: it is an event that is of no session, and kept or not by itself.
	Unnamed bool
}

// A Person is somebody whom events of a session name.
type Person struct {
	ID          uint64
	Probability float64 // the largest of these events'
}

// A Method says how an estimate was made.
type Method uint8

// The methods.
const (
	// Exact: everything was kept with certainty.
	Exact Method = iota + 1
	// HorvitzThompson: each is counted as often as there are such that were not
	// kept.
	HorvitzThompson
	// GoodToulmin: as HorvitzThompson, for people.
	GoodToulmin
	// Model: how often people come is assumed to follow one of a few laws.
	Model
	// Bounds: there is no estimate, only bounds.
	Bounds
)

// An Estimate is a number as far as a sample tells.
type Estimate struct {
	Observed  uint64  // how many were seen
	Value     float64 // how many there are by estimate; NaN with Bounds
	Low, High float64 // the 95 % interval; with Bounds AtLeast and AtMost
	Method    Method
	// AtLeast and AtMost are where the number is in 95 of 100 samples at least,
	// whatever law people follow. Of people alone.
	AtLeast, AtMost float64
}

// A Result is what a sample tells.
type Result struct{ Events, Sessions, Subjects Estimate }

// A Sample is sessions that were seen. Its zero value is not usable.
type Sample struct {
	events, sessions total
	subjects         subjects
	rarest           float64 // the smallest probability with which a session was kept
}

// New returns an empty sample.
func New() *Sample { return &Sample{rarest: 1} }

// Add adds a session, once. The sample keeps nothing of it.
func (s *Sample) Add(session Session) {
	s.events.add(session.Kept)
	p := session.Kept[len(session.Kept)-1].Probability
	s.rarest = min(s.rarest, p)
	if !session.Unnamed {
		s.sessions.add([]Kept{{p, 1}})
	}
	for _, p := range session.People {
		s.subjects.of(p.ID).see(p.Probability)
	}
}

// Merge adds what another sample has: other sessions.
func (s *Sample) Merge(o *Sample) {
	s.events.merge(o.events)
	s.sessions.merge(o.sessions)
	s.rarest = min(s.rarest, o.rarest)
	for i := range o.subjects.all {
		s.subjects.of(o.subjects.all[i].id).merge(&o.subjects.all[i])
	}
}

// Knows tells whether a session named the person.
func (s *Sample) Knows(person uint64) bool {
	return s.subjects.has(person)
}

// MayBe tells whether there may have been so many events: whether they are in the
// interval, made so wide that of as many samples as given, each with a number of
// its own, all are told right 95 times of 100 (Bonferroni's correction).
func (s *Sample) MayBe(events uint64, samples int) bool {
	low, high := s.events.interval(math.Sqrt2 * math.Erfinv(1-0.05/float64(samples)))
	return low <= float64(events) && float64(events) <= high
}

// Result returns the estimates.
func (s *Sample) Result() Result {
	r := Result{s.events.estimate(), s.sessions.estimate(), people(s.subjects.all)}
	// Where what was seen is of no session, or of nobody, the rest may be.
	if r.Sessions.Observed == 0 {
		r.Sessions = Nothing(s.rarest).Sessions
	}
	if r.Subjects.Observed == 0 {
		r.Subjects = Nothing(s.rarest).Subjects
	}
	return r
}

// Nothing returns what it tells that nothing was seen, where each session would
// have been seen with at least the probability p: there are at most as many
// sessions as would have been missed in one of twenty samples. How many events
// these have is not known. NaN: nor is p, and so nothing.
func Nothing(p float64) Result {
	some := math.Inf(1)
	if p > 0 {
		some = math.Log(0.05) / math.Log1p(-p)
	}
	if p >= 1 {
		return Result{Estimate{Method: Exact}, Estimate{Method: Exact}, Estimate{Method: Exact}}
	}
	sessions := Estimate{High: some, Method: HorvitzThompson}
	subjects := Estimate{Value: nothing, High: some, Method: Bounds, AtMost: some}
	return Result{Estimate{High: math.Inf(1), Method: HorvitzThompson}, sessions, subjects}
}

// A total is a Horvitz-Thompson total over sessions.
type total struct {
	seen     uint64
	certain  float64 // of what was kept with certainty
	value    float64 // of the rest
	variance float64
}

// add adds what was kept of one session, by ascending probability. Two events
// with probabilities p ≤ q are kept together with p: they add
// (p-pq)/p/(pq) = (1-q)/(pq) to the variance (Horvitz and Thompson 1952, with
// each pair that is seen counted 1/p times).
func (t *total) add(kept []Kept) {
	below := 0.0 // of events with a smaller probability, each divided by it
	for _, k := range kept {
		n := float64(k.Events)
		t.seen += k.Events
		if k.Probability >= 1 {
			t.certain += n
			continue
		}
		w := n / k.Probability
		t.value += w
		t.variance += (1/k.Probability - 1) * n * (2*below + w)
		below += w
	}
}

func (t *total) merge(o total) {
	t.seen += o.seen
	t.certain += o.certain
	t.value += o.value
	t.variance += o.variance
}

func (t *total) estimate() Estimate {
	e := Estimate{Observed: t.seen, Value: t.certain + t.value, Method: HorvitzThompson}
	if t.value == 0 {
		e.Method = Exact
	}
	e.Low, e.High = t.interval(z95)
	return e
}

// interval reaches so many standard errors to either side.
func (t *total) interval(z float64) (low, high float64) {
	low, high = score(t.value, t.variance, z)
	return max(t.certain+low, float64(t.seen)), t.certain + high
}

// nothing is what no estimate is.
var nothing = math.NaN()
