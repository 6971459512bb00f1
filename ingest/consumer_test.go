package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestStoresInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var want []string
	for b := range 30 {
		events := interactions(fmt.Sprintf("b%02d", b), 1+37*(b%3))
		want = append(want, ids(events)...)
		r.publishBatch(t, events...)
	}
	r.drain(t)
	got := r.stored(t, acme)
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	for i, e := range got {
		if e.GetSeq() != uint64(i) || e.Class != "routine" || len(e.Salt) == 0 || e.Received == nil {
			t.Fatalf("event %d is not as the store completes it", i)
		}
		if !strings.HasPrefix(e.User, "[USER:") {
			t.Fatalf("event %d has a user that is no pseudonym", i)
		}
	}
	if got := value(t, r.metrics.stored); got != float64(len(want)) {
		t.Errorf("metric stored is %v, want %d", got, len(want))
	}
}

// JSON is taken as it is documented, also with headers in lower case, as other
// clients write them.
func TestStoresJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	body := fmt.Appendf(nil, `{"id":"j1","time":%q,"interaction":{"input":[{"role":"user","parts":[{"text":"mail bob@example.org"}]}]}}`,
		time.Now().UTC().Format(time.RFC3339))
	msg := nats.NewMsg(event.Subject(acme, event.Interaction))
	msg.Header["content-type"] = []string{event.ContentTypeJSON}
	msg.Data = body
	if _, err := r.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	r.last++
	r.drain(t)
	got := r.stored(t, acme)
	if len(got) != 1 {
		t.Fatalf("stored %d events, want 1", len(got))
	}
	if s := text(got[0]); strings.Contains(s, "bob") || !strings.Contains(s, "[EMAIL:") {
		t.Errorf("text was not redacted: %q", s)
	}
}

// A lone event must not wait for company.
func TestLoneEventIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.start(t)
	for i := range 3 {
		r.publishBatch(t, interaction(fmt.Sprint("lone-", i), "hello"))
		for e, err := range r.log.Follow(t.Context(), event.Seq(i)) {
			if err != nil || e.Seq != event.Seq(i) {
				t.Fatalf("followed to %v, %v", e, err)
			}
			break
		}
	}
}

// Invariant 1: what an earlier run was given but did not acknowledge is
// delivered again at once, not after the time the stream would wait.
func TestRedeliveryAfterCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := c.attach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r.publishBatch(t, interactions(fmt.Sprint("m", i), 3)...)
	}
	batch, err := dead.Fetch(7)
	if err != nil {
		t.Fatal(err)
	}
	for range batch.Messages() { // and then it dies
	}
	start := time.Now()
	r.drain(t)
	if took := time.Since(start); took > ackWait/2 {
		t.Errorf("took %v: waited for the stream to give up on the dead", took)
	}
	if got := len(r.stored(t, acme)); got != 30 {
		t.Errorf("stored %d events, want 30", got)
	}
}

// Invariant 1: what is in the log already is acknowledged and stored once.
func TestAppendedButNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	durable, err := c.attach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.publishBatch(t, interactions("e", 5)...)
	batch, err := durable.Fetch(1)
	if err != nil {
		t.Fatal(err)
	}
	p := newPipeline(c, durable)
	m := p.newMessage(<-batch.Messages())
	if err := p.prepare(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	close(m.done)
	if err := p.store(t.Context(), []*message{m}); err != nil { // and then it dies
		t.Fatal(err)
	}
	r.drain(t)
	if got := len(r.stored(t, acme)); got != 5 {
		t.Errorf("stored %d events, want 5", got)
	}
	if got := value(t, r.metrics.duplicates); got != 5 {
		t.Errorf("metric duplicates is %v, want 5", got)
	}
}

func TestRepublishedEventsAreAbsorbed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	events := interactions("e", 20)
	r.publishBatch(t, events...)
	r.publishBatch(t, events...)
	r.publishBatch(t, append(slices.Clone(events[:3]), events[:3]...)...)
	r.drain(t)
	r.publishBatch(t, events...) // by another run
	r.drain(t)
	if diff := cmp.Diff(ids(events), ids(r.stored(t, acme))); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if q := r.quarantined(t, acme); len(q) != 0 {
		t.Errorf("%d entries in quarantine, want none: %s", len(q), q[0].Reason)
	}
}

// The first event of an id stays; another content goes to quarantine as it
// came, the rest of its batch is stored.
func TestConflictIsQuarantined(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.publishBatch(t, interaction("same", "first"))
	r.drain(t)
	second := interaction("same", "second, from bob@example.org")
	sequence := r.publishBatch(t, interaction("before", "x"), second, interaction("after", "y"))
	r.drain(t)
	if diff := cmp.Diff([]string{"same", "before", "after"}, ids(r.stored(t, acme))); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if got := text(r.stored(t, acme)[0]); got != "first" {
		t.Errorf("the first event has text %q", got)
	}
	q := r.quarantined(t, acme)
	if len(q) != 1 || q[0].Cause != pb.Quarantined_CONFLICT || q[0].StreamSequence != sequence || q[0].Index != 1 {
		t.Fatalf("quarantine is %v, want one conflict", q)
	}
	wantPayload(t, q[0], second)
}

// wantPayload checks that the entry holds the event as it was published.
func wantPayload(t *testing.T, q *pb.Quarantined, want *pb.Event) {
	t.Helper()
	events, err := event.Decode(q.ContentType, q.ContentEncoding, q.Payload, event.Limits{})
	if err != nil || len(events) != 1 || !proto.Equal(events[0], want) {
		t.Errorf("payload is %v, %v, want the event as it came", events, err)
	}
}

