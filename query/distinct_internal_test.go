package query

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Different things are counted exactly as long as there is memory, and within the
// error that is said beyond, also where several counted a part each.
func TestDistinct(t *testing.T) {
	for _, c := range []struct {
		n      int
		places int64
	}{{0, 1 << 20}, {1, 8}, {50_000, 1 << 20}, {50_000, 1 << 12}, {3, 0}} {
		m := newMemory(c.places)
		room := newMemory(10 * sketchBytes)
		a, b, r := distinct{memory: m, room: room}, distinct{memory: m, room: room}, rand.New(rand.NewPCG(1, 2))
		for range c.n {
			hash := max(1, r.Uint64())
			for range 3 {
				a.add(hash)
			}
			if r.IntN(2) == 0 {
				b.add(hash)
			}
		}
		for range c.n / 2 {
			b.add(max(1, r.Uint64()))
		}
		whole := c.n + c.n/2
		a.merge(&b)
		got := a.count()
		exact := c.places >= int64(4*whole) || whole <= rememberGroup
		if exact && got != (Distinct{Count: uint64(whole)}) {
			t.Errorf("%d of %d in %d places: got %+v", whole, c.n, c.places, got)
		}
		if !exact && (got.StandardError == 0 || math.Abs(float64(got.Count)/float64(whole)-1) > 4*got.StandardError) {
			t.Errorf("%d in %d places: got %+v", whole, c.places, got)
		}
		if left := m.left.Load(); left > c.places {
			t.Errorf("%d places are left of %d", left, c.places)
		}
	}
}

// More sessions than there is room for are refused, unless their records can be put
// together.
func TestRecordsRoom(t *testing.T) {
	alike := records{room: newMemory(64)}
	for i := range 1000 {
		if err := alike.add(record{session: uint64(i%20 + 1), probability: 0.5, events: 1}); err != nil {
			t.Fatalf("event %d of 20 sessions: %v", i, err)
		}
	}
	if result, _ := alike.estimate(); result.Events.Observed != 1000 || result.Sessions.Observed != 20 {
		t.Errorf("got %+v, want 1000 events of 20 sessions", result)
	}
	different := records{room: newMemory(64)}
	for i := range 65 {
		if err := different.add(record{session: uint64(i + 1), probability: 0.5, events: 1}); err != nil {
			return
		}
	}
	t.Error("65 sessions found room for 64")
}

// A session of very many people takes time in proportion to them: each is looked up,
// not looked for among all others.
func TestSessionOfManyPeople(t *testing.T) {
	const people = 300_000 // which took minutes when they were compared with each other
	r := &records{room: newMemory(maxRecords)}
	for round := range 2 {
		for i := range uint64(people) {
			if err := r.add(record{session: 7, subject: i + 1, probability: 0.5 + 0.25*float64(round), events: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, _ := r.estimate()
	if got.Events.Observed != 2*people || got.Sessions.Observed != 1 || got.Subjects.Observed != people {
		t.Errorf("got %d events, %d sessions, %d people", got.Events.Observed, got.Sessions.Observed, got.Subjects.Observed)
	}
	r.compact()
	if len(r.all) != 2*people {
		t.Errorf("got %d records, want %d", len(r.all), 2*people)
	}
}
