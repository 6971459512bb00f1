package ingest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

const acme = event.Tenant("acme-hospital")

// A rig is everything from the stream to the log, on disk, for one test.
type rig struct {
	srv     *Server
	js      jetstream.JetStream
	log     *eventlog.Log
	disk    *disk
	metrics *Metrics
	output  *buffer // of the logs
	cfg     Config
	last    uint64 // stream sequence published
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{disk: &disk{FS: vfs.Default}, metrics: NewMetrics(), output: new(buffer)}
	logger := slog.New(slog.NewTextHandler(r.output, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log, err := eventlog.Open(t.Context(), eventlog.Config{
		Dir: t.TempDir(), KeysDir: t.TempDir(), FS: r.disk, MinFree: 1 << 20, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	r.log = log
	t.Cleanup(func() { _ = log.Close() }) // a test may have closed it
	r.srv = startServer(t, ServerConfig{Dir: t.TempDir(), Addr: "127.0.0.1:0", Logger: logger})
	r.js = connect(t, r.srv)
	if err := EnsureStream(t.Context(), r.js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	redactor, err := redaction.New(redaction.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r.cfg = Config{Log: log, JetStream: r.js, Policy: always(redactor, 0), Logger: logger, Metrics: r.metrics}
	if change != nil {
		change(&r.cfg)
	}
	return r
}

// A policyOf is Config.Policy.
type policyOf = func(context.Context, event.Tenant) (Policy, error)

// always is the policy of every tenant.
func always(r *redaction.Redactor, waits time.Duration) policyOf {
	return func(context.Context, event.Tenant) (Policy, error) { return Policy{r, waits, routine}, nil }
}

// classifying changes how a policy classifies.
func (c *Config) classifying(classify func(*pb.Event) error) {
	before := c.Policy
	c.Policy = func(ctx context.Context, t event.Tenant) (Policy, error) {
		p, err := before(ctx, t)
		p.Classify = classify
		return p, err
	}
}

func routine(e *pb.Event) error {
	e.Class, e.PolicyVersion = "routine", "test"
	return nil
}

// start runs a consumer until the test ends or stop is called, which returns
// what Run returned.
func (r *rig) start(t testing.TB) (stop func() error) {
	t.Helper()
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { err = c.Run(ctx) })
	stop = sync.OnceValue(func() error {
		cancel()
		wg.Wait()
		return err
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// drain runs a consumer until everything in the stream is acknowledged.
func (r *rig) drain(t testing.TB) {
	t.Helper()
	stop := r.start(t)
	r.await(t)
	if err := stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// await waits until everything in the stream is acknowledged.
func (r *rig) await(t testing.TB) {
	t.Helper()
	until(t, "stream is not drained", func() bool {
		c, err := r.js.Consumer(t.Context(), StreamName, ConsumerName)
		return err == nil && c.CachedInfo().AckFloor.Stream >= r.last
	})
}

// until asks again and again; every question is a round trip or cheap.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// publish sends a body as a client would and returns its stream sequence.
func (r *rig) publish(t testing.TB, subject, contentType, encoding string, body []byte) uint64 {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = body
	if contentType != "" {
		msg.Header.Set(event.HeaderContentType, contentType)
	}
	if encoding != "" {
		msg.Header.Set(event.HeaderContentEncoding, encoding)
	}
	ack, err := r.js.PublishMsg(t.Context(), msg)
	if err != nil {
		t.Fatal(err)
	}
	r.last = ack.Sequence
	return ack.Sequence
}

func (r *rig) publishBatch(t testing.TB, events ...*pb.Event) uint64 {
	t.Helper()
	body, contentType, encoding, err := event.EncodeBatch(events)
	if err != nil {
		t.Fatal(err)
	}
	return r.publish(t, event.Subject(acme, event.Interaction), contentType, encoding, body)
}

// stored returns the events of the tenant in log order.
func (r *rig) stored(t testing.TB, tenant event.Tenant) []*pb.Event {
	t.Helper()
	var events []*pb.Event
	for entry, err := range r.log.Scan(t.Context(), tenant, eventlog.Selection{Order: eventlog.LogOrder}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func ids(events []*pb.Event) []string {
	var s []string
	for _, e := range events {
		s = append(s, e.Id)
	}
	return s
}

// quarantined returns the tenant's quarantine with payloads.
func (r *rig) quarantined(t testing.TB, tenant event.Tenant) []*pb.Quarantined {
	t.Helper()
	var all []*pb.Quarantined
	for q, err := range r.log.QuarantineList(t.Context(), tenant, "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, q)
	}
	for i, q := range all {
		full, err := r.log.Quarantined(t.Context(), tenant, q.Id)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = full
	}
	return all
}

// interaction returns a valid event.
func interaction(id, text string) *pb.Event {
	return &pb.Event{
		Id: id, Time: timestamppb.Now(), Session: "c-17", User: "alice@example.com",
		Source: &pb.Source{Service: "chat"},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model: &pb.Model{Provider: "openai", Name: "gpt-4o"},
			Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}},
		}},
	}
}

func interactions(prefix string, n int) []*pb.Event {
	var events []*pb.Event
	for i := range n {
		events = append(events, interaction(fmt.Sprintf("%s-%04d", prefix, i), "how are you?"))
	}
	return events
}

func text(e *pb.Event) string {
	return e.GetInteraction().GetInput()[0].GetParts()[0].GetText()
}

// value reads a counter or gauge.
func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

// A disk is a file system that can be made to look full.
type disk struct {
	vfs.FS
	full atomic.Bool
}

func (d *disk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if d.full.Load() {
		return vfs.DiskUsage{}, nil
	}
	return d.FS.GetDiskUsage(path)
}

// A buffer is a bytes.Buffer for concurrent use.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
