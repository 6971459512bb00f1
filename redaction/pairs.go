package redaction

import (
	"math/bits"
	"unsafe"
)

// pairs says of every two bytes what they mean for the scan, in so few bits
// that one load for two places tells whether it must stop at one of them.
//
// A relation is between two pairs that stand side by side: it holds where the
// first has its bit in the low half and the second its in the high half. Some
// relations say that the scan stops at the second byte of the first pair,
// others that it does at the first byte of the second one: whichever of the two
// a place is, one relation is about it, and the byte before and behind it.
type pairs [1 << 16]uint32

// A stopping says where the scan stops. pairs are made from it.
type stopping struct {
	// bytes has, by byte, those that make the scan stop there where they follow;
	// numeric has those that make it stop at a digit that begins a number.
	bytes   [256]byteSet
	numeric byteSet
}

// The relations. Those of digits and of the first byte are one each; the
// second byte has one for all bytes at which the same bytes make it stop.
const (
	firstStops   = iota // the second pair makes it stop
	firstBegins         // a number begins with the second pair
	secondBegins        // a number begins in the first pair
	secondStops         // the first one's second byte and what follows make it stop
	maxRelations = 16
)

// ofFirst has the bits of the relations that are about the first byte of the
// second pair.
const ofFirst = 1<<firstStops | 1<<firstBegins

const (
	digits    = "0123456789"
	hexDigits = digits + "abcdefABCDEF"
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// add makes the scan stop at each byte of first that a byte of second follows.
func (st *stopping) add(first, second string) {
	for _, a := range []byte(first) {
		st.bytes[a].addAll(second)
	}
}

// addNumeric makes the scan stop where a number begins whose first digit a
// byte of next follows.
func (st *stopping) addNumeric(next string) { st.numeric.addAll(next) }

// build fills the table.
func (p *pairs) build(st *stopping) {
	rows := st.rows()
	var second, first [256]uint32 // what a byte says as the second of a pair and as the first
	for c := range 256 {
		second[c] = 1<<firstStops | rows[st.bytes[c]]
		if !isDigit(byte(c)) {
			second[c] |= 1 << firstBegins
		}
		for row, relation := range rows {
			if row.has(byte(c)) {
				first[c] |= relation
			}
		}
		if st.numeric.has(byte(c)) {
			first[c] |= 1 << secondBegins
		}
	}
	for a := range 256 {
		for b := range 256 {
			low, high := second[b], first[a]
			if st.bytes[a].has(byte(b)) {
				high |= 1 << firstStops
			}
			if isDigit(byte(a)) && st.numeric.has(byte(b)) {
				high |= 1 << firstBegins
			}
			if !isDigit(byte(a)) && isDigit(byte(b)) {
				low |= 1 << secondBegins
			}
			p[pair(byte(a), byte(b))] = low | high<<16
		}
	}
}

// rows gives each set of bytes that may follow a relation's bit. If they are
// more than there are relations, the last of those is of several, and stops at
// places too many, which the scan finds out.
func (st *stopping) rows() map[byteSet]uint32 {
	rows := map[byteSet]uint32{}
	for _, row := range st.bytes {
		if _, known := rows[row]; !known && row != (byteSet{}) {
			rows[row] = 1 << min(secondStops+len(rows), maxRelations-1)
		}
	}
	return rows
}

func pair(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// window is how many places are looked at together, in blocks of eight; ahead is
// how many bytes behind them it takes.
const (
	window = 64
	block  = 8
	ahead  = 2
)

// look looks at n places from i on, 64 or as many as there are, eight at a time.
// Bit k of stops says that the scan must stop at i+k; bit k of found, of every
// other place, that a word may be found by the four bytes there.
//
// Up to the last step nothing in it branches on what the text has: a processor
// that guesses such a branch wrong loses more time than all else takes.
func (t *tables) look(s string, i int) (n int, stops, found uint64) {
	n = min(window, len(s)-i)
	var w string
	if i+window+ahead <= len(s) {
		w = s[i : i+window+ahead]
	} else {
		var rest [window + ahead]byte
		copy(rest[:], s[i:])
		w = unsafe.String(&rest[0], len(rest)) //nolint:gosec // nothing keeps it nor changes it
	}
	p, g := &t.pairs, &t.grams
	first := p[pair(at(s, i-2), at(s, i-1))]
	before, f0 := first, p[pair(w[0], w[1])]
	some := uint32(0) // blocks with stops
	for k := 0; k < n; k += block {
		x, y := load8(w[k:k+8]), load8(w[k+2:k+10])
		f1, f2, f3, f4 := p[uint16(x>>16)], p[uint16(x>>32)], p[uint16(x>>48)], p[uint16(y>>48)]
		r := before&ofFirst&(f0>>16) | f0&(f1>>16) | f1&(f2>>16) | f2&(f3>>16) | f3&(f4>>16)&^ofFirst
		if uint16(r) != 0 { // a conditional move
			some |= 1 << (k / block)
		}
		found |= uint64(g.has(uint32(x))&1|g.has(uint32(x>>16))&1<<2|g.has(uint32(x>>32))&1<<4|g.has(uint32(y>>32))&1<<6) << k
		before, f0 = f3, f4
	}
	for ; some != 0; some &= some - 1 {
		k := bits.TrailingZeros32(some) * block
		before := first
		if k > 0 {
			before = p[pair(w[k-2], w[k-1])]
		}
		stops |= uint64(p.stopsOf(w[k:k+10], before)) << k
	}
	if n < window {
		stops, found = stops&(1<<n-1), found&(1<<n-1)
	}
	return n, stops, found
}

// stopsOf tells at which of the first eight of ten bytes to stop; before are
// the flags of the two in front of them.
func (p *pairs) stopsOf(w string, before uint32) (stops uint8) {
	for n := 0; n <= block; n += 2 {
		flags := p[pair(w[n], w[n+1])]
		r := before & (flags >> 16)
		if r&ofFirst != 0 {
			stops |= uint8(1 << n) // the last one's is the next block's
		}
		if uint16(r)&^ofFirst != 0 && n > 0 {
			stops |= uint8(1 << (n - 1))
		}
		before = flags
	}
	return stops
}

// anyByte has every byte.
var anyByte = func() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()

// A byteSet is a set of bytes.
type byteSet [4]uint64

func (b *byteSet) has(c byte) bool { return b[c/64]>>(c%64)&1 != 0 }

func (b *byteSet) addAll(s string) {
	for _, c := range []byte(s) {
		b[c/64] |= 1 << (c % 64)
	}
}
