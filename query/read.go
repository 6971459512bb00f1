package query

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// stretch is how many entries are read at a time. Neighbours share blocks, so
// more is faster; every event may be 1 MiB, so there is a limit.
const stretch = 64

// load reads what is wanted of events, at most stretch of them, and returns it
// in the order of entries; nil for those that were forgotten meanwhile, and for
// those that are not, if that is not nil.
func load(ctx context.Context, entries []*eventlog.Entry, wanted *mask, are func(*pb.Event) (bool, error)) ([]*pb.Event, error) {
	events := make([]*pb.Event, len(entries))
	err := shared(ctx, entries, func(i int) error {
		e, err := wanted.least(entries[i])
		if e != nil && err == nil && are != nil {
			ok := false
			if ok, err = are(e); !ok {
				e = nil
			}
		}
		events[i] = wanted.cut(e)
		return err
	})
	return events, err
}

// shared calls do for the index of each of entries on all cores, each core taking
// those of one block, until one fails or ctx ends. It takes turns with others who
// read much.
func shared(ctx context.Context, entries []*eventlog.Entry, do func(int) error) error {
	if len(entries) <= alone {
		for i := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	portions := portions(entries)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(portions)) {
		group.Go(func() error {
			turn := entries[0].Turn()
			defer turn.End()
			for n := next.Add(1); n <= int64(len(portions)); n = next.Add(1) {
				for _, i := range portions[n-1] {
					if err := turn.Next(ctx); err != nil {
						return err
					}
					if err := do(i); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// alone is how many items one core does sooner than it wakes the others.
const alone = 2

// portions returns the indexes of entries as they lie: those of one block together,
// unless they are more than one core's share.
func portions(entries []*eventlog.Entry) (out [][]int) {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return entries[a].Beside(entries[b]) })
	share := (len(order) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for start, i := 0, 1; i <= len(order); i++ {
		if i == len(order) || i-start == share || !entries[order[i]].SameBlock(entries[order[start]]) {
			out, start = append(out, order[start:i]), i
		}
	}
	return out
}
