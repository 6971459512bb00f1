package query

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// In whatever order intervals come, a time is in a claim that is in one of them, and
// of intervals that touch one is left.
func TestClaim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c claim
		var in [300]bool
		for range rapid.IntRange(1, 100).Draw(t, "n") {
			s := span{start: rapid.Int64Range(0, 250).Draw(t, "start")}
			s.end = s.start + rapid.Int64Range(1, 20).Draw(t, "length")
			c.put(s)
			for at := s.start; at < s.end; at++ {
				in[at] = true
			}
		}
		c.settle()
		runs := 0
		for at, want := range in {
			if got := c.has(int64(at)); got != want {
				t.Fatalf("%d: got %v, want %v", at, got, want)
			}
			if want && (at == 0 || !in[at-1]) {
				runs++
			}
		}
		if len(c.spans) != runs {
			t.Errorf("%d intervals are left, want %d", len(c.spans), runs)
		}
	})
}

// Coverage events beyond what is kept are counted, and nothing else is.
func TestClaimsAreBounded(t *testing.T) {
	coverage := func(instance string, second int64) *pb.Event {
		return &pb.Event{Source: &pb.Source{Instance: instance}, Body: &pb.Event_Coverage{Coverage: &pb.Coverage{
			Start: timestamppb.New(time.Unix(second, 0)), End: timestamppb.New(time.Unix(second+1, 0)),
			Strata: []*pb.Coverage_Stratum{{Seen: 1}},
		}}}
	}
	c := &claims{of: map[instance]*claim{}}
	for n := range maxInstances + 1 {
		c.add(coverage(fmt.Sprint(n), 0))
	}
	for second := range int64(10) { // They touch.
		c.add(coverage("7", second))
	}
	if len(c.of) != maxInstances || c.spans != maxInstances || c.omitted != 1 || c.of[instance{"", "7"}].seen != 11 {
		t.Errorf("%d instances, %d intervals, %d left out, %d seen", len(c.of), c.spans, c.omitted, c.of[instance{"", "7"}].seen)
	}
	c.spans = maxSpans
	if c.add(coverage("7", 100)); c.omitted != 2 || c.of[instance{"", "7"}].seen != 11 {
		t.Errorf("%d left out, %d seen: want nothing more of an interval that there is no room for", c.omitted, c.of[instance{"", "7"}].seen)
	}
}

// Numbers that are no counter's take no memory: their instance counts as one that
// has none, on whichever core they were met, and others count on.
func TestScatteredNumbers(t *testing.T) {
	both := []*counters{newCounters(), newCounters()}
	clock, steady := instance{"s", "clock"}, instance{"s", "steady"}
	const each = maxStretches/2 + 1000
	for worker, c := range both {
		for n := range uint64(each) {
			c.add(c.instance(clock), (n*2+uint64(worker)+1)<<32)
			c.add(c.instance(steady), n*2+uint64(worker)+1)
		}
	}
	if of := both[0].of[clock]; of.scattered || both[0].stretches > maxStretches {
		t.Fatalf("%+v was given up with %d stretches", clock, both[0].stretches)
	}
	both[0].merge(both[1])
	var got Check
	both[0].gaps(&got)
	if got.Instances != 1 || got.Uncounted != 2*each || got.Missing != 0 || len(got.Gaps) != 0 {
		t.Errorf("got %+v, want one instance without gaps, and the others' events uncounted", got)
	}
	if both[0].stretches > 2*each>>16+1 {
		t.Errorf("%d stretches are kept of what was given up", both[0].stretches)
	}
}

// The instance that is given up is the one whose numbers are scattered, not whoever
// comes next.
func TestScatteredIsGivenUp(t *testing.T) {
	c := newCounters()
	clock, steady := c.instance(instance{"s", "clock"}), c.instance(instance{"s", "steady"})
	for n := range uint64(maxStretches) {
		c.add(clock, (n+1)<<32)
	}
	for n := range uint64(batchOfSeqs) {
		c.add(steady, n+1)
	}
	if !clock.scattered || steady.scattered || c.stretches != 1 {
		t.Errorf("clock given up: %v, steady: %v, %d stretches", clock.scattered, steady.scattered, c.stretches)
	}
}

// What waits to be counted is bounded over all instances.
func TestWaitingNumbersAreBounded(t *testing.T) {
	c := newCounters()
	for n := range uint64(2 * maxWaiting) {
		c.add(c.instance(instance{"s", fmt.Sprint(n % 1000)}), n/1000+1)
	}
	waiting := 0
	for _, of := range c.of {
		waiting += cap(of.waiting)
	}
	if waiting > 1000 {
		t.Errorf("there is room for %d numbers that wait", waiting)
	}
	var got Check
	if c.gaps(&got); got.Instances != 1000 || got.Missing != 0 {
		t.Errorf("got %+v, want all counted", got)
	}
}
