package eventlog

import (
	"encoding/binary"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// heads are the signed tree heads to compare with, by size.
type heads map[uint64]tree.Hash

// heads reads every checkpoint there is. Those that do not open are findings.
func (v *verification) heads() (heads, error) {
	h := heads{}
	head := func(k, signed []byte) error {
		first, last := event.Seq(0), v.last()
		cp, err := tree.Open(signed, v.verifier)
		if len(k) == 9 {
			size := binary.BigEndian.Uint64(k[1:])
			last = event.Seq(max(size, 1) - 1)
			if err == nil && cp.Size != size {
				err = fmt.Errorf("%w: it is kept as that of %d events and covers %d", ErrTampered, size, cp.Size)
			}
		}
		if err != nil {
			v.add("checkpoint", err, first, last)
			return nil
		}
		if root, known := h[cp.Size]; known && root != cp.Root {
			v.add("checkpoint", fmt.Errorf("%w: two with different roots were signed over %d events", ErrTampered, cp.Size), first, event.Seq(max(cp.Size, 1)-1))
		}
		h[cp.Size] = cp.Root
		return nil
	}
	for _, space := range []byte{spaceCheckpoint, spacePublished} {
		if err := v.damaged("checkpoint", v.each(key1(space), head), 0, v.last()); err != nil {
			return nil, err
		}
	}
	signed, err := v.store.ring.Anchor()
	if err != nil {
		return nil, err
	}
	if cp, err := tree.Open(signed, v.verifier); err == nil && event.Seq(cp.Size) <= v.size {
		h[cp.Size] = cp.Root
	}
	if v.newest != nil {
		h[v.newest.Size] = v.newest.Root
	}
	return h, nil
}

// tree computes the tree from the commitments and compares it with what is
// stored and with every signed head on the way.
func (v *verification) tree() error {
	heads, err := v.heads()
	if err != nil {
		return err
	}
	edge := &tree.Edge{}
	agreed := event.Seq(0) // up to here a signed head agreed
	var level1 []tree.Hash
	for seq := event.Seq(0); seq < v.size; {
		index := uint64(seq) / tree.Width
		want := int(min(tree.Width, v.size-seq))
		leaves, err := v.leaves(index, want)
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			edge.Add(leaf)
			root, signed := heads[edge.Size()]
			if !signed {
				continue
			}
			delete(heads, edge.Size())
			if edge.Root() != root {
				v.add("checkpoint", fmt.Errorf("%w: the commitments do not make the root that was signed over %d events", ErrTampered, edge.Size()),
					agreed, event.Seq(edge.Size())-1)
				heads = nil // Those after it cannot agree either.
			}
			agreed = event.Seq(edge.Size())
		}
		if want == tree.Width {
			level1 = append(level1, tree.Root(leaves))
		}
		seq += event.Seq(want)
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	for size := range heads {
		if event.Seq(size) > v.size {
			v.add("checkpoint", fmt.Errorf("%w: one was signed over %d events, the log has %d: the newest are gone", errMissing, size, v.size), v.size, event.Seq(size)-1)
		}
	}
	return v.tiles(level1)
}

// leaves returns the leaf hashes of a bundle. What is missing is a finding and
// stands as zeros.
func (v *verification) leaves(index uint64, want int) ([]tree.Hash, error) {
	bundle, err := v.bundle(index)
	first := event.Seq(index * tree.Width)
	if err == nil && len(bundle) != want*tree.HashSize {
		err = fmt.Errorf("%w: bundle %d has %d commitments: want %d", missingIf(len(bundle) < want*tree.HashSize), index, len(bundle)/tree.HashSize, want)
	}
	if err := v.damaged("commitment", err, first, first+event.Seq(want)-1); err != nil {
		return nil, err
	}
	if err != nil {
		return make([]tree.Hash, want), nil
	}
	return tree.LeafHashes(bundle[:want*tree.HashSize]), nil
}

// tiles compares the stored tiles with those that the hashes of level 1 make.
func (v *verification) tiles(hashes []tree.Hash) error {
	for level := 1; len(hashes) > 0; level++ {
		var above []tree.Hash
		for index := uint64(0); index*tree.Width < uint64(len(hashes)); index++ {
			start := index * tree.Width
			part := hashes[start:min(start+tree.Width, uint64(len(hashes)))]
			if err := v.tile(level, index, part); err != nil {
				return err
			}
			if len(part) == tree.Width {
				above = append(above, tree.Root(part))
			}
		}
		hashes = above
	}
	return nil
}

func (v *verification) tile(level int, index uint64, want []tree.Hash) error {
	span := event.Seq(1) << (8 * level) // leaves below each hash
	first := event.Seq(index) * tree.Width * span
	got, err := v.disk.tile(level, index)
	if err == nil && len(got) != len(want) {
		err = fmt.Errorf("%w: tile %d/%d has %d hashes: want %d", missingIf(len(got) < len(want)), level, index, len(got), len(want))
	}
	if err != nil {
		return v.damaged("tile", err, first, first+event.Seq(len(want))*span-1)
	}
	for i := range want {
		if got[i] != want[i] {
			at := first + event.Seq(i)*span
			v.add("tile", fmt.Errorf("%w: it is not the hash of the commitments below it", ErrTampered), at, at+span-1)
		}
	}
	return nil
}
