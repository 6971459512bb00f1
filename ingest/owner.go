package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
)

// ownerKey is where the consumer's metadata names the store whose consumer it
// is.
const ownerKey = "afterimage-store"

// errForeign reports that the consumer is another store's.
var errForeign = errors.New("consumer " + ConsumerName + " of stream " + StreamName + " belongs to another store")

// durable is the configuration of the durable consumer, without its owner.
func (c *Consumer) durable() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ConsumerName,
		Description:   "Takes evidence into the log",
		FilterSubject: event.Subjects,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: maxAckPending,
	}
}

// attach makes the durable consumer or finds it. Two stores on one consumer
// would each get some of the evidence, so it refuses another store's.
func (c *Consumer) attach(ctx context.Context) (jetstream.Consumer, error) {
	ctx, end := c.call(ctx)
	defer end()
	cfg := c.durable()
	cfg.Metadata = map[string]string{ownerKey: c.Log.Origin()}
	durable, err := c.JetStream.CreateConsumer(ctx, StreamName, cfg)
	if errors.Is(err, jetstream.ErrConsumerExists) { // and differs
		durable, err = c.adopt(ctx, cfg)
	}
	if err != nil && errors.Is(context.Cause(ctx), nats.ErrDisconnected) {
		err = nats.ErrDisconnected // not that somebody cancelled it
	}
	if err != nil {
		return nil, fmt.Errorf("attach to stream %s: %w", StreamName, err)
	}
	return durable, nil
}

// adopt makes a consumer that is there like cfg, if it is this store's or
// nobody's.
func (c *Consumer) adopt(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	found, err := c.JetStream.Consumer(ctx, StreamName, ConsumerName)
	if err != nil {
		return nil, err
	}
	metadata := map[string]string{}
	maps.Copy(metadata, found.CachedInfo().Config.Metadata)
	if owner := metadata[ownerKey]; owner != "" && owner != c.Log.Origin() {
		return nil, fmt.Errorf("%w, %q: give each store a NATS account of its own, "+
			"or delete the consumer if that store is gone for good", errForeign, owner)
	}
	maps.Copy(metadata, cfg.Metadata)
	cfg.Metadata = metadata
	return c.JetStream.UpdateConsumer(ctx, StreamName, cfg)
}
