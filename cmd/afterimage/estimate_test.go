package main

import (
	"bytes"
	"strings"
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// anEstimate is a group of which all three numbers were estimated by a method.
func anEstimate(method pb.Estimate_Method) *pb.EstimatedGroup {
	e := &pb.Estimate{Observed: 3, Value: new(3.0), Low: 3, High: new(3.0), Method: method}
	return &pb.EstimatedGroup{Events: e, Sessions: e, Subjects: e}
}

// Whoever reads that a count is exact reads how much was left out beside it.
func TestExactIsQualified(t *testing.T) {
	exact, sampled := anEstimate(pb.Estimate_EXACT), anEstimate(pb.Estimate_HORVITZ_THOMPSON)
	check := func(p *float64) *pb.SamplingCheck { return &pb.SamplingCheck{Rarest: p} }
	for name, c := range map[string]struct {
		of   *pb.EstimateEventsResponse
		want string // "": nothing is said
	}{
		"a group":         {&pb.EstimateEventsResponse{Total: sampled, Groups: []*pb.EstimatedGroup{sampled, exact}, Check: check(new(0.05))}, "other events of this time were sampled at 5 %"},
		"everything":      {&pb.EstimateEventsResponse{Total: exact, Check: check(new(0.001))}, "sampled at 0.1 %"},
		"not known":       {&pb.EstimateEventsResponse{Total: exact, Check: check(nil)}, "it is not known with which probability"},
		"not looked at":   {&pb.EstimateEventsResponse{Total: exact}, "was not looked at (--no-check)"},
		"nothing sampled": {&pb.EstimateEventsResponse{Total: exact, Check: check(new(1.0))}, ""},
		"nothing exact":   {&pb.EstimateEventsResponse{Total: sampled, Check: check(new(0.05))}, ""},
	} {
		var out bytes.Buffer
		if err := new(estimateCmd).table(&out, c.of); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, c.want) || strings.Contains(got, "certain only if everything of the group is kept by a rule") != (c.want != "") {
			t.Errorf("%s: got\n%s\nwant %q", name, got, c.want)
		}
	}
}

// Instances that disagree are named, also where those that agree are many.
func TestDisagreeingInstancesAreNamed(t *testing.T) {
	var out bytes.Buffer
	e := &pb.EstimateEventsResponse{Total: anEstimate(pb.Estimate_HORVITZ_THOMPSON), Check: &pb.SamplingCheck{Coverage: &pb.CoverageCheck{
		Seen: 100, Captured: 11, Stored: 10, Estimated: &pb.Estimate{Value: new(98.0)}, Instances: 40, Disagreeing: 2, Elsewhere: 7, Omitted: 9,
		Disagree: []*pb.InstanceCoverage{{Service: "chat", Instance: "pod-\x1b[3", Seen: 50, Captured: 6, Stored: 5, Estimated: &pb.Estimate{Value: new(50.0)}}},
	}}}
	if err := new(estimateCmd).table(&out, e); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2 of 40 instances disagree", "\n  chat pod-␛[3: 50 counted, 50 estimated, 6 captured, 5 stored\n", "  and 1 more\n",
		"counted by nobody: 7 interactions", "too many to compare: 9",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q", out.String(), want)
		}
	}
}
