package query

import (
	"context"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/policy"
)

// A population is a Population made ready.
type population struct {
	engine *Engine
	tenant event.Tenant
	search *search // nil: the tenant has no events
	by     []dimension
	limit  int
}

func (e *Engine) population(t event.Tenant, r Population) (*population, error) {
	p := &population{engine: e, tenant: t, limit: r.Limit}
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
// time, as eventlog.Log.EachColumns does.
func (p *population) each(ctx context.Context, want block.Set, do func(worker int, c *eventlog.Columns, rows []uint32) error) (event.Seq, error) {
	if p.search == nil {
		return p.engine.log.Size(), nil
	}
	return p.engine.log.EachColumns(ctx, p.tenant, p.selection(), want, eventlog.Workers(), func(worker int, c *eventlog.Columns) error {
		rows, err := matching(p.search.condition, c)
		if err != nil || len(rows) == 0 {
			return err
		}
		return do(worker, c, rows)
	})
}

func (p *population) selection() eventlog.Selection {
	s := p.search.selection
	s.Order = eventlog.OldestFirst
	return s
}

// matching returns the rows for which the condition holds.
func matching(condition *policy.Condition, c *eventlog.Columns) ([]uint32, error) {
	if condition == nil {
		return c.Rows, nil
	}
	rows := c.Rows[:0]
	for _, i := range c.Rows {
		e, err := c.Meta(i)
		if err != nil {
			return nil, err
		}
		ok, err := condition.Match(e)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, i)
		}
	}
	return rows, nil
}
