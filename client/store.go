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

// ApplyPolicy puts a policy in force for a tenant, on record, and returns it as it
// is. ErrStale if another is in force than the request says is to be replaced,
// ErrPromised if that promises more.
func (c *Client) ApplyPolicy(ctx context.Context, r *pb.ApplyPolicyRequest) (*pb.Policy, error) {
	p, err := c.policies.ApplyPolicy(ctx, r)
	return p, FromStatus(err)
}

// PreviewPolicy has the store find out what a policy would do, and returns how far
// it is and, last, that.
func (c *Client) PreviewPolicy(ctx context.Context, t event.Tenant, document string) iter.Seq2[*pb.PreviewPolicyResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.PreviewPolicyResponse], error) {
		return c.policies.PreviewPolicy(ctx, &pb.PreviewPolicyRequest{Tenant: string(t), Document: document})
	})
}

// Policies returns the policies that are and were in force for a tenant, the newest
// first.
func (c *Client) Policies(ctx context.Context, t event.Tenant) ([]*pb.Policy, error) {
	list, err := c.policies.ListPolicies(ctx, &pb.ListPoliciesRequest{Tenant: string(t)})
	return list.GetPolicies(), FromStatus(err)
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
