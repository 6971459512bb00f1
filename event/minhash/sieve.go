package minhash

// A Sieve leaves out most pairs of texts that are not alike, where both are at
// hand and comparing them all would take too long.
type Sieve struct {
	threshold float64
	least     int // minima that must agree
}

// NewSieve returns a sieve for a threshold, above 0 and up to 1. It lets a pair
// pass that reaches it with a probability of 0.99 or more, and always if one of
// both has up to 14 words.
func NewSieve(threshold float64) Sieve {
	return Sieve{threshold, agreeing(agreement(threshold), 0.99)}
}

// May reports whether two texts may be alike, of which it has the sketches and
// how many shingles they have.
func (s Sieve) May(a, b Sketch, inA, inB int) bool {
	if float64(min(inA, inB)) < s.threshold*float64(max(inA, inB)) {
		return false
	}
	return a.kind() <= literal || b.kind() <= literal || agree(a, b) >= s.least
}
