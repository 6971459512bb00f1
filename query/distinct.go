package query

import (
	"math"
	"sync/atomic"

	"github.com/axiomhq/hyperloglog"
)

// A Distinct is a number of different things.
type Distinct struct {
	Count uint64
	// StandardError is that of the count, relative to it; 0: it is exact, but
	// for the chance that two things share a hash of 64 bits, which is under one
	// in a million.
	StandardError float64
}

// How many hashes are remembered: in all that one answer counts, and, where these
// are more, in each group. What is beyond is counted by sketches.
const (
	rememberAll   = 8 << 20 // places for them, of 8 bytes
	rememberGroup = 1 << 10

	sketchPrecision = 14 // bits: 2^14 registers
)

// sketchBytes is what a sketch takes, and what hashes take at most that are
// remembered although there are too many in all.
const sketchBytes = 1 << sketchPrecision

// sketchRoom is how many bytes the sketches of one answer may take, of different
// things and of scores.
const sketchRoom = 512 << 20

var errSketches = &RequestError{"groupBy", "makes too many groups with much in each: group by less, or narrow filter, since and until"}

// sketchError is the standard error of HyperLogLog (Flajolet, Fusy, Gandouet and
// Meunier 2007, theorem 1).
var sketchError = 1.04 / math.Sqrt(1<<sketchPrecision)

// memory is how much more an answer may remember. Safe for concurrent use.
type memory struct{ left atomic.Int64 }

func newMemory(places int64) *memory {
	m := new(memory)
	m.left.Store(places)
	return m
}

// take takes some if there is as much.
func (m *memory) take(places int) bool {
	if m.left.Add(-int64(places)) < 0 {
		m.give(places)
		return false
	}
	return true
}

func (m *memory) give(places int) { m.left.Add(int64(places)) }

// spend takes some though there be none: overspent tells then.
func (m *memory) spend(places int) { m.left.Add(-int64(places)) }

func (m *memory) overspent() bool { return m.left.Load() < 0 }

// A distinct counts different hashes, none of which is 0: it remembers them as
// long as there is memory, and then goes over to a sketch.
type distinct struct {
	memory *memory
	room   *memory  // for sketches, in bytes
	places []uint64 // those seen, each at or after its place; a power of two, at most three quarters full
	n      int
	taken  int                 // of memory
	beyond bool                // it has taken room for a sketch
	sketch *hyperloglog.Sketch // nil: all are in places
	last   uint64              // most often the next is the same
}

func (d *distinct) add(hash uint64) {
	if hash == d.last {
		return
	}
	d.last = hash
	if d.sketch != nil {
		d.sketch.InsertHash(hash)
		return
	}
	if 4*d.n >= 3*len(d.places) {
		d.grow()
		if d.sketch != nil {
			d.sketch.InsertHash(hash)
			return
		}
	}
	d.put(hash)
}

// put remembers a hash; there is room.
func (d *distinct) put(hash uint64) {
	mask := uint64(len(d.places) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		switch d.places[at] {
		case hash:
			return
		case 0:
			d.places[at] = hash
			d.n++
			return
		}
	}
}

// grow makes room, or goes over to a sketch.
func (d *distinct) grow() {
	size := max(8, 2*len(d.places))
	if more := size - len(d.places); d.memory.take(more) {
		d.taken += more
	} else if d.goBeyond(); d.n >= rememberGroup {
		d.forget()
		return
	}
	old := d.places
	d.places, d.n = make([]uint64, size), 0
	for _, hash := range old {
		if hash != 0 {
			d.put(hash)
		}
	}
}

// goBeyond takes room for a sketch, once.
func (d *distinct) goBeyond() {
	if !d.beyond {
		d.beyond = true
		d.room.spend(sketchBytes)
	}
}

// forget goes over to a sketch.
func (d *distinct) forget() {
	d.goBeyond()
	sketch, err := hyperloglog.NewSketch(sketchPrecision, false)
	if err != nil {
		panic("internal error: sketch: " + err.Error())
	}
	for _, hash := range d.places {
		if hash != 0 {
			sketch.InsertHash(hash)
		}
	}
	d.memory.give(d.taken)
	d.places, d.taken, d.sketch = nil, 0, sketch
}

// merge adds what o counted. o is not used any more.
func (d *distinct) merge(o *distinct) {
	d.last = 0
	if d.sketch == nil && o.sketch == nil && d.n < o.n {
		d.places, d.n, d.taken, o.places, o.n, o.taken = o.places, o.n, o.taken, d.places, d.n, d.taken
		d.beyond, o.beyond = o.beyond, d.beyond
	}
	if o.sketch != nil && d.sketch == nil {
		d.forget()
	}
	if o.sketch != nil {
		if err := d.sketch.Merge(o.sketch); err != nil {
			panic("internal error: sketch: " + err.Error()) // They are of the same precision.
		}
	}
	d.memory.give(o.taken)
	// Hashes come in the order of their places: while there are too few of these,
	// all of them would crowd at one end.
	for d.sketch == nil && 4*(d.n+o.n) >= 3*len(d.places) {
		d.grow()
	}
	for _, hash := range o.places {
		if hash != 0 {
			d.add(hash)
		}
	}
	if o.beyond {
		d.room.give(sketchBytes)
	}
}

func (d *distinct) count() Distinct {
	if d.sketch != nil {
		return Distinct{d.sketch.Estimate(), sketchError}
	}
	return Distinct{Count: uint64(d.n)}
}
