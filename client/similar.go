package client

import (
	"context"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Similar returns the texts that are nearly the same as that of an event, or as
// a given one, and how far they reached.
func (c *Client) Similar(ctx context.Context, r *pb.FindSimilarEventsRequest) (*pb.FindSimilarEventsResponse, error) {
	found, err := c.similar.FindSimilarEvents(ctx, r)
	return found, FromStatus(err)
}

// Clusters returns what a search finds in clusters of texts that are nearly the
// same, the largest first.
func (c *Client) Clusters(ctx context.Context, r *pb.ClusterEventsRequest) (*pb.ClusterEventsResponse, error) {
	found, err := c.similar.ClusterEvents(ctx, r)
	return found, FromStatus(err)
}
