package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// ErrClosed reports an event that came to, or was still with, a publisher
// that is closed.
var ErrClosed = errors.New("publisher is closed")

// A Publisher publishes events of one tenant. Its methods are safe for
// concurrent use.
type Publisher struct {
	cfg   Config
	js    jetstream.JetStream
	acks  acks
	slots chan struct{}  // holds one element for every batch that exists
	cpus  chan struct{}  // holds one element for every batch being encoded
	stop  chan struct{}  // closed when nothing is to be sent any more
	wg    sync.WaitGroup // one for every sealed batch

	mu     sync.Mutex // guards what follows
	closed bool
	open   map[event.Kind]*batch // being filled
	last   map[event.Kind]*batch // sealed most recently
	live   map[*batch]struct{}   // open or sealed, and not finished
}

// New returns a publisher that publishes over the connection of js. It sends
// nothing yet and starts no goroutine.
func New(js jetstream.JetStream, cfg Config) (*Publisher, error) {
	cfg, err := cfg.withDefaults(js)
	if err != nil {
		return nil, fmt.Errorf("new publisher: %w", err)
	}
	return &Publisher{
		cfg:   cfg,
		js:    js,
		acks:  acks{conn: js.Conn()},
		slots: make(chan struct{}, cfg.MaxPending),
		cpus:  make(chan struct{}, encoders()),
		stop:  make(chan struct{}),
		open:  make(map[event.Kind]*batch),
		last:  make(map[event.Kind]*batch),
		live:  make(map[*batch]struct{}),
	}, nil
}

// Publish queues an event. It returns at once, unless MaxPending messages are
// under way: then it waits for one of them, or for ctx to end.
//
// If Publish returns nil, e belongs to the publisher, and done, which may be
// nil, is called exactly once, from another goroutine: with nil when
// JetStream has stored the event, or with the error that ended the attempts.
// done must return soon and must not call the publisher. If Publish returns
// an error, done is not called.
//
// Errors: a [*event.ValidationError], [event.ErrTooLarge], [ErrClosed], or
// ctx's.
func (p *Publisher) Publish(ctx context.Context, e *pb.Event, done func(error)) error {
	if err := event.Validate(e, p.cfg.Now()); err != nil {
		return err
	}
	size, err := sizeOf(e)
	if err != nil {
		return err
	}
	for {
		added, err := p.add(e, size, done)
		if added || err != nil {
			return err
		}
		if err := p.begin(ctx, event.KindOf(e)); err != nil {
			return err
		}
	}
}

// sizeOf returns how many bytes an event adds to a batch.
func sizeOf(e *pb.Event) (int, error) {
	size := proto.Size(e)
	if size > event.DefaultEventBytes {
		return 0, fmt.Errorf("event has %d bytes: the limit is %d: %w", size, event.DefaultEventBytes, event.ErrTooLarge)
	}
	return size + 4, nil // a tag and a length
}

// add puts the event into the open batch of its kind, if there is one with
// room for it; one without room is sealed.
func (p *Publisher) add(e *pb.Event, size int, done func(error)) (added bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false, ErrClosed
	}
	b := p.open[event.KindOf(e)]
	if b == nil {
		return false, nil
	}
	if len(b.items) > 0 && b.bytes+size > p.cfg.BatchBytes {
		p.seal(b)
		return false, nil
	}
	b.items = append(b.items, item{e, done})
	b.bytes += size
	if len(b.items) == p.cfg.BatchEvents || b.bytes >= p.cfg.BatchBytes {
		p.seal(b)
	}
	return true, nil
}

// begin opens a batch of the kind when there is a slot for it.
func (p *Publisher) begin(ctx context.Context, k event.Kind) error {
	select {
	case p.slots <- struct{}{}:
	case <-p.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.open[k] != nil {
		<-p.slots // another call was faster; its batch will do
		return nil
	}
	b := newBatch(k)
	b.linger = time.AfterFunc(p.cfg.Linger, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seal(b)
	})
	p.open[k] = b
	p.live[b] = struct{}{}
	return nil
}

// seal ends the filling of a batch and starts its delivery. p.mu is held.
func (p *Publisher) seal(b *batch) {
	if p.open[b.kind] != b {
		return // sealed already
	}
	b.linger.Stop()
	delete(p.open, b.kind)
	if before := p.last[b.kind]; before != nil {
		b.after = before.sent
	}
	p.last[b.kind] = b
	p.wg.Go(func() { p.deliver(b) })
}

func (p *Publisher) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Flush sends what is queued without lingering and waits until all of it is
// acknowledged or given up, or ctx ends. It returns the first error of what
// was given up, or ctx's.
func (p *Publisher) Flush(ctx context.Context) error {
	var failed error
	for _, b := range p.sealAll() {
		select {
		case <-b.finished:
			if failed == nil {
				failed = b.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed
}

// sealAll seals every open batch and returns all that are not finished.
func (p *Publisher) sealAll() []*batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.open {
		p.seal(b)
	}
	batches := make([]*batch, 0, len(p.live))
	for b := range p.live {
		batches = append(batches, b)
	}
	return batches
}

// Close refuses further events, flushes, and gives up what is not
// acknowledged when ctx ends; done is then called with an error that wraps
// [ErrClosed]. When Close returns, every done was called and no goroutine of
// the publisher is left. The connection stays open. A second Close waits for
// the first.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	if first {
		close(p.stop)
	}
	p.wg.Wait()
	p.acks.close()
	return err
}
