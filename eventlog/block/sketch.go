package block

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// The sketch section, by which texts are found that are nearly the same:
//
//	version (1); uvarint n, how many different texts the voices of the block's
//	events say, numbered as they appear, event by event, voice by voice;
//	n sketches (minhash.Sketch); n names of texts (4 each), the first bytes of the
//	tenant's keyed hash of a text
//	a byte an event: of its voices from the lowest two bits on how each says its
//	text, then, in the same order, uvarints that some of them need
//	uvarint p, how many different probabilities the events were captured with;
//	each (8, IEEE 754; 0 where it is unknown); if p > 1, of each event a uvarint,
//	its place among them
//
// As the filter it is sealed as it is: there is nothing to compress in it.
const (
	sketchVersion = minhash.Version
	nameSize      = 4
)

// How a voice says its text.
const (
	silent  = iota // it says nothing
	fresh          // the next text, which nobody said before
	again          // the text with the number that follows
	equally        // as before: what the voice said in the event before; of Shown: what was generated
)

// A TextName tells a text from others: different texts of a tenant have the same
// name once in 2^32, and nobody without the tenant's key can tell which.
type TextName uint32

// NameOf returns the name of a text under a tenant's key.
func NameOf(key keyring.Hasher, text string) TextName {
	return nameOf(key.SumText([]byte(text)))
}

func nameOf(sum uint64) TextName { return TextName(sum >> (64 - 8*nameSize)) }

// Sketches are what a block tells of what is said in its events. Safe for
// concurrent use.
type Sketches struct {
	Texts []minhash.Sketch // of the texts by number
	Names []TextName       // likewise

	said          [event.Voices][]uint32 // by event: the number of the text plus one, 0 for none
	probabilities []float64
	drawn         []uint32 // by event: its place in probabilities; nil: all are the first
}

// Len returns the number of events.
func (s *Sketches) Len() int { return len(s.said[0]) }

// Text returns the number of the text that a voice says in the i-th event, and
// whether it says any.
func (s *Sketches) Text(v event.Voice, i int) (number int, any bool) {
	n := s.said[v][i]
	return int(n) - 1, n > 0
}

// Probability returns with what probability the i-th event was captured, 0 where
// that is not known.
func (s *Sketches) Probability(i int) float64 {
	if s.drawn == nil {
		return s.probabilities[0]
	}
	return s.probabilities[s.drawn[i]]
}

// Size returns the memory that they take, in bytes.
func (s *Sketches) Size() int {
	return 20*len(s.Texts) + 4*(event.Voices*s.Len()+len(s.drawn)) + 8*len(s.probabilities) + 256
}

// encode returns the sketch section.
func (s *Sketches) encode() []byte {
	b := make([]byte, 0, 16+(minhash.MaxSize+nameSize)*len(s.Texts)+3*s.Len())
	b = binary.AppendUvarint(append(b, sketchVersion), uint64(len(s.Texts)))
	for _, t := range s.Texts {
		b = t.Append(b)
	}
	for _, n := range s.Names {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	ways, numbers := s.ways()
	b = append(b, ways...)
	b = appendUvarints(b, numbers)
	b = binary.AppendUvarint(b, uint64(len(s.probabilities)))
	for _, p := range s.probabilities {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(p))
	}
	for _, place := range s.drawn {
		b = binary.AppendUvarint(b, uint64(place))
	}
	return b
}

// ways returns how the voices say their texts, and the numbers that takes.
func (s *Sketches) ways() (ways []byte, numbers []uint64) {
	next := uint32(1)
	for i := range s.Len() {
		all := byte(0)
		for v := range s.said {
			way, n := byte(silent), s.said[v][i]
			switch {
			case n == 0:
			case n == next:
				way = fresh
				next++
			case n == s.before(event.Voice(v), i):
				way = equally
			default:
				way = again
				numbers = append(numbers, uint64(n-1))
			}
			all |= way << (2 * v)
		}
		ways = append(ways, all)
	}
	return ways, numbers
}

// before returns the number plus one of the text that equally stands for.
func (s *Sketches) before(v event.Voice, i int) uint32 {
	switch {
	case v == event.Shown:
		return s.said[event.Generated][i]
	case i > 0:
		return s.said[v][i-1]
	}
	return 0
}

// decodeSketches is the inverse of encode for a block with so many events.
// ErrCorrupt where b has another form.
func decodeSketches(b []byte, events int) (*Sketches, error) {
	if len(b) == 0 || b[0] != sketchVersion {
		return nil, fmt.Errorf("%w: the version of its sketches is not known here", ErrCorrupt)
	}
	r := reader{b: b[1:]}
	n := r.count()
	if n > len(r.b)/(1+nameSize) || events > len(r.b) {
		return nil, fmt.Errorf("%w: sketches of too few bytes", ErrCorrupt)
	}
	s := &Sketches{Texts: make([]minhash.Sketch, n), Names: make([]TextName, n)}
	for i := range s.Texts {
		var ok bool
		if s.Texts[i], r.b, ok = minhash.Parse(r.b); !ok {
			r.fail("sketch")
			return nil, r.err
		}
	}
	for i := range s.Names {
		s.Names[i] = TextName(binary.BigEndian.Uint32(r.fixed(nameSize)))
	}
	s.decodeWays(&r, events)
	s.decodeProbabilities(&r, events)
	if r.err != nil {
		return nil, r.err
	}
	if len(r.b) > 0 {
		return nil, fmt.Errorf("%w: bytes behind sketches", ErrCorrupt)
	}
	return s, nil
}

// fixed takes n bytes off the front, zeros where there are fewer.
func (r *reader) fixed(n int) []byte {
	if n > len(r.b) {
		r.fail("length")
		return make([]byte, n)
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// decodeWays reads how the voices say their texts.
func (s *Sketches) decodeWays(r *reader, events int) {
	for v := range s.said {
		s.said[v] = make([]uint32, events)
	}
	next := uint32(1)
	for i, all := range r.fixed(events) {
		for v := range s.said {
			switch all >> (2 * v) & 3 {
			case fresh:
				s.said[v][i] = next
				next++
			case again:
				s.said[v][i] = uint32(min(r.uvarint(), math.MaxUint32-1)) + 1
			case equally:
				s.said[v][i] = s.before(event.Voice(v), i)
			}
			if int(s.said[v][i]) > len(s.Texts) {
				r.fail("number of a text")
				return
			}
		}
	}
}

// decodeProbabilities reads with what probability events were captured.
func (s *Sketches) decodeProbabilities(r *reader, events int) {
	n := r.count()
	if r.err == nil && (n == 0 || n > len(r.b)/8) {
		r.fail("probabilities")
	}
	if r.err != nil {
		return
	}
	s.probabilities = make([]float64, n)
	for i := range s.probabilities {
		s.probabilities[i] = math.Float64frombits(binary.BigEndian.Uint64(r.fixed(8)))
	}
	if n == 1 {
		return
	}
	s.drawn = make([]uint32, events)
	for i := range s.drawn {
		place := r.uvarint()
		if place >= uint64(n) {
			r.fail("place of a probability")
			return
		}
		s.drawn[i] = uint32(place)
	}
}
