package query

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/estimate"
)

// A Coverage compares what instances counted with what is stored of them: of each
// in the intervals that its own coverage events are about. Of an instance that sends
// none, or for another time, nothing is compared.
type Coverage struct {
	Events    uint64 // coverage events
	Instances uint64 // of which they are
	Covered          // all of these together

	Disagree    []InstanceCoverage // instances of which it does not agree, the largest first, at most 100
	Disagreeing uint64             // how many there are of these
	Elsewhere   uint64             // interactions stored of the time from Start to End in no interval of their instance
	Omitted     uint64             // coverage events beyond what is compared at once
}

// Covered is what was counted, and what is stored of the same.
type Covered struct {
	Start, End     time.Time         // of the first interval, and of the last
	Seen, Captured uint64            // interactions, as instances say
	Stored         uint64            // interactions
	Estimated      estimate.Estimate // interactions
}

// An InstanceCoverage is that of one instance.
type InstanceCoverage struct {
	Service, Instance string
	Covered
}

// Agrees tells whether what instances counted is what was stored of each, and what
// was estimated of each and of all together.
func (c *Coverage) Agrees() bool {
	seen := float64(c.Seen)
	return c.Disagreeing == 0 && c.Estimated.Low <= seen && seen <= c.Estimated.High
}

// maxSpans is how many separate intervals are compared, of all instances: 16 bytes
// each. Of those that touch or overlap one is made.
const maxSpans = 1 << 20

var errCoverage = &RequestError{"skipCheck", "must be set, or since and until narrowed: coverage events are of more sessions than can be compared at once"}

// A span is from a start to before an end, in Unix nanoseconds.
type span struct{ start, end int64 }

// A claim is what one instance says.
type claim struct {
	seen, captured uint64
	spans          []span
	crowded        int // how many spans there are before they are put together again
}

// put adds an interval.
func (c *claim) put(s span) {
	if n := len(c.spans); n > 0 && c.spans[n-1].start <= s.start && s.start <= c.spans[n-1].end {
		c.spans[n-1].end = max(c.spans[n-1].end, s.end)
		return
	}
	if c.spans = append(c.spans, s); len(c.spans) > c.crowded {
		c.settle()
		c.crowded = max(64, 2*len(c.spans))
	}
}

// settle orders the intervals, and puts those together that touch.
func (c *claim) settle() {
	slices.SortFunc(c.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	n := 0
	for _, s := range c.spans {
		if n > 0 && s.start <= c.spans[n-1].end {
			c.spans[n-1].end = max(c.spans[n-1].end, s.end)
		} else {
			c.spans[n], n = s, n+1
		}
	}
	c.spans = c.spans[:n]
}

// has tells whether a time is in one of the intervals, which are settled.
func (c *claim) has(t int64) bool {
	after, _ := slices.BinarySearchFunc(c.spans, t, func(s span, t int64) int {
		if s.start <= t {
			return -1
		}
		return 1
	})
	return after > 0 && t < c.spans[after-1].end
}

// claims are what instances say.
type claims struct {
	of    map[instance]*claim
	spans int

	events, omitted uint64
}

// add adds a coverage event.
func (c *claims) add(e *pb.Event) {
	of, coverage := instance{e.GetSource().GetService(), e.GetSource().GetInstance()}, e.GetCoverage()
	have := c.of[of]
	if c.spans == maxSpans || have == nil && len(c.of) == maxInstances {
		c.omitted++
		return
	}
	if have == nil {
		have = new(claim)
		c.of[of.clone()] = have
	}
	c.events++
	c.spans -= len(have.spans)
	have.put(span{clamp(coverage.GetStart().AsTime()).UnixNano(), clamp(coverage.GetEnd().AsTime()).UnixNano()})
	c.spans += len(have.spans)
	for _, s := range coverage.GetStrata() {
		have.seen += s.GetSeen()
		have.captured += s.GetCaptured()
	}
}

// coverage reads the coverage events of the time range, nil if there are none, and
// compares what they say with what is stored.
func (p *population) coverage(ctx context.Context) (*Coverage, error) {
	said := &claims{of: map[instance]*claim{}}
	for entry, err := range p.engine.log.Scan(ctx, p.tenant, p.ofKind(event.Coverage)) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Meta()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		said.add(e)
	}
	if len(said.of) == 0 {
		return nil, nil
	}
	return p.compared(ctx, said)
}

