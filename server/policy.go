package server

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// policies answers PolicyService.
type policies struct {
	pb.UnimplementedPolicyServiceServer
	*Server
}

// GetPolicy implements PolicyService.
func (s policies) GetPolicy(_ context.Context, r *pb.GetPolicyRequest) (*pb.Policy, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return s.cfg.Policy(t)
}

// ApplyPolicy implements PolicyService.
func (s policies) ApplyPolicy(ctx context.Context, r *pb.ApplyPolicyRequest) (*pb.Policy, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	document, err := documentOf(r.GetDocument())
	if err != nil {
		return nil, err
	}
	if err := s.named(ctx, t, r); err != nil {
		return nil, err
	}
	// What is on record by then is in force, whoever left.
	lasting, end := s.lasting(ctx)
	defer end()
	if err := s.cfg.ApplyPolicy(lasting, t, retention.Change{
		Document: document, Actor: r.GetActor(), Reason: r.GetReason(), Approvals: r.GetApprovals(), Replaces: r.GetReplaces(),
	}); err != nil {
		return nil, err
	}
	return s.cfg.Policy(t)
}

// named checks what of a request goes on record.
func (s policies) named(ctx context.Context, t event.Tenant, r *pb.ApplyPolicyRequest) error {
	if n := len(r.GetApprovals()); n > event.MaxOwners {
		return &query.RequestError{Field: "approvals", Reason: fmt.Sprintf("has %d, the limit is %d", n, event.MaxOwners)}
	}
	fields := append(whoAndWhy(r.GetActor(), r.GetReason(), true), recordable{name: "replaces", text: r.GetReplaces(), limit: maxActor})
	for i, approval := range r.GetApprovals() {
		fields = append(fields, recordable{name: fmt.Sprintf("approvals[%d]", i), text: approval, limit: maxActor, required: true})
	}
	stored, err := s.cfg.Stored(t)
	if err != nil {
		return err
	}
	return named(ctx, stored, fields...)
}

// documentOf reads a policy. Its errors are those of the document, with their
// places.
func documentOf(text string) (*policy.Document, error) {
	if text == "" {
		return nil, &query.RequestError{Field: "document", Reason: "is missing"}
	}
	return policy.Parse([]byte(text))
}

// PreviewPolicy implements PolicyService.
func (s policies) PreviewPolicy(r *pb.PreviewPolicyRequest, out grpc.ServerStreamingServer[pb.PreviewPolicyResponse]) error {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return err
	}
	document, err := documentOf(r.GetDocument())
	if err != nil {
		return err
	}
	leave, err := await(out.Context(), s.redacts, 1)
	if err != nil {
		return err
	}
	defer leave()
	return progressing(s.Server, out, false, func(p eventlog.ForgetProgress) *pb.PreviewPolicyResponse {
		return &pb.PreviewPolicyResponse{Step: p.Step, Done: uint64(p.Done), Total: uint64(p.Planned)}
	}, func(ctx context.Context, progress func(eventlog.ForgetProgress)) (*pb.PreviewPolicyResponse, error) {
		preview, err := s.cfg.PreviewPolicy(ctx, t, document, progress)
		return &pb.PreviewPolicyResponse{Preview: preview}, err
	})
}

// ListPolicies implements PolicyService.
func (s policies) ListPolicies(ctx context.Context, r *pb.ListPoliciesRequest) (*pb.ListPoliciesResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.searches, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	out := &pb.ListPoliciesResponse{}
	for p, err := range s.cfg.Policies(ctx, t) {
		if err != nil {
			return nil, err
		}
		out.Policies = append(out.Policies, p)
	}
	return out, nil
}
