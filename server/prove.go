package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// ProveEvent implements EventService.
func (s events) ProveEvent(ctx context.Context, r *pb.ProveEventRequest) (*pb.EventProof, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	seq := event.Seq(r.GetSeq())
	in, err := s.provable(ctx, seq, event.Seq(r.GetSize()))
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Log.Prove(ctx, t, seq, in)
	if err != nil {
		return nil, err
	}
	proof := &pb.EventProof{
		Seq: uint64(seq), Commitment: p.Commitment[:], Hashes: byteSlices(p.Hashes),
		Checkpoint: s.checkpoint(in), TlogProof: string(p.Text()), Current: p.Current[:],
	}
	for _, at := range p.Redactions {
		proof.Redactions = append(proof.Redactions, uint64(at))
	}
	return proof, nil
}

// provable returns the checkpoint to prove an event in: of the size that was
// asked for, or else the one that is published if it covers the event.
func (s *Server) provable(ctx context.Context, seq, size event.Seq) (eventlog.Checkpoint, error) {
	if size > 0 {
		return s.cfg.Log.Kept(ctx, size)
	}
	c, err := s.cfg.Checkpoint(ctx)
	if err != nil || seq < c.Size {
		return c, err
	}
	return s.cfg.Log.Checkpoint(ctx)
}

func byteSlices(hashes [][32]byte) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// ProveConsistency implements LogService.
func (s logs) ProveConsistency(ctx context.Context, r *pb.ProveConsistencyRequest) (*pb.ConsistencyProof, error) {
	from, to := event.Seq(r.GetFromSize()), event.Seq(r.GetToSize())
	var c eventlog.Checkpoint
	var err error
	if to == 0 {
		c, err = s.cfg.Log.Checkpoint(ctx)
		to = c.Size
	} else if c, err = s.cfg.Log.Kept(ctx, to); errors.Is(err, eventlog.ErrNotFound) {
		err = nil // the proof needs none
	}
	if err != nil {
		return nil, err
	}
	if from > to {
		return nil, &query.RequestError{Field: "fromSize", Reason: fmt.Sprintf("is %d, and the newer log has %d", from, to)}
	}
	hashes, err := s.cfg.Log.ProveConsistency(ctx, from, to)
	if err != nil {
		return nil, err
	}
	p := &pb.ConsistencyProof{FromSize: uint64(from), ToSize: uint64(to), Hashes: byteSlices(hashes)}
	if c.Note != nil {
		p.Checkpoint = s.checkpoint(c)
	}
	return p, nil
}
