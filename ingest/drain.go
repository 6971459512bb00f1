package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Drain waits until everything that is in the stream now is in the log, and
// removes it from the stream, also where another consumer has not seen it: what
// was forgotten must not linger there. Run must be running. An error says what
// it waited for when ctx ended.
func (c *Consumer) Drain(ctx context.Context) error {
	stream, err := c.JetStream.Stream(ctx, StreamName)
	if err != nil {
		return fmt.Errorf("drain the stream: %w", err)
	}
	last := stream.CachedInfo().State.LastSeq
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		floor := uint64(0)
		consumer, err := c.JetStream.Consumer(ctx, StreamName, ConsumerName)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound): // Run will make it.
		case err != nil:
			return fmt.Errorf("drain the stream: %w", err)
		default:
			floor = seenUpTo(consumer.CachedInfo(), last)
		}
		if floor >= last {
			if err := stream.Purge(ctx, jetstream.WithPurgeSequence(last+1)); err != nil {
				return fmt.Errorf("drain the stream: %w", err)
			}
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("drain the stream: message %d of %d is not in the log yet: %w", floor+1, last, ctx.Err())
		}
	}
}

// seenUpTo returns up to which message, at most last, a consumer has
// acknowledged everything.
func seenUpTo(info *jetstream.ConsumerInfo, last uint64) uint64 {
	if info.NumPending+uint64(info.NumAckPending) == 0 {
		return last // What it has not seen is not there.
	}
	return min(info.AckFloor.Stream, last)
}
