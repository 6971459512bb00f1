package capture

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/known"
)

// An item is one event of a batch and who waits for it.
type item struct {
	event *pb.Event
	done  func(error) // nil: nobody
}

func (i item) finish(err error) {
	if i.done != nil {
		i.done(err)
	}
}

// A batch is what becomes one message. It is filled under Publisher.mu until
// it is sealed, then owned by its delivery.
type batch struct {
	kind   event.Kind
	items  []item
	bytes  int
	linger *time.Timer

	after    <-chan struct{} // closed when the batch before was sent; nil: there is none
	sent     chan struct{}   // closed when the next batch may be sent
	release  func()          // closes sent; may be called again
	finished chan struct{}   // closed when err is final
	err      error           // the first of its events' errors
}

func newBatch(k event.Kind) *batch {
	sent := make(chan struct{})
	return &batch{
		kind:     k,
		sent:     sent,
		release:  sync.OnceFunc(func() { close(sent) }),
		finished: make(chan struct{}),
	}
}

// encoders bounds how many batches are compressed at a time.
func encoders() int { return runtime.GOMAXPROCS(0) }

// deliver encodes a batch, sends it in its turn, and reports what became of it.
func (p *Publisher) deliver(b *batch) {
	p.cpus <- struct{}{}
	events := p.redactBatch(b)
	msg, err := p.message(b.kind, events)
	<-p.cpus
	if b.after != nil {
		<-b.after
	}
	if err == nil && len(events) > 0 {
		err = p.send(b, msg)
	}
	b.release()
	for _, i := range b.items {
		i.finish(err)
	}
	p.finish(b, err)
}

// redactBatch redacts the events of a batch and returns them. An event that
// cannot be redacted leaves the batch and is never sent (invariant 3).
func (p *Publisher) redactBatch(b *batch) []*pb.Event {
	events := make([]*pb.Event, 0, len(b.items))
	kept := b.items[:0]
	for _, i := range b.items {
		if err := p.redact(context.Background(), i.event); err != nil {
			i.finish(err)
			b.err = cmp.Or(b.err, err)
			continue
		}
		events = append(events, i.event)
		kept = append(kept, item{done: i.done}) // the event is not needed for long
	}
	clear(b.items[len(kept):])
	b.items = kept
	return events
}

// redact redacts an event in place, if the publisher is to do it, and checks
// that it still is of a size that can be stored.
func (p *Publisher) redact(ctx context.Context, e *pb.Event) error {
	if p.cfg.Redactor == nil {
		return nil
	}
	var values []known.Value
	if p.cfg.Known != nil {
		values = p.cfg.Known(e)
	}
	if _, err := p.cfg.Redactor.Event(ctx, e, p.cfg.Pseudonym, values...); err != nil {
		return fmt.Errorf("redact event: %w", err)
	}
	_, err := sizeOf(e)
	return err
}

// finish reports the batch's fate and frees its slot.
func (p *Publisher) finish(b *batch, err error) {
	b.err = cmp.Or(b.err, err)
	p.mu.Lock()
	delete(p.live, b)
	if p.last[b.kind] == b {
		delete(p.last, b.kind)
	}
	p.mu.Unlock()
	close(b.finished)
	<-p.slots
}

// message encodes events of one kind.
func (p *Publisher) message(k event.Kind, events []*pb.Event) (*nats.Msg, error) {
	body, contentType, encoding, err := event.EncodeBatch(events)
	if err != nil {
		return nil, err
	}
	if limit := int(p.js.Conn().MaxPayload()) - headroom; limit > 0 && len(body) > limit {
		return nil, fmt.Errorf("message has %d bytes compressed: the server takes %d: %w", len(body), limit, event.ErrTooLarge)
	}
	m := nats.NewMsg(event.Subject(p.cfg.Tenant, k))
	m.Data = body
	m.Header.Set(event.HeaderContentType, contentType)
	m.Header.Set(event.HeaderContentEncoding, encoding)
	m.Header.Set(jetstream.MsgIDHeader, messageID(m.Subject, body))
	return m, nil
}

// messageID identifies a message by what it says: sent again it is the same.
// It covers the whole content, not the events' ids alone: an event that
// changes under its id must reach the store, which reports the conflict.
func messageID(subject string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s ", len(subject), subject)
	h.Write(body)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}
