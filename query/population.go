package query

import (
	"context"
	"fmt"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
)

// A population is a Population made ready.
type population struct {
	engine *Engine
	tenant event.Tenant
	search *search // nil: the tenant has no events
	by     []dimension
	limit  int

	since, until time.Time // as they were asked for; zero: no bound
}

func (e *Engine) population(t event.Tenant, r Population) (*population, error) {
	p := &population{engine: e, tenant: t, limit: r.Limit, since: clamp(r.Since), until: clamp(r.Until)}
	switch {
	case r.Limit == 0:
		p.limit = DefaultGroups
	case r.Limit < 0 || r.Limit > MaxGroups:
		return nil, &RequestError{"limit", fmt.Sprintf("%d is not between 1 and %d", r.Limit, MaxGroups)}
	}
	var err error
	if p.by, err = parseGroupBy(r.GroupBy, r.Interval); err != nil {
		return nil, err
	}
	if err := metaOnly(r.Filter); err != nil {
		return nil, err
	}
	p.search, err = e.search(t, Request{Filter: r.Filter, Since: r.Since, Until: r.Until})
	return p, err
}

// metaOnly checks that a filter needs no text.
func metaOnly(filter string) error {
	if filter == "" {
		return nil
	}
	c, err := policy.Compile(filter)
	if err == nil && !c.MetaOnly() {
		err = &RequestError{"filter", "needs the text of events, which counting never reads: use search, or ask for other properties"}
	}
	return err
}

// each calls do with the rows of each block that match, on some goroutines at a
// time, as eventlog.Log.EachColumns does, and all, if it is not nil, with all of
// the time range.
func (p *population) each(ctx context.Context, all func(worker int, c *eventlog.Columns), do func(worker int, c *eventlog.Columns, rows []uint32) error) (event.Seq, error) {
	if p.search == nil {
		return p.engine.log.Size(), nil
	}
	selection := p.search.selection
	selection.Order = eventlog.OldestFirst
	if all != nil {
		selection = eventlog.Selection{Since: p.since, Until: p.until}
	}
	sieves := make([]*sieve, eventlog.Workers())
	for i := range sieves {
		sieves[i] = newSieve(p.search.condition)
	}
	return p.engine.log.EachColumns(ctx, p.tenant, selection, eventlog.Workers(), func(worker int, c *eventlog.Columns) error {
		if all != nil {
			all(worker, c)
		}
		rows, err := sieves[worker].matching(c)
		if err != nil || len(rows) == 0 {
			return err
		}
		return do(worker, c, rows)
	})
}
