package minhash

import (
	"math/bits"
	"slices"

	"github.com/afterimage/afterimage/event/words"
)

// A Set is the shingles of a text, ascending, each once.
type Set []uint64

// Of returns the shingles of a text; none where it has no word.
func Of(text string) Set {
	var set Set
	pairs(words.Of(text), func(s uint64) { set = append(set, s) })
	slices.Sort(set)
	return slices.Compact(set)
}

// pairs calls f with each shingle of a text of these words, in order.
func pairs(text []words.Hash, f func(uint64)) {
	if len(text) == 0 {
		return
	}
	var before words.Hash // 0, which no word is: the beginning
	for _, w := range text {
		f(shingle(before, w))
		before = w
	}
	f(shingle(before, 0))
}

// shingle names a pair of words. It is never 0.
func shingle(a, b words.Hash) uint64 {
	return max(1, mix(uint64(a)+golden*uint64(b)))
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9E3779B97F4A7C15

// mix spreads what differs over all bits: the finalizer of MurmurHash3, which is
// one-to-one.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xFF51AFD7ED558CCD
	x ^= x >> 33
	x *= 0xC4CEB9FE1A85EC53
	return x ^ x>>33
}

// Jaccard returns the share of what both sets have in what either has, from 0 to
// 1; 0 where both are empty.
func Jaccard(a, b Set) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case b[j] < a[i]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	if both == 0 {
		return 0
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// distinct collects the shingles of a text, each once, in the order in which they
// first appear.
type distinct struct {
	table []uint64 // each at its place or after it; at most half full
	all   []uint64
}

// of returns the shingles of a text, valid until the next call.
func (d *distinct) of(text []words.Hash) []uint64 {
	size := 2 << bits.Len(uint(len(text)+1))
	if cap(d.table) < size {
		d.table, d.all = make([]uint64, size), make([]uint64, 0, size/2)
	}
	table, all := d.table[:size], d.all[:0]
	clear(table)
	var before words.Hash
	for i := range len(text) + 1 {
		var w words.Hash // 0: the end
		if i < len(text) {
			w = text[i]
		}
		s := shingle(before, w)
		before = w
		at := s & uint64(size-1)
		for table[at] != 0 && table[at] != s {
			at = (at + 1) & uint64(size-1)
		}
		if table[at] == 0 {
			table[at] = s
			all = append(all, s)
		}
	}
	d.all = all
	return all
}
