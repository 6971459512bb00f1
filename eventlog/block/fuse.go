package block

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/FastFilter/xorfilter"
)

// A fuse is a binary fuse filter with three places a key (Graf, Lemire: Binary
// Fuse Filters, 2022), as FastFilter/xorfilter makes it, of which each
// fingerprint keeps its lowest bits: the fingerprints of a key's places add up to
// the key's own bit by bit, so that fewer of them are a filter still. A key that
// is not in it passes with a probability of one in two to the power of the bits.
//
// Stored: byte bits, byte log2 of the length of a segment, uint32 segments, uint64
// seed, the fingerprints one after the other in as many bits, lowest first; or a
// byte 0 where there are no keys. Numbers are big-endian.
type fuse struct {
	bits     uint // of a fingerprint: 2, 4 or 8; 0: no key passes
	seed     uint64
	segment  uint32 // length of a segment, a power of two
	segments uint32
	packed   []byte
}

// fuseFixed is the size of what stands before the fingerprints, in bytes.
const fuseFixed = 14

// appendFuse appends the filter of the keys, which it may reorder, to b.
func appendFuse(b []byte, builder *xorfilter.BinaryFuseBuilder, keys []uint64, width uint) ([]byte, error) {
	if len(keys) == 0 {
		return append(b, 0), nil
	}
	made, err := xorfilter.BuildBinaryFuse[uint8](builder, keys)
	if err != nil {
		return nil, fmt.Errorf("make filter: %w", err)
	}
	b = append(b, byte(width), byte(bits.Len32(made.SegmentLength)-1))
	b = binary.BigEndian.AppendUint32(b, made.SegmentCount)
	b = binary.BigEndian.AppendUint64(b, made.Seed)
	return appendPacked(b, made.Fingerprints, width), nil
}

// appendPacked appends the lowest bits of each fingerprint.
func appendPacked(b, fingerprints []byte, width uint) []byte {
	each := 8 / width
	var out byte
	for i, f := range fingerprints {
		out |= f << (8 - width) >> (8 - width) << (uint(i) % each * width)
		if uint(i)%each == each-1 {
			b, out = append(b, out), 0
		}
	}
	if uint(len(fingerprints))%each != 0 {
		b = append(b, out)
	}
	return b
}

// fuse reads a filter that appendFuse wrote.
func (r *reader) fuse() fuse {
	kind := r.take(1)
	if len(kind) == 0 || kind[0] == 0 {
		return fuse{}
	}
	head := r.take(fuseFixed - 1)
	if r.err != nil {
		return fuse{}
	}
	f := fuse{bits: uint(kind[0]), segments: binary.BigEndian.Uint32(head[1:]), seed: binary.BigEndian.Uint64(head[5:])}
	if f.bits != 2 && f.bits != 4 && f.bits != 8 || head[0] > maxSegment || f.segments == 0 || f.segments > 1<<24 {
		r.fail("filter contradicts itself")
		return fuse{}
	}
	f.segment = 1 << head[0]
	places := (uint64(f.segments) + 2) << head[0]
	f.packed = r.take(int((places*uint64(f.bits) + 7) / 8))
	return f
}

// mayHave reports false only if the key is not in the filter.
func (f *fuse) mayHave(key uint64) bool {
	if f.bits == 0 {
		return false
	}
	hash := mixsplit(key, f.seed)
	high, _ := bits.Mul64(hash, uint64(f.segments)*uint64(f.segment))
	h0 := uint32(high)
	h1 := h0 + f.segment
	h2 := h1 + f.segment
	h1 ^= uint32(hash>>18) & (f.segment - 1)
	h2 ^= uint32(hash) & (f.segment - 1)
	sum := byte(hash^hash>>32) ^ f.at(h0) ^ f.at(h1) ^ f.at(h2)
	return sum<<(8-f.bits) == 0
}

// at returns a fingerprint in its lowest bits; what is above is of others.
func (f *fuse) at(i uint32) byte {
	each := uint32(8 / f.bits)
	return f.packed[i/each] >> (i % each * uint32(f.bits))
}

// mixsplit is how xorfilter hashes a key (the finalizer of MurmurHash3).
func mixsplit(key, seed uint64) uint64 {
	h := key + seed
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
