package tree

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Width is the number of hashes in a full tile, and of commitments in a full
// bundle.
const Width = 256

// HashSize is the size in bytes of a hash and of a commitment.
const HashSize = 32

// A Hash is a node of the tree.
type Hash = tlog.Hash

// LeafHash returns the leaf hash of a commitment (RFC 6962 §2.1).
func LeafHash(commitment []byte) Hash { return tlog.RecordHash(commitment) }

// An Edge is the tree's right edge: all that is needed to add leaves and to
// know the root. The zero Edge is the empty tree. Not safe for concurrent use.
type Edge struct {
	size   uint64
	levels [][]Hash // by level: the hashes of the tile that is not full yet
}

// A Tile is a stored tile, full or partial.
type Tile struct {
	Level  int    // 1 and up
	Index  uint64 // of the tile in its level
	Hashes []Hash // 1 to Width
}

// Size returns the number of leaves.
func (e *Edge) Size() uint64 { return e.size }

// Clone returns a copy that shares nothing with e.
func (e *Edge) Clone() *Edge {
	c := &Edge{size: e.size, levels: make([][]Hash, len(e.levels))}
	for i, l := range e.levels {
		c.levels[i] = slices.Clone(l)
	}
	return c
}

// Add appends a leaf.
func (e *Edge) Add(leaf Hash) {
	e.size++
	e.push(0, leaf, nil)
}

// AddAll appends leaves and returns the tiles of level 1 and up that grew, in
// the state in which they are to be stored: by level, then index.
func (e *Edge) AddAll(leaves []Hash) []Tile {
	full := map[[2]uint64][]Hash{}
	before := slices.Clone(e.lengths())
	for _, leaf := range leaves {
		e.size++
		e.push(0, leaf, full)
	}
	return e.grown(before, full)
}

func (e *Edge) lengths() []int {
	n := make([]int, len(e.levels))
	for i, l := range e.levels {
		n[i] = len(l)
	}
	return n
}

// push adds a hash at a level; a level that becomes full is emptied into the
// one above, and noted in full unless that is nil.
func (e *Edge) push(level int, h Hash, full map[[2]uint64][]Hash) {
	if level == len(e.levels) {
		e.levels = append(e.levels, make([]Hash, 0, Width))
	}
	e.levels[level] = append(e.levels[level], h)
	if len(e.levels[level]) < Width {
		return
	}
	hashes := e.levels[level]
	if full != nil && level > 0 {
		// Every leaf below is in already: size is a multiple of the tile's span.
		full[[2]uint64{uint64(level), e.size>>(8*(level+1)) - 1}] = hashes
	}
	e.levels[level] = make([]Hash, 0, Width)
	e.push(level+1, Root(hashes), full)
}

// grown lists the tiles that changed: those that became full, and the partial
// ones that now hold something they did not.
func (e *Edge) grown(before []int, full map[[2]uint64][]Hash) []Tile {
	var tiles []Tile
	wrapped := map[uint64]bool{}
	for at, hashes := range full {
		tiles = append(tiles, Tile{Level: int(at[0]), Index: at[1], Hashes: hashes})
		wrapped[at[0]] = true
	}
	for level := 1; level < len(e.levels); level++ {
		n := len(e.levels[level])
		same := level < len(before) && before[level] == n && !wrapped[uint64(level)]
		if n > 0 && !same {
			tiles = append(tiles, Tile{level, e.size >> (8 * (level + 1)), slices.Clone(e.levels[level])})
		}
	}
	slices.SortFunc(tiles, func(a, b Tile) int {
		if a.Level != b.Level {
			return a.Level - b.Level
		}
		return int(a.Index) - int(b.Index)
	})
	return tiles
}

// Root returns the root of the whole tree; of the empty tree it is the hash of
// nothing (RFC 6962 §2.1).
func (e *Edge) Root() Hash {
	var root *Hash
	for _, hashes := range e.levels {
		// The level's hashes are perfect subtrees of equal size; those of the
		// levels below lie to their right.
		for n := len(hashes); n > 0; {
			width := n & -n
			h := Root(hashes[n-width : n])
			if root != nil {
				h = tlog.NodeHash(h, *root)
			}
			root = &h
			n -= width
		}
	}
	if root == nil {
		empty, err := tlog.TreeHash(0, nil)
		if err != nil {
			panic("internal error: " + err.Error())
		}
		return empty
	}
	return *root
}

// Root returns the root over hashes, a power of two of them, at least one.
func Root(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(Root(hashes[:half]), Root(hashes[half:]))
}

// LoadEdge rebuilds the edge of a tree of the given size from its stored
// parts: bundle returns the commitments of a bundle, tile the hashes of a
// tile, each at least as many as the size implies.
func LoadEdge(size uint64, bundle func(index uint64) ([]byte, error), tile func(level int, index uint64) ([]Hash, error)) (*Edge, error) {
	e := &Edge{size: size}
	for level := 0; size>>(8*level) > 0; level++ {
		n := int(size >> (8 * level) & (Width - 1))
		hashes := make([]Hash, 0, Width)
		if n > 0 {
			loaded, err := loadLevel(level, size>>(8*(level+1)), bundle, tile)
			if err != nil {
				return nil, err
			}
			if len(loaded) < n {
				return nil, fmt.Errorf("tile %d/%d has %d hashes: want %d", level, size>>(8*(level+1)), len(loaded), n)
			}
			hashes = append(hashes, loaded[:n]...)
		}
		e.levels = append(e.levels, hashes)
	}
	return e, nil
}

func loadLevel(level int, index uint64, bundle func(uint64) ([]byte, error), tile func(int, uint64) ([]Hash, error)) ([]Hash, error) {
	if level > 0 {
		return tile(level, index)
	}
	b, err := bundle(index)
	if err != nil {
		return nil, err
	}
	return LeafHashes(b), nil
}

// LeafHashes returns the leaf hashes of the commitments in a bundle.
func LeafHashes(bundle []byte) []Hash {
	hashes := make([]Hash, 0, Width)
	for c := range slices.Chunk(bundle, HashSize) {
		hashes = append(hashes, LeafHash(c))
	}
	return hashes
}

// AppendHashes appends the hashes to b, 32 bytes each.
func AppendHashes(b []byte, hashes []Hash) []byte {
	b = slices.Grow(b, len(hashes)*HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// ParseHashes is the inverse of AppendHashes: 1 to Width hashes and nothing
// else.
func ParseHashes(b []byte) ([]Hash, error) {
	if len(b) == 0 || len(b)%HashSize != 0 || len(b) > Width*HashSize {
		return nil, fmt.Errorf("tile has %d bytes: want 1 to %d times %d", len(b), Width, HashSize)
	}
	hashes := make([]Hash, 0, len(b)/HashSize)
	for h := range slices.Chunk(b, HashSize) {
		hashes = append(hashes, Hash(h))
	}
	return hashes, nil
}
