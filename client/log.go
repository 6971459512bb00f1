package client

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Checkpoint returns a signed checkpoint over everything appended so far.
func (c *Client) Checkpoint(ctx context.Context) (*pb.Checkpoint, error) {
	p, err := c.log.GetCheckpoint(ctx, &pb.GetCheckpointRequest{})
	return p, FromStatus(err)
}

// Prove returns the proof that an event is in the log, in the checkpoint over
// size events; 0: in the one that the store publishes.
func (c *Client) Prove(ctx context.Context, t event.Tenant, seq, size event.Seq) (*pb.EventProof, error) {
	p, err := c.events.ProveEvent(ctx, &pb.ProveEventRequest{Tenant: string(t), Seq: uint64(seq), Size: uint64(size)})
	return p, FromStatus(err)
}

// ProveConsistency returns the proof that the log only grew from one size to
// another; to is 0 for that of the newest checkpoint.
func (c *Client) ProveConsistency(ctx context.Context, from, to event.Seq) (*pb.ConsistencyProof, error) {
	p, err := c.log.ProveConsistency(ctx, &pb.ProveConsistencyRequest{FromSize: uint64(from), ToSize: uint64(to)})
	return p, FromStatus(err)
}

// Verify has the store check its whole log, and returns progress, findings and,
// last, the checkpoint that everything was checked against. Whoever does not
// trust the store runs `afterimage verify` instead.
func (c *Client) Verify(ctx context.Context) iter.Seq2[*pb.VerifyLogResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.VerifyLogResponse], error) {
		return c.log.VerifyLog(ctx, &pb.VerifyLogRequest{})
	})
}

// Backup has the store back its log up into a directory of the machine that it
// runs on, and returns how far it is and, last, the backup.
func (c *Client) Backup(ctx context.Context, directory string) iter.Seq2[*pb.BackupResponse, error] {
	return receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.BackupResponse], error) {
		return c.log.Backup(ctx, &pb.BackupRequest{Directory: directory})
	})
}
