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

// How many different things are remembered: in all that one answer counts, and,
// where these are more, in each group. What is beyond is counted by sketches.
const (
	rememberAll   = 4 << 20
	rememberGroup = 1 << 10

	sketchPrecision = 14 // bits: 2^14 registers, 16 KiB
)

// sketchError is the standard error of HyperLogLog (Flajolet, Fusy, Gandouet and
// Meunier 2007, theorem 1).
var sketchError = 1.04 / math.Sqrt(1<<sketchPrecision)

// memory is what is left of rememberAll. Safe for concurrent use.
type memory struct{ left atomic.Int64 }

func newMemory() *memory {
	m := new(memory)
	m.left.Store(rememberAll)
	return m
}

// A distinct counts different hashes: it remembers them as long as there is
// memory, and then goes over to a sketch.
type distinct struct {
	memory *memory
	seen   map[uint64]struct{}
	sketch *hyperloglog.Sketch // nil: all are in seen
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
	if d.seen == nil {
		d.seen = map[uint64]struct{}{}
	}
	before := len(d.seen)
	d.seen[hash] = struct{}{}
	if len(d.seen) > before && d.memory.left.Add(-1) < 0 && len(d.seen) > rememberGroup {
		d.forget()
	}
}

// forget goes over to a sketch.
func (d *distinct) forget() {
	sketch, err := hyperloglog.NewSketch(sketchPrecision, false)
	if err != nil {
		panic("internal error: sketch: " + err.Error())
	}
	for hash := range d.seen {
		sketch.InsertHash(hash)
	}
	d.memory.left.Add(int64(len(d.seen)))
	d.seen, d.sketch = nil, sketch
}

// merge adds what o counted. o is not used any more.
func (d *distinct) merge(o *distinct) {
	d.last = 0
	if d.sketch == nil && o.sketch == nil && len(d.seen) < len(o.seen) {
		d.seen, o.seen = o.seen, d.seen
	}
	if o.sketch != nil && d.sketch == nil {
		d.forget()
	}
	if o.sketch != nil {
		if err := d.sketch.Merge(o.sketch); err != nil {
			panic("internal error: sketch: " + err.Error()) // They are of the same precision.
		}
	}
	d.memory.left.Add(int64(len(o.seen)))
	for hash := range o.seen {
		d.add(hash)
	}
}

func (d *distinct) count() Distinct {
	if d.sketch != nil {
		return Distinct{d.sketch.Estimate(), sketchError}
	}
	return Distinct{Count: uint64(len(d.seen))}
}
