package client

import (
	"context"
	"iter"
	"math"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A ReplayRequest says how to replay a session. The zero request shows at once
// what the user saw.
type ReplayRequest struct {
	Speed float64    // 1: at its original pace, 2: twice that; 0: at once
	View  pb.View    // whose eyes
	AsOf  *event.Seq // as it was known when the log had so many events; nil: now
}

// Replay returns the frames of a session in the order in which they happened.
// The loop is the pace of the reader: the store reads a few events ahead.
// ErrNotFound where there is no such session.
func (c *Client) Replay(ctx context.Context, t event.Tenant, session string, r ReplayRequest) iter.Seq2[*pb.Frame, error] {
	request := &pb.ReplaySessionRequest{Tenant: string(t), Session: session, Speed: r.Speed, View: r.View}
	if r.AsOf != nil {
		request.AsOf = new(uint64(*r.AsOf))
	}
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.Frame], error) {
		return c.sessions.ReplaySession(ctx, request)
	})
}

// Neighbours returns the sessions beside one: of the same person, and with the
// same prompt; up to limit of either kind, 0: 20.
func (c *Client) Neighbours(ctx context.Context, t event.Tenant, session string, limit int) (*pb.ListNeighboursResponse, error) {
	n, err := c.sessions.ListNeighbours(ctx, &pb.ListNeighboursRequest{Tenant: string(t), Session: session, PageSize: int32(min(limit, math.MaxInt32))})
	return n, FromStatus(err)
}
