package main

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// newKeeper returns what holds, expires and erases in a log, when it has judged the
// clock that events are about to be dated by. What was published before an erasure
// is in the log when it is asked for: nobody's evidence waits in the stream until
// the erasure is over.
func newKeeper(ctx context.Context, log *eventlog.Log, p *policies, engine *query.Engine, consumer *ingest.Consumer, now func() time.Time, logger *slog.Logger) (*retention.Keeper, error) {
	keeper, err := retention.NewKeeper(ctx, retention.KeeperConfig{
		Log: log, Policies: p.Policies, Select: inScope(engine), Drain: consumer.Drain, Now: now, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	return keeper, keeper.Begin(ctx)
}

// inScope returns what finds the evidence that a hold claims.
func inScope(engine *query.Engine) func(context.Context, event.Tenant, retention.Scope) (iter.Seq2[event.Seq, error], error) {
	return func(ctx context.Context, t event.Tenant, s retention.Scope) (iter.Seq2[event.Seq, error], error) {
		r := query.EvidenceRequest{
			Filter: s.GetFilter(), Text: s.GetText(), Sessions: s.GetSessions(), Users: s.GetUsers(), From: s.From, Before: s.Before,
			Unsure: s.Unsure,
		}
		if s.GetSince() != nil {
			r.Since = s.GetSince().AsTime()
		}
		if s.GetUntil() != nil {
			r.Until = s.GetUntil().AsTime()
		}
		return engine.Evidence(ctx, t, r)
	}
}

// kept is how retention is, as metrics. It is read now and then, and not when
// somebody asks: a reading waits for whatever is being forgotten.
type kept struct {
	keeper  *retention.Keeper
	tenants func() []event.Tenant
	logger  *slog.Logger
	gauges  []*prometheus.Desc // in the order of a reading

	mu      sync.Mutex // guards what follows
	reading []float64  // the last; nil: there is none
}

// keptEvery is how old the metrics of retention may be.
const keptEvery = 15 * time.Second

// newKept returns the metrics, read once.
func newKept(ctx context.Context, keeper *retention.Keeper, log *eventlog.Log, logger *slog.Logger) *kept {
	k := &kept{keeper: keeper, tenants: log.Tenants, logger: logger}
	for _, g := range []struct{ name, help string }{
		{"stopped", "1 while nothing expires until somebody confirms what the store doubts, else 0."},
		{"due_buckets", "Buckets whose time has passed and that are there still."},
		{"last_run_timestamp_seconds", "When the store last looked for what is due; 0: not since it was started."},
		{"next_due_timestamp_seconds", "When the next bucket is due; 0: none."},
		{"warnings", "What needs somebody, such as overdue reviews of policies."},
		{"holds", "Holds that are not released."},
		{"held_events", "Events that these cover; what several cover counts for each."},
		{"owed_erasures", "Erasures of which something is deferred."},
	} {
		k.gauges = append(k.gauges, prometheus.NewDesc("afterimage_retention_"+g.name, g.help, nil, nil))
	}
	k.read(ctx)
	return k
}

// run reads them again and again, until ctx ends.
func (k *kept) run(ctx context.Context) error {
	tick := time.NewTicker(keptEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.read(ctx)
		}
	}
}

// read takes a reading. Where it cannot be taken there is none: an alert on its
// absence says more than numbers that are wrong.
func (k *kept) read(ctx context.Context) {
	reading, err := k.take(ctx)
	if err != nil && ctx.Err() == nil {
		k.logger.WarnContext(ctx, "how retention is is not known", "err", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = reading
}

func (k *kept) take(ctx context.Context) ([]float64, error) {
	state, err := k.keeper.State(ctx)
	if err != nil {
		return nil, err
	}
	holds, held, owed, err := k.claims(ctx)
	if err != nil {
		return nil, err
	}
	stopped := 0.0
	if state.GetStopped() != "" {
		stopped = 1
	}
	return []float64{
		stopped, float64(state.GetDue()), float64(state.GetLastRun().GetSeconds()), float64(state.GetNextDue().GetSeconds()),
		float64(len(state.GetWarnings())), float64(holds), float64(held), float64(owed),
	}, nil
}

// Describe implements prometheus.Collector.
func (k *kept) Describe(out chan<- *prometheus.Desc) {
	for _, d := range k.gauges {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (k *kept) Collect(out chan<- prometheus.Metric) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, value := range k.reading {
		out <- prometheus.MustNewConstMetric(k.gauges[i], prometheus.GaugeValue, value)
	}
}

// claims counts what keeps evidence, and what is owed, over all tenants.
func (k *kept) claims(ctx context.Context) (holds, held, owed uint64, err error) {
	for _, t := range k.tenants() {
		active, err := k.keeper.Holds(ctx, t, true)
		if err != nil {
			return 0, 0, 0, err
		}
		for _, h := range active {
			holds++
			held += h.GetEvents()
		}
		erasures, err := k.keeper.Erasures(ctx, t)
		if err != nil {
			return 0, 0, 0, err
		}
		for _, e := range erasures {
			if e.GetCompleted() == nil {
				owed++
			}
		}
	}
	return holds, held, owed, nil
}
