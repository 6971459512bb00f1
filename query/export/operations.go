package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// A Request asks for an export. Actor and reason, and that nothing in it is
// personal, are the caller's to check.
type Request struct {
	Filter   string    // a CEL condition; "": all evidence
	Text     string    // words; "": any
	Since    time.Time // zero: no bound
	Until    time.Time // zero: no bound
	Sessions []string  // none: all; up to event.MaxExportedSessions
	Incident string    // up to 256 characters
	Format   pb.Exported_Format
	Actor    string
	Reason   string
}

// Start puts a request on record and returns the operation that it is. Errors as
// of query.Engine.Evidence; ErrBusy; *query.RequestError for other fields.
func (x *Exporter) Start(ctx context.Context, t event.Tenant, r Request) (*pb.Operation, error) {
	body, err := x.request(t, r)
	if err != nil {
		return nil, err
	}
	// What cannot be gathered is refused before it is on record.
	if _, err := x.cfg.Engine.Evidence(ctx, t, evidenceOf(&pb.Event{Body: &pb.Event_Exported{Exported: body}})); err != nil {
		return nil, err
	}
	select {
	case x.slots <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	id, err := uuid.NewV7()
	if err == nil {
		body.Operation = id.String()
		err = x.record(ctx, t, id.String(), body)
	}
	if err != nil {
		<-x.slots
		return nil, err
	}
	x.enqueue(job{t, id.String()})
	return x.Get(ctx, t, id.String())
}

// request returns what goes on record of a request.
func (x *Exporter) request(t event.Tenant, r Request) (*pb.Exported, error) {
	switch {
	case len(r.Sessions) > event.MaxExportedSessions:
		return nil, &query.RequestError{Field: "sessions", Reason: fmt.Sprintf("are %d, the limit is %d", len(r.Sessions), event.MaxExportedSessions)}
	case slices.Contains(r.Sessions, ""):
		return nil, &query.RequestError{Field: "sessions", Reason: "has an empty one"}
	case pb.Exported_Format_name[int32(r.Format)] == "":
		return nil, &query.RequestError{Field: "format", Reason: "is none of BAGIT, NDJSON, PARQUET"}
	}
	filter, err := x.cfg.Engine.Recorded(t, r.Filter)
	if err != nil {
		return nil, err
	}
	out := &pb.Exported{
		Stage: pb.Exported_REQUESTED, Actor: r.Actor, Reason: r.Reason, Format: r.Format,
		Filter: filter, Text: r.Text, Sessions: r.Sessions, Incident: r.Incident,
	}
	if out.Format == pb.Exported_FORMAT_UNSPECIFIED {
		out.Format = pb.Exported_BAGIT
	}
	if !r.Since.IsZero() {
		out.Since = timestamppb.New(r.Since)
	}
	if !r.Until.IsZero() {
		out.Until = timestamppb.New(r.Until)
	}
	return out, nil
}

// record appends a ledger event, unless there is one of that id.
func (x *Exporter) record(ctx context.Context, t event.Tenant, id string, body *pb.Exported) error {
	e := &pb.Event{
		Id: id, Time: timestamppb.New(x.cfg.Now()), Class: eventlog.LedgerClass,
		Body: &pb.Event_Exported{Exported: body},
	}
	var err error
	if x.cfg.Policy != nil {
		if e.PolicyVersion, err = x.cfg.Policy(t); err != nil {
			return err
		}
	}
	p, err := x.cfg.Log.Prepare(t, e)
	if err == nil {
		_, err = x.cfg.Log.Append(ctx, []eventlog.Prepared{p})
	}
	if err != nil {
		return fmt.Errorf("put an export on record: %w", err)
	}
	return nil
}

// endID is the id of the event that ends an operation: there can be one.
func endID(operation string) string { return operation + "-end" }

// finish puts the end of an operation on record, unless it has ended. A
// checkpoint that covers it is kept for good.
func (x *Exporter) finish(ctx context.Context, j job, end *pb.Exported) error {
	end.Operation = j.operation
	if err := x.record(ctx, j.tenant, endID(j.operation), end); err != nil {
		return err
	}
	_, err := x.cfg.Log.Checkpoint(ctx)
	return err
}

// asked returns the event with which an operation was asked for. ErrNotFound
// where there is none.
func (x *Exporter) asked(ctx context.Context, j job) (*pb.Event, error) {
	e, err := x.cfg.Log.ReadID(ctx, j.tenant, j.operation)
	if err == nil && e.GetExported().GetStage() != pb.Exported_REQUESTED {
		err = eventlog.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("operation: %w", err)
	}
	return e, nil
}

// end returns the event that ended an operation, ErrNotFound where it goes on.
func (x *Exporter) end(ctx context.Context, j job) (*pb.Event, error) {
	return x.cfg.Log.ReadID(ctx, j.tenant, endID(j.operation))
}

// Get returns an operation, ErrNotFound where the tenant has none of that id.
func (x *Exporter) Get(ctx context.Context, t event.Tenant, id string) (*pb.Operation, error) {
	j := job{t, id}
	asked, err := x.asked(ctx, j)
	if err != nil {
		return nil, err
	}
	end, err := x.end(ctx, j)
	if err != nil && !errors.Is(err, eventlog.ErrNotFound) {
		return nil, err
	}
	return x.operation(j, asked, end), nil
}

// operation is what the ledger says of one.
func (x *Exporter) operation(j job, asked, end *pb.Event) *pb.Operation {
	op := &pb.Operation{
		Name: "tenants/" + string(j.tenant) + "/operations/" + j.operation,
		Metadata: &pb.ExportMetadata{
			Request: proto.CloneOf(asked.GetExported()), CreateTime: asked.GetTime(), Seq: asked.GetSeq(), Found: x.found(j),
		},
		Done: end != nil,
	}
	how := end.GetExported()
	switch how.GetStage() {
	case pb.Exported_READY:
		name, media := fileOf(asked.GetExported())
		op.Result = &pb.Operation_Response{Response: &pb.ExportResult{
			Events: how.GetEvents(), Digest: how.GetDigest(), Seq: end.GetSeq(), FileName: name, MediaType: media,
		}}
		op.Metadata.Found = how.GetEvents()
		op.Metadata.ExpireTime = timestamppb.New(end.GetTime().AsTime().Add(Lasting))
	case pb.Exported_CANCELLED:
		op.Result = &pb.Operation_Error{Error: &pb.OperationError{Code: int32(codes.Canceled), Message: "it was called off"}}
	case pb.Exported_FAILED:
		op.Result = &pb.Operation_Error{Error: &pb.OperationError{Code: int32(codes.FailedPrecondition), Message: how.GetFailure()}}
	}
	return op
}

// found is how many events of an operation that goes on were found so far.
func (x *Exporter) found(j job) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if g := x.running[j]; g != nil {
		return g.found.Load()
	}
	return 0
}

