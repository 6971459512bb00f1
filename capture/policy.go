package capture

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

// How long WatchPolicy waits before it looks again for a bucket that it cannot
// read: at first, and at most.
const (
	policyRetryMin = 100 * time.Millisecond
	policyRetryMax = 5 * time.Second
)

// WatchPolicy yields the policy in force for a tenant, as it is for the tenant, and
// each that comes into force after it, within seconds, until ctx ends:
//
//	for document, err := range capture.WatchPolicy(ctx, js, tenant) { … }
//
// It yields nothing before the tenant has a policy, which it gets with its first
// event, or by afterimage policy apply; of several that came while NATS was away or the loop was busy it yields
// the last at least, and none twice in a row. A document that cannot be read, such
// as one of a newer store, is yielded as an error; the loop goes on, and the policy
// before is the last that is known. So is a connection that was closed for good:
// then the loop ends.
//
// The publisher's NATS account must be allowed to read the stream
// KV_afterimage-policy.
func WatchPolicy(ctx context.Context, js jetstream.JetStream, tenant event.Tenant) iter.Seq2[*policy.Document, error] {
	return func(yield func(*policy.Document, error) bool) {
		w := policyWatch{js: js, tenant: tenant, yield: yield}
		reconnected := js.Conn().StatusChanged(nats.CONNECTED)
		defer js.Conn().RemoveStatusListener(reconnected)
		for wait := policyRetryMin; ; wait = min(2*wait, policyRetryMax) {
			went, on := w.follow(ctx, reconnected)
			if !on || ctx.Err() != nil {
				return
			}
			if went {
				wait = policyRetryMin
			}
			if js.Conn().IsClosed() {
				yield(nil, fmt.Errorf("watch the policy: %w", nats.ErrConnectionClosed))
				return
			}
			if !await(ctx, wait, reconnected) {
				return
			}
		}
	}
}

// await waits, or until there is another connection. It returns false when ctx ends.
func await(ctx context.Context, wait time.Duration, reconnected <-chan nats.Status) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-reconnected:
	case <-ctx.Done():
		return false
	}
	return true
}

// A policyWatch follows one key of the bucket.
type policyWatch struct {
	js     jetstream.JetStream
	tenant event.Tenant
	yield  func(*policy.Document, error) bool
	text   string // of the document
}

// follow yields what the bucket has and gets until the connection is another: what
// was asked for over one may not come over the next. went says whether it could
// read the bucket, on whether to go on.
func (w *policyWatch) follow(ctx context.Context, reconnected <-chan nats.Status) (went, on bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(policyRetryMax, cancel) // an answer may be lost with a connection
	bucket, err := w.js.KeyValue(ctx, event.PolicyBucket)
	if err != nil {
		return false, true
	}
	watcher, err := bucket.Watch(ctx, string(w.tenant), jetstream.IgnoreDeletes())
	if err != nil {
		return false, true
	}
	defer func() { _ = watcher.Stop() }() // it fails with the connection, and then there is nothing to stop
	if !late.Stop() {
		return false, true
	}
	for {
		select {
		case entry, open := <-watcher.Updates():
			if !open {
				return true, true
			}
			if entry != nil && !w.take(entry) { // nil says that what there was has come
				return true, false
			}
		case <-reconnected:
			return true, true
		case <-ctx.Done():
			return true, false
		}
	}
}

// take yields a document that is another than the last.
func (w *policyWatch) take(entry jetstream.KeyValueEntry) bool {
	text := string(entry.Value())
	if text == w.text {
		return true
	}
	w.text = text
	document, err := policy.Parse(entry.Value())
	if err != nil {
		return w.yield(nil, fmt.Errorf("policy of tenant %s at revision %d: %w", w.tenant, entry.Revision(), err))
	}
	return w.yield(document.For(w.tenant), nil)
}
