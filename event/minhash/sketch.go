package minhash

import (
	"encoding/binary"
	"math/bits"

	"github.com/afterimage/afterimage/event/words"
)

// Version is the version of what sketches are, in the format of the log.
const Version = 1

// Size is the size of a sketch in bytes.
const Size = 15

const (
	minima  = 28 // of the shingles of a long text
	minBits = 4  // of each
	literal = 14 // units of the longest text whose units are kept
)

// A Sketch stands for a text. The zero Sketch is that of a text without words.
// Equal texts have equal sketches; unequal ones may have, too.
//
// Its first byte, the kind, is 0 without words; the number of units of a text of
// 1 to 14; 14 and the class of its number of shingles for a longer one. There
// follow a byte of each unit, or 28 half-bytes, of the first minimum first, the
// higher half of a byte first; what is left over is 0.
type Sketch struct{ high, low uint64 } // the first 8 bytes, and the others before a zero

// kind returns the first byte.
func (s Sketch) kind() byte { return byte(s.high >> 56) }

// bytes returns the sketch and what is no part of it.
func (s Sketch) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:], s.high)
	binary.BigEndian.PutUint64(b[8:], s.low)
	return b
}

// Append appends the sketch, Size bytes, to b.
func (s Sketch) Append(b []byte) []byte {
	whole := s.bytes()
	return append(b, whole[:Size]...)
}

// Parse is the inverse of Append. b has at least Size bytes.
func Parse(b []byte) Sketch {
	var whole [16]byte
	copy(whole[:Size], b)
	return Sketch{binary.BigEndian.Uint64(whole[:]), binary.BigEndian.Uint64(whole[8:])}
}

// A Maker makes sketches, and keeps the memory that it takes. The zero value is
// ready. It is not safe for concurrent use.
type Maker struct {
	units    []words.Hash
	shingles distinct
}

// Sketch returns the sketch of a text.
func (m *Maker) Sketch(text string) Sketch {
	m.units = words.AppendUnits(m.units[:0], text)
	if len(m.units) <= literal {
		return spelled(m.units)
	}
	return m.signed()
}

// spelled returns the sketch of a text of up to 14 units.
func spelled(units []words.Hash) Sketch {
	var b [16]byte
	b[0] = byte(len(units))
	for i, u := range units {
		b[1+i] = letter(u)
	}
	return Parse(b[:])
}

// letter is the byte that stands for a unit.
func letter(u words.Hash) byte { return byte(mix(uint64(u))) }

// signed returns the sketch that a longer text has of the units, at least one.
func (m *Maker) signed() Sketch {
	shingles := m.shingles.of(m.units)
	least := leastOf(shingles)
	var b [16]byte
	b[0] = literal + classOf(len(shingles))
	for i := 0; i < minima; i += 2 {
		b[1+i/2] = byte(least[i]<<minBits)&0xF0 | byte(least[i+1])&0xF
	}
	return Parse(b[:])
}

// leastOf returns the minima of shingles, at least one. In round i every shingle
// has a place and a hash; a place keeps the least hash of the first round in
// which it got any. In the second half of the rounds all shingles have the same
// place, so that none stays empty.
func leastOf(shingles []uint64) (least [minima]uint64) {
	var got [minima]uint8 // the round, from 1; 0: none yet
	empty := minima
	for round := 0; round < 2*minima && empty > 0; round++ {
		salt, number := uint64(round)*golden, uint8(round+1)
		for _, s := range shingles {
			h := mix(s + salt)
			at := round - minima
			if at < 0 {
				at = int(h >> 32 * minima >> 32)
			}
			switch {
			case got[at] == 0:
				got[at], least[at] = number, h
				empty--
			case got[at] == number:
				least[at] = min(least[at], h)
			}
		}
	}
	return least
}

// classOf returns the class of a number of shingles, at least 1: the number up
// to 15, then eight for each doubling.
func classOf(n int) byte {
	if n < 16 {
		return byte(n)
	}
	beyond := bits.Len(uint(n)) - 4
	return byte(8*beyond + n>>beyond)
}

// ofClass returns the least and the greatest number of a class.
func ofClass(c byte) (least, greatest int) {
	if c < 16 {
		return int(c), int(c)
	}
	beyond := c/8 - 1
	least = (int(c%8) + 8) << beyond
	return least, least + 1<<beyond - 1
}
