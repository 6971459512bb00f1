package keyring

import (
	"encoding/binary"

	"github.com/dchest/siphash"
)

// A Hasher is a keyed pseudo-random function of 64-bit numbers or of texts,
// SipHash-2-4: ten times as fast as a PRF, for what every word of every text takes. Its
// values are for what is sealed as well. Safe for concurrent use.
type Hasher struct{ k0, k1 uint64 }

// Hasher returns the secret's keyed hash for one use.
func (s Secret) Hasher(use string) (Hasher, error) {
	key, err := s.derive(use)
	if err != nil {
		return Hasher{}, err
	}
	return Hasher{binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])}, nil
}

// SumText returns the function's value for a text. Use another Hasher for
// numbers.
func (h Hasher) SumText(text []byte) uint64 { return siphash.Hash(h.k0, h.k1, text) }

// Sum returns the function's value for n.
func (h Hasher) Sum(n uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	return siphash.Hash(h.k0, h.k1, b[:])
}
