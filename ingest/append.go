package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// One append takes what is ready, up to these. Larger groups gain nothing
// more on the fsync they share and make acknowledgements late.
const (
	maxGroupEvents = 4096
	maxGroupWeight = 16 << 20 // bytes of the budget
)

// append puts group after group into the log and acknowledges each when it is
// durable. While one is being written the workers prepare the next.
func (p *pipeline) append(ctx context.Context) error {
	q := groups{inOrder: p.inOrder}
	retry := backoff{}
	for {
		group, ok := q.next()
		if !ok {
			return ctx.Err()
		}
		err := p.store(ctx, group)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if retry.failing() {
				p.Logger.InfoContext(ctx, "log takes events again")
			}
			retry = backoff{}
			if err := p.acknowledge(group); err != nil {
				return err
			}
			continue
		case errors.Is(err, eventlog.ErrTampered), errors.Is(err, eventlog.ErrClosed), errors.Is(err, errStuck):
			return err
		}
		p.Metrics.failed("append")
		if !retry.failing() {
			p.Logger.WarnContext(ctx, "log does not take events: trying on", "err", err)
		}
		if err := p.postpone(ctx, group, &retry); err != nil {
			return err
		}
	}
}

// groups cuts the queue into groups.
type groups struct {
	inOrder <-chan *message
	first   *message // of the next group, already taken from the queue
}

// next waits for one message and takes with it those behind it that are ready
// too. It returns false when the queue is closed and empty.
func (q *groups) next() ([]*message, bool) {
	m := q.first
	q.first = nil
	if m == nil {
		m = <-q.inOrder
	}
	if m == nil {
		return nil, false
	}
	<-m.done
	group := []*message{m}
	events, weight := len(m.prepared), m.weight
	for {
		select {
		case m := <-q.inOrder:
			if m == nil {
				return group, true
			}
			if !m.ready() || events+len(m.prepared) > maxGroupEvents || weight+m.weight > maxGroupWeight {
				q.first = m
				return group, true
			}
			group = append(group, m)
			events += len(m.prepared)
			weight += m.weight
		default:
			return group, true
		}
	}
}

// ready reports whether the worker is done with the message.
func (m *message) ready() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// store makes everything in the group durable, in the log or in quarantine.
// After an error part of it may be; doing it again does no harm.
func (p *pipeline) store(ctx context.Context, group []*message) error {
	var batch []eventlog.Prepared
	for _, m := range group {
		if m.err != nil {
			return m.err
		}
		batch = append(batch, m.prepared...)
	}
	if len(batch) > 0 {
		timer := prometheus.NewTimer(p.Metrics.append)
		results, err := p.Log.Append(ctx, batch)
		if err != nil {
			return fmt.Errorf("append %d events: %w", len(batch), err)
		}
		timer.ObserveDuration()
		p.Metrics.groups.Observe(float64(len(batch)))
		if err := p.judge(ctx, group, results); err != nil {
			return err
		}
	}
	return p.quarantine(ctx, group)
}

// judge counts what became of the events and rejects those whose id another
// event has.
func (p *pipeline) judge(ctx context.Context, group []*message, results []eventlog.Result) error {
	for _, m := range group {
		for i := range m.prepared {
			switch results[i].Outcome {
			case eventlog.Appended:
				p.Metrics.stored.Inc()
			case eventlog.Duplicate:
				p.Metrics.duplicates.Inc()
			case eventlog.Conflict:
				same, err := p.sameByFirst(ctx, m, i, results[i].Seq)
				if err != nil {
					return err
				}
				if same {
					p.Metrics.duplicates.Inc()
					continue
				}
				entry, err := p.again(m, m.position[i], pb.Quarantined_CONFLICT,
					fmt.Sprintf("id: is taken by the event at position %d, which has other content", results[i].Seq))
				if err != nil {
					return err
				}
				m.rejected = append(m.rejected, entry)
			default:
				return fmt.Errorf("internal error: outcome %d", results[i].Outcome)
			}
		}
		m.original = nil
		results = results[len(m.prepared):]
	}
	return nil
}

// acknowledge tells the stream that the group is durable. An acknowledgement
// that gets lost makes its message come again.
func (p *pipeline) acknowledge(group []*message) error {
	for _, m := range group {
		err := m.msg.Ack()
		p.release(m, err == nil)
		if errors.Is(err, nats.ErrConnectionClosed) {
			return fmt.Errorf("acknowledge to stream %s: %w", StreamName, err)
		}
	}
	return nil
}

// postpone gives the group back to the stream, to be delivered again after
// the time that it waits itself.
func (p *pipeline) postpone(ctx context.Context, group []*message, retry *backoff) error {
	err := retry.wait(ctx)
	for _, m := range group {
		_ = m.msg.Nak()
		p.release(m, false)
	}
	return err
}
