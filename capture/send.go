package capture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// send publishes a message until it is acknowledged, and lets the next batch
// go as soon as it left for the first time.
func (p *Publisher) send(b *batch, msg *nats.Msg) error {
	return p.retry(p.stop, func() error {
		ack, forget, err := p.acks.publish(msg)
		b.release()
		if err != nil {
			return err
		}
		defer forget()
		timeout := time.NewTimer(p.cfg.AckTimeout)
		defer timeout.Stop()
		select {
		case err := <-ack:
			return err
		case <-timeout.C:
			return nats.ErrTimeout
		case <-p.stop:
			return ErrClosed
		}
	})
}

// retry calls try until it succeeds, fails for good, has been tried often
// enough, or stop is closed.
func (p *Publisher) retry(stop <-chan struct{}, try func() error) error {
	wait := p.cfg.RetryWait
	var last error // of the attempt before
	for attempt := 0; ; attempt++ {
		err := try()
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrClosed) && last != nil {
			err = fmt.Errorf("%w; the attempt before: %w", err, last)
		}
		last = err
		if p.js.Conn().IsClosed() {
			err = nats.ErrConnectionClosed // the library does not always say
		}
		if !permanent(err) && (p.cfg.Retries == 0 || attempt < p.cfg.Retries) && pause(stop, wait) {
			wait = min(2*wait, maxRetryWait)
			continue
		}
		return fmt.Errorf("publish, attempt %d: %w", attempt+1, err)
	}
}

// pause waits for half to all of d, so that publishers that failed together
// do not come back together. It returns false if stop was closed.
func pause(stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2+1)) //nolint:gosec // Jitter is no secret.
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}

// permanent reports whether sending again cannot help.
func permanent(err error) bool {
	switch {
	case errors.Is(err, ErrClosed),
		errors.Is(err, event.ErrTooLarge),
		errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrMaxPayload),
		errors.Is(err, nats.ErrBadSubject),
		errors.Is(err, nats.ErrHeadersNotSupported),
		errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return true
	}
	return false
}

// PublishBatch publishes events and returns nil when JetStream has stored all
// of them. It splits them by kind and into messages of the configured size,
// and keeps their order within a kind. It sends again until ctx ends. It
// does not linger and does not count towards MaxPending. Where the publisher
// redacts, it changes events.
//
// Nothing is sent if any event is invalid: the error is then a
// [*event.ValidationError] with paths that begin with events[i], or wraps
// [event.ErrTooLarge], or redaction failed. After any other error some of the events may be
// stored; publishing all of them again stores the rest.
func (p *Publisher) PublishBatch(ctx context.Context, events []*pb.Event) error {
	if err := event.ValidateBatch(events, p.cfg.Now()); err != nil {
		return err
	}
	if p.isClosed() {
		return ErrClosed
	}
	for i, e := range events {
		if err := p.redact(ctx, e); err != nil {
			return fmt.Errorf("events[%d]: %w", i, err)
		}
	}
	parts, err := p.split(events)
	if err != nil {
		return err
	}
	for _, part := range parts {
		msg, err := p.message(event.KindOf(part[0]), part)
		if err != nil {
			return err
		}
		if err := p.sendAndWait(ctx, msg); err != nil {
			return err
		}
	}
	return nil
}

// split divides events into what can travel together, in order.
func (p *Publisher) split(events []*pb.Event) ([][]*pb.Event, error) {
	type filling struct{ part, bytes int }
	var parts [][]*pb.Event
	open := make(map[event.Kind]filling)
	for i, e := range events {
		size, err := sizeOf(e)
		if err != nil {
			return nil, fmt.Errorf("events[%d]: %w", i, err)
		}
		k := event.KindOf(e)
		f, ok := open[k]
		if !ok || f.bytes+size > p.cfg.BatchBytes || len(parts[f.part]) == p.cfg.BatchEvents {
			f = filling{part: len(parts)}
			parts = append(parts, nil)
		}
		parts[f.part] = append(parts[f.part], e)
		f.bytes += size
		open[k] = f
	}
	return parts, nil
}

// sendAndWait publishes a message until it is acknowledged or ctx ends.
func (p *Publisher) sendAndWait(ctx context.Context, msg *nats.Msg) error {
	err := p.retry(ctx.Done(), func() error {
		attempt, end := whileConnected(ctx, p.js.Conn(), p.cfg.AckTimeout)
		defer end()
		_, err := p.js.PublishMsg(attempt, msg, jetstream.WithRetryAttempts(0))
		if err != nil && errors.Is(context.Cause(attempt), nats.ErrDisconnected) {
			return nats.ErrDisconnected
		}
		return err
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// whileConnected returns a context that ends after the timeout, or, with
// [nats.ErrDisconnected] as its cause, when the connection breaks: what was
// asked over it is not answered over the next one.
func whileConnected(ctx context.Context, conn *nats.Conn, timeout time.Duration) (context.Context, func()) {
	ctx, cancelTimeout := context.WithTimeout(ctx, timeout)
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
