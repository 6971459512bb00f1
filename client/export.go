package client

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Export asks for evidence to be handed over. What it returns goes on by itself;
// Wait for it, then Download. Each call is an export of its own, on record.
func (c *Client) Export(ctx context.Context, r *pb.ExportEventsRequest) (*pb.Operation, error) {
	op, err := c.exports.ExportEvents(ctx, r)
	return op, FromStatus(err)
}

// OperationID returns the id in an operation's name.
func OperationID(op *pb.Operation) string {
	return op.GetName()[strings.LastIndexByte(op.GetName(), '/')+1:]
}

// Operation returns how far an operation is. ErrNotFound where there is none.
func (c *Client) Operation(ctx context.Context, t event.Tenant, id string) (*pb.Operation, error) {
	op, err := c.exports.GetOperation(ctx, &pb.GetOperationRequest{Tenant: string(t), Operation: id})
	return op, FromStatus(err)
}

// Operations returns all operations of a tenant, the newest first.
func (c *Client) Operations(ctx context.Context, t event.Tenant) iter.Seq2[*pb.Operation, error] {
	return pages(func(token string) ([]*pb.Operation, string, error) {
		p, err := c.exports.ListOperations(ctx, &pb.ListOperationsRequest{Tenant: string(t), PageSize: listPage, PageToken: token})
		return p.GetOperations(), p.GetNextPageToken(), err
	})
}

// CancelOperation calls an operation off that is not done.
func (c *Client) CancelOperation(ctx context.Context, t event.Tenant, id string) (*pb.Operation, error) {
	op, err := c.exports.CancelOperation(ctx, &pb.CancelOperationRequest{Tenant: string(t), Operation: id})
	return op, FromStatus(err)
}

// Wait asks how far an operation is until it is done, and returns it; it may have
// failed (GetError). progress is told each time; nil: nobody asks.
func (c *Client) Wait(ctx context.Context, t event.Tenant, id string, progress func(*pb.Operation)) (*pb.Operation, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		op, err := c.Operation(ctx, t, id)
		if err != nil || op.GetDone() {
			return op, err
		}
		if progress != nil {
			progress(op)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", op.GetName(), ctx.Err())
		case <-time.After(pause):
		}
	}
}

// How long Wait waits between two questions: short exports are done at once, and
// of long ones a second is little.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

// Download returns the bytes of an export that is done, from an offset on that is
// behind bytes with this SHA-256, nil: not compared. The last message has the
// length and the SHA-256 of all.
//
// ErrOtherBytes where those before the offset are others now, ErrChanged where
// evidence was forgotten or redacted since, ErrNotReady, ErrExpired.
func (c *Client) Download(ctx context.Context, t event.Tenant, id string, offset uint64, before []byte) iter.Seq2[*pb.DownloadExportResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.DownloadExportResponse], error) {
		return c.exports.DownloadExport(ctx, &pb.DownloadExportRequest{Tenant: string(t), Operation: id, Offset: offset, PrefixSha256: before})
	})
}
