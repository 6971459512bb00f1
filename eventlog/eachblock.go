package eventlog

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
)

// A Sweep is how far EachBlock has come.
type Sweep struct{ Done, Blocks int }

// EachBlock calls do with the selected events of a tenant, those of one block at a
// time, ordered as they lie there, as of the call; forgotten events are left out.
// It is for counting: blocks come in no order, and on up to workers goroutines at
// a time. The entries are do's. The first error ends it; so does sel.Deadline, with
// a *Paused without a place. sel.Order and After must be zero. It returns how many
// of the blocks it may have looked into it has.
func (l *Log) EachBlock(ctx context.Context, name event.Tenant, sel Selection, workers int, do func(entries []*Entry, at Sweep) error) (Sweep, error) {
	sc, err := l.newWholeScan(ctx, name, sel)
	if err != nil {
		return Sweep{}, err
	}
	defer sc.close()
	var next, done atomic.Int64
	blocks := len(sc.units)
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < blocks; i = int(next.Add(1)) - 1 {
				if d := sel.Deadline; !d.IsZero() && time.Until(d) <= 0 {
					return &Paused{}
				}
				entries, err := sc.entries(ctx, sc.units[i])
				if err != nil {
					return err
				}
				if err := do(entries, Sweep{int(done.Add(1)), blocks}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return Sweep{int(done.Load()), blocks}, err
}

// entries returns the selected events of a block.
func (sc *scan) entries(ctx context.Context, u unit) (out []*Entry, err error) {
	turn := sc.store.Turn()
	defer turn.End()
	if err := turn.Next(ctx); err != nil {
		return nil, err
	}
	err = sc.each(u, func(it item) {
		entry := it.entry(sc.store, sc.sel.Stats)
		out = append(out, &entry)
	})
	return out, err
}

// probeAhead is how many blocks are asked for their words at a time, at least and
// at most.
const (
	fewestProbed = 16
	mostProbed   = 1024
)

// probe asks the next blocks whether they may have what the scan wants of texts,
// on all cores: where nothing is in memory yet, opening filters is what a search
// waits for. More of them each time, since a search that has found enough ends
// before.
func (sc *scan) probe(ctx context.Context) error {
	sc.ahead = min(max(2*sc.ahead, fewestProbed), mostProbed, len(sc.units))
	next := sc.units[len(sc.units)-sc.ahead:]
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(sc.store.workers())
	share := max((len(next)+sc.store.workers()-1)/sc.store.workers(), 8)
	for start := 0; start < len(next); start += share {
		part := next[start:min(start+share, len(next))]
		jobs.Go(func() error {
			turn := sc.store.Turn()
			defer turn.End()
			for i := range part {
				if err := turn.Next(ctx); err != nil {
					return err
				}
				if part[i].id == 0 || part[i].probed {
					continue
				}
				may, err := sc.mayHave(part[i])
				if err != nil && !errors.Is(err, ErrErased) {
					return err
				}
				part[i].probed, part[i].without = true, !may
			}
			return nil
		})
	}
	return jobs.Wait()
}
