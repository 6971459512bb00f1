package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func commitment(i uint64) []byte {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
	return h[:]
}

// reference is golang.org/x/mod's tree of the first n leaves.
func reference(t testing.TB, n int64) Hash {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for i := range n {
		hashes, err := tlog.StoredHashes(i, commitment(uint64(i)), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(n, reader)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// The root is that of an implementation nobody here wrote.
func TestRootIsRFC6962(t *testing.T) {
	var e Edge
	for n := range uint64(1200) {
		if n < 20 || n%97 == 0 || n%256 < 2 {
			if got, want := e.Root(), reference(t, int64(n)); got != want {
				t.Fatalf("root of %d leaves: got %v, want %v", n, got, want)
			}
		}
		e.Add(LeafHash(commitment(n)))
	}
}

// store keeps tiles and bundles as a log would.
type store struct {
	bundles map[uint64][]byte
	tiles   map[[2]uint64][]Hash
}

func (s *store) bundle(i uint64) ([]byte, error) { return s.bundles[i], nil }
func (s *store) tile(level int, i uint64) ([]Hash, error) {
	return s.tiles[[2]uint64{uint64(level), i}], nil
}

// Whatever the sizes of the batches, what AddAll says to store is enough to
// rebuild the edge, and a full tile is never touched again.
func TestStoredTilesRebuildTheEdge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grow(t, rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 3, 255, 256, 257, 700}), 1, 6).Draw(t, "batches"))
	})
	grow(t, []int{65_535, 1, 1, 300}) // As far as level 2.
}

func grow(t interface{ Fatalf(string, ...any) }, batches []int) {
	s := store{map[uint64][]byte{}, map[[2]uint64][]Hash{}}
	e := &Edge{}
	for _, n := range batches {
		var leaves []Hash
		for i := range n {
			seq := e.Size() + uint64(i)
			s.bundles[seq/Width] = append(s.bundles[seq/Width], commitment(seq)...)
			leaves = append(leaves, LeafHash(commitment(seq)))
		}
		for _, tile := range e.AddAll(leaves) {
			at := [2]uint64{uint64(tile.Level), tile.Index}
			if len(s.tiles[at]) == Width {
				t.Fatalf("full tile %v was written again", at)
			}
			s.tiles[at] = tile.Hashes
		}
		loaded, err := LoadEdge(e.Size(), s.bundle, s.tile)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		if got, want := loaded.Root(), e.Root(); got != want {
			t.Fatalf("reloaded root of %d leaves: got %v, want %v", e.Size(), got, want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		path string
		want Path
	}{
		{"tile/0/000", Path{false, 0, 0, 256}},
		{"tile/1/x001/x234/067.p/12", Path{false, 1, 1234067, 12}},
		{"tile/entries/x001/234", Path{true, 0, 1234, 256}},
		{"tile/entries/000.p/1", Path{true, 0, 0, 1}},
	} {
		got, err := ParsePath(c.path)
		if err != nil || got != c.want {
			t.Errorf("ParsePath(%q): got %+v, %v, want %+v", c.path, got, err, c.want)
		}
		if got.String() != c.path {
			t.Errorf("String: got %q, want %q", got.String(), c.path)
		}
	}
	for _, bad := range []string{"", "tile/", "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/-1/000",
		"tile/data/000", "tile/entries/0", "tile/0/x001", "tile/0/../000", "checkpoint"} {
		if p, err := ParsePath(bad); err == nil {
			t.Errorf("ParsePath(%q): got %+v, want an error", bad, p)
		}
	}
}
