package query

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query/estimate"
)

// An EstimateRequest asks how much there was of what was sampled. Only evidence is
// looked at: interactions, verdicts, reports and actions.
type EstimateRequest struct{ Population }

// An Estimation is an answer.
type Estimation struct {
	Total   EstimatedGroup   // everything together; it has no key
	Groups  []EstimatedGroup // the most events seen first, then by key
	Omitted Omitted          // what is left out of Groups; its events are those seen
	Check   Check            // what else speaks for or against it
	Size    event.Seq        // as of how many positions
}

// An EstimatedGroup is estimates of events that have something in common.
type EstimatedGroup struct {
	Key map[string]string // a value for each of GroupBy
	estimate.Result
	Unknown Unknown
}

// Estimate estimates how many events, sessions and people there were of what
// matches, from what was kept of them and the probabilities on record, as of the
// call. What was forgotten since is not among it: the estimate is of what the
// store would have if everything had been kept.
//
// Errors: those of Aggregate.
func (e *Engine) Estimate(ctx context.Context, t event.Tenant, r EstimateRequest) (*Estimation, error) {
	p, err := e.population(t, r.Population)
	if err != nil {
		return nil, err
	}
	watches := newWatches()
	kept, size, err := p.keepAndWatch(ctx, watches)
	if err != nil {
		return nil, err
	}
	out := &Estimation{Size: size}
	if err := kept.estimate(ctx, out, r.GroupBy, p.limit); err != nil {
		return nil, err
	}
	watched := merged(watches)
	if out.Total.Events.Observed+out.Total.Unknown.Events == 0 {
		out.Total.Result = estimate.Nothing(watched.rarest())
	}
	out.Check, err = p.check(ctx, watched)
	return out, err
}

// keepAndWatch is keep that looks at all events of the time range too: at once,
// unless the filter leads to the few that match.
func (p *population) keepAndWatch(ctx context.Context, watches []*watch) (*keeper, event.Seq, error) {
	if p.search == nil || len(p.search.selection.Terms) == 0 {
		return p.keep(ctx, evidence, watches)
	}
	all := *p
	all.search = &search{selection: eventlog.Selection{Since: p.since, Until: p.until}}
	if _, err := all.each(ctx, nil, func(worker int, c *eventlog.Columns, _ []uint32) error {
		watches[worker].block(c)
		return nil
	}); err != nil {
		return nil, 0, err
	}
	return p.keep(ctx, evidence, nil)
}

// keep collects what the matching events were kept with, and lets watches, one a
// worker, see all events of the time range.
func (p *population) keep(ctx context.Context, only func(event.Kind) bool, watches []*watch) (*keeper, event.Seq, error) {
	var all func(int, *eventlog.Columns)
	if watches != nil {
		all = func(worker int, c *eventlog.Columns) { watches[worker].block(c) }
	}
	room := newMemory(maxRecords)
	keepers := make([]*keeper, eventlog.Workers())
	for i := range keepers {
		keepers[i] = newKeeper(p.by, room, only)
	}
	size, err := p.each(ctx, all, func(worker int, c *eventlog.Columns, rows []uint32) error {
		return keepers[worker].block(c, rows)
	})
	if err != nil {
		return nil, 0, err
	}
	for _, k := range keepers[1:] {
		if err := keepers[0].merge(k); err != nil {
			return nil, 0, err
		}
	}
	return keepers[0], size, nil
}

// estimate fills in the total and the groups that are within the limit.
func (k *keeper) estimate(ctx context.Context, out *Estimation, by []string, limit int) error {
	found := make([]keptGroup, 0, len(k.groups))
	for group, of := range k.groups {
		found = append(found, keptGroup{key: k.names(group), records: *of, events: of.events()})
	}
	slices.SortFunc(found, func(a, b keptGroup) int {
		return cmp.Or(cmp.Compare(b.events, a.events), compareKeys(by, a.key, b.key))
	})
	for _, g := range found[min(limit, len(found)):] {
		out.Omitted.Groups++
		out.Omitted.Events += g.events
	}
	found = found[:min(limit, len(found))]
	out.Groups = make([]EstimatedGroup, len(found))
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(eventlog.Workers())
	tasks.Go(func() error { out.Total.Result, out.Total.Unknown = k.total.estimate(); return nil })
	for i, g := range found {
		tasks.Go(func() error {
			out.Groups[i].Key = g.key
			out.Groups[i].Result, out.Groups[i].Unknown = g.records.estimate()
			return ctx.Err()
		})
	}
	return tasks.Wait()
}

// A keptGroup is a group to estimate.
type keptGroup struct {
	key     map[string]string
	records records
	events  uint64
}

// events is how many events the records are of.
func (r records) events() (sum uint64) {
	for _, e := range r {
		sum += e.events
	}
	return sum
}
