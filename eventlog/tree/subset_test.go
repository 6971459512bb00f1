package tree

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The proof of any leaves of any tree gives the root that others compute, and none
// that was changed does.
func TestSubset(t *testing.T) {
	const most = 300
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = stored[index]
		}
		return out, nil
	})
	var leaves []Hash
	for n := range int64(most) {
		leaf := LeafHash([]byte{byte(n), byte(n >> 8)})
		hashes, err := tlog.StoredHashesForRecordHash(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored, leaves = append(stored, hashes...), append(leaves, leaf)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		size := 1 + random.Uint64N(most)
		if round < most {
			size = uint64(round) + 1
		}
		root, err := tlog.TreeHash(int64(size), reader)
		if err != nil {
			t.Fatal(err)
		}
		var positions []uint64
		var of []Hash
		for n, one := uint64(0), 1+random.Uint64N(size); n < size; n++ {
			if random.Uint64N(one) == 0 || n == size-1 && positions == nil {
				positions, of = append(positions, n), append(of, leaves[n])
			}
		}
		proof, err := ProveSubset(size, positions, reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := SubsetRoot(size, positions, of, proof); err != nil || got != root {
			t.Fatalf("size %d, %d leaves: got root %v, %v: want %v", size, len(of), got, err, root)
		}
		for i := range of {
			changed := slices.Clone(of)
			changed[i][7] ^= 1
			if got, err := SubsetRoot(size, positions, changed, proof); err == nil && got == root {
				t.Fatalf("size %d: another leaf at %d gives the same root", size, positions[i])
			}
		}
		if size == uint64(len(positions)) {
			continue
		}
		other := slices.Clone(positions) // The same leaves at other positions.
		for i := range other {
			if next := other[i] + 1; next < size && !slices.Contains(positions, next) {
				other[i] = next
				break
			} else if i == len(other)-1 {
				other = nil
				break
			}
		}
		if got, err := SubsetRoot(size, other, of, proof); err == nil && got == root {
			t.Fatalf("size %d: leaves at %v give the root of those at %v", size, other, positions)
		}
		for _, wrong := range [][]Hash{proof[1:], append(slices.Clone(proof), Hash{})} {
			if _, err := SubsetRoot(size, positions, of, wrong); err == nil {
				t.Fatalf("size %d: a proof of %d hashes instead of %d is accepted", size, len(wrong), len(proof))
			}
		}
	}
	for name, positions := range map[string][]uint64{"none": nil, "twice the same": {3, 3}, "descending": {4, 3}, "beyond": {9}} {
		if _, err := ProveSubset(9, positions, reader); err == nil {
			t.Errorf("%s: it is proven", name)
		}
	}
}
