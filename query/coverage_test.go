package query_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/estimate"
)

// counting is a coverage event of an instance, for an hour from so many hours after
// morning.
func counting(instance string, hour int, seen, captured uint64) *pb.Event {
	start := morning.Add(time.Duration(hour) * time.Hour)
	return &pb.Event{
		Id: fmt.Sprintf("coverage-%s-%d", instance, hour), Time: timestamppb.New(start.Add(time.Hour)),
		Source: &pb.Source{Service: "chat", Instance: instance},
		Body: &pb.Event_Coverage{Coverage: &pb.Coverage{
			Start: timestamppb.New(start), End: timestamppb.New(start.Add(time.Hour)),
			Strata: []*pb.Coverage_Stratum{{Seen: seen - 2, Captured: captured - 1}, {Seen: 2, Captured: 1}},
		}},
	}
}

// keptIn are n interactions of an instance, each of a session of its own, kept in
// an hour with a probability of one half.
func keptIn(instance string, hour, n int) (events []*pb.Event) {
	for i := range n {
		number := 1000*hour + i
		e := kept(number, instance, uint64(number+1), 0.5)
		e.Id = fmt.Sprintf("%s-%d", instance, number)
		e.Session, e.Time = "s-"+e.Id, timestamppb.New(morning.Add(time.Duration(hour)*time.Hour+time.Duration(i)*time.Second))
		events = append(events, e)
	}
	return events
}

// What publishers counted is held against what is stored: who loses events, or
// samples by another rate than the one on record, is found out.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		seen, captured uint64
		agrees         bool
	}{{40, 20, true}, {40, 19, false}, {3000, 20, false}} {
		log := newLog(t)
		add(t, log, "acme", keptIn("a", 0, 20)...)
		add(t, log, "acme", append(keptIn("a", 2, 1), counting("a", 0, c.seen, c.captured))...)
		got := estimation(t, log, query.Population{Filter: `session == "s-a-1"`}).Check.Coverage
		of := query.Covered{
			Start: morning, End: morning.Add(time.Hour), Seen: c.seen, Captured: c.captured, Stored: 20,
			Estimated: estimate.Estimate{Observed: 20, Value: 40, Low: 29.377, High: 54.465, Method: estimate.HorvitzThompson},
		}
		want := &query.Coverage{Events: 1, Instances: 1, Covered: of}
		if !c.agrees {
			want.Disagreeing, want.Disagree = 1, []query.InstanceCoverage{{Service: "chat", Instance: "a", Covered: of}}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 0.001)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got.Agrees() != c.agrees {
			t.Errorf("%d seen, %d captured: agrees %v, want %v", c.seen, c.captured, got.Agrees(), c.agrees)
		}
	}
}

// Each instance is compared by itself: one that counts nothing, or only for a while,
// says nothing against the others, and one that lost events is named.
func TestCoverageByInstance(t *testing.T) {
	log := newLog(t)
	for hour := range 3 {
		for _, instance := range []string{"always", "never", "once"} {
			add(t, log, "acme", keptIn(instance, hour, 20)...)
		}
		add(t, log, "acme", counting("always", hour, 41, 20))
	}
	add(t, log, "acme", counting("once", 1, 39, 20), counting("idle", 1, 30, 1))
	got := estimation(t, log, query.Population{}).Check.Coverage
	if got.Disagreeing != 1 || got.Disagree[0].Instance != "idle" || got.Agrees() {
		t.Errorf("got %+v, want the one that says it captured one which is not there", got.Disagree)
	}
	log = newLog(t)
	for hour := range 3 {
		for _, instance := range []string{"always", "never", "once"} {
			add(t, log, "acme", keptIn(instance, hour, 20)...)
		}
		add(t, log, "acme", counting("always", hour, 41, 20))
	}
	add(t, log, "acme", counting("once", 1, 39, 20))
	got = estimation(t, log, query.Population{}).Check.Coverage
	if !got.Agrees() || got.Disagree != nil || got.Instances != 2 || got.Events != 4 || got.Seen != 162 || got.Stored != 80 || got.Elsewhere != 100 {
		t.Errorf("got %+v, want two instances that agree, and a hundred interactions of which nobody speaks", got)
	}
	add(t, log, "acme", counting("lossy", 0, 90, 43))
	add(t, log, "acme", keptIn("lossy", 0, 42)...)
	got = estimation(t, log, query.Population{}).Check.Coverage
	want := []query.InstanceCoverage{{Service: "chat", Instance: "lossy", Covered: query.Covered{
		Start: morning, End: morning.Add(time.Hour), Seen: 90, Captured: 43, Stored: 42,
		Estimated: estimate.Estimate{Observed: 42, Value: 84, Low: 68.2, High: 103.4, Method: estimate.HorvitzThompson},
	}}}
	if diff := cmp.Diff(want, got.Disagree, cmpopts.EquateApprox(0, 1)); diff != "" || got.Agrees() || got.Disagreeing != 1 {
		t.Errorf("agrees %v, (-want +got):\n%s", got.Agrees(), diff)
	}
}

// Of an instance that kept nothing it is not known how rare that is: nothing that it
// counted contradicts it.
func TestCoverageOfNothing(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", keptIn("a", 2, 1)...)
	e := counting("a", 0, 52, 1)
	e.GetCoverage().Strata = []*pb.Coverage_Stratum{{Seen: 50}}
	add(t, log, "acme", e)
	if got := estimation(t, log, query.Population{}).Check.Coverage; !got.Agrees() || got.Stored != 0 || !math.IsInf(got.Estimated.High, 1) {
		t.Errorf("got %+v, want that it agrees", got)
	}
}
