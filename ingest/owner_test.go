package ingest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// Two stores on one stream would each get some of the evidence.
func TestConsumerOfAnotherStoreIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.publishBatch(t, interactions("a", 3)...)
	stop := r.start(t)
	r.await(t)

	other := *r
	other.log = newLog(t)
	other.cfg.Log = other.log
	c, err := New(other.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = c.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), r.log.Origin()) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("run returned %v, want one line that names the store it belongs to", err)
	}
	r.publishBatch(t, interactions("b", 3)...)
	r.await(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if here, there := len(r.stored(t, acme)), len(other.stored(t, acme)); here != 6 || there != 0 {
		t.Errorf("the stores have %d and %d events, want 6 and 0", here, there)
	}
}

// A store whose consumer another one has taken meanwhile stops.
func TestConsumerTakenWhileRunning(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Run(t.Context()) }()
	r.publishBatch(t, interaction("a", "x"))
	r.await(t)
	cfg := c.durable()
	cfg.Metadata = map[string]string{ownerKey: "afterimage.invalid/other"}
	if err := r.js.DeleteConsumer(t.Context(), StreamName, ConsumerName); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateOrUpdateConsumer(t.Context(), StreamName, cfg); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "afterimage.invalid/other") {
		t.Errorf("run returned %v, want an error that names the other store", err)
	}
}

// A consumer from before stores put their name there is the first one's, and
// keeps what else stands in its metadata.
func TestConsumerWithoutOwnerIsAdopted(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.durable()
	cfg.Metadata = map[string]string{"team": "safety"}
	if _, err := r.js.CreateConsumer(t.Context(), StreamName, cfg); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.publishBatch(t, interaction("a", "x"))
		r.drain(t)
	}
	durable, err := r.js.Consumer(t.Context(), StreamName, ConsumerName)
	if err != nil {
		t.Fatal(err)
	}
	got := durable.CachedInfo().Config.Metadata
	if got[ownerKey] != r.log.Origin() || got["team"] != "safety" {
		t.Errorf("metadata is %v", got)
	}
}

// What another durable consumer has yet to see stays; one that has seen all
// that is meant for it holds nothing up.
func TestSweepWaitsForOtherConsumers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	audit := consumer(t, r, "audit", event.Subjects)
	consumer(t, r, "elsewhere", event.Subject("nobody", event.Report))
	for range 5 {
		r.publishBatch(t, interaction("a", "x"))
	}
	for m := range fetched(t, audit, 2) {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.drain(t)
	if got := messages(t, r.js); got != 3 {
		t.Errorf("stream has %d messages, want the 3 that one consumer has yet to acknowledge", got)
	}
	for m := range fetched(t, audit, 3) {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.publishBatch(t, interaction("b", "x"))
	for m := range fetched(t, audit, 1) {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.drain(t)
	if got := messages(t, r.js); got != 0 {
		t.Errorf("stream has %d messages, want none", got)
	}
}

func consumer(t *testing.T, r *rig, name, subject string) jetstream.Consumer {
	t.Helper()
	c, err := r.js.CreateConsumer(t.Context(), StreamName, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fetched(t *testing.T, c jetstream.Consumer, n int) <-chan jetstream.Msg {
	t.Helper()
	batch, err := c.Fetch(n)
	if err != nil {
		t.Fatal(err)
	}
	return batch.Messages()
}

func newLog(t testing.TB) *eventlog.Log {
	t.Helper()
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: t.TempDir(), KeysDir: t.TempDir(), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}
