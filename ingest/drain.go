package ingest

import (
	"context"
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
		consumer, err := c.JetStream.Consumer(ctx, StreamName, ConsumerName)
		if err != nil {
			return fmt.Errorf("drain the stream: %w", err)
		}
		info := consumer.CachedInfo()
		floor := info.AckFloor.Stream
		if info.NumPending+uint64(info.NumAckPending) == 0 {
			floor = max(floor, last) // What it has not seen was never there.
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
