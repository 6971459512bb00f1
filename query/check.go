package query

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Check is what else is known of a population, whatever the filter: it speaks
// for estimates or against them.
type Check struct {
	Gaps      []Gap  // most missing first, at most 100
	Missing   uint64 // numbers in all: of events lost, yet to come, or forgotten
	Instances uint64 // that count their events
	Uncounted uint64 // events without a number, or of instances whose numbers are too many to keep
	Coverage  *Coverage
	Forgotten uint64 // events of the tenant, of any time
	// Rarest is the smallest probability with which evidence was kept; NaN where
	// some has none on record, or there is none. An estimate that is Exact is sure
	// only where it is 1, or a rule keeps everything that is counted.
	Rarest float64
}

// A watch looks at all events of a time range.
type watch struct {
	*counters
	lowest float64 // the smallest probability of evidence; NaN where some has none, +Inf where there is none
}

// newWatches returns a watch for each worker.
func newWatches() []*watch {
	out := make([]*watch, eventlog.Workers())
	for i := range out {
		out[i] = &watch{counters: newCounters(), lowest: math.Inf(1)}
	}
	return out
}

// merged returns what all of them saw.
func merged(watches []*watch) *watch {
	for _, w := range watches[1:] {
		watches[0].merge(w)
	}
	return watches[0]
}

// rarest is the smallest probability with which evidence was kept, NaN where that
// is not known.
func (w *watch) rarest() float64 {
	if math.IsInf(w.lowest, 1) {
		return math.NaN()
	}
	return w.lowest
}

func (w *watch) block(columns *eventlog.Columns) {
	w.counters.block(columns)
	probabilities := columns.Probabilities()
	for _, row := range columns.Rows {
		if !evidence(kindAt(columns, int(row))) {
			continue
		}
		w.lowest = min(w.lowest, probabilities.Values[probabilities.Place(int(row))])
	}
}

func (w *watch) merge(o *watch) {
	w.counters.merge(o.counters)
	w.lowest = min(w.lowest, o.lowest)
}

// check completes what a watch saw.
func (p *population) check(ctx context.Context, w *watch) (c *Check, err error) {
	c = &Check{Rarest: w.rarest()}
	w.gaps(c)
	if p.search == nil {
		return c, nil
	}
	if c.Coverage, err = p.coverage(ctx); err != nil {
		return c, err
	}
	c.Forgotten, err = p.forgotten(ctx)
	return c, err
}

// forgotten is how many events of the tenant its ledger says were forgotten.
// Two records may name the same.
func (p *population) forgotten(ctx context.Context) (uint64, error) {
	positions, blocks := roaring64.New(), map[uint64]uint64{}
	selection := p.ofKind(event.Forgotten)
	selection.Since, selection.Until = time.Time{}, time.Time{}
	for entry, err := range p.engine.log.Scan(ctx, p.tenant, selection) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Event()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, r := range e.GetForgotten().GetPositions() {
			positions.AddRange(r.GetFirst(), r.GetLast()+1)
		}
		for _, b := range e.GetForgotten().GetBlocks() {
			blocks[b.GetNumber()] = uint64(b.GetEvents())
		}
	}
	sum := positions.GetCardinality()
	for _, events := range blocks {
		sum += events
	}
	return sum, nil
}

// ofKind selects the events of one kind in the range that was asked for.
func (p *population) ofKind(kind event.Kind) eventlog.Selection {
	return eventlog.Selection{
		Since: p.since, Until: p.until, Order: eventlog.LogOrder,
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(kind)}}},
	}
}
