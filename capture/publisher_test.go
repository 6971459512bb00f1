package capture_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/known"
)

// publisher returns a publisher for the tenant acme that is closed at the end.
func publisher(t *testing.T, r *rig, cfg capture.Config) *capture.Publisher {
	t.Helper()
	cfg.Tenant, cfg.Now = "acme", clock
	if cfg.RetryWait == 0 {
		cfg.RetryWait = time.Millisecond
	}
	p, err := capture.New(r.js, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.Close(ctx) // what is left over is the test's intention
	})
	return p
}

// outcomes gathers what done was told.
type outcomes struct {
	mu   sync.Mutex
	errs []error
	ch   chan error
}

func newOutcomes() *outcomes { return &outcomes{ch: make(chan error, 10_000)} }

func (o *outcomes) done(err error) {
	o.mu.Lock()
	o.errs = append(o.errs, err)
	o.mu.Unlock()
	o.ch <- err
}

// wait returns the next outcome.
func (o *outcomes) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-o.ch:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("done was not called")
		return nil
	}
}

// check holds that done was called n times, without error.
func (o *outcomes) check(t *testing.T, n int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.errs) != n {
		t.Errorf("done was called %d times, want %d", len(o.errs), n)
	}
	if err := errors.Join(o.errs...); err != nil {
		t.Error(err)
	}
}

func mustPublish(t *testing.T, p *capture.Publisher, e *pb.Event, done func(error)) {
	t.Helper()
	if err := p.Publish(t.Context(), e, done); err != nil {
		t.Fatal(err)
	}
}

func TestPublish(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{BatchEvents: 50})
	const n = 1000
	got := newOutcomes()
	for i := range n {
		mustPublish(t, p, interaction(i, "hello"), got.done)
		mustPublish(t, p, report(i), got.done)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.check(t, 2*n)
	stored := r.stored()
	checkIDs(t, stored["evidence.acme.interaction"], n)
	checkIDs(t, stored["evidence.acme.report"], n)
	if messages := len(r.messages()); messages > 200 {
		t.Errorf("%d events came in %d messages: they are not batched", 2*n, messages)
	}
	if err := p.Publish(t.Context(), report(0), nil); !errors.Is(err, capture.ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
	if err := p.PublishBatch(t.Context(), []*pb.Event{report(0)}); !errors.Is(err, capture.ErrClosed) {
		t.Errorf("a batch after Close: got %v, want ErrClosed", err)
	}
}

// A single event must not wait for others for ever.
func TestPublishLingers(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{})
	got := newOutcomes()
	mustPublish(t, p, interaction(0, "hello"), got.done)
	if err := got.wait(t); err != nil {
		t.Error(err)
	}
}

func TestPublishRefuses(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{})
	got := newOutcomes()
	invalid := interaction(0, "hello")
	invalid.Id = strings.Repeat("x", 65)
	err := p.Publish(t.Context(), invalid, got.done)
	if _, ok := errors.AsType[*event.ValidationError](err); !ok {
		t.Errorf("invalid event: got %v, want a *ValidationError", err)
	}
	if err := p.Publish(t.Context(), interaction(0, strings.Repeat("x", 2<<20)), got.done); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("2 MiB event: got %v, want ErrTooLarge", err)
	}
	got.check(t, 0)
}

// A stream that is made later, as in a fresh installation, loses nothing.
func TestRetryUntilThereIsAStream(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{AckTimeout: 20 * time.Millisecond})
	attempts, err := r.js.Conn().SubscribeSync(event.Subjects)
	if err != nil {
		t.Fatal(err)
	}
	got := newOutcomes()
	mustPublish(t, p, interaction(0, "hello"), got.done)
	var ids []string
	for range 3 {
		m, err := attempts.NextMsg(20 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get(jetstream.MsgIDHeader))
	}
	if ids[0] == "" || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("attempts carry the message ids %q, want one", ids)
	}
	r.stream()
	if err := got.wait(t); err != nil {
		t.Error(err)
	}
	checkIDs(t, r.stored()["evidence.acme.interaction"], 1)
}

// A full stream must hold publishers up, not lose what they have.
func TestRetryUntilThereIsRoom(t *testing.T) {
	r := newRig(t)
	s := r.stream(func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardNew })
	p := publisher(t, r, capture.Config{})
	if err := p.PublishBatch(t.Context(), []*pb.Event{report(7)}); err != nil {
		t.Fatal(err)
	}
	got := newOutcomes()
	mustPublish(t, p, interaction(0, "hello"), got.done)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a full stream Flush returns %v, want it to wait", err)
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := got.wait(t); err != nil {
		t.Error(err)
	}
	checkIDs(t, r.stored()["evidence.acme.interaction"], 1)
}

func TestRetriesEnd(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{Retries: 2})
	got := newOutcomes()
	mustPublish(t, p, interaction(0, "hello"), got.done)
	if err := got.wait(t); !errors.Is(err, jetstream.ErrNoStreamResponse) || !strings.Contains(err.Error(), "attempt 3") {
		t.Errorf("got %v, want ErrNoStreamResponse after attempt 3", err)
	}
}

