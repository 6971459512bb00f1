package query_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/estimate"
)

// kept is chat(n) as an instance kept it.
func kept(n int, instance string, sequence uint64, probability float64) *pb.Event {
	e := chat(n)
	e.Source = &pb.Source{Service: "chat", Instance: instance, Deployment: "d"}
	e.Capture = &pb.Capture{Sequence: sequence}
	if probability > 0 {
		e.Capture.Probability = &probability
	}
	return e
}

func estimation(t *testing.T, log *eventlog.Log, p query.Population) *query.Estimation {
	t.Helper()
	e, err := query.New(query.Config{Log: log}).Estimate(t.Context(), "acme", query.EstimateRequest{Population: p})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// An estimate that does not say what was lost on the way is taken for the truth.
// Gaps are those of all events, also where the filter asks for a few.
func TestGaps(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme",
		kept(0, "a", 1, 0.5), kept(1, "a", 2, 0.5), kept(2, "a", 5, 0.5), // 3 and 4 are lost
		kept(3, "b", 7, 0.5), kept(4, "b", 8, 0.5),
		kept(5, "c", 1, 0.5), kept(6, "c", 2, 0.5), kept(7, "c", 1, 0.5), // it began anew
		kept(8, "a", 0, 0.5), kept(9, "d", 3, 0.5),
	)
	want := &query.Check{
		Gaps: []query.Gap{
			{Service: "chat", Instance: "a", First: 1, Last: 5, Missing: 2, Present: 3},
			{Service: "chat", Instance: "c", First: 1, Last: 2, Present: 2, Repeated: 1},
		},
		Missing: 2, Instances: 4, Uncounted: 1, Rarest: 0.5,
	}
	for _, filter := range []string{"", `session == "c-3"`, `turn > 100`} {
		if diff := cmp.Diff(want, estimation(t, log, query.Population{Filter: filter}).Check); diff != "" {
			t.Errorf("filter %q (-want +got):\n%s", filter, diff)
		}
	}
	early := estimation(t, log, query.Population{Until: morning.Add(2 * time.Second)}).Check
	if early.Missing != 0 || early.Instances != 1 {
		t.Errorf("before the third event: %+v, want no gap of one instance", early)
	}
}

// Forgotten events are in no estimate, and it says how many there are.
func TestEstimateAfterForgetting(t *testing.T) {
	log := newLog(t)
	var events []*pb.Event
	for n := range 10 {
		events = append(events, kept(n, "a", uint64(n+1), 0.5))
	}
	add(t, log, "acme", events...)
	forgetting := eventlog.Forgetting{Tenant: "acme", Seqs: []event.Seq{2, 3, 7}, Ledger: &pb.Event{
		Id: "erasure-1", Time: timestamppb.New(morning), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "r"}},
	}}
	if err := log.Forget(t.Context(), []eventlog.Forgetting{forgetting}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	got := estimation(t, log, query.Population{})
	if got.Total.Events.Observed != 7 || got.Total.Events.Value != 14 {
		t.Errorf("events %+v, want 7 seen and 14 in all", got.Total.Events)
	}
	if got.Check.Forgotten != 3 || got.Check.Missing != 3 {
		t.Errorf("forgotten %d, missing %d, want 3 and 3", got.Check.Forgotten, got.Check.Missing)
	}
}

// A count is called exact where all that was kept was certain to be. How rare it was
// in the whole time range to keep something tells what that is worth.
func TestRarest(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", kept(0, "a", 1, 1), kept(1, "b", 1, 0.01))
	certain := query.Population{Filter: `source.instance == "a"`}
	got := estimation(t, log, certain)
	if got.Total.Events.Method != estimate.Exact || got.Check.Rarest != 0.01 {
		t.Errorf("events %+v, rarest %v, want an exact count where one in a hundred is kept", got.Total.Events, got.Check.Rarest)
	}
	certain.Until = morning.Add(time.Second)
	if got := estimation(t, log, certain).Check.Rarest; got != 1 {
		t.Errorf("where everything is kept: rarest %v, want 1", got)
	}
	add(t, log, "acme", kept(2, "b", 2, 0))
	certain.Until = time.Time{}
	if got := estimation(t, log, certain).Check.Rarest; !math.IsNaN(got) {
		t.Errorf("where one has no probability: rarest %v, want none", got)
	}
}

