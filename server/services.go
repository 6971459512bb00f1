package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// events answers EventService.
type events struct {
	pb.UnimplementedEventServiceServer
	*Server
}

// PublishEvents implements EventService. The limits of r are checked before it
// is decoded (publish.go).
func (s events) PublishEvents(ctx context.Context, r *pb.PublishEventsRequest) (*pb.PublishEventsResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	if len(r.GetEvents()) == 0 {
		return nil, &event.ValidationError{Violations: []event.Violation{{Path: "events", Reason: "is missing"}}}
	}
	if err := event.ValidateBatch(r.GetEvents(), s.now()); err != nil {
		return nil, err
	}
	if err := s.cfg.Publish(ctx, t, r.GetEvents()); err != nil {
		return nil, err
	}
	return &pb.PublishEventsResponse{Acknowledged: int32(len(r.GetEvents()))}, nil
}

// instant returns a timestamp as a time, zero if it is absent.
func instant(field string, ts *timestamppb.Timestamp) (time.Time, error) {
	if ts == nil {
		return time.Time{}, nil
	}
	if !ts.IsValid() {
		return time.Time{}, &query.RequestError{Field: field, Reason: "is not a time between the years 1 and 9999"}
	}
	if t := ts.AsTime(); !t.IsZero() {
		return t, nil
	}
	return time.Unix(0, 0).UTC(), nil // as a bound; the zero time would be none
}

// GetEvent implements EventService.
func (s events) GetEvent(ctx context.Context, r *pb.GetEventRequest) (*pb.Event, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	e, err := s.cfg.Query.Get(ctx, t, event.Seq(r.GetSeq()))
	if err != nil {
		return nil, err
	}
	return e, query.Keep(e, r.GetReadMask())
}

// LookupEvent implements EventService.
func (s events) LookupEvent(ctx context.Context, r *pb.LookupEventRequest) (*pb.Event, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	if r.GetId() == "" {
		return nil, &query.RequestError{Field: "id", Reason: "is missing"}
	}
	e, err := s.cfg.Query.Lookup(ctx, t, r.GetId())
	if err != nil {
		return nil, err
	}
	return e, query.Keep(e, r.GetReadMask())
}

// sessions answers SessionService.
type sessions struct {
	pb.UnimplementedSessionServiceServer
	*Server
}

// ReplaySession implements SessionService.
func (s sessions) ReplaySession(r *pb.ReplaySessionRequest, out grpc.ServerStreamingServer[pb.Frame]) error {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return err
	}
	pace, err := newPace(r.GetSpeed(), s.draining)
	if err != nil {
		return err
	}
	options := query.Options{View: r.GetView()}
	if r.AsOf != nil {
		options.AsOf = new(event.Seq(r.GetAsOf()))
	}
	return streamTo(out, s.cfg.Query.Replay(out.Context(), t, r.GetSession(), options), func(ctx context.Context, f *pb.Frame) error {
		return pace.wait(ctx, f.GetOffsetMs())
	})
}

// ListNeighbours implements SessionService.
func (s sessions) ListNeighbours(ctx context.Context, r *pb.ListNeighboursRequest) (*pb.ListNeighboursResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.searches, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.cfg.Query.Neighbours(ctx, t, r.GetSession(), int(r.GetPageSize()))
}

// logs answers LogService.
type logs struct {
	pb.UnimplementedLogServiceServer
	*Server
}

// GetCheckpoint implements LogService.
func (s logs) GetCheckpoint(ctx context.Context, _ *pb.GetCheckpointRequest) (*pb.Checkpoint, error) {
	c, err := s.cfg.Log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return s.checkpoint(c), nil
}

func (s *Server) checkpoint(c eventlog.Checkpoint) *pb.Checkpoint {
	return &pb.Checkpoint{
		Origin: s.cfg.Log.Origin(), Size: uint64(c.Size), Root: c.Root[:],
		Note: string(c.Note), VerifierKey: s.cfg.Log.VerifierKey(),
	}
}

// maxRanges bounds the ranges in one message.
const maxRanges = 4096

// VerifyLog implements LogService.
func (s logs) VerifyLog(_ *pb.VerifyLogRequest, out grpc.ServerStreamingServer[pb.VerifyLogResponse]) error {
	leave, err := await(out.Context(), s.verifies, 1)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	var at eventlog.Progress
	pieces := newSender(out)
	send := func(r *pb.VerifyLogResponse) {
		r.Checked, r.Size = uint64(at.Checked), uint64(at.Size)
		if ctx.Err() != nil {
			return
		}
		if err := pieces.send(ctx, r); err != nil {
			cancel(err)
		}
	}
	c, err := s.cfg.Log.Verify(ctx, func(f eventlog.Finding) {
		send(&pb.VerifyLogResponse{Finding: &pb.Finding{
			Kind: string(f.Kind), Part: f.Part, Reason: f.Reason, FirstSeq: uint64(f.First), LastSeq: uint64(f.Last),
		}})
	}, func(p eventlog.Progress) {
		at = p
		send(&pb.VerifyLogResponse{})
	})
	if err == nil {
		at.Checked, at.Size = c.Size, c.Size
		for part := range slices.Chunk(c.Forgotten, maxRanges) {
			send(&pb.VerifyLogResponse{Forgotten: seqRanges(part)})
		}
		for part := range slices.Chunk(c.Redacted, maxRanges) {
			send(&pb.VerifyLogResponse{Redacted: seqRanges(part)})
		}
		send(&pb.VerifyLogResponse{Checkpoint: s.checkpoint(c.Checkpoint)})
	}
	sent := pieces.end(ctx)
	return cmp.Or(context.Cause(ctx), err, sent)
}

func seqRanges(ranges []eventlog.Range) []*pb.SeqRange {
	out := make([]*pb.SeqRange, len(ranges))
	for i, r := range ranges {
		out[i] = &pb.SeqRange{First: uint64(r.First), Last: uint64(r.Last)}
	}
	return out
}

// quarantine answers QuarantineService.
type quarantine struct {
	pb.UnimplementedQuarantineServiceServer
	*Server
}

// ListQuarantine implements QuarantineService.
func (s quarantine) ListQuarantine(ctx context.Context, r *pb.ListQuarantineRequest) (*pb.ListQuarantineResponse, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	entries, next, err := s.cfg.Query.Quarantine(ctx, t, int(r.GetPageSize()), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &pb.ListQuarantineResponse{Entries: entries, NextPageToken: next}, nil
}

// GetQuarantined implements QuarantineService.
func (s quarantine) GetQuarantined(ctx context.Context, r *pb.GetQuarantinedRequest) (*pb.Quarantined, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return s.cfg.Query.Quarantined(ctx, t, r.GetId())
}

// readTenant parses a tenant to read of: one, or the store's own, which has its
// ledger and the messages that are nobody's.
func readTenant(s string) (event.Tenant, error) {
	if s == string(event.System) {
		return event.System, nil
	}
	return event.ParseTenant(s)
}
