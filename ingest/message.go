package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A message is one message of the stream on its way through the pipeline.
type message struct {
	msg         jetstream.Msg
	sequence    uint64 // in the stream
	contentType string
	encoding    string
	weight      int64 // bytes of the budget

	// Set by the worker before it closes done, read by the appender after.
	done     chan struct{}
	err      error // why it could not be prepared at all
	tenant   event.Tenant
	prepared []eventlog.Prepared
	position []int             // of each prepared event in its batch
	versions []string          // of the policy of each prepared event
	rejected []*pb.Quarantined // what of it goes to quarantine
	original []*pb.Event       // decoded anew, while again needs it
}

// expansion is how many times the bytes of a batch are in memory while it is
// worked on: as text in decoded events, encoded again, and what Go needs.
const expansion = 3

func (p *pipeline) newMessage(msg jetstream.Msg) *message {
	m := &message{
		msg:         msg,
		contentType: header(msg, event.HeaderContentType),
		encoding:    header(msg, event.HeaderContentEncoding),
		done:        make(chan struct{}),
	}
	if meta, err := msg.Metadata(); err == nil {
		m.sequence = meta.Sequence.Stream
		p.Metrics.pending.Set(float64(meta.NumPending))
	}
	size := int64(len(msg.Data()))
	m.weight = min(size+expansion*p.decodedSize(m.encoding, msg.Data()), p.InFlightBytes)
	return m
}

// decodedSize returns the most bytes that decoding may make of the body: what
// its zstd header says, which the decoder holds it to, or else the limit.
func (c *Consumer) decodedSize(encoding string, body []byte) int64 {
	if encoding != event.ContentEncodingZstd {
		return min(int64(len(body)), c.decoded)
	}
	var h zstd.Header
	if err := h.Decode(body); err != nil || !h.HasFCS || h.Skippable || h.FrameContentSize > uint64(c.decoded) {
		return c.decoded
	}
	if frameLength(h, body) != len(body) {
		return c.decoded // what follows may be anything
	}
	return int64(h.FrameContentSize)
}

// frameLength returns the length of the zstd frame that body begins with, or
// more than there is (RFC 8878, section 3.1.1).
func frameLength(h zstd.Header, body []byte) int {
	const blockHeader, checksum = 3, 4
	at := h.HeaderSize
	for at+blockHeader <= len(body) {
		bits := int(body[at]) | int(body[at+1])<<8 | int(body[at+2])<<16
		at += blockHeader
		if rle := bits>>1&3 == 1; rle {
			at++
		} else {
			at += bits >> 3
		}
		if last := bits&1 == 1; last {
			if h.HasCheckSum {
				at += checksum
			}
			return at
		}
	}
	return len(body) + 1
}

// header returns a header of the message, whatever its case: not every client
// writes them alike.
func header(msg jetstream.Msg, name string) string {
	headers := msg.Headers()
	if v := headers.Get(name); v != "" {
		return v
	}
	for k, v := range headers {
		if len(v) > 0 && strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}

// prepare does all that can be done to a message without its predecessors:
// afterwards each of its events is prepared or rejected. An error means that
// the message could not be worked on now, not that anything is wrong with it.
func (p *pipeline) prepare(ctx context.Context, m *message) error {
	tenant, kind, err := event.ParseSubject(m.msg.Subject())
	m.tenant = tenant
	if tenant == "" {
		m.tenant = event.System
	}
	var events []*pb.Event
	if err == nil {
		events, err = p.decode(m.contentType, m.encoding, m.msg.Data(), p.Limits)
	}
	if err == nil && len(events) == 0 {
		err = &event.ValidationError{Violations: []event.Violation{{Path: "events", Reason: "is empty"}}}
	}
	if err != nil {
		m.rejected = append(m.rejected, p.whole(m, cause(err), reason(err)))
		return nil
	}
	defer func() { m.original = nil }()
	for i, e := range events {
		if err := p.prepareEvent(ctx, m, kind, i, e); err != nil {
			return err
		}
		events[i] = nil // its memory is not needed beyond this
	}
	return nil
}

// prepareEvent makes the event at position i ready for the log, or rejects it.
func (p *pipeline) prepareEvent(ctx context.Context, m *message, kind event.Kind, i int, e *pb.Event) error {
	if err := p.validate(m, kind, i, e); err != nil {
		m.rejected = append(m.rejected, p.single(m, i, e, cause(err), reason(err)))
		return nil
	}
	by, err := p.policy(ctx, m.tenant)
	if err == nil {
		err = p.redact(ctx, by, m.tenant, e)
	}
	if err != nil {
		return p.rejectUnlessFault(ctx, m, i, pb.Quarantined_REDACTION, "redaction failed: "+redactionReason(err), err)
	}
	if err := classify(by, e); err != nil {
		return p.rejectUnlessFault(ctx, m, i, pb.Quarantined_INVALID, "the policy could not be evaluated on it", err)
	}
	version := e.GetPolicyVersion() // the event is the log's from here on
	prepared, err := p.Log.Prepare(m.tenant, e)
	if err != nil {
		return p.rejectUnlessFault(ctx, m, i, pb.Quarantined_INVALID, "it could not be encoded", err)
	}
	m.prepared = append(m.prepared, prepared)
	m.position = append(m.position, i)
	m.versions = append(m.versions, version)
	return nil
}

func classify(by Policy, e *pb.Event) error {
	if err := by.Classify(e); err != nil {
		return err
	}
	if e.GetClass() == "" {
		return errors.New("the policy gave the event no class")
	}
	return nil
}

// validate checks the event and that it is what its subject says.
func (p *pipeline) validate(m *message, kind event.Kind, i int, e *pb.Event) error {
	err := event.Validate(e, p.Now())
	if err == nil && event.KindOf(e) != kind {
		err = &event.ValidationError{Violations: []event.Violation{{Reason: fmt.Sprintf(
			"is of kind %s, but its subject says %s", event.KindOf(e), kind)}}}
	}
	if v, ok := errors.AsType[*event.ValidationError](err); ok && m.contentType == event.ContentTypeProtobuf {
		return inBatch(v, i)
	}
	return err
}

// inBatch puts the event's position in its batch before every path.
func inBatch(err *event.ValidationError, i int) error {
	var moved event.ValidationError
	for _, v := range err.Violations {
		path := fmt.Sprintf("events[%d]", i)
		if v.Path != "" {
			path += "." + v.Path
		}
		moved.Violations = append(moved.Violations, event.Violation{Path: path, Reason: v.Reason})
	}
	return &moved
}

// rejectUnlessFault quarantines the event as it came, unless the error is of
// the store or the process rather than of the event: then it returns it.
func (p *pipeline) rejectUnlessFault(ctx context.Context, m *message, i int, c pb.Quarantined_Cause, why string, err error) error {
	if fault(ctx, err) {
		return err
	}
	entry, err := p.again(m, i, c, why)
	if err != nil {
		return err
	}
	m.rejected = append(m.rejected, entry)
	return nil
}

// fault reports whether err says something about the store or the process and
// nothing about the event.
func fault(ctx context.Context, err error) bool {
	for _, target := range []error{
		eventlog.ErrClosed, eventlog.ErrTampered, eventlog.ErrDiskFull, errStuck,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return ctx.Err() != nil
}
