package client

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Policy returns the policy in force for a tenant.
func (c *Client) Policy(ctx context.Context, t event.Tenant) (*pb.Policy, error) {
	p, err := c.policies.GetPolicy(ctx, &pb.GetPolicyRequest{Tenant: string(t)})
	return p, FromStatus(err)
}

// Quarantine returns what could not be stored as it came, the oldest first,
// without its content. event.System is the tenant of what names none.
func (c *Client) Quarantine(ctx context.Context, t event.Tenant) iter.Seq2[*pb.Quarantined, error] {
	return pages(func(token string) ([]*pb.Quarantined, string, error) {
		p, err := c.quarantine.ListQuarantine(ctx, &pb.ListQuarantineRequest{Tenant: string(t), PageSize: listPage, PageToken: token})
		return p.GetEntries(), p.GetNextPageToken(), err
	})
}

// listPage is how much is asked for at a time.
const listPage = 1_000

// Quarantined returns one message of the quarantine with its content, or
// ErrNotFound.
func (c *Client) Quarantined(ctx context.Context, t event.Tenant, id string) (*pb.Quarantined, error) {
	q, err := c.quarantine.GetQuarantined(ctx, &pb.GetQuarantinedRequest{Tenant: string(t), Id: id})
	return q, FromStatus(err)
}

// Redact has stored events redacted by the policy in force, and returns how far
// it is and, last, what came of it.
func (c *Client) Redact(ctx context.Context, r *pb.RedactEventsRequest) iter.Seq2[*pb.RedactEventsResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.RedactEventsResponse], error) {
		return c.redactions.RedactEvents(ctx, r)
	})
}
