package minhash

import (
	"math"
	"math/bits"

	"github.com/afterimage/afterimage/event/words"
)

// surely is the probability with which a text that just reaches the threshold is
// let pass.
const surely = 0.9

// A Probe tells by their sketches which texts may be like one. Safe for
// concurrent use.
type Probe struct {
	Set Set // the shingles of the text

	threshold float64
	signed    Sketch               // whatever the length of the text
	least     int                  // minima that must agree
	kinds     [256]bool            // which kinds of sketch can be of a text that is alike
	scores    [minima + 1]float64  // what so many minima that agree say
	ends      [2]byte              // letters of the first and last word
	pairs     [1 << 16 / 64]uint64 // of letters of neighbouring words: a set of bits
}

// NewProbe returns a probe for texts that are like a text to the threshold, above
// 0 and up to 1. Nothing is like a text without words.
func NewProbe(text string, threshold float64) *Probe {
	p := &Probe{Set: Of(text), threshold: threshold}
	of := words.Of(text)
	if len(of) == 0 {
		return p
	}
	p.signed = new(Maker).signed(of)
	p.spell(of)
	p.least = agreeing(agreement(threshold), surely)
	for n := range p.scores {
		p.scores[n] = max(0, (float64(n)/minima-chance)/(1-chance))
	}
	for kind := 1; kind < len(p.kinds); kind++ {
		p.kinds[kind] = p.reachable(byte(kind))
	}
	return p
}

// spell notes the letters of the text's words.
func (p *Probe) spell(text []words.Hash) {
	p.ends = [2]byte{letter(text[0]), letter(text[len(text)-1])}
	for i := range text[1:] {
		n := pairOf(letter(text[i]), letter(text[i+1]))
		p.pairs[n/64] |= 1 << (n % 64)
	}
}

func pairOf(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// reachable reports whether a text with a sketch of the kind can have as many
// shingles as it takes.
func (p *Probe) reachable(kind byte) bool {
	least, greatest := 1, int(kind)+1
	if kind > literal {
		least, greatest = ofClass(kind - literal)
	}
	n := len(p.Set)
	switch {
	case n > greatest:
		return float64(greatest) >= p.threshold*float64(n)
	case n < least:
		return float64(n) >= p.threshold*float64(least)
	}
	return true
}

// chance is the probability that minima of different shingles agree.
const chance = 1.0 / (1 << minBits)

// agreement is the probability that minima of texts agree that are so alike.
func agreement(alike float64) float64 { return chance + (1-chance)*alike }

// agreeing returns the largest number of minima of which at least as many agree
// with the probability sure, where each does with probability p.
func agreeing(p, sure float64) int {
	below := 0.0 // the probability that fewer than n agree
	for n := range minima {
		if below += binomial(n, p); below > 1-sure {
			return n
		}
	}
	return minima
}

// binomial is the probability that just n minima agree.
func binomial(n int, p float64) float64 {
	whole, _ := math.Lgamma(minima + 1)
	these, _ := math.Lgamma(float64(n) + 1)
	others, _ := math.Lgamma(float64(minima-n) + 1)
	return math.Exp(whole-these-others) * math.Pow(p, float64(n)) * math.Pow(1-p, float64(minima-n))
}

// A Hit is a sketch of a text that may reach a probe's threshold.
type Hit struct {
	N     int     // its place among those that were looked at
	Alike float64 // how like the text is by what the sketch tells
}

// AppendHits appends to hits those of many sketches that Estimate lets pass.
func (p *Probe) AppendHits(hits []Hit, of []Sketch) []Hit {
	for n, s := range of {
		kind := s.high >> 56
		if !p.kinds[kind] || kind > literal && agree(s, p.signed) < p.least {
			continue
		}
		if alike, may := p.Estimate(s); may {
			hits = append(hits, Hit{n, alike})
		}
	}
	return hits
}

// Estimate returns how like the probe's text the text of a sketch is by what the
// sketch tells, and whether it may reach the threshold.
func (p *Probe) Estimate(s Sketch) (alike float64, may bool) {
	kind := s.kind()
	if !p.kinds[kind] {
		return 0, false
	}
	if kind <= literal {
		return p.spelled(s)
	}
	n := agree(s, p.signed)
	if n < p.least {
		return 0, false
	}
	return p.scores[n], true
}

// spare is how many half-bytes of a sketch, without its kind, in two words are
// none of a minimum: all of them are 0.
const spare = 32 - minima

// agree returns how many minima of two longer texts are the same.
func agree(a, b Sketch) int {
	return equalHalves(a.high<<8, b.high<<8) + equalHalves(a.low, b.low) - spare
}

// equalHalves returns how many of sixteen half-bytes are the same.
func equalHalves(a, b uint64) int {
	const ones = 0x1111111111111111
	x := a ^ b
	x |= x >> 2
	x |= x >> 1
	return 16 - bits.OnesCount64(x&ones)
}

// spelled is Estimate for a text whose letters are known. Letters of different
// words may be the same: that makes texts more alike.
func (p *Probe) spelled(s Sketch) (alike float64, may bool) {
	b := s.bytes()
	letters := b[1 : 1+b[0]]
	both, shingles := 2, 2
	if letters[0] != p.ends[0] {
		both--
	}
	if letters[len(letters)-1] != p.ends[1] {
		both--
	}
	var seen [literal]uint16
	pairs := seen[:0]
next:
	for i := range letters[1:] {
		n := pairOf(letters[i], letters[i+1])
		for _, m := range pairs {
			if m == n {
				continue next
			}
		}
		pairs = append(pairs, n)
		shingles++
		if p.pairs[n/64]>>(n%64)&1 != 0 {
			both++
		}
	}
	either := max(len(p.Set)+shingles-both, both)
	alike = float64(both) / float64(either)
	return alike, alike >= p.threshold
}
