package server

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/estimate"
)

// analyses answers AnalysisService.
type analyses struct {
	pb.UnimplementedAnalysisServiceServer
	*Server
}

// AggregateEvents implements AnalysisService.
func (s analyses) AggregateEvents(ctx context.Context, r *pb.AggregateEventsRequest) (*pb.AggregateEventsResponse, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	p, err := population(r)
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.analyses, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	a, err := s.cfg.Query.Aggregate(ctx, t, query.AggregateRequest{
		Population: p, Quantiles: r.GetQuantiles(), HistogramBins: int(r.GetHistogramBins()),
	})
	if err != nil {
		return nil, err
	}
	out := &pb.AggregateEventsResponse{
		Total: eventGroup(a.Total, r.GetQuantiles()), Omitted: omitted(a.Omitted), Size: uint64(a.Size),
	}
	for _, g := range a.Groups {
		out.Groups = append(out.Groups, eventGroup(g, r.GetQuantiles()))
	}
	return out, nil
}

// EstimateEvents implements AnalysisService.
func (s analyses) EstimateEvents(ctx context.Context, r *pb.EstimateEventsRequest) (*pb.EstimateEventsResponse, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	p, err := population(r)
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.analyses, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	e, err := s.cfg.Query.Estimate(ctx, t, query.EstimateRequest{Population: p, SkipCheck: r.GetSkipCheck()})
	if err != nil {
		return nil, err
	}
	out := &pb.EstimateEventsResponse{
		Total: estimatedGroup(e.Total), Omitted: omitted(e.Omitted), Check: samplingCheck(e.Check), Size: uint64(e.Size),
	}
	for _, g := range e.Groups {
		out.Groups = append(out.Groups, estimatedGroup(g))
	}
	return out, nil
}

// population returns which events a request is about.
func population(r interface {
	GetFilter() string
	GetSince() *timestamppb.Timestamp
	GetUntil() *timestamppb.Timestamp
	GetGroupBy() []string
	GetInterval() *durationpb.Duration
	GetLimit() int32
}) (query.Population, error) {
	since, err := instant("since", r.GetSince())
	if err != nil {
		return query.Population{}, err
	}
	until, err := instant("until", r.GetUntil())
	if err != nil {
		return query.Population{}, err
	}
	var interval time.Duration
	if d := r.GetInterval(); d != nil {
		if !d.IsValid() || d.AsDuration() == 0 {
			return query.Population{}, &query.RequestError{Field: "interval", Reason: "is not whole seconds, from 1 second to 366 days"}
		}
		interval = d.AsDuration()
	}
	return query.Population{
		Filter: r.GetFilter(), Since: since, Until: until,
		GroupBy: r.GetGroupBy(), Interval: interval, Limit: int(r.GetLimit()),
	}, nil
}

func eventGroup(g query.Group, quantiles []float64) *pb.EventGroup {
	out := &pb.EventGroup{
		Key: g.Key, Events: new(g.Events), Sessions: distinct(g.Sessions), Subjects: distinct(g.Subjects),
		EventsWithoutSession: g.NoSession, EventsWithoutSubject: g.NoSubject,
	}
	if g.Scores != nil {
		out.Scores = &pb.Scores{Count: g.Scores.Count, Mean: g.Scores.Mean, Histogram: g.Scores.Histogram}
		for i, v := range g.Scores.Quantiles {
			out.Scores.Quantiles = append(out.Scores.Quantiles, &pb.Quantile{Quantile: quantiles[i], Value: v})
		}
	}
	return out
}

func distinct(d query.Distinct) *pb.Distinct {
	return &pb.Distinct{Count: new(d.Count), StandardError: d.StandardError}
}

func omitted(o query.Omitted) *pb.Omitted {
	if o == (query.Omitted{}) {
		return nil
	}
	return &pb.Omitted{Groups: o.Groups, Events: o.Events}
}

func estimatedGroup(g query.EstimatedGroup) *pb.EstimatedGroup {
	out := &pb.EstimatedGroup{
		Key: g.Key, Events: estimated(g.Events), Sessions: estimated(g.Sessions), Subjects: estimated(g.Subjects),
	}
	if g.Subjects.Observed > 0 || g.Subjects.Method == estimate.Bounds {
		out.Subjects.AtLeast, out.Subjects.AtMost = finite(g.Subjects.AtLeast), finite(g.Subjects.AtMost)
	}
	if u := g.Unknown; u != (query.Unknown{}) {
		out.Unknown = &pb.UnknownProbability{Events: u.Events, Sessions: u.Sessions, Subjects: u.Subjects}
	}
	return out
}

// methods are how an estimate was made.
var methods = map[estimate.Method]pb.Estimate_Method{
	estimate.Exact: pb.Estimate_EXACT, estimate.HorvitzThompson: pb.Estimate_HORVITZ_THOMPSON,
	estimate.GoodToulmin: pb.Estimate_GOOD_TOULMIN, estimate.Model: pb.Estimate_MODEL, estimate.Bounds: pb.Estimate_BOUNDS,
}

func estimated(e estimate.Estimate) *pb.Estimate {
	return &pb.Estimate{Observed: e.Observed, Value: finite(e.Value), Low: e.Low, High: finite(e.High), Method: methods[e.Method]}
}

// finite is a number that is one.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func samplingCheck(c *query.Check) *pb.SamplingCheck {
	if c == nil {
		return nil
	}
	out := &pb.SamplingCheck{
		Missing: c.Missing, Instances: c.Instances, Uncounted: c.Uncounted, Forgotten: c.Forgotten,
		Rarest: finite(c.Rarest), Coverage: coverageCheck(c.Coverage),
	}
	for _, g := range c.Gaps {
		out.Gaps = append(out.Gaps, &pb.SequenceGap{
			Service: g.Service, Instance: g.Instance, First: g.First, Last: g.Last,
			Missing: g.Missing, Present: g.Present, Repeated: g.Repeated,
		})
	}
	return out
}

func coverageCheck(c *query.Coverage) *pb.CoverageCheck {
	if c == nil {
		return nil
	}
	out := &pb.CoverageCheck{
		Events: c.Events, Start: timestamppb.New(c.Start), End: timestamppb.New(c.End),
		Seen: c.Seen, Captured: c.Captured, Stored: c.Stored, Estimated: estimated(c.Estimated), Agrees: c.Agrees(),
		Instances: c.Instances, Disagreeing: c.Disagreeing, Elsewhere: c.Elsewhere, Omitted: c.Omitted,
	}
	for _, i := range c.Disagree {
		out.Disagree = append(out.Disagree, &pb.InstanceCoverage{
			Service: i.Service, Instance: i.Instance, Start: timestamppb.New(i.Start), End: timestamppb.New(i.End),
			Seen: i.Seen, Captured: i.Captured, Stored: i.Stored, Estimated: estimated(i.Estimated),
		})
	}
	return out
}