// Invariant 1, seen from the publisher: whatever the server does meanwhile,
// what was acknowledged is stored once, and everything is acknowledged.
func TestServerRestarts(t *testing.T) {
	r := newRig(t)
	r.stream(func(c *jetstream.StreamConfig) { c.Duplicates = 2 * time.Minute })
	p := publisher(t, r, capture.Config{BatchEvents: 10, MaxPending: 8})
	const n = 3000
	got := newOutcomes()
	var published atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if err := p.Publish(t.Context(), interaction(i, "hello"), got.done); err != nil {
				t.Errorf("event %d: %v", i, err)
			}
			published.Add(1)
		}
	})
	for range 3 {
		for range 300 {
			if err := got.wait(t); err != nil {
				t.Error(err)
			}
		}
		r.stop()
		r.start()
	}
	wg.Wait()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.check(t, n)
	times := make(map[string]int)
	for _, e := range r.stored()["evidence.acme.interaction"] {
		times[e.Id]++
	}
	if len(times) != n {
		t.Errorf("%d of %d acknowledged events are stored", len(times), n)
	}
	for id, count := range times {
		if count != 1 {
			t.Errorf("event %s is stored %d times", id, count)
		}
	}
}

// Close must end in time and tell everyone, even where nothing answers.
func TestCloseGivesUp(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{})
	got := newOutcomes()
	for i := range 10 {
		mustPublish(t, p, interaction(i, "hello"), got.done)
		mustPublish(t, p, report(i), got.done)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if n := len(got.errs); n != 20 {
		t.Errorf("done was called %d times before Close returned, want 20", n)
	}
	for _, err := range got.errs {
		if err == nil {
			t.Error("an event that is nowhere was reported as stored")
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Invariant 9: a publisher that cannot send must not gather events without end.
func TestPublishBlocks(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{BatchEvents: 5, MaxPending: 2})
	for i := range 10 {
		mustPublish(t, p, interaction(i, "hello"), nil)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, interaction(10, "hello"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it to block until the deadline", err)
	}
	r.stream()
	if err := p.Publish(t.Context(), interaction(10, "hello"), nil); err != nil {
		t.Errorf("once there is a stream: %v", err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if got := len(r.stored()["evidence.acme.interaction"]); got != 11 {
		t.Errorf("%d events are stored, want 11", got)
	}
}

// noise returns text that does not compress below three quarters.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + rand.N(75))
	}
	return string(b)
}

// What a message may not carry must fail for its event alone, and at once.
func TestMessageTooLarge(t *testing.T) {
	r := newRig(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })
	r.stream()
	p := publisher(t, r, capture.Config{})
	got, large := newOutcomes(), newOutcomes()
	mustPublish(t, p, interaction(0, "hello"), got.done)
	mustPublish(t, p, interaction(9, noise(200<<10)), large.done)
	mustPublish(t, p, interaction(1, "hello"), got.done)
	if err := large.wait(t); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if err := p.Flush(t.Context()); err != nil && !errors.Is(err, event.ErrTooLarge) {
		t.Error(err)
	}
	got.check(t, 2)
	checkIDs(t, r.stored()["evidence.acme.interaction"], 2)
	if err := p.PublishBatch(t.Context(), []*pb.Event{interaction(9, noise(200<<10))}); !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("a batch: got %v, want ErrTooLarge", err)
	}
}

// Messages stay under the server's limit however large the events are.
func TestBatchBytes(t *testing.T) {
	r := newRig(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })
	r.stream()
	p := publisher(t, r, capture.Config{})
	got := newOutcomes()
	for i := range 40 {
		mustPublish(t, p, interaction(i, noise(9<<10)), got.done)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	got.check(t, 40)
	checkIDs(t, r.stored()["evidence.acme.interaction"], 40)
	if n := len(r.messages()); n < 6 || n > 20 {
		t.Errorf("360 KiB came in %d messages, want some seven", n)
	}
}

func TestPublishBatch(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{BatchEvents: 7})
	var events []*pb.Event
	for i := range 50 {
		events = append(events, interaction(i, "hello"), report(i))
	}
	for range 2 { // the second time the stream knows the messages
		if err := p.PublishBatch(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		checkIDs(t, r.stored()["evidence.acme.interaction"], 50)
		checkIDs(t, r.stored()["evidence.acme.report"], 50)
	}
	if got := len(r.messages()); got != 16 {
		t.Errorf("got %d messages, want 16", got)
	}
}

// Nothing of a request with an invalid event may be stored.
func TestPublishBatchRefuses(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{})
	invalid := report(2)
	invalid.GetReport().Category = ""
	err := p.PublishBatch(t.Context(), []*pb.Event{interaction(0, "hello"), report(1), invalid})
	if want := "events[2].report.category: is missing"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = p.PublishBatch(t.Context(), []*pb.Event{interaction(0, "hello"), interaction(1, strings.Repeat("x", 2<<20))})
	if !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if got := len(r.messages()); got != 0 {
		t.Errorf("%d messages are stored, want none", got)
	}
}

