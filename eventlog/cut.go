package eventlog

import (
	"cmp"
	"iter"
	"slices"

	"github.com/afterimage/afterimage/eventlog/block"
)

// cut yields the events of each block, which holds up to size bytes, of events
// that are in order. Events of a session go to one block as far as they fit: each call of a
// model repeats its conversation so far, and what repeats within a block takes
// next to nothing (docs/decisions/0013). Within a block seqs ascend.
func cut(items []block.Item, size int) iter.Seq[[]block.Item] {
	return func(yield func([]block.Item) bool) {
		items := bySessions(items)
		start, n := 0, 0
		for i, it := range items {
			if i > start && n+len(it.Bytes) > size {
				if !yield(inOrder(items[start:i])) {
					return
				}
				start, n = i, 0
			}
			n += len(it.Bytes)
		}
		if start < len(items) {
			yield(inOrder(items[start:]))
		}
	}
}

// bySessions returns the items with those of each session together, sessions
// in the order in which they first appear.
func bySessions(items []block.Item) []block.Item {
	type ranked struct {
		block.Item
		rank int
	}
	ranks := make(map[string]int)
	all := make([]ranked, len(items))
	for i, it := range items {
		session := it.Event.GetSession()
		rank, ok := ranks[session]
		if !ok {
			rank = len(ranks)
			ranks[session] = rank
		}
		all[i] = ranked{it, rank}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	out := make([]block.Item, len(items))
	for i, r := range all {
		out[i] = r.Item
	}
	return out
}

// inOrder sorts the items by seq.
func inOrder(items []block.Item) []block.Item {
	slices.SortFunc(items, func(a, b block.Item) int { return cmp.Compare(a.Seq, b.Seq) })
	return items
}
