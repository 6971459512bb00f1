package server_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// seenBy is an interaction of an instance, kept with a probability.
func seenBy(id, instance string, probability float64) *pb.Event {
	return &pb.Event{
		Id: id, Time: timestamppb.New(noon.Add(-time.Hour)), Session: "s-" + id, User: "u-" + id,
		Source: &pb.Source{Service: "chat", Instance: instance}, Capture: &pb.Capture{Probability: &probability},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Model: &pb.Model{Name: "m"}}},
	}
}

// An answer that calls a count exact says how rare it was to keep something, and
// one that publishers contradict says which.
func TestEstimateSaysWhatItIsWorth(t *testing.T) {
	s := start(t, nil)
	said := &pb.Event{
		Id: "c1", Time: timestamppb.New(noon.Add(-time.Hour)), Source: &pb.Source{Service: "chat", Instance: "bad"},
		Body: &pb.Event_Coverage{Coverage: &pb.Coverage{
			Start: timestamppb.New(noon.Add(-24 * time.Hour)), End: timestamppb.New(noon),
			Strata: []*pb.Coverage_Stratum{{Seen: 9, Captured: 2}},
		}},
	}
	if err := s.publish(t.Context(), "acme", []*pb.Event{seenBy("e1", "good", 1), seenBy("e2", "bad", 0.25), said}); err != nil {
		t.Fatal(err)
	}
	client := pb.NewAnalysisServiceClient(s.conn)
	r := &pb.EstimateEventsRequest{Tenant: "acme", Filter: `source.instance == "good" && kind == "interaction"`}
	e, err := client.EstimateEvents(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if e.GetTotal().GetEvents().GetMethod() != pb.Estimate_EXACT || e.GetCheck().GetRarest() != 0.25 {
		t.Errorf("got %v, want an exact count, and that others were kept with 0.25", e)
	}
	c := e.GetCheck().GetCoverage()
	if c.GetAgrees() || c.GetInstances() != 1 || c.GetDisagreeing() != 1 || len(c.GetDisagree()) != 1 || c.GetElsewhere() != 1 {
		t.Fatalf("got %v, want one instance that disagrees", c)
	}
	if d := c.GetDisagree()[0]; d.GetInstance() != "bad" || d.GetSeen() != 9 || d.GetCaptured() != 2 || d.GetStored() != 1 || d.GetEstimated().GetValue() != 4 {
		t.Errorf("got %v", d)
	}
	r.SkipCheck = true
	if e, err := client.EstimateEvents(t.Context(), r); err != nil || e.GetCheck() != nil {
		t.Errorf("without a check: got %v, %v", e, err)
	}
}
