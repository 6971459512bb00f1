package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query/estimate"
)

// An EstimateRequest asks how much there was of what was sampled. Only evidence is
// looked at: interactions, verdicts, reports and actions.
type EstimateRequest struct {
	Population
	// SkipCheck leaves Check out, which looks at every event of the time range.
	SkipCheck bool
}

// An Estimation is an answer.
type Estimation struct {
	Total   EstimatedGroup   // everything together; it has no key
	Groups  []EstimatedGroup // the most events seen first, then by key
	Omitted Omitted          // what is left out of Groups; its events are those seen
	Check   *Check           // what else speaks for or against it; nil: left out
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
	var watches []*watch
	if !r.SkipCheck {
		watches = newWatches()
	}
	kept, size, err := p.keepAndWatch(ctx, watches)
	if err != nil {
		return nil, err
	}
	out := &Estimation{Size: size}
	if out.Total.Result, out.Total.Unknown, err = total(ctx, kept); err != nil {
		return nil, err
	}
	if err := out.groups(ctx, kept, r.GroupBy, p.limit); err != nil {
		return nil, err
	}
	seen, rarest := out.Total.Events.Observed+out.Total.Unknown.Events, math.NaN()
	if !r.SkipCheck {
		all := merged(watches)
		rarest = all.rarest()
		if out.Check, err = p.check(ctx, all); err != nil {
			return nil, err
		}
	}
	if seen == 0 {
		out.Total.Result = estimate.Nothing(rarest)
	}
	return out, nil
}

// keepAndWatch is keep that looks at all events of the time range too: at once,
// unless the filter leads to the few that match.
func (p *population) keepAndWatch(ctx context.Context, watches []*watch) ([]*keeper, event.Seq, error) {
	if watches == nil || p.search == nil || len(p.search.selection.Terms) == 0 {
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

// keep collects what the matching events were kept with, one keeper a worker, and
// lets watches, likewise, see all events of the time range.
func (p *population) keep(ctx context.Context, only func(event.Kind) bool, watches []*watch) ([]*keeper, event.Seq, error) {
	var all func(int, *eventlog.Columns)
	if watches != nil {
		all = func(worker int, c *eventlog.Columns) { watches[worker].block(c) }
	}
	keepers := newKeepers(p.by, only)
	size, err := p.each(ctx, all, func(worker int, c *eventlog.Columns, rows []uint32) error {
		return keepers[worker].block(c, rows)
	})
	return keepers, size, err
}

// total estimates everything that keepers collected.
func total(ctx context.Context, keepers []*keeper) (estimate.Result, Unknown, error) {
	samplings := make([]*sampling, parts)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(eventlog.Workers())
	for part := range samplings {
		tasks.Go(func() error {
			all := &keepers[0].total[part]
			for _, k := range keepers[1:] {
				if err := all.merge(&k.total[part]); err != nil {
					return err
				}
			}
			samplings[part] = newSampling()
			samplings[part].add(all)
			all.release()
			return ctx.Err()
		})
	}
	if err := tasks.Wait(); err != nil {
		return estimate.Result{}, Unknown{}, err
	}
	for part, s := range samplings[1:] {
		samplings[0].merge(s)
		samplings[part+1] = nil
	}
	result, unknown := samplings[0].result()
	return result, unknown, nil
}

// groups estimates the groups that keepers collected, those that are within the
// limit.
func (out *Estimation) groups(ctx context.Context, keepers []*keeper, by []string, limit int) error {
	k, err := gathered(keepers)
	if err != nil {
		return err
	}
	found := make([]keptGroup, 0, len(k.groups))
	for group, of := range k.groups {
		found = append(found, keptGroup{k.names(group), of})
	}
	slices.SortFunc(found, func(a, b keptGroup) int {
		return cmp.Or(cmp.Compare(b.events, a.events), compareKeys(by, a.key, b.key))
	})
	fit := fitting(min(limit, len(found)), func(i int) int { return keyBytes(found[i].key) + estimatedBytes })
	for _, g := range found[fit:] {
		out.Omitted.Groups++
		out.Omitted.Events += g.events
	}
	found = found[:fit]
	out.Groups = make([]EstimatedGroup, len(found))
	return eachOf(ctx, len(found), func(i int) {
		out.Groups[i].Key = found[i].key
		out.Groups[i].Result, out.Groups[i].Unknown = found[i].estimate()
	})
}

// eachOf calls do with each number below n, on all cores.
func eachOf(ctx context.Context, n int, do func(int)) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(eventlog.Workers())
	for i := range n {
		tasks.Go(func() error {
			do(i)
			return ctx.Err()
		})
	}
	return tasks.Wait()
}

// estimatedBytes is how many bytes a group has at most beside its key, encoded:
// three estimates of 61, and what is unknown.
const estimatedBytes = 256

// A keptGroup is a group to estimate.
type keptGroup struct {
	key map[string]string
	*records
}
