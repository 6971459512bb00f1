package tree

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveSubset returns the hashes that lead from the leaves at some positions, which
// ascend, to the root of the tree of the first size leaves: the roots of all
// subtrees that have none of them and whose parents have some, from left to right.
// The reader has the nodes of the tree or of a larger one.
func ProveSubset(size uint64, positions []uint64, reader tlog.HashReader) ([]Hash, error) {
	var nodes []int64 // in sumdb's order of storage
	var parts []int   // of nodes, how many each hash is made of
	err := eachWithout(size, positions, func(lo, hi uint64) {
		before := len(nodes)
		for ; lo < hi; lo += 1 << level(hi-lo) {
			nodes = append(nodes, tlog.StoredHashIndex(level(hi-lo), int64(lo>>level(hi-lo))))
		}
		parts = append(parts, len(nodes)-before)
	}, func(uint64) {}, func() {})
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	hashes, err := reader.ReadHashes(nodes)
	if err != nil {
		return nil, err
	}
	proof := make([]Hash, 0, len(parts))
	for _, n := range parts {
		proof = append(proof, fold(hashes[:n]))
		hashes = hashes[n:]
	}
	return proof, nil
}

// SubsetRoot returns the root of the tree of the first size leaves, given the
// hashes of the leaves at some positions, which ascend, and what ProveSubset says of
// them.
func SubsetRoot(size uint64, positions []uint64, leaves, proof []Hash) (Hash, error) {
	if len(leaves) != len(positions) {
		return Hash{}, fmt.Errorf("%d leaves at %d positions", len(leaves), len(positions))
	}
	var stack []Hash
	missing := false
	next := func(of *[]Hash) {
		if len(*of) == 0 {
			missing = true
			stack = append(stack, Hash{})
			return
		}
		stack = append(stack, (*of)[0])
		*of = (*of)[1:]
	}
	err := eachWithout(size, positions, func(_, _ uint64) { next(&proof) }, func(uint64) { next(&leaves) }, func() {
		last := len(stack) - 1
		stack = append(stack[:last-1], tlog.NodeHash(stack[last-1], stack[last]))
	})
	if err == nil && (missing || len(proof) > 0) {
		err = errors.New("the proof has too few or too many hashes")
	}
	if err != nil {
		return Hash{}, err
	}
	return stack[0], nil
}

// eachWithout walks the tree of the first size leaves from left to right, down to
// what has none of the positions: it calls without for each such subtree, leaf for
// each position, and join when both children of a node are done.
func eachWithout(size uint64, positions []uint64, without func(lo, hi uint64), leaf func(uint64), join func()) error {
	if size == 0 || size > 1<<48 || len(positions) == 0 {
		return errors.New("a proof of nothing")
	}
	for i, p := range positions {
		if p >= size || i > 0 && p <= positions[i-1] {
			return fmt.Errorf("position %d is out of order, or beyond the tree of %d leaves", p, size)
		}
	}
	var walk func(lo, hi uint64, positions []uint64)
	walk = func(lo, hi uint64, positions []uint64) {
		switch {
		case len(positions) == 0:
			without(lo, hi)
			return
		case hi-lo == 1:
			leaf(lo)
			return
		}
		middle := lo + 1<<level(hi-lo-1)
		n := 0
		for n < len(positions) && positions[n] < middle {
			n++
		}
		walk(lo, middle, positions[:n])
		walk(middle, hi, positions[n:])
		join()
	}
	walk(0, size, positions)
	return nil
}

// level is that of the largest perfect tree of up to n leaves, which are some.
func level(n uint64) int { return bits.Len64(n) - 1 }

// fold returns the root over perfect trees of falling size.
func fold(trees []Hash) Hash {
	root := trees[len(trees)-1]
	for _, t := range slices.Backward(trees[:len(trees)-1]) {
		root = tlog.NodeHash(t, root)
	}
	return root
}