// compared compares what instances say with what is stored of them.
func (p *population) compared(ctx context.Context, said *claims) (*Coverage, error) {
	out := &Coverage{Events: said.events, Instances: uint64(len(said.of)), Omitted: said.omitted}
	for _, c := range said.of {
		c.settle()
		out.Covered.say(c)
	}
	all := *p
	all.by = byInstance
	all.search = &search{selection: eventlog.Selection{Since: out.Start, Until: out.End}}
	keepers := newKeepers(all.by, interactions)
	covered := make([]*covered, len(keepers))
	for i := range covered {
		covered[i] = newCovered(said)
	}
	_, err := all.each(ctx, nil, func(worker int, c *eventlog.Columns, rows []uint32) error {
		return keepers[worker].block(c, covered[worker].rows(c, rows))
	})
	if err != nil {
		return nil, tooMuch(err)
	}
	for _, v := range covered {
		out.Elsewhere += v.elsewhere
	}
	result, unknown, err := total(ctx, keepers)
	if err != nil {
		return nil, tooMuch(err)
	}
	out.find(result, unknown)
	return out, tooMuch(out.each(ctx, keepers, said))
}

// tooMuch says of what there is too much.
func tooMuch(err error) error {
	if errors.Is(err, errRecords) {
		return errCoverage
	}
	return err
}

// byInstance groups by who counts.
var byInstance = []dimension{dimensionOf("service"), dimensionOf("instance")}

// covered leaves the interactions that instances speak of.
type covered struct {
	perInstance[claim]
	left      []uint32
	elsewhere uint64
}

func newCovered(said *claims) *covered {
	v := new(covered)
	v.find = func(of instance) *claim { return said.of[of] }
	return v
}

// rows returns which of the rows of a block are such. They are valid until the next
// call.
func (v *covered) rows(c *eventlog.Columns, rows []uint32) []uint32 {
	v.begin(c)
	v.left = v.left[:0]
	for _, row := range rows {
		i := int(row)
		if !c.Interaction(i) {
			continue
		}
		if of := v.of(i); of != nil && of.has(c.Time(i)) {
			v.left = append(v.left, row)
		} else {
			v.elsewhere++
		}
	}
	return v.left
}

// say adds what an instance says.
func (c *Covered) say(of *claim) {
	start, end := time.Unix(0, of.spans[0].start).UTC(), time.Unix(0, of.spans[len(of.spans)-1].end).UTC()
	if c.Start.IsZero() || start.Before(c.Start) {
		c.Start = start
	}
	if end.After(c.End) {
		c.End = end
	}
	c.Seen += of.seen
	c.Captured += of.captured
}

// find sets what is stored.
func (c *Covered) find(r estimate.Result, u Unknown) {
	c.Stored, c.Estimated = r.Events.Observed+u.Events, r.Events
	if c.Stored == 0 { // It is not known how rare it would have been to keep one.
		c.Estimated = estimate.Nothing(math.NaN()).Events
	}
}

// each compares what each instance says.
func (c *Coverage) each(ctx context.Context, keepers []*keeper, said *claims) error {
	k, err := gathered(keepers)
	if err != nil {
		return err
	}
	stored := make(map[instance]*records, len(k.groups))
	for group, of := range k.groups {
		key := k.names(group)
		stored[instance{key["service"], key["instance"]}] = of
	}
	found := make([]*InstanceCoverage, 0, len(said.of))
	for of, says := range said.of {
		i := &InstanceCoverage{Service: of.service, Instance: of.name}
		i.say(says)
		found = append(found, i)
	}
	agrees := make([]bool, len(found))
	err = eachOf(ctx, len(found), func(at int) {
		i := found[at]
		s := newSampling()
		if r := stored[instance{i.Service, i.Instance}]; r != nil {
			s.add(r)
		}
		i.find(s.result())
		agrees[at] = i.Captured == i.Stored && (i.Stored == 0 || s.sample.MayBe(i.Seen, len(found)))
	})
	for at, i := range found {
		if !agrees[at] {
			c.Disagreeing++
			c.Disagree = append(c.Disagree, *i)
		}
	}
	slices.SortFunc(c.Disagree, func(a, b InstanceCoverage) int {
		return cmp.Or(cmp.Compare(b.Seen, a.Seen), instance{a.Service, a.Instance}.compare(instance{b.Service, b.Instance}))
	})
	c.Disagree = c.Disagree[:min(maxGaps, len(c.Disagree))]
	return err
}