// fileOf returns the name and the media type of the file of an export.
func fileOf(asked *pb.Exported) (name, media string) {
	switch asked.GetFormat() {
	case pb.Exported_NDJSON:
		return baseOf(asked) + ".ndjson", "application/x-ndjson"
	case pb.Exported_PARQUET:
		return baseOf(asked) + ".parquet", "application/vnd.apache.parquet"
	}
	return baseOf(asked) + ".zip", "application/zip"
}

func baseOf(asked *pb.Exported) string { return "afterimage-" + asked.GetOperation() }

// Cancel calls an operation off, unless it is done, and returns it.
func (x *Exporter) Cancel(ctx context.Context, t event.Tenant, id string) (*pb.Operation, error) {
	j := job{t, id}
	if _, err := x.asked(ctx, j); err != nil {
		return nil, err
	}
	if err := x.finish(ctx, j, &pb.Exported{Stage: pb.Exported_CANCELLED}); err != nil {
		return nil, err
	}
	x.mu.Lock()
	if g := x.running[j]; g != nil && g.cancel != nil {
		g.cancel()
	}
	x.mu.Unlock()
	return x.Get(ctx, t, id)
}

// steps yields the ledger events of a tenant's exports, the newest first, from
// what lies before a position on; nil: all.
func (x *Exporter) steps(ctx context.Context, t event.Tenant, before *event.Seq) iter.Seq2[*pb.Event, error] {
	return func(yield func(*pb.Event, error) bool) {
		selection := eventlog.Selection{
			Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Exported)}}},
			Order: eventlog.LogReverse, Before: before,
		}
		for entry, err := range x.cfg.Log.Scan(ctx, t, selection) {
			var e *pb.Event
			if err == nil {
				e, err = entry.Meta() // It holds all of such an event but its salt.
			}
			if errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// List returns up to limit operations of a tenant, the newest first, of those
// that were asked for before a position; nil: all. more tells whether there are
// others.
func (x *Exporter) List(ctx context.Context, t event.Tenant, before *event.Seq, limit int) (ops []*pb.Operation, more bool, err error) {
	for asked, err := range x.steps(ctx, t, before) {
		if err != nil {
			return nil, false, err
		}
		if asked.GetExported().GetStage() != pb.Exported_REQUESTED {
			continue
		}
		if len(ops) == limit {
			return ops, true, nil
		}
		j := job{t, asked.GetExported().GetOperation()}
		end, err := x.end(ctx, j)
		if err != nil && !errors.Is(err, eventlog.ErrNotFound) {
			return nil, false, err
		}
		ops = append(ops, x.operation(j, asked, end))
	}
	return ops, false, nil
}
