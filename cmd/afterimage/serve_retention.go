package main

import (
	"context"
	"iter"
	"log/slog"
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

// kept is how retention is, as metrics.
type kept struct {
	keeper  *retention.Keeper
	tenants func() []event.Tenant
	logger  *slog.Logger

	stopped, due, run, next, warnings, holds, held, owed *prometheus.Desc
}

// keptTime is how long one reading of the metrics may take.
const keptTime = 5 * time.Second

func newKept(keeper *retention.Keeper, log *eventlog.Log, logger *slog.Logger) *kept {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("afterimage_retention_"+name, help, nil, nil)
	}
	return &kept{
		keeper: keeper, tenants: log.Tenants, logger: logger,
		stopped:  desc("stopped", "1 while nothing expires until somebody confirms what the store doubts, else 0."),
		due:      desc("due_buckets", "Buckets whose time has passed and that are there still."),
		run:      desc("last_run_timestamp_seconds", "When the store last looked for what is due; 0: never."),
		next:     desc("next_due_timestamp_seconds", "When the next bucket is due; 0: none."),
		warnings: desc("warnings", "What needs somebody, such as overdue reviews of policies."),
		holds:    desc("holds", "Holds that are not released."),
		held:     desc("held_events", "Events that these cover; what several cover counts for each."),
		owed:     desc("owed_erasures", "Erasures of which something is deferred."),
	}
}

// Describe implements prometheus.Collector.
func (k *kept) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{k.stopped, k.due, k.run, k.next, k.warnings, k.holds, k.held, k.owed} {
		out <- d
	}
}

// Collect implements prometheus.Collector. What cannot be told is left out: an
// alert on its absence says more than a number that is wrong.
func (k *kept) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), keptTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	state, err := k.keeper.State(ctx)
	if err != nil {
		k.logger.WarnContext(ctx, "the state of retention is not known", "err", err)
		return
	}
	gauge(k.stopped, oneIf(state.GetStopped() != ""))
	gauge(k.due, float64(state.GetDue()))
	gauge(k.run, float64(state.GetLastRun().GetSeconds()))
	gauge(k.next, float64(state.GetNextDue().GetSeconds()))
	gauge(k.warnings, float64(len(state.GetWarnings())))
	holds, held, owed, err := k.claims(ctx)
	if err != nil {
		k.logger.WarnContext(ctx, "holds and erasures are not known", "err", err)
		return
	}
	gauge(k.holds, float64(holds))
	gauge(k.held, float64(held))
	gauge(k.owed, float64(owed))
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

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
