package tree

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A Path names a tile or an entry bundle as C2SP tlog-tiles does.
type Path struct {
	Entries bool   // an entry bundle; else a tile
	Level   int    // of the tile
	Index   uint64 // of the tile or bundle
	Width   int    // how many hashes or entries it has, 1 to Width
}

// ParsePath parses the part of a URL that begins with `tile/`, e.g.
// `tile/1/x001/067.p/12` or `tile/entries/000`.
func ParsePath(path string) (Path, error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return Path{}, fmt.Errorf("%q is no tile path", path)
	}
	entries := false
	if after, ok := strings.CutPrefix(rest, "entries/"); ok {
		entries, rest = true, "0/"+after
	}
	// The Go checksum database puts the tile's height first; all else is alike.
	t, err := tlog.ParseTilePath("tile/8/" + rest)
	if err != nil || t.L < 0 {
		return Path{}, fmt.Errorf("%q is no tile path", path)
	}
	return Path{Entries: entries, Level: t.L, Index: uint64(t.N), Width: t.W}, nil
}

// String is the inverse of ParsePath.
func (p Path) String() string {
	t := tlog.Tile{H: 8, L: p.Level, N: int64(p.Index), W: p.Width}
	rest := strings.TrimPrefix(t.Path(), "tile/8/")
	if p.Entries {
		return "tile/entries/" + strings.TrimPrefix(rest, "0/")
	}
	return "tile/" + rest
}

// Entries returns an entry bundle as it is served: each commitment after its
// length in two bytes.
func Entries(bundle []byte) []byte {
	b := make([]byte, 0, len(bundle)/HashSize*(HashSize+2))
	for c := range slices.Chunk(bundle, HashSize) {
		b = binary.BigEndian.AppendUint16(b, HashSize)
		b = append(b, c...)
	}
	return b
}
