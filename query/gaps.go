package query

import (
	"cmp"
	"iter"
	"maps"
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

// How much of counters is kept and told. A worker keeps at most 8 MiB of numbers
// that wait, and bitmaps of 200 bytes or so for each stretch, and of two bytes a number
// where those are sparse.
const (
	maxGaps      = 100
	maxInstances = maxGroups
	batchOfSeqs  = 4096
	maxWaiting   = 1 << 20
	maxStretches = 1 << 18 // of 2^16 numbers, with some that are there
)

// An instance counts its events.
type instance struct{ service, name string }

func (of instance) clone() instance {
	return instance{strings.Clone(of.service), strings.Clone(of.name)}
}

func (of instance) compare(o instance) int {
	return cmp.Or(strings.Compare(of.service, o.service), strings.Compare(of.name, o.name))
}

// A perInstance finds what there is for the instances of a block's events, and looks
// for it but once a block.
type perInstance[T any] struct {
	find func(instance) *T // nil: there is nothing

	services, instances *block.Strings
	found               []*T // by the places of instances and services
}

func (f *perInstance[T]) begin(columns *eventlog.Columns) {
	f.services, f.instances = columns.Strings(block.Service), columns.Strings(block.Instance)
	n := len(f.services.Values) * len(f.instances.Values)
	f.found = slices.Grow(f.found[:0], n)[:n]
	clear(f.found)
}

func (f *perInstance[T]) of(i int) *T {
	service, name := f.services.Place(i), f.instances.Place(i)
	at := &f.found[int(name)*len(f.services.Values)+int(service)]
	if *at == nil {
		*at = f.find(instance{f.services.Values[service], f.instances.Values[name]})
	}
	return *at
}

// A counted is the numbers of one instance.
type counted struct {
	numbers   roaring64.Bitmap
	stretches map[uint64]struct{} // that these are in
	waiting   []uint64            // to be added to these, in the order of which that is faster
	events    uint64
	scattered bool // its numbers are in too many stretches: none is kept
}

// counters are the instances of one worker's blocks.
type counters struct {
	of        map[instance]*counted
	uncounted uint64
	waiting   int // numbers since all were settled
	stretches int // of all instances
	current   perInstance[counted]
}

func newCounters() *counters {
	c := &counters{of: map[instance]*counted{}}
	c.current.find = c.instance
	return c
}

func (c *counters) block(columns *eventlog.Columns) {
	c.current.begin(columns)
	for _, row := range columns.Rows {
		i := int(row)
		number := columns.Sequence(i)
		if number == 0 {
			if evidence(kindAt(columns, i)) {
				c.uncounted++
			}
			continue
		}
		if of := c.current.of(i); of != nil {
			c.add(of, number)
		} else {
			c.uncounted++
		}
	}
}

func (c *counters) add(of *counted, number uint64) {
	of.events++
	if of.scattered {
		return
	}
	if of.waiting = append(of.waiting, number); len(of.waiting) == batchOfSeqs {
		c.settle(of)
	}
	if c.waiting++; c.waiting == maxWaiting {
		c.waiting = 0
		for _, of := range c.of {
			c.settle(of)
			of.waiting = nil
		}
	}
}

// settle puts numbers that wait to the others.
func (c *counters) settle(of *counted) {
	slices.Sort(of.waiting)
	c.enter(of, stretchesOf(of.waiting))
	if !of.scattered {
		of.numbers.AddMany(of.waiting)
	}
	of.waiting = of.waiting[:0]
}

// stretchesOf yields the stretches that numbers are in, which ascend.
func stretchesOf(numbers []uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i, n := range numbers {
			if (i == 0 || n>>16 != numbers[i-1]>>16) && !yield(n>>16) {
				return
			}
		}
	}
}

// enter notes stretches that an instance has numbers in. Where there are too many of
// all instances, the one that has the most is given up.
func (c *counters) enter(of *counted, stretches iter.Seq[uint64]) {
	for stretch := range stretches {
		if _, known := of.stretches[stretch]; known {
			continue
		}
		if !of.scattered && c.stretches == maxStretches {
			c.giveUp(c.widest())
		}
		if of.scattered {
			return
		}
		if of.stretches == nil {
			of.stretches = map[uint64]struct{}{}
		}
		of.stretches[stretch] = struct{}{}
		c.stretches++
	}
}

func (c *counters) widest() (most *counted) {
	for _, of := range c.of {
		if most == nil || len(of.stretches) > len(most.stretches) {
			most = of
		}
	}
	return most
}

// giveUp keeps nothing of an instance but how many events it has.
func (c *counters) giveUp(of *counted) {
	c.stretches -= len(of.stretches)
	of.scattered, of.stretches = true, nil
	of.numbers.Clear()
}

// instance returns the numbers of one; nil: there are too many of them.
func (c *counters) instance(of instance) *counted {
	if have := c.of[of]; have != nil || len(c.of) == maxInstances {
		return have
	}
	fresh := new(counted)
	c.of[of.clone()] = fresh
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
		o.settle(numbers)
		have.events += numbers.events
		if numbers.scattered && !have.scattered {
			c.giveUp(have)
		}
		c.enter(have, maps.Keys(numbers.stretches))
		if !have.scattered {
			have.numbers.Or(&numbers.numbers)
		}
	}
}

// gaps returns what is missing.
func (c *counters) gaps(check *Check) {
	check.Uncounted = c.uncounted
	for of, numbers := range c.of {
		c.settle(numbers)
		if numbers.scattered {
			check.Uncounted += numbers.events
			continue
		}
		check.Instances++
		if g := numbers.gap(of); g.Missing > 0 || g.Repeated > 0 {
			check.Gaps = append(check.Gaps, g)
			check.Missing += g.Missing
		}
	}
	slices.SortFunc(check.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(b.Missing, a.Missing), instance{a.Service, a.Instance}.compare(instance{b.Service, b.Instance}))
	})
	check.Gaps = check.Gaps[:min(maxGaps, len(check.Gaps))]
}

func (c *counted) gap(of instance) Gap {
	present := c.numbers.GetCardinality()
	first, last := c.numbers.Minimum(), c.numbers.Maximum()
	return Gap{of.service, of.name, first, last, last - first + 1 - present, present, c.events - present}
}
