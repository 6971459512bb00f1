package capture

import (
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
)

// A batch is what becomes one message. It is filled under Publisher.mu until
// it is sealed, then owned by its delivery.
type batch struct {
	kind   event.Kind
	events []*pb.Event
	done   []func(error) // one for each event, or nil
	bytes  int
	linger *time.Timer

	after    <-chan struct{} // closed when the batch before was sent; nil: there is none
	sent     chan struct{}   // closed when the next batch may be sent
	release  func()          // closes sent; may be called again
	finished chan struct{}   // closed when err is final
	err      error
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
	msg, err := message(p.cfg.Tenant, b.kind, b.events)
	<-p.cpus
	b.events = nil
	if b.after != nil {
		<-b.after
	}
	if err == nil {
		err = p.send(b, msg)
	}
	b.release()
	p.finish(b, err)
}

// finish calls everyone who waits for the batch and frees its slot.
func (p *Publisher) finish(b *batch, err error) {
	for _, done := range b.done {
		if done != nil {
			done(err)
		}
	}
	b.err = err
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
func message(t event.Tenant, k event.Kind, events []*pb.Event) (*nats.Msg, error) {
	body, contentType, encoding, err := event.EncodeBatch(events)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(event.Subject(t, k))
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
