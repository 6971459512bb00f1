package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
)

// maxLabel bounds what is kept of a subject or header, in bytes, and
// maxReason what is said about one entry.
const (
	maxLabel  = 1024
	maxReason = 4096
)

// cause returns the cause of quarantine for an error of decoding or
// validation.
func cause(err error) pb.Quarantined_Cause {
	if errors.Is(err, event.ErrTooLarge) {
		return pb.Quarantined_TOO_LARGE
	}
	return pb.Quarantined_INVALID
}

func reason(err error) string { return clean(err.Error(), maxReason) }

// redactionReason names the kind of failure; the error's own text is not the
// redactor's alone. What is too large for the analyser is unavailable too, and
// is said first: asking again is of no use.
func redactionReason(err error) string {
	for _, known := range []error{
		redaction.ErrTimeout, redaction.ErrPanic, redaction.ErrPseudonym, redaction.ErrUnsettled, redaction.ErrEscrow,
		analyzer.ErrTooLarge, analyzer.ErrMalformed, analyzer.ErrUnavailable, errNoPolicy,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "unknown error"
}

// whole returns the entry for a message as it came.
func (p *pipeline) whole(m *message, c pb.Quarantined_Cause, why string) *pb.Quarantined {
	return &pb.Quarantined{
		Time:            timestamppb.New(p.Now().UTC()),
		Cause:           c,
		Reason:          why,
		Subject:         clean(m.msg.Subject(), maxLabel),
		ContentType:     clean(m.contentType, maxLabel),
		ContentEncoding: clean(m.encoding, maxLabel),
		Size:            uint64(len(m.msg.Data())),
		Payload:         m.msg.Data(),
		StreamSequence:  m.sequence,
	}
}

// single returns the entry for the event at position i, which must be as it
// came: JSON as its message is, or a batch of one.
func (p *pipeline) single(m *message, i int, e *pb.Event, c pb.Quarantined_Cause, why string) *pb.Quarantined {
	entry := p.whole(m, c, why)
	entry.Index = uint32(i)
	if m.contentType != event.ContentTypeProtobuf {
		return entry
	}
	payload, err := proto.Marshal(&pb.EventBatch{Events: []*pb.Event{e}})
	if err != nil {
		return entry // cannot be: it was decoded. The whole batch holds it too.
	}
	entry.ContentEncoding = ""
	entry.Payload, entry.Size = payload, uint64(len(payload))
	return entry
}

// again returns the entry for the event at position i once the event itself
// has been changed: it decodes the message anew, the first time for all its
// events. Whoever is done with the last of them sets m.original to nil.
func (p *pipeline) again(m *message, i int, c pb.Quarantined_Cause, why string) (*pb.Quarantined, error) {
	e, err := p.asItCame(m, i)
	if err != nil {
		return nil, err
	}
	return p.single(m, i, e, c, why), nil
}

// asItCame returns the event at position i, decoded anew. It is not to be changed.
func (p *pipeline) asItCame(m *message, i int) (*pb.Event, error) {
	if m.original == nil {
		events, err := p.decode(m.contentType, m.encoding, m.msg.Data(), p.Limits)
		if err != nil {
			return nil, fmt.Errorf("decode message %d a second time: %w", m.sequence, err)
		}
		m.original = events
	}
	if i >= len(m.original) {
		return nil, fmt.Errorf("internal error: message %d decodes to fewer events a second time", m.sequence)
	}
	return m.original[i], nil
}

// quarantine keeps what was rejected of the messages, tenant by tenant, in
// the order in which it came.
func (p *pipeline) quarantine(ctx context.Context, group []*message) error {
	entries := make(map[event.Tenant][]*pb.Quarantined)
	for _, m := range group {
		entries[m.tenant] = append(entries[m.tenant], m.rejected...)
	}
	for tenant, rejected := range entries {
		if len(rejected) == 0 {
			continue
		}
		if err := p.Log.Quarantine(ctx, tenant, rejected); err != nil {
			return fmt.Errorf("quarantine %d entries: %w", len(rejected), err)
		}
		for _, r := range rejected {
			p.Metrics.quarantined.WithLabelValues(r.Cause.String()).Inc()
		}
	}
	return nil
}

// clean returns s as valid UTF-8 of at most n bytes: subjects and headers may
// be anything.
func clean(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
