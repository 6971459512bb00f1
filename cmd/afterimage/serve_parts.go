package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/server"
)

// checkpointSubject is where signed checkpoints are published.
const checkpointSubject = "afterimage.checkpoint"

// A stream is NATS with the stream that feeds the log.
type stream struct {
	embedded *ingest.Server // nil: NATS runs elsewhere
	nc       *nats.Conn
	js       jetstream.JetStream
	url      string
}

// openStream starts NATS, or connects to it, and makes or checks the stream.
func openStream(ctx context.Context, flags serveFlags, key, oldKey string, logger *slog.Logger) (_ *stream, err error) {
	s := &stream{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if flags.NATSURL == "" {
		s.embedded, err = ingest.StartServer(ctx, ingest.ServerConfig{
			Dir: filepath.Join(flags.Data, "stream"), Key: key, OldKey: oldKey, Addr: flags.NATS, Logger: logger, MinFree: flags.MinFreeMiB << 20,
		})
		if err != nil {
			return nil, fmt.Errorf("--nats: %w", err)
		}
		s.url = s.embedded.ClientURL()
		if s.nc, err = s.embedded.Connect(); err != nil {
			return nil, err
		}
	} else if s.url, err = withoutSecrets(flags.NATSURL); err != nil {
		return nil, err
	} else if s.nc, err = nats.Connect(flags.NATSURL, nats.Name("afterimage serve"), nats.MaxReconnects(-1)); err != nil {
		return nil, fmt.Errorf("--nats-url: %w: start NATS with JetStream there, or leave --nats-url out", err)
	}
	if s.js, err = jetstream.New(s.nc); err != nil {
		return nil, err
	}
	if err = ingest.EnsureStream(ctx, s.js, ingest.StreamConfig{}); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *stream) close() error {
	if s.nc != nil {
		s.nc.Close()
	}
	if s.embedded != nil {
		return s.embedded.Close()
	}
	return nil
}

// run watches the embedded server; there is nothing to watch of another.
func (s *stream) run(ctx context.Context) error {
	if s.embedded == nil {
		return nil
	}
	return s.embedded.Run(ctx)
}

// ready says what keeps events from being taken in, if anything.
func (s *stream) ready() error {
	if s.embedded != nil {
		return s.embedded.Healthy()
	}
	if !s.nc.IsConnected() {
		return errors.New("no connection to NATS")
	}
	return nil
}

// publish stores events in the stream. Where it takes none, whoever asks is
// told at once.
func (s *stream) publish(ctx context.Context, t event.Tenant, events []*pb.Event) error {
	if err := s.ready(); err != nil {
		return fmt.Errorf("%w: %w", server.ErrUnavailable, err)
	}
	p, err := capture.New(s.js, capture.Config{Tenant: t})
	if err != nil {
		return err
	}
	return errors.Join(p.PublishBatch(ctx, events), p.Close(ctx))
}

// policies gives every tenant a policy before its first event is classified,
// and what redacts by it.
type policies struct {
	*retention.Policies
	document  *policy.Document // of tenants that have none
	redactors redactors
	stays     func(context.Context, event.Tenant) (*roaring64.Bitmap, error) // what previews count as held; set before they are asked for
	// guard keeps what holds claim from being redacted; set likewise.
	guard func(context.Context, event.Tenant) (held *roaring64.Bitmap, release func(), err error)
}

// policy reads the document that --policy names; nil if none is named.
func (f serveFlags) policy() (*policy.Document, error) {
	if f.Policy == "" {
		return nil, nil
	}
	source, err := os.ReadFile(f.Policy)
	if err != nil {
		return nil, usage("--policy: %w", err)
	}
	document, err := policy.Parse(source)
	if err != nil {
		return nil, usage("--policy %s: %w: try afterimage policy check", f.Policy, err)
	}
	return document, nil
}

// openPolicies finds the policies in force and, if a document was named, puts
// it in force for every tenant. now is evidence time; nil: time.Now. Close it after use.
func openPolicies(ctx context.Context, log *eventlog.Log, document *policy.Document, now func() time.Time, logger *slog.Logger) (*policies, error) {
	inForce, err := retention.Open(ctx, log, logger)
	if err != nil {
		return nil, err
	}
	if now != nil {
		inForce.Now = now
	}
	p := &policies{Policies: inForce, document: document}
	if document == nil {
		p.document = policy.Default()
	} else if err := p.apply(ctx, log, logger); err != nil {
		return nil, errors.Join(err, p.redactors.close())
	}
	for _, document := range append(p.all(log), p.document) {
		if err := p.redactors.prepareAtStart(ctx, document, logger); err != nil {
			return nil, errors.Join(err, p.redactors.close())
		}
	}
	return p, nil
}

// apply puts the document in force for every tenant: all or none, for what is
// in the ledger stays there.
func (p *policies) apply(ctx context.Context, log *eventlog.Log, logger *slog.Logger) error {
	if err := p.redactors.prepareAtStart(ctx, p.document, logger); err != nil {
		return fmt.Errorf("--policy: refused, nothing is changed: %w", err)
	}
	for _, t := range log.Tenants() {
		if err := p.Check(t, p.instead(t, p.document)); err != nil {
			return fmt.Errorf("--policy: refused for tenant %s, nothing is changed: %w", t, err)
		}
	}
	for _, t := range log.Tenants() {
		if err := p.Apply(ctx, t, p.instead(t, p.document)); err != nil {
			return fmt.Errorf("--policy: tenant %s: %w", t, err)
		}
	}
	return nil
}

// instead is the change of the store itself from whichever policy is in force.
func (p *policies) instead(t event.Tenant, document *policy.Document) retention.Change {
	in, _ := p.InForce(t)
	return retention.Change{Document: document, Replaces: in.GetVersion()}
}

// all returns the policies in force.
func (p *policies) all(log *eventlog.Log) (documents []*policy.Document) {
	for _, t := range log.Tenants() {
		if document, _, _, ok := p.Current(t); ok {
			documents = append(documents, document)
		}
	}
	return documents
}

// now returns the policy that is in force for a tenant, with what redacts by it; a
// new tenant gets its policy first.
func (p *policies) now(ctx context.Context, t event.Tenant) (ingest.Policy, error) {
	if err := p.Ensure(ctx, t, p.document); err != nil {
		return ingest.Policy{}, err
	}
	document, _, _, _ := p.Current(t)
	r, err := p.redactors.of(document)
	return ingest.Policy{
		Redactor: r.Redactor, Waits: r.waits,
		Classify: func(e *pb.Event) error { return retention.ClassifyBy(document, e) },
	}, err
}

// inForce returns the tenant's policy, or the one it will get.
func (p *policies) inForce(t event.Tenant) (*pb.Policy, error) {
	if in, ok := p.InForce(t); ok {
		return in, nil
	}
	return &pb.Policy{Version: p.document.Version(), Document: string(p.document.Source())}, nil
}

// publishCheckpoints publishes a signed checkpoint at the cadence while the
// log grows, so that others can hold the store to what it said.
func publishCheckpoints(ctx context.Context, log *eventlog.Log, nc *nats.Conn, every time.Duration, logger *slog.Logger) error {
	if every <= 0 {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for published := event.Seq(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if log.Size() == published {
			continue
		}
		checkpoint, err := log.Checkpoint(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cut a checkpoint: %w", err)
		}
		if err := nc.Publish(checkpointSubject, checkpoint.Note); err != nil {
			logger.WarnContext(ctx, "checkpoint not published, will try again", "size", checkpoint.Size, "err", err)
			continue
		}
		published = checkpoint.Size
	}
}

// metrics is what /metrics serves.
type metrics struct {
	registry *prometheus.Registry
	ingest   *ingest.Metrics
}

func newMetrics(log *eventlog.Log) metrics {
	m := metrics{prometheus.NewRegistry(), ingest.NewMetrics()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.ingest,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "afterimage_log_size", Help: "Positions assigned in the log.",
		}, func() float64 { return float64(log.Size()) }),
	)
	return m
}
