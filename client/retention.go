package client

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// PlaceHold places a hold, or says in a dry run what it would cover. Each call that
// is none places another hold.
func (c *Client) PlaceHold(ctx context.Context, r *pb.PlaceHoldRequest) (*pb.PlaceHoldResponse, error) {
	h, err := c.retentions.PlaceHold(ctx, r)
	return h, FromStatus(err)
}

// ExtendHold extends a hold by a scope or by owners, or says in a dry run what it
// would cover. ErrNotFound, ErrNotOwner, ErrReleased.
func (c *Client) ExtendHold(ctx context.Context, r *pb.ExtendHoldRequest) (*pb.PlaceHoldResponse, error) {
	h, err := c.retentions.ExtendHold(ctx, r)
	return h, FromStatus(err)
}

// ReleaseHold releases a hold, or says in a dry run what would go. Errors as of
// ExtendHold.
func (c *Client) ReleaseHold(ctx context.Context, r *pb.ReleaseHoldRequest) (*pb.ReleaseHoldResponse, error) {
	h, err := c.retentions.ReleaseHold(ctx, r)
	return h, FromStatus(err)
}

// Holds returns the holds of a tenant, the newest first; active leaves out those
// that were released.
func (c *Client) Holds(ctx context.Context, t event.Tenant, active bool) ([]*pb.HoldState, error) {
	l, err := c.retentions.ListHolds(ctx, &pb.ListHoldsRequest{Tenant: string(t), Active: active})
	return l.GetHolds(), FromStatus(err)
}

// Hold returns a hold with what it covers, or ErrNotFound.
func (c *Client) Hold(ctx context.Context, t event.Tenant, id string) (*pb.HoldState, error) {
	h, err := c.retentions.GetHold(ctx, &pb.GetHoldRequest{Tenant: string(t), Hold: id})
	return h, FromStatus(err)
}

// Erase has evidence erased, or says in a dry run what would go, and returns how far
// it is and, last, what came of it. ErrUnknownPerson where nothing is stored of the
// person.
func (c *Client) Erase(ctx context.Context, r *pb.EraseEventsRequest) iter.Seq2[*pb.EraseEventsResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.EraseEventsResponse], error) {
		return c.retentions.EraseEvents(ctx, r)
	})
}

// Erasures returns the erasures of a tenant, the newest first.
func (c *Client) Erasures(ctx context.Context, t event.Tenant) ([]*pb.ErasureState, error) {
	l, err := c.retentions.ListErasures(ctx, &pb.ListErasuresRequest{Tenant: string(t)})
	return l.GetErasures(), FromStatus(err)
}

// Erasure returns an erasure and what of it is done, or ErrNotFound.
func (c *Client) Erasure(ctx context.Context, t event.Tenant, request string) (*pb.ErasureState, error) {
	e, err := c.retentions.GetErasure(ctx, &pb.GetErasureRequest{Tenant: string(t), Request: request})
	return e, FromStatus(err)
}

// Expire has expire what is due, of all tenants, or says in a dry run what is, and
// returns how far it is and, last, what went. ErrRetentionStopped where nothing may.
func (c *Client) Expire(ctx context.Context, dryRun bool) iter.Seq2[*pb.ExpireEventsResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.ExpireEventsResponse], error) {
		return c.retentions.ExpireEvents(ctx, &pb.ExpireEventsRequest{DryRun: &dryRun})
	})
}

// Retention says whether anything keeps the store from expiring.
func (c *Client) Retention(ctx context.Context) (*pb.RetentionState, error) {
	s, err := c.retentions.GetRetention(ctx, &pb.GetRetentionRequest{})
	return s, FromStatus(err)
}

// ConfirmRetention puts on record that what the store doubts is right.
func (c *Client) ConfirmRetention(ctx context.Context, actor, reason string) (*pb.RetentionState, error) {
	s, err := c.retentions.ConfirmRetention(ctx, &pb.ConfirmRetentionRequest{Actor: actor, Reason: reason})
	return s, FromStatus(err)
}

// Certificate returns the signed certificate of an erasure, or of a run of expiry,
// by its request. ErrNotFound where there is none.
func (c *Client) Certificate(ctx context.Context, t event.Tenant, request string) (*pb.Certificate, error) {
	cert, err := c.retentions.GetCertificate(ctx, &pb.GetCertificateRequest{Tenant: string(t), Request: request})
	return cert, FromStatus(err)
}
