package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

const (
	fetchMessages = 1024             // of one request to the stream
	fetchBytes    = 2 * MaxPayload   // of one request: the next message always fits
	fetchTime     = 30 * time.Second // until an idle request is made anew
	heartbeat     = 5 * time.Second  // two of them missed: the stream is away
	queueLength   = 2 * maxGroupEvents
	retryMin      = 100 * time.Millisecond
	retryMax      = 5 * time.Second
)

// A pipeline is one run of a Consumer. Each message is put into both queues
// in the order of the stream: any worker takes it from the one and prepares
// it, the appender takes it from the other, when it is done.
type pipeline struct {
	*Consumer
	durable jetstream.Consumer // owned by fetch

	budget  *semaphore.Weighted // bytes
	toDo    chan *message       // closed by fetch
	inOrder chan *message       // closed by fetch
	stuck   chan struct{}       // one token for each redaction that never came back

	mu       sync.Mutex
	inFlight map[*message]struct{} // fetched, not yet acknowledged
	acked    bool                  // something was, since the last sweep
}

func newPipeline(c *Consumer, durable jetstream.Consumer) *pipeline {
	return &pipeline{
		Consumer: c,
		durable:  durable,
		budget:   semaphore.NewWeighted(c.InFlightBytes),
		toDo:     make(chan *message, queueLength),
		inOrder:  make(chan *message, queueLength),
		stuck:    make(chan struct{}, maxStuck),
		inFlight: make(map[*message]struct{}),
	}
}

// fetch puts messages into the queues until ctx ends. The budget of memory
// and the queues' lengths hold it up when the stages behind are slower.
func (p *pipeline) fetch(ctx context.Context) error {
	defer close(p.toDo)
	defer close(p.inOrder)
	conn := p.JetStream.Conn()
	reconnected := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(reconnected)
	retry := backoff{}
	for {
		err := p.fetchOnce(ctx, reconnected)
		if errors.Is(err, errReconnected) {
			err = p.rejoin(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if retry.failing() {
				p.Logger.InfoContext(ctx, "stream is back")
			}
			retry = backoff{}
			continue
		case errors.Is(err, nats.ErrConnectionClosed):
			return fmt.Errorf("fetch from stream %s: %w", StreamName, err)
		}
		p.Metrics.failed("fetch")
		if !retry.failing() {
			p.Logger.WarnContext(ctx, "stream cannot be read: trying on", "err", err)
		}
		if err := retry.wait(ctx); err != nil {
			return err
		}
		switch durable, err := p.attach(ctx); { // it may have been deleted
		case err == nil:
			p.durable = durable
		case errors.Is(err, errForeign):
			return err
		}
	}
}

// rejoin goes on over a new connection: what was on its way over the old one
// is delivered again.
func (p *pipeline) rejoin(ctx context.Context) error {
	durable, err := p.attach(ctx)
	if err != nil {
		return err
	}
	p.durable = durable
	p.takeOver(ctx, durable)
	return nil
}

// errReconnected reports that what was asked for went with a connection that
// is gone.
var errReconnected = errors.New("the connection to the stream is a new one")

// fetchOnce makes one request and passes on what comes until it is complete,
// or the connection was lost and is back.
func (p *pipeline) fetchOnce(ctx context.Context, reconnected <-chan nats.Status) error {
	fctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	batch, err := p.durable.Fetch(fetchMessages, jetstream.FetchMaxBytes(fetchBytes),
		jetstream.FetchContext(fctx), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	for {
		select {
		case msg, ok := <-batch.Messages():
			if !ok {
				return unlessTimeout(batch.Error())
			}
			if err := p.enqueue(ctx, msg); err != nil {
				return err
			}
		case _, open := <-reconnected:
			if !open {
				return nats.ErrConnectionClosed
			}
			return errReconnected
		}
	}
}

// unlessTimeout returns err, or nil where it only says that nothing more came.
func unlessTimeout(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// enqueue takes a message in once there is memory for it.
func (p *pipeline) enqueue(ctx context.Context, msg jetstream.Msg) error {
	m := p.newMessage(msg)
	if err := p.budget.Acquire(ctx, m.weight); err != nil {
		return err
	}
	p.Metrics.inFlight.Add(float64(m.weight))
	p.mu.Lock()
	p.inFlight[m] = struct{}{}
	p.mu.Unlock()
	for _, queue := range []chan<- *message{p.toDo, p.inOrder} {
		select {
		case queue <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// release ends the work on a message.
func (p *pipeline) release(m *message, acked bool) {
	p.mu.Lock()
	delete(p.inFlight, m)
	p.acked = p.acked || acked
	p.mu.Unlock()
	p.Metrics.inFlight.Sub(float64(m.weight))
	p.budget.Release(m.weight)
}

// work prepares messages until the queue is closed.
func (p *pipeline) work(ctx context.Context) error {
	for m := range p.toDo {
		if ctx.Err() == nil {
			m.err = p.prepare(ctx, m)
		} else {
			m.err = ctx.Err()
		}
		close(m.done)
	}
	return nil
}

// backoff is a wait that doubles with every failure. The zero value is ready.
type backoff struct{ next time.Duration }

func (b *backoff) failing() bool { return b.next > 0 }

func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(2*b.next, retryMin), retryMax)
	select {
	case <-time.After(b.next):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call bounds one request to the stream: it ends after callTimeout or when the
// connection breaks, for what was asked over it is not answered over the next.
func (c *Consumer) call(ctx context.Context) (context.Context, func()) {
	conn := c.JetStream.Conn()
	ctx, cancelTimeout := context.WithTimeout(ctx, callTimeout)
	ctx, cancel := context.WithCancelCause(ctx)
	lost := conn.StatusChanged(nats.RECONNECTING)
	var watch sync.WaitGroup
	watch.Go(func() {
		for range lost {
			cancel(nats.ErrDisconnected)
		}
	})
	return ctx, func() {
		conn.RemoveStatusListener(lost)
		watch.Wait()
		cancel(nil)
		cancelTimeout()
	}
}