func TestPublishBatchEnds(t *testing.T) {
	r := newRig(t)
	p := publisher(t, r, capture.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.PublishBatch(ctx, []*pb.Event{report(0)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a stream: got %v, want the deadline", err)
	}
}

// An event that changes under its id must reach the store, which tells of the
// conflict: JetStream must not take it for the same message.
func TestMessageIDCoversContent(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{})
	for _, text := range []string{"hello", "hello", "goodbye"} {
		if err := p.PublishBatch(t.Context(), []*pb.Event{interaction(0, text)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(r.messages()); got != 2 {
		t.Errorf("got %d messages, want 2", got)
	}
}

// Invariant 3: what cannot be redacted is not sent, and holds nothing up.
func TestRedacts(t *testing.T) {
	r := newRig(t)
	r.stream()
	redactor, err := redaction.New(redaction.Config{})
	if err != nil {
		t.Fatal(err)
	}
	noKey := errors.New("no key")
	p := publisher(t, r, capture.Config{Redactor: redactor, Pseudonym: func(value string) (string, error) {
		if strings.HasPrefix(value, "mallory") {
			return "", noKey
		}
		return "aaaabbbbcccc", nil
	}})
	good, bad := newOutcomes(), newOutcomes()
	mustPublish(t, p, interaction(0, "Write to bob@example.com."), good.done)
	mustPublish(t, p, interaction(9, "Write to mallory@example.com."), bad.done)
	mustPublish(t, p, interaction(1, "hello"), good.done)
	if err := bad.wait(t); !errors.Is(err, noKey) {
		t.Errorf("got %v, want %v", err, noKey)
	}
	if err := p.Flush(t.Context()); err != nil && !errors.Is(err, noKey) {
		t.Error(err)
	}
	good.check(t, 2)
	stored := r.stored()["evidence.acme.interaction"]
	checkIDs(t, stored, 2)
	if got, want := stored[0].GetInteraction().Output[0].Parts[0].GetText(), "Write to [EMAIL:aaaabbbbcccc]."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := stored[0].User, "[USER:aaaabbbbcccc]"; got != want {
		t.Errorf("user: got %q, want %q", got, want)
	}
	err = p.PublishBatch(t.Context(), []*pb.Event{report(3), interaction(9, "Write to mallory@example.com.")})
	if !errors.Is(err, noKey) || len(r.stored()["evidence.acme.report"]) != 0 {
		t.Errorf("a batch: got %v, want %v and nothing stored", err, noKey)
	}
}

// What the service knows of its user leaves the process in no spelling.
func TestKnown(t *testing.T) {
	r := newRig(t)
	r.stream()
	redactor, err := redaction.New(redaction.Config{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"bob@example.com": "Bo Vandersloot"}
	p := publisher(t, r, capture.Config{Redactor: redactor, Pseudonym: func(string) (string, error) { return "aaaabbbbcccc", nil },
		Known: func(e *pb.Event) []known.Value {
			return []known.Value{{Text: names[e.User], Kind: known.Name, Type: "PERSON"}}
		}})
	e := interaction(0, "VANDERSLOOT, Bo has two cats.")
	e.User = "bob@example.com"
	good := newOutcomes()
	mustPublish(t, p, e, good.done)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	good.check(t, 1)
	if got, want := r.stored()["evidence.acme.interaction"][0].GetInteraction().Output[0].Parts[0].GetText(), "[PERSON:aaaabbbbcccc] has two cats."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfig(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		cfg  capture.Config
		want string
	}{
		{capture.Config{}, "Config.Tenant: tenant: is missing"},
		{capture.Config{Tenant: "a.b"}, "Config.Tenant: tenant: has '.' at character 2"},
		{capture.Config{Tenant: "a", Linger: -1}, "Config.Linger is negative"},
		{capture.Config{Tenant: "a", MaxPending: -1}, "Config.MaxPending is negative"},
		{capture.Config{Tenant: "a", BatchEvents: 5000}, "Config.BatchEvents is above 4096"},
		{capture.Config{Tenant: "a", BatchBytes: 5 << 20}, "Config.BatchBytes is above 4194304"},
		{capture.Config{Tenant: "a", Redactor: new(redaction.Redactor)}, "Config.Redactor and Config.Pseudonym need one another"},
		{capture.Config{Tenant: "a", Known: func(*pb.Event) []known.Value { return nil }}, "Config.Known needs Config.Redactor"},
	} {
		_, err := capture.New(r.js, test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// The connection that was closed for good must not be tried for ever.
func TestConnectionClosed(t *testing.T) {
	r := newRig(t)
	r.stream()
	p := publisher(t, r, capture.Config{})
	r.js.Conn().Close()
	got := newOutcomes()
	mustPublish(t, p, report(0), got.done)
	if err := got.wait(t); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v, want ErrConnectionClosed", err)
	}
}
