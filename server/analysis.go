package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
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
	leave, err := await(ctx, s.searches, 1)
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
		Key: g.Key, Events: g.Events, Sessions: distinct(g.Sessions), Subjects: distinct(g.Subjects),
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
	return &pb.Distinct{Count: d.Count, StandardError: d.StandardError}
}

func omitted(o query.Omitted) *pb.Omitted {
	if o == (query.Omitted{}) {
		return nil
	}
	return &pb.Omitted{Groups: o.Groups, Events: o.Events}
}