// That nothing was seen is not that there was nothing.
func TestEstimateOfNothing(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", kept(0, "a", 1, 0.01), kept(1, "a", 2, 1))
	none := query.Population{Filter: `interaction.model.name == "m9"`}
	if got := estimation(t, log, none).Total; got.Sessions.High < 298 || got.Sessions.High > 299 || got.Subjects.Method != estimate.Bounds {
		t.Errorf("where one in a hundred is kept: %+v, want up to 298 sessions", got)
	}
	none.Since = morning.Add(time.Second)
	if got := estimation(t, log, none).Total; got.Sessions.High != 0 || got.Sessions.Method != estimate.Exact {
		t.Errorf("where everything is kept: %+v, want none", got)
	}
	add(t, log, "acme", kept(2, "a", 3, 0))
	if got := estimation(t, log, none).Total; got.Sessions.High < 1e300 {
		t.Errorf("where it is not known what is kept: %+v, want no bound", got)
	}
	other, err := query.New(query.Config{Log: log}).Estimate(t.Context(), "nobody", query.EstimateRequest{Population: none})
	if err != nil || other.Total.Sessions.High < 1e300 {
		t.Errorf("of a tenant that has no events: %+v, error %v, want no bound", other, err)
	}
}

// What cannot be answered is refused with the field that is wrong.
func TestPopulationErrors(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", chats(0, 1)...)
	engine := query.New(query.Config{Log: log})
	for field, r := range map[string]query.AggregateRequest{
		"filter":        {Population: query.Population{Filter: `interaction.output.size() > 0`}},
		"groupBy":       {Population: query.Population{GroupBy: []string{"model", "model"}}},
		"interval":      {Population: query.Population{GroupBy: []string{"interval"}}},
		"limit":         {Population: query.Population{Limit: query.MaxGroups + 1}},
		"quantiles":     {Quantiles: []float64{1.5}},
		"histogramBins": {HistogramBins: query.MaxBins + 1},
	} {
		for _, tenant := range []event.Tenant{"acme", "nobody"} {
			_, err := engine.Aggregate(t.Context(), tenant, r)
			if bad, is := errors.AsType[*query.RequestError](err); !is || bad.Field != field {
				t.Errorf("%s: got %v, want an error of field %s", tenant, err, field)
			}
		}
	}
	for _, by := range [][]string{{"day", "hour"}, {"nonsense"}, make([]string, query.MaxGroupBy+1)} {
		_, err := engine.Aggregate(t.Context(), "acme", query.AggregateRequest{Population: query.Population{GroupBy: by}})
		if bad, is := errors.AsType[*query.RequestError](err); !is || bad.Field != "groupBy" {
			t.Errorf("by %q: got %v, want an error of field groupBy", by, err)
		}
	}
}

// Scores are described within the error that is promised.
func TestScores(t *testing.T) {
	log := newLog(t)
	var events []*pb.Event
	for n := range 1000 {
		e := chat(n)
		e.GetInteraction().Verdicts = []*pb.Verdict{{Category: "harm", Score: float64(n) / 999}}
		events = append(events, e)
	}
	add(t, log, "acme", events...)
	a, err := query.New(query.Config{Log: log}).Aggregate(t.Context(), "acme", query.AggregateRequest{
		Population: query.Population{GroupBy: []string{"category"}}, Quantiles: []float64{0, 0.25, 0.5, 0.99, 1}, HistogramBins: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := a.Groups[0].Scores
	want := &query.Scores{Count: 1000, Mean: 0.5, Quantiles: []float64{0, 0.25, 0.5, 0.99, 1}, Histogram: []uint64{250, 250, 250, 250}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(query.ScoreError, 1e-9)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
