package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

// PublishPolicies keeps the bucket [event.PolicyBucket], which it makes, at what is
// in force: of each tenant the document, byte for byte, so that publishers can
// follow it. watch calls its function with the policy in force of each tenant and
// with each that comes into force, until ctx ends or the function fails. What the
// bucket has otherwise at the start, or after the connection was lost, is put
// right.
//
// While the bucket cannot be written it tries again. It returns nil when ctx ends,
// and nats.ErrConnectionClosed when the connection is closed for good.
func PublishPolicies(ctx context.Context, js jetstream.JetStream, watch func(context.Context, func(event.Tenant, *policy.Document) error) error, logger *slog.Logger) error {
	retry := backoff{}
	for {
		err := publishPolicies(ctx, js, watch, func() { retry = backoff{} })
		switch {
		case ctx.Err() != nil:
			return nil
		case js.Conn().IsClosed():
			return fmt.Errorf("publish policies: %w", nats.ErrConnectionClosed)
		case errors.Is(err, errReconnected):
			continue
		}
		if !retry.failing() {
			logger.WarnContext(ctx, "publishers do not hear of policies: trying on", "bucket", event.PolicyBucket, "err", err)
		}
		if err := retry.wait(ctx); err != nil {
			return nil //nolint:nilerr // It says that ctx has ended.
		}
	}
}

// publishPolicies does so until something fails or the connection is a new one. It
// calls well after each policy that the bucket has.
func publishPolicies(ctx context.Context, js jetstream.JetStream, watch func(context.Context, func(event.Tenant, *policy.Document) error) error, well func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reconnected := js.Conn().StatusChanged(nats.CONNECTED)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer js.Conn().RemoveStatusListener(reconnected) // closes it
	watching.Go(func() {
		for range reconnected {
			cancel(errReconnected)
		}
	})
	bucket, err := policyBucket(ctx, js)
	if err == nil {
		err = watch(ctx, func(t event.Tenant, document *policy.Document) error {
			if err := putPolicy(ctx, bucket, t, document.Source()); err != nil {
				return err
			}
			well()
			return nil
		})
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// policyBucket finds the bucket or makes it. One that an operator made, with more
// replicas for instance, is taken as it is.
func policyBucket(ctx context.Context, js jetstream.JetStream) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	bucket, err := js.KeyValue(ctx, event.PolicyBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		bucket, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: event.PolicyBucket, Description: "The policy in force of each tenant", History: 1, Storage: jetstream.FileStorage,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", event.PolicyBucket, err)
	}
	return bucket, nil
}

// putPolicy puts a document into the bucket unless it is there.
func putPolicy(ctx context.Context, bucket jetstream.KeyValue, t event.Tenant, source []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	entry, err := bucket.Get(ctx, string(t))
	switch {
	case err == nil && bytes.Equal(entry.Value(), source):
		return nil
	case err == nil || errors.Is(err, jetstream.ErrKeyNotFound):
		_, err = bucket.Put(ctx, string(t), source)
	}
	if err != nil {
		return fmt.Errorf("put a policy into bucket %s: %w", event.PolicyBucket, err)
	}
	return nil
}
