package ingest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	sweepEvery  = time.Second
	remindEvery = ackWait / 3
	leaveTime   = 2 * time.Second
)

// keep does, until ctx ends, what is due now and then: it tells the stream
// that slow work goes on, and sweeps the stream.
func (p *pipeline) keep(ctx context.Context) error {
	remind, sweep := time.NewTicker(remindEvery), time.NewTicker(sweepEvery)
	defer remind.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-remind.C:
			p.remind()
		case <-sweep.C:
			p.sweep(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// remind keeps the stream from delivering again what is still being worked
// on. Where it fails the message comes twice, and the log absorbs it.
func (p *pipeline) remind() {
	p.mu.Lock()
	slow := slices.Collect(maps.Keys(p.inFlight))
	p.mu.Unlock()
	for _, m := range slow {
		_ = m.msg.InProgress()
	}
}

// sweep removes from the stream everything up to the first message that a
// durable consumer, this one or another, has not acknowledged, if anything was
// acknowledged here since the last time or was left then. It asks the stream
// how far that is, so it can remove nothing that is still needed; what the
// stream has not heard of yet is left for the next time.
//
// The stream does not do this by itself at every acknowledgement (work queue
// retention): with every write synced that costs an fsync a message, which
// publishers then wait for. docs/decisions/0002 has the figures.
func (p *pipeline) sweep(ctx context.Context) {
	p.mu.Lock()
	due := p.acked
	p.acked = false
	p.mu.Unlock()
	if !due {
		return
	}
	left, err := p.purge(ctx)
	if left || err != nil {
		p.mu.Lock()
		p.acked = true
		p.mu.Unlock()
	}
	if err != nil && ctx.Err() == nil {
		p.Metrics.failed("sweep")
		p.Logger.WarnContext(ctx, "stream keeps what is in the log already", "err", err)
	}
}

// purge sweeps once, and tells whether messages are left.
func (p *pipeline) purge(ctx context.Context) (left bool, err error) {
	ctx, end := p.call(ctx)
	defer end()
	stream, err := p.JetStream.Stream(ctx, StreamName)
	if err != nil {
		return false, err
	}
	consumer, err := p.JetStream.Consumer(ctx, StreamName, ConsumerName)
	if err != nil {
		return false, err
	}
	floor, err := lowestFloor(ctx, stream, consumer.CachedInfo().AckFloor.Stream)
	if err != nil {
		return false, err
	}
	state := stream.CachedInfo().State
	left = floor < state.LastSeq
	if state.Msgs == 0 || floor < state.FirstSeq {
		return left, nil
	}
	if p.Writable != nil && !p.Writable() {
		return true, nil
	}
	return left, stream.Purge(ctx, jetstream.WithPurgeSequence(floor+1))
}

// lowestFloor returns up to where every durable consumer of the stream has
// acknowledged, at most floor. One for which nothing is left holds nothing up.
func lowestFloor(ctx context.Context, stream jetstream.Stream, floor uint64) (uint64, error) {
	consumers := stream.ListConsumers(ctx)
	for info := range consumers.Info() {
		if info.Config.Durable != "" && info.NumPending+uint64(info.NumAckPending) > 0 {
			floor = min(floor, info.AckFloor.Stream)
		}
	}
	return floor, consumers.Err()
}

// leave sees to it that the last acknowledgements reach the stream. If they
// do not, their messages come again.
func (p *pipeline) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	if err := p.JetStream.Conn().FlushWithContext(ctx); err != nil {
		return
	}
	_, _ = p.purge(ctx)
}
