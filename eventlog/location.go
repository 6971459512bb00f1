package eventlog

import (
	"encoding/binary"
	"fmt"

	"github.com/afterimage/afterimage/eventlog/block"
)

// A location is where an event lies. The zero location is that of an event
// that was forgotten.
type location struct {
	block block.ID
	index uint32 // in the block
}

// A location page maps pageWidth neighbouring seqs to their locations. It is
// stored as runs: uvarint positions, then uvarint block, and, unless that is 0,
// uvarint index of the first; the others follow it in the block.
func encodePage(page []location) []byte {
	b := make([]byte, 0, 64)
	for start := 0; start < len(page); {
		end := start + 1
		for end < len(page) && follows(page[end-1], page[end]) {
			end++
		}
		b = binary.AppendUvarint(b, uint64(end-start))
		b = binary.AppendUvarint(b, uint64(page[start].block))
		if page[start].block != 0 {
			b = binary.AppendUvarint(b, uint64(page[start].index))
		}
		start = end
	}
	return b
}

func follows(a, b location) bool {
	if a.block == 0 {
		return b.block == 0
	}
	return b == location{a.block, a.index + 1}
}

// decodePage is the inverse of encodePage.
func decodePage(b []byte) ([]location, error) {
	page := make([]location, 0, pageWidth)
	for len(b) > 0 {
		var run [3]uint64
		for i := range run {
			if i == 2 && run[1] == 0 {
				continue
			}
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, fmt.Errorf("%w: malformed location page", ErrTampered)
			}
			run[i], b = v, b[n:]
		}
		if run[0] == 0 || run[0] > uint64(pageWidth-len(page)) || run[2] > 1<<31 {
			return nil, fmt.Errorf("%w: malformed location page", ErrTampered)
		}
		for i := range uint32(run[0]) {
			at := location{}
			if run[1] != 0 {
				at = location{block.ID(run[1]), uint32(run[2]) + i}
			}
			page = append(page, at)
		}
	}
	return page, nil
}
