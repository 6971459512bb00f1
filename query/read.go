package query

import (
	"cmp"
	"context"
	"runtime"
	"slices"

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

// bySeq returns the indexes of entries in the order of the log. Neighbours
// there are likely to share a block, which is then opened once.
func bySeq(entries []*eventlog.Entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(entries[a].Seq, entries[b].Seq) })
	return order
}

// shared calls do for the index of each of entries on all cores, each core taking
// neighbours in the log, until one fails or ctx ends. It takes turns with others who
// read much.
func shared(ctx context.Context, entries []*eventlog.Entry, do func(int) error) error {
	items := bySeq(entries)
	if len(items) <= alone {
		return each(ctx, items, do)
	}
	group, ctx := errgroup.WithContext(ctx)
	share := max(1, (len(items)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(items, share) {
		group.Go(func() error { return inTurn(ctx, entries[0].Turn(), part, do) })
	}
	return group.Wait()
}

// alone is how many items one core does sooner than it wakes the others.
const alone = 2

func each(ctx context.Context, items []int, do func(int) error) error {
	for _, i := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// inTurn is each that lets others have their turn.
func inTurn(ctx context.Context, turn eventlog.Turn, items []int, do func(int) error) error {
	defer turn.End()
	return each(ctx, items, func(i int) error {
		if err := turn.Next(ctx); err != nil {
			return err
		}
		return do(i)
	})
}
