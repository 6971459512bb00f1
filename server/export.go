package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/export"
)

// exports answers ExportService.
type exports struct {
	pb.UnimplementedExportServiceServer
	*Server
}

// errNoExports: the server was made without what exports.
var errNoExports = errors.New("this store exports nothing")

// exporter returns what exports, and the tenant.
func (s exports) exporter(tenant string) (*export.Exporter, event.Tenant, error) {
	t, err := event.ParseTenant(tenant)
	if err == nil && s.cfg.Exports == nil {
		err = errNoExports
	}
	return s.cfg.Exports, t, err
}

// ExportEvents implements ExportService.
func (s exports) ExportEvents(ctx context.Context, r *pb.ExportEventsRequest) (*pb.Operation, error) {
	x, t, err := s.exporter(r.GetTenant())
	if err != nil {
		return nil, err
	}
	what := export.Request{
		Filter: r.GetFilter(), Text: r.GetText(), Sessions: r.GetSessions(), Incident: r.GetIncident(),
		Format: r.GetFormat(), Actor: r.GetActor(), Reason: r.GetReason(),
	}
	if what.Since, err = instant("since", r.GetSince()); err != nil {
		return nil, err
	}
	if what.Until, err = instant("until", r.GetUntil()); err != nil {
		return nil, err
	}
	if err := s.onRecord(ctx, t, r); err != nil {
		return nil, err
	}
	return x.Start(ctx, t, what)
}

// maxFilter is how long a filter may be that goes on record, in characters: as
// long as one can be.
const maxFilter = 16 << 10

// onRecord checks what of a request goes on record.
func (s exports) onRecord(ctx context.Context, t event.Tenant, r *pb.ExportEventsRequest) error {
	stored, err := s.cfg.Stored(t)
	if err != nil {
		return err
	}
	filter, err := s.cfg.Query.Recorded(t, r.GetFilter())
	if err != nil {
		return err
	}
	fields := append(whoAndWhy(r.GetActor(), r.GetReason(), true),
		recordable{name: "incident", text: r.GetIncident(), limit: 256},
		recordable{name: "filter", text: filter, limit: maxFilter, lines: true},
		recordable{name: "text", text: r.GetText(), limit: maxFilter})
	return named(ctx, stored, fields...)
}

// GetOperation implements ExportService.
func (s exports) GetOperation(ctx context.Context, r *pb.GetOperationRequest) (*pb.Operation, error) {
	x, t, err := s.exporter(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return x.Get(ctx, t, r.GetOperation())
}

// The sizes of a page of operations.
const (
	defaultOperations = 50
	maxOperations     = 1_000
)

// ListOperations implements ExportService. A page token is the position before
// which the next page's were asked for; it tells nothing that its page does not.
func (s exports) ListOperations(ctx context.Context, r *pb.ListOperationsRequest) (*pb.ListOperationsResponse, error) {
	x, t, err := s.exporter(r.GetTenant())
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(int(r.GetPageSize()), defaultOperations)
	if limit < 0 || limit > maxOperations {
		return nil, &query.RequestError{Field: "pageSize", Reason: "is not between 1 and 1000"}
	}
	var before *event.Seq
	if token := r.GetPageToken(); token != "" {
		seq, err := decodeToken(token)
		if err != nil {
			return nil, &query.RequestError{Field: "pageToken", Reason: "is not one that was returned"}
		}
		before = &seq
	}
	ops, more, err := x.List(ctx, t, before, limit)
	if err != nil {
		return nil, err
	}
	out := &pb.ListOperationsResponse{Operations: ops}
	if more {
		out.NextPageToken = encodeToken(event.Seq(ops[len(ops)-1].GetMetadata().GetSeq()))
	}
	return out, nil
}

func encodeToken(seq event.Seq) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatUint(uint64(seq), 10)))
}

func decodeToken(token string) (event.Seq, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return 0, err
	}
	seq, err := strconv.ParseUint(string(text), 10, 64)
	return event.Seq(seq), err
}

// CancelOperation implements ExportService.
func (s exports) CancelOperation(ctx context.Context, r *pb.CancelOperationRequest) (*pb.Operation, error) {
	x, t, err := s.exporter(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return x.Cancel(ctx, t, r.GetOperation())
}

// DownloadExport implements ExportService.
func (s exports) DownloadExport(r *pb.DownloadExportRequest, out grpc.ServerStreamingServer[pb.DownloadExportResponse]) error {
	x, t, err := s.exporter(r.GetTenant())
	if err != nil {
		return err
	}
	what := export.Download{Operation: r.GetOperation(), Offset: r.GetOffset()}
	switch sum := r.GetPrefixSha256(); len(sum) {
	case 0:
	case sha256.Size:
		what.Prefix = (*[sha256.Size]byte)(sum)
	default:
		return &query.RequestError{Field: "prefixSha256", Reason: "has not 32 bytes"}
	}
	leave, err := await(out.Context(), s.downloads, 1)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	pieces := &pieces{ctx: ctx, sender: newSender(out)}
	what.Progress = func(events uint64) { pieces.events = events }
	handed, err := x.Download(ctx, t, what, pieces)
	if err == nil {
		err = pieces.send(ctx, &pb.DownloadExportResponse{EventsDone: handed.Events, TotalBytes: handed.Bytes, Sha256: handed.SHA256[:]})
	}
	if err := cmp.Or(err, pieces.end(ctx)); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "evidence exported", "operation", r.GetOperation(), "events", handed.Events, "bytes", handed.Bytes)
	lasting, end := s.lasting(ctx)
	defer end()
	return x.HandedOver(lasting, t, r.GetOperation(), handed)
}

// pieceSize is the most that one message of a download has, in bytes.
const pieceSize = 256 << 10

// pieces sends what is written to it.
type pieces struct {
	*sender[pb.DownloadExportResponse]
	ctx    context.Context //nolint:containedctx // Of the one call that it writes for.
	events uint64
}

// Write implements io.Writer.
func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), pieceSize)]
		if err := p.send(p.ctx, &pb.DownloadExportResponse{Data: bytes.Clone(part), EventsDone: p.events}); err != nil {
			return n, err
		}
		n, b = n+len(part), b[len(part):]
	}
	return n, nil
}
