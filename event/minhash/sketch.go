package minhash

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/afterimage/afterimage/event/words"
)

// Version is the version of what sketches are, in the format of the log.
const Version = 1

// MaxSize is the size of the largest sketch, in bytes.
const MaxSize = 1 + literal

const (
	minima  = 28 // of the shingles of a long text
	minBits = 4  // of each
	literal = 14 // words of the longest text whose words are kept
)

// A Sketch stands for a text. The zero Sketch is that of a text without words.
// Equal texts have equal sketches; unequal ones may have, too.
//
// Its first byte, the kind, is 0 without words; the number of words of a text of
// 1 to 14; 14 and the class of its number of shingles for a longer one. There
// follow a byte of each word, or 28 half-bytes, of the first minimum first, the
// higher half of a byte first.
type Sketch struct{ high, low uint64 } // the first 8 bytes, and the others, with zeros behind

// kind returns the first byte.
func (s Sketch) kind() byte { return byte(s.high >> 56) }

// bytes returns the sketch and what is no part of it.
func (s Sketch) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:], s.high)
	binary.BigEndian.PutUint64(b[8:], s.low)
	return b
}

// sketchOf is the inverse of bytes.
func sketchOf(b [16]byte) Sketch {
	return Sketch{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// Append appends the sketch, up to MaxSize bytes, to b.
func (s Sketch) Append(b []byte) []byte {
	whole := s.bytes()
	return append(b, whole[:1+min(s.kind(), literal)]...)
}

// Parse takes a sketch off the front of b, and reports whether there is one.
func Parse(b []byte) (s Sketch, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(min(b[0], literal)) {
		return Sketch{}, b, false
	}
	var whole [16]byte
	n := copy(whole[:], b[:1+min(b[0], literal)])
	return sketchOf(whole), b[n:], true
}

// A Maker makes sketches, and keeps the memory that it takes. The zero value is
// ready. It is not safe for concurrent use.
type Maker struct{ shingles distinct }

// Sketch returns the sketch of a text of these words, in order; see words.Of.
func (m *Maker) Sketch(text []words.Hash) Sketch {
	if len(text) <= literal {
		return spelled(text)
	}
	return m.signed(text)
}

// spelled returns the sketch of a text of up to 14 words.
func spelled(text []words.Hash) Sketch {
	var b [16]byte
	b[0] = byte(len(text))
	for i, w := range text {
		b[1+i] = letter(w)
	}
	return sketchOf(b)
}

// letter is the byte that stands for a word.
func letter(w words.Hash) byte { return byte(mix(uint64(w))) }

// signed returns the sketch that a longer text has, or one of these words, at
// least one, would have.
func (m *Maker) signed(text []words.Hash) Sketch {
	shingles := m.shingles.of(text)
	least := leastOf(shingles)
	var b [16]byte
	b[0] = literal + classOf(len(shingles))
	for i, hash := range least {
		b[1+i/2] |= byte(hash&0xF) << (minBits * (1 - i%2))
	}
	return sketchOf(b)
}

// leastOf returns the minima of shingles, at least one. In round i every shingle
// has a place and a hash; a place keeps the least hash of the first round in
// which it got any. In the second half of the rounds all shingles have the same
// place, so that none stays empty.
func leastOf(shingles []uint64) (least [minima]uint64) {
	for i := range least {
		least[i] = math.MaxUint64
	}
	for _, s := range shingles { // the first round, in which a shingle is its hash
		at := s >> 32 * minima >> 32
		least[at] = min(least[at], s)
	}
	var done [minima]bool
	for round := 1; round < 2*minima; round++ {
		whole := true
		for i, l := range least {
			done[i] = l != math.MaxUint64
			whole = whole && done[i]
		}
		if whole {
			break
		}
		salt := uint64(round) * golden
		for _, s := range shingles {
			h := mix(s + salt)
			at := round - minima
			if at < 0 {
				at = int(h >> 32 * minima >> 32)
			}
			if !done[at] {
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
