package block

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A ribbon is a filter that takes 5 % more than its fingerprints' bits (Dillinger,
// Walzer: Ribbon filter: practically smaller than Bloom and Xor, 2021; the
// standard one, of width 64). Each key asks for the sum, bit by bit, of some of 64
// neighbouring slots to be its fingerprint; the slots solve the equations of all
// keys. Another key passes with a probability of one in two to the power of the
// bits.
//
// Stored: byte bits of a fingerprint, 1 to 16, uint32 groups of 64 slots, uint64
// seed, all big-endian; then for each group and bit a little-endian uint64 with
// that bit of the group's slots, lowest first. A byte 0 alone where there are no
// keys.
type ribbon struct {
	bits   int // of a fingerprint; 0: no key passes
	seed   uint64
	starts uint64 // slots at which the neighbours of a key may begin
	slots  []byte // as stored
}

// ribbonFixed is the size of what stands before the slots, in bytes.
const ribbonFixed = 13

const (
	ribbonWidth = 64
	maxGroups   = 1 << 22 // bounds what is read
	maxBits     = 16
)

// equation returns where the neighbours of a key begin, which of them count, the
// first always, and its fingerprint.
func equation(key, seed, starts uint64) (start uint64, which uint64, fingerprint uint16) {
	h := mixed(key + seed)
	start, _ = bits.Mul64(h, starts)
	return start, mixed(h^0x9e3779b97f4a7c15) | 1, uint16(h)
}

// mixed spreads the bits of a number (the finalizer of MurmurHash3).
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// mayHave reports false only if the key is not in the filter.
func (r *ribbon) mayHave(key uint64) bool {
	if r.bits == 0 {
		return false
	}
	start, which, fingerprint := equation(key, r.seed, r.starts)
	group, shift := int(start/ribbonWidth)*r.bits*8, start%ribbonWidth
	for j := range r.bits {
		slots := binary.LittleEndian.Uint64(r.slots[group+8*j:]) >> shift
		if shift > 0 {
			slots |= binary.LittleEndian.Uint64(r.slots[group+8*(r.bits+j):]) << (ribbonWidth - shift)
		}
		if bits.OnesCount64(slots&which)&1 != int(fingerprint>>j&1) {
			return false
		}
	}
	return true
}

// ribbon reads a filter that appendRibbon wrote.
func (r *reader) ribbon() (out ribbon) {
	width := r.take(1)
	if len(width) == 0 || width[0] == 0 {
		return out
	}
	head := r.take(ribbonFixed - 1)
	if r.err != nil {
		return out
	}
	groups := binary.BigEndian.Uint32(head)
	if width[0] > maxBits || groups == 0 || groups > maxGroups {
		r.fail("filter contradicts itself")
		return out
	}
	out = ribbon{bits: int(width[0]), seed: binary.BigEndian.Uint64(head[4:]), starts: uint64(groups)*ribbonWidth - ribbonWidth + 1}
	out.slots = r.take(int(groups) * out.bits * 8)
	return out
}

// ribbonMaker is the memory that making ribbons takes.
type ribbonMaker struct {
	which       []uint64 // by slot: the neighbours of the equation that begins there; 0: none does
	fingerprint []uint16 // likewise
}

// errRibbon: no seed and size solved the equations. It does not happen.
var errRibbon = errors.New("make filter: its equations have no solution")

// appendRibbon appends the filter of the keys with fingerprints of so many bits
// to b.
func (m *ribbonMaker) appendRibbon(b []byte, keys []uint64, width int) ([]byte, error) {
	if len(keys) == 0 {
		return append(b, 0), nil
	}
	// A few slots more than equations are enough nearly always; the more keys, the
	// more it takes.
	slots := len(keys) + len(keys)/25 + ribbonWidth
	for try := range uint64(200) {
		groups := (slots + ribbonWidth - 1) / ribbonWidth
		seed := mixed(try + 1)
		if m.band(keys, seed, groups*ribbonWidth) {
			b = append(b, byte(width))
			b = binary.BigEndian.AppendUint32(b, uint32(groups))
			b = binary.BigEndian.AppendUint64(b, seed)
			return m.appendSolution(b, groups, width), nil
		}
		if try%2 == 1 {
			slots += slots/100 + 1
		}
	}
	return nil, errRibbon
}

// band brings the equations of all keys into a form in which at most one begins
// at each slot, and reports whether they have a solution.
func (m *ribbonMaker) band(keys []uint64, seed uint64, slots int) bool {
	m.which = append(m.which[:0], make([]uint64, slots)...)
	m.fingerprint = append(m.fingerprint[:0], make([]uint16, slots)...)
	starts := uint64(slots) - ribbonWidth + 1
	for _, key := range keys {
		at, which, fingerprint := equation(key, seed, starts)
		for m.which[at] != 0 {
			which ^= m.which[at]
			fingerprint ^= m.fingerprint[at]
			if which == 0 {
				break
			}
			zeros := bits.TrailingZeros64(which)
			at, which = at+uint64(zeros), which>>zeros
		}
		switch {
		case which != 0:
			m.which[at], m.fingerprint[at] = which, fingerprint
		case fingerprint != 0:
			return false
		}
	}
	return true
}

// appendSolution solves the equations from the last slot to the first.
func (m *ribbonMaker) appendSolution(b []byte, groups, width int) []byte {
	start := len(b)
	b = append(b, make([]byte, groups*width*8)...)
	out := b[start:]
	var window [maxBits]uint64 // of each bit, those of the slots from this one on
	for i := groups*ribbonWidth - 1; i >= 0; i-- {
		for j := range width {
			window[j] <<= 1
			if which := m.which[i]; which != 0 {
				window[j] |= uint64(bits.OnesCount64(window[j]&which)&1) ^ uint64(m.fingerprint[i]>>j&1)
			}
			if i%ribbonWidth == 0 {
				binary.LittleEndian.PutUint64(out[(i/ribbonWidth*width+j)*8:], window[j])
			}
		}
	}
	return b
}
