package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// ConsumerName is the name of the durable consumer of the stream.
const ConsumerName = "ingest"

const (
	// ackWait is after how long without a word the stream delivers a message
	// again. Work that takes longer says so every third of it.
	ackWait = 30 * time.Second
	// maxAckPending bounds the messages delivered but not acknowledged; with
	// single events it takes this many to fill an append.
	maxAckPending = 3 * maxGroupEvents
	// callTimeout bounds one request to the stream. Some wait for its disk.
	callTimeout = 30 * time.Second
)

// Config says how a Consumer works. Log, JetStream and Policy are required; the
// zero value of every other field is usable.
type Config struct {
	Log       *eventlog.Log
	JetStream jetstream.JetStream // with the stream that EnsureStream made or checked
	// Policy returns the tenant's policy of now. It is called once for each event,
	// from several goroutines at once: another may come into force in between.
	Policy func(context.Context, event.Tenant) (Policy, error)
	// PolicyOf returns a policy of the tenant's by its version, of which only the
	// redaction is used: an event that is delivered again after another came into
	// force is compared with the one that is stored as that was redacted. nil: it is
	// taken for another event of the same id.
	PolicyOf func(ctx context.Context, t event.Tenant, version string) (Policy, error)
	Limits   event.Limits // of what is decoded

	// RedactionTime is how long one event may take to redact, in all but what
	// its Redactor waits for others; it is for detectors that hang, beside the
	// redactor's own limit. 0: 10 s.
	RedactionTime time.Duration
	// InFlightBytes bounds the memory of messages being worked on. 0: 64 MiB.
	InFlightBytes int64
	// Writable tells whether the stream's disk can be written, as
	// Server.Writable does; else nothing is swept. nil: it always can.
	Writable func() bool
	Now      func() time.Time // evidence time; nil: time.Now
	Logger   *slog.Logger     // nil: discard
	Metrics  *Metrics         // nil: its own, seen by nobody
}

// A Policy is what one policy makes of an event: whoever redacts it by this one
// classifies it by this one too.
type Policy struct {
	Redactor *redaction.Redactor
	// Waits is how long the redactor may wait for a remote analyser beside its own
	// work.
	Waits time.Duration
	// Classify sets the event's class and policy_version. An event on which it fails
	// is quarantined.
	Classify func(*pb.Event) error
}

// A Consumer moves evidence from the stream into the log.
type Consumer struct {
	Config
	decoded int64 // most bytes one message decodes to
	decode  func(contentType, encoding string, body []byte, limits event.Limits) ([]*pb.Event, error)
}

// New returns a consumer; Run makes it work.
func New(cfg Config) (*Consumer, error) {
	switch {
	case cfg.Log == nil:
		return nil, errors.New("ingest: Config.Log is missing")
	case cfg.JetStream == nil:
		return nil, errors.New("ingest: Config.JetStream is missing")
	case cfg.Policy == nil:
		return nil, errors.New("ingest: Config.Policy is missing")
	case cfg.Limits.BatchEvents > eventlog.MaxAppend:
		return nil, fmt.Errorf("ingest: Config.Limits.BatchEvents is above %d", eventlog.MaxAppend)
	case cfg.RedactionTime < 0 || cfg.InFlightBytes < 0:
		return nil, errors.New("ingest: Config.RedactionTime or InFlightBytes is negative")
	}
	cfg.RedactionTime = cmp.Or(cfg.RedactionTime, 10*time.Second)
	cfg.InFlightBytes = cmp.Or(cfg.InFlightBytes, 64<<20)
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // The default of Config.Now.
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	decoded := cmp.Or(cfg.Limits.BatchBytes, event.DefaultBatchBytes)
	return &Consumer{Config: cfg, decoded: int64(decoded), decode: event.Decode}, nil
}

// Run consumes until ctx ends, which is no error, or the log is closed or
// found tampered with, or the connection is closed for good. While the disk
// is full or NATS is away it keeps trying. It may be called once at a time.
func (c *Consumer) Run(ctx context.Context) error {
	durable, err := c.attach(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	c.takeOver(ctx, durable)
	p := newPipeline(c, durable)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.fetch(gctx) })
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error { return p.work(gctx) })
	}
	g.Go(func() error { return p.append(gctx) })
	g.Go(func() error { return p.keep(gctx) })
	err = g.Wait()
	p.leave()
	return unlessEnded(ctx, err)
}

// unlessEnded returns err, or nil where it only says that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// takeOver has the stream deliver again at once what it had delivered to a
// process or a connection that is gone. This process has the log, so nobody
// else can be working on it; what it is working on itself comes twice, and the
// log absorbs it. A server too old to do so delivers it after ackWait.
func (c *Consumer) takeOver(ctx context.Context, durable jetstream.Consumer) {
	pending := durable.CachedInfo().NumAckPending
	if pending == 0 {
		return
	}
	ctx, end := c.call(ctx)
	defer end()
	if _, err := c.JetStream.ResetConsumer(ctx, StreamName, ConsumerName); err != nil {
		c.Logger.WarnContext(ctx, "stream keeps earlier deliveries for a while",
			"messages", pending, "wait", ackWait, "err", err)
	}
}
