package client

import (
	"context"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Aggregate counts what is stored, by group.
func (c *Client) Aggregate(ctx context.Context, r *pb.AggregateEventsRequest) (*pb.AggregateEventsResponse, error) {
	a, err := c.analysis.AggregateEvents(ctx, r)
	return a, FromStatus(err)
}

// Estimate says how much there was of what is stored in samples, with intervals.
func (c *Client) Estimate(ctx context.Context, r *pb.EstimateEventsRequest) (*pb.EstimateEventsResponse, error) {
	e, err := c.analysis.EstimateEvents(ctx, r)
	return e, FromStatus(err)
}
