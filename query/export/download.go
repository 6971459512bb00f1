package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// A Download says what of an export is to be sent.
type Download struct {
	Operation string
	Offset    uint64              // bytes to leave out at the beginning
	Prefix    *[sha256.Size]byte  // SHA-256 of these; nil: not compared
	Progress  func(events uint64) // is told how many events are done, now and then; nil: nobody is
}

// Handed is what was sent of an export.
type Handed struct {
	Events uint64
	Bytes  uint64            // of the whole file, those that were left out included
	SHA256 [sha256.Size]byte // of the whole file
}

// A bundle is an export that is being made.
type bundle struct {
	x      *Exporter
	tenant event.Tenant
	asked  *pb.Event // with what
	ready  *pb.Event // and how it was gathered
	tell   func(events uint64)
}

// Download writes the file of an export to w. What it writes is the same each
// time. After an error what was written is no whole file, and is not to be kept
// where the error is ErrChanged.
//
// Errors: eventlog.ErrNotFound, ErrNotReady, ErrExpired, ErrChanged,
// ErrOtherBytes; *query.RequestError where the offset is beyond the end;
// otherwise w's, or those of reading.
func (x *Exporter) Download(ctx context.Context, t event.Tenant, d Download, w io.Writer) (Handed, error) {
	b, err := x.open(ctx, t, d)
	if err != nil {
		return Handed{}, err
	}
	out := &tail{to: w, hash: sha256.New(), skip: d.Offset, prefix: d.Prefix}
	// What is held back until the end is known to be as it was gathered, makes
	// what was sent whole.
	held := bufio.NewWriterSize(out, 64<<10)
	switch b.asked.GetExported().GetFormat() {
	case pb.Exported_BAGIT:
		err = b.bag(ctx, held)
	default:
		err = b.lines(ctx, held)
	}
	if err == nil {
		err = held.Flush()
	}
	if err == nil && out.skip > out.n {
		err = &query.RequestError{Field: "offset", Reason: fmt.Sprintf("is %d, and the file has %d bytes", d.Offset, out.n)}
	}
	if err != nil {
		return Handed{}, fmt.Errorf("export: %w", err)
	}
	return Handed{Events: b.ready.GetExported().GetEvents(), Bytes: out.n, SHA256: [sha256.Size]byte(out.hash.Sum(nil))}, nil
}

// HandedOver puts on record that a copy of an export has left.
func (x *Exporter) HandedOver(ctx context.Context, t event.Tenant, operation string, h Handed) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return x.record(ctx, t, id.String(), &pb.Exported{
		Stage: pb.Exported_HANDED_OVER, Operation: operation, Events: h.Events, Bytes: h.Bytes, Sha256: h.SHA256[:],
	})
}

// open returns an export that can be downloaded.
func (x *Exporter) open(ctx context.Context, t event.Tenant, d Download) (*bundle, error) {
	j := job{t, d.Operation}
	b := &bundle{x: x, tenant: t, tell: d.Progress}
	if b.tell == nil {
		b.tell = func(uint64) {}
	}
	var err error
	if b.asked, err = x.asked(ctx, j); err != nil {
		return nil, err
	}
	b.ready, err = x.end(ctx, j)
	if errors.Is(err, eventlog.ErrNotFound) {
		return nil, fmt.Errorf("%w: it is being gathered", ErrNotReady)
	}
	if err != nil {
		return nil, err
	}
	if stage := b.ready.GetExported().GetStage(); stage != pb.Exported_READY {
		return nil, fmt.Errorf("%w: it ended as %s", ErrNotReady, stage)
	}
	if x.cfg.Now().Sub(b.ready.GetTime().AsTime()) > Lasting {
		return nil, ErrExpired
	}
	return b, nil
}

// same reports, with ErrChanged, whether events are those that were gathered, as
// they were.
func (b *bundle) same(s selection) error {
	if want := b.ready.GetExported(); s.events != want.GetEvents() || string(s.digest[:]) != string(want.GetDigest()) {
		return ErrChanged
	}
	return nil
}

// A tail hands on what comes after some bytes, which must be what they were.
type tail struct {
	to     io.Writer
	hash   hash.Hash
	n      uint64 // bytes that came
	skip   uint64 // of these, how many are left out
	prefix *[sha256.Size]byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	var left int // out of p
	if t.n < t.skip {
		left = int(min(t.skip-t.n, uint64(len(p))))
	}
	t.hash.Write(p[:left])
	if left > 0 && t.n+uint64(left) == t.skip && t.prefix != nil && [sha256.Size]byte(t.hash.Sum(nil)) != *t.prefix {
		return 0, ErrOtherBytes
	}
	t.hash.Write(p[left:])
	t.n += uint64(len(p))
	if left == len(p) {
		return len(p), nil
	}
	n, err := t.to.Write(p[left:])
	return left + n, err
}
