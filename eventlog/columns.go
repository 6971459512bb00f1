package eventlog

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Columns are properties of the selected events of one block, for counting.
type Columns struct {
	*block.Columns

	Rows []uint32 // which of the events are selected, ascending

	store *store
	disk  disk
	unit  unit
	meta  *block.Meta
}

// Meta returns the i-th event without its text, as Entry.Meta does. The caller
// owns it.
func (c *Columns) Meta(i uint32) (*pb.Event, error) {
	if c.meta == nil {
		var err error
		if c.meta, err = openMeta(c.disk, c.unit.id, c.unit.header, c.unit.bucket, c.store.codec.OpenMeta); err != nil {
			return nil, err
		}
	}
	return c.meta.Event(int(i))
}

// EachColumns calls do with the columns of the selected events, block by block, as
// of the call: what is appended meanwhile is not seen, nor what was forgotten by
// then. It returns how many positions the log had. No text is decrypted.
//
// On up to workers goroutines at a time, which are numbered from 0, do is called:
// once at a time for each number, about in the order of the events' times, and
// each number with a stretch of its own. What it is given is its own until it
// returns. The first error ends it. sel.Order and sel.After must be zero.
func (l *Log) EachColumns(ctx context.Context, name event.Tenant, sel Selection, workers int, do func(worker int, c *Columns) error) (event.Seq, error) {
	sel.Order = OldestFirst
	sc, err := l.newWholeScan(ctx, name, sel)
	if err != nil {
		return 0, err
	}
	defer sc.close()
	slices.Reverse(sc.units)
	group, ctx := errgroup.WithContext(ctx)
	for worker, units := range shares(sc.units, workers) {
		group.Go(func() error {
			turn := l.Turn()
			defer turn.End()
			for _, u := range units {
				if err := turn.Next(ctx); err != nil {
					return err
				}
				if err := sc.columns(u, func(c *Columns) error { return do(worker, c) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return sc.before, group.Wait()
}

// Workers is how many goroutines counting is worth sharing among.
func Workers() int { return runtime.GOMAXPROCS(0) }

// shares cuts units into stretches of about as many events.
func shares(units []unit, n int) (out [][]unit) {
	total, sum, start := 0, 0, 0
	for _, u := range units {
		total += int(u.header.Count)
	}
	for i, u := range units {
		sum += int(u.header.Count)
		if sum*n >= total*(len(out)+1) || i == len(units)-1 {
			out, start = append(out, units[start:i+1]), i+1
		}
	}
	return out
}

// columns calls do with the columns of a block, unless none of its events is
// selected.
func (sc *scan) columns(u unit, do func(*Columns) error) error {
	b, err := sc.store.columns(sc.disk, u)
	if err != nil {
		return err
	}
	c := &Columns{Columns: b, Rows: sc.rows(u, b), store: sc.store, disk: sc.disk, unit: u}
	if len(c.Rows) == 0 {
		return nil
	}
	return do(c)
}

// columns returns the columns of a block as d has it.
func (s *store) columns(d disk, u unit) (*block.Columns, error) {
	if e := s.counts.use(u.id); e != nil {
		s.counts.done(e)
		return e.section, nil
	}
	c, err := openMeta(d, u.id, u.header, u.bucket, s.codec.OpenColumns)
	if err != nil {
		return nil, err
	}
	s.counts.offer(u.id, c)
	return c, nil
}

// rows returns which events of a block are selected.
func (sc *scan) rows(u unit, b *block.Columns) []uint32 {
	candidates := u.at
	if candidates == nil {
		candidates = make([]uint32, b.Len())
		for i := range candidates {
			candidates[i] = uint32(i)
		}
	}
	if within(u.header, sc) && (len(candidates) == 0 || int(candidates[len(candidates)-1]) < b.Len()) {
		return candidates
	}
	rows := candidates[:0]
	for _, i := range candidates {
		if int(i) < b.Len() && event.Seq(b.Seq(int(i))) < sc.before && sc.since <= b.Time(int(i)) && b.Time(int(i)) < sc.until {
			rows = append(rows, i)
		}
	}
	return rows
}

// within reports whether all events of a block are in the range of a scan.
func within(h *block.Header, sc *scan) bool {
	return event.Seq(h.LastSeq) < sc.before && sc.since <= h.MinTime && h.MaxTime < sc.until
}