// Nothing is lost while the disk is full, and all is stored once it is not.
func TestDiskFullThenNot(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	events := interactions("e", 50)
	r.publishBatch(t, events[0])
	stop := r.start(t)
	r.await(t)
	r.disk.full.Store(true)
	for _, e := range events[1:] {
		r.publishBatch(t, e)
	}
	r.publish(t, event.Subject(acme, event.Interaction), event.ContentTypeJSON, "", []byte("not JSON"))
	until(t, "no failed append is counted", func() bool {
		return value(t, r.metrics.errors.WithLabelValues("append")) >= 2
	})
	if got := len(r.stored(t, acme)); got != 1 {
		t.Errorf("stored %d events on a full disk", got)
	}
	r.disk.full.Store(false)
	r.await(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	got := ids(r.stored(t, acme))
	slices.Sort(got)
	if diff := cmp.Diff(ids(events), got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if q := r.quarantined(t, acme); len(q) != 1 {
		t.Errorf("%d entries in quarantine, want the one that is not JSON", len(q))
	}
	if n := strings.Count(r.output.String(), "log does not take events"); n != 1 {
		t.Errorf("logged the full disk %d times, want once", n)
	}
}

func TestClosedLogStopsConsumer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	stop := r.start(t)
	r.publishBatch(t, interaction("a", "x"))
	r.await(t)
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	r.publishBatch(t, interaction("b", "x"))
	c := make(chan error, 1)
	go func() { c <- stopped(t, r, stop) }()
	if err := <-c; !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("run returned %v, want ErrClosed", err)
	}
}

// stopped waits until the consumer has given up by itself.
func stopped(t *testing.T, r *rig, stop func() error) error {
	until(t, "consumer goes on", func() bool {
		c, err := r.js.Consumer(t.Context(), StreamName, ConsumerName)
		return err == nil && c.CachedInfo().NumWaiting == 0 && c.CachedInfo().NumAckPending > 0
	})
	return stop()
}

// What is in the log leaves the stream.
func TestStreamIsSwept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	stop := r.start(t)
	r.publishBatch(t, interactions("a", 10)...)
	until(t, "stream is not swept while running", func() bool { return messages(t, r.js) == 0 })
	r.publishBatch(t, interactions("b", 10)...)
	r.await(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.publishBatch(t, interactions("c", 10)...)
	if got := messages(t, r.js); got != 1 {
		t.Errorf("stream has %d messages after a stop, want the one that is not in the log", got)
	}
}

// While the disk cannot be written, nothing is removed from the stream: it
// would stop for good. With room, everything is.
func TestSweepWaitsForRoom(t *testing.T) {
	t.Parallel()
	full, asked := atomic.Bool{}, atomic.Int32{}
	full.Store(true)
	r := newRig(t, func(c *Config) {
		c.Writable = func() bool { asked.Add(1); return !full.Load() }
	})
	r.start(t)
	r.publishBatch(t, interactions("a", 10)...)
	until(t, "room is not asked for twice", func() bool { return asked.Load() > 1 })
	if got := messages(t, r.js); got != 1 {
		t.Errorf("stream has %d messages on a full disk, want the one that was there", got)
	}
	full.Store(false)
	until(t, "stream is not swept with room", func() bool { return messages(t, r.js) == 0 })
}

// A message that is not acknowledged stays, and all behind it.
func TestSweepKeepsWhatIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	durable, err := c.attach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		r.publishBatch(t, interaction(fmt.Sprint(i), "x"))
	}
	batch, err := durable.Fetch(5)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for m := range batch.Messages() {
		if i != 2 {
			if err := m.DoubleAck(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		i++
	}
	p := newPipeline(c, durable)
	if _, err := p.purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := r.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if state := s.CachedInfo().State; state.FirstSeq != 3 || state.Msgs != 3 {
		t.Errorf("stream has %d messages from %d on, want 3 from 3 on", state.Msgs, state.FirstSeq)
	}
}

// A consumer that somebody deletes is made again.
func TestDeletedConsumerIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.start(t)
	r.publishBatch(t, interaction("a", "x"))
	r.await(t)
	if err := r.js.DeleteConsumer(t.Context(), StreamName, ConsumerName); err != nil {
		t.Fatal(err)
	}
	r.publishBatch(t, interaction("b", "x"))
	r.await(t)
	if got := len(r.stored(t, acme)); got != 2 {
		t.Errorf("stored %d events, want 2", got)
	}
}

// Invariant 9: a budget smaller than one message bounds, but does not block.
func TestSmallBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.InFlightBytes = 1000 })
	for i := range 20 {
		r.publishBatch(t, interactions(fmt.Sprint("m", i), 20)...)
	}
	r.drain(t)
	if got := len(r.stored(t, acme)); got != 400 {
		t.Errorf("stored %d events, want 400", got)
	}
	if got := value(t, r.metrics.inFlight); got != 0 {
		t.Errorf("%v bytes are in flight after the end", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	r := newRig(t, nil)
	for want, change := range map[string]func(*Config){
		"Log":           func(c *Config) { c.Log = nil },
		"JetStream":     func(c *Config) { c.JetStream = nil },
		"Policy":        func(c *Config) { c.Policy = nil },
		"BatchEvents":   func(c *Config) { c.Limits.BatchEvents = 1 << 20 },
		"RedactionTime": func(c *Config) { c.RedactionTime = -1 },
	} {
		cfg := r.cfg
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names %s", err, want)
		}
	}
}

// A stream that is not there is an error at the start, not a wait.
func TestRunWithoutStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if err := r.js.DeleteStream(t.Context(), StreamName); err != nil {
		t.Fatal(err)
	}
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("run returned %v, want ErrStreamNotFound", err)
	}
}
