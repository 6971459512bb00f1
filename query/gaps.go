package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/block"
)

// A Gap is numbers that are missing in the counter of one instance.
type Gap struct {
	Service, Instance string
	First, Last       uint64 // the lowest and the highest number that is there
	Missing           uint64 // how many between these are not
	Present           uint64 // how many are
	Repeated          uint64 // events whose number another has too: the counter began anew
}

// How much of counters is kept and told.
const (
	maxGaps      = 100
	maxInstances = 10_000
	batchOfSeqs  = 4096
)

// An instance counts its events.
type instance struct{ service, name string }

// A counted is the numbers of one instance.
type counted struct {
	numbers roaring64.Bitmap
	waiting []uint64 // to be added to these, in the order of which that is faster
	events  uint64
}

func (c *counted) add(number uint64) {
	c.events++
	if c.waiting = append(c.waiting, number); len(c.waiting) == batchOfSeqs {
		c.settle()
	}
}

func (c *counted) settle() {
	slices.Sort(c.waiting)
	c.numbers.AddMany(c.waiting)
	c.waiting = c.waiting[:0]
}

func (c *counted) gap(of instance) Gap {
	c.settle()
	present := c.numbers.GetCardinality()
	first, last := c.numbers.Minimum(), c.numbers.Maximum()
	return Gap{of.service, of.name, first, last, last - first + 1 - present, present, c.events - present}
}

// counters are the instances of one worker's blocks.
type counters struct {
	of        map[instance]*counted
	uncounted uint64
	current   []*counted // by the places of the block's instances and services
}

func newCounters() *counters { return &counters{of: map[instance]*counted{}} }

func (c *counters) block(columns *eventlog.Columns) {
	services, instances := columns.Strings(block.Service), columns.Strings(block.Instance)
	width := len(services.Values)
	c.current = slices.Grow(c.current[:0], width*len(instances.Values))[:width*len(instances.Values)]
	clear(c.current)
	for _, row := range columns.Rows {
		i := int(row)
		number := columns.Sequence(i)
		if number == 0 {
			if evidence(kindAt(columns, i)) {
				c.uncounted++
			}
			continue
		}
		service, name := services.Place(i), instances.Place(i)
		at := int(name)*width + int(service)
		if c.current[at] == nil {
			c.current[at] = c.instance(instance{services.Values[service], instances.Values[name]})
		}
		if of := c.current[at]; of != nil {
			of.add(number)
		} else {
			c.uncounted++
		}
	}
}

// instance returns the numbers of one; nil: there are too many of them.
func (c *counters) instance(of instance) *counted {
	if have := c.of[of]; have != nil || len(c.of) == maxInstances {
		return have
	}
	fresh := new(counted)
	c.of[instance{strings.Clone(of.service), strings.Clone(of.name)}] = fresh
	return fresh
}

// merge adds what another worker saw.
func (c *counters) merge(o *counters) {
	c.uncounted += o.uncounted
	for of, numbers := range o.of {
		have := c.instance(of)
		if have == nil {
			c.uncounted += numbers.events
			continue
		}
		numbers.settle()
		have.numbers.Or(&numbers.numbers)
		have.events += numbers.events
	}
}

// gaps returns the gaps, most missing first, and how many numbers are missing in
// all.
func (c *counters) gaps() (gaps []Gap, missing uint64) {
	for of, numbers := range c.of {
		if g := numbers.gap(of); g.Missing > 0 || g.Repeated > 0 {
			gaps = append(gaps, g)
			missing += g.Missing
		}
	}
	slices.SortFunc(gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(b.Missing, a.Missing), strings.Compare(a.Service, b.Service), strings.Compare(a.Instance, b.Instance))
	})
	return gaps[:min(maxGaps, len(gaps))], missing
}
