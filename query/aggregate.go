package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// The numbers of groups in an answer.
const (
	DefaultGroups = 1_000
	MaxGroups     = maxGroups
)

// The most quantiles and bins that may be asked for.
const (
	MaxQuantiles = 20
	MaxBins      = 100
)

// A Population says which events are counted, and by what.
type Population struct {
	Filter   string        // a CEL condition that needs no text; "": everything
	Since    time.Time     // only events at or after; zero: no bound
	Until    time.Time     // only events before; zero: no bound
	GroupBy  []string      // some of GroupBy(), each once, at most MaxGroupBy
	Interval time.Duration // of "interval": whole seconds, up to 366 days
	Limit    int           // the most groups to return, 1 to MaxGroups; 0: DefaultGroups
}

// An AggregateRequest asks for counts.
type AggregateRequest struct {
	Population
	Quantiles     []float64 // of scores, each in [0, 1], up to MaxQuantiles
	HistogramBins int       // of scores, up to MaxBins; 0: no histogram
}

// scores tells whether scores are wanted.
func (r *AggregateRequest) scores() bool { return len(r.Quantiles) > 0 || r.HistogramBins > 0 }

// An Aggregation is an answer.
type Aggregation struct {
	Total   Group     // everything together; it has no key
	Groups  []Group   // the most events first, then by key
	Omitted Omitted   // what is left out of Groups: beyond the limit, or what fits a page
	Size    event.Seq // as of how many positions
}

// A Group is the counts of events that have something in common.
type Group struct {
	Key       map[string]string // a value for each of GroupBy
	Events    uint64
	Sessions  Distinct
	Subjects  Distinct
	NoSession uint64  // events of no session
	NoSubject uint64  // events of nobody known
	Scores    *Scores // nil: not wanted
}

// Omitted is what an answer leaves out.
type Omitted struct{ Groups, Events uint64 }

// Aggregate counts the tenant's events that match, from what is known of them
// without their text, as of the call. Forgotten events are not counted. A tenant
// that has no events has none that match.
//
// Errors: *policy.Error for the filter, *RequestError for the other fields, for a
// filter that needs text, and for more than MaxGroups groups, or more in these than
// can be counted at once.
func (e *Engine) Aggregate(ctx context.Context, t event.Tenant, r AggregateRequest) (*Aggregation, error) {
	p, err := e.population(t, r.Population)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	m, room := newMemory(rememberAll), newMemory(sketchRoom)
	counters := make([]*counter, eventlog.Workers())
	for i := range counters {
		counters[i] = r.counter(p.by, m, room)
	}
	size, err := p.each(ctx, nil, func(worker int, c *eventlog.Columns, rows []uint32) error {
		return counters[worker].block(c, rows)
	})
	if err != nil {
		return nil, err
	}
	for _, c := range counters[1:] {
		if err := counters[0].merge(c); err != nil {
			return nil, err
		}
	}
	return counters[0].result(p.limit, size), nil
}

func (r *AggregateRequest) check() error {
	if len(r.Quantiles) > MaxQuantiles {
		return &RequestError{"quantiles", fmt.Sprintf("has %d: the limit is %d", len(r.Quantiles), MaxQuantiles)}
	}
	for _, q := range r.Quantiles {
		if !(q >= 0 && q <= 1) {
			return &RequestError{"quantiles", fmt.Sprintf("has %v, which is not in [0, 1]", q)}
		}
	}
	if r.HistogramBins < 0 || r.HistogramBins > MaxBins {
		return &RequestError{"histogramBins", fmt.Sprintf("%d is not between 0 and %d", r.HistogramBins, MaxBins)}
	}
	return nil
}

func (c *counter) result(limit int, size event.Seq) *Aggregation {
	out := &Aggregation{Total: c.total.result(c.request.Quantiles), Size: size}
	for k, t := range c.groups {
		g := t.result(c.request.Quantiles)
		g.Key = c.names(k)
		out.Groups = append(out.Groups, g)
	}
	slices.SortFunc(out.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), compareKeys(c.request.GroupBy, a.Key, b.Key))
	})
	fit := fitting(min(limit, len(out.Groups)), func(i int) int {
		return keyBytes(out.Groups[i].Key) + c.request.groupBytes()
	})
	for _, g := range out.Groups[fit:] {
		out.Omitted.Groups++
		out.Omitted.Events += g.Events
	}
	out.Groups = out.Groups[:fit]
	return out
}

// fitting returns how many of n groups fit a page, at least one if there is one,
// where each has at most so many bytes, encoded.
func fitting(n int, bytes func(i int) int) int {
	for i, size := 0, 0; i < n; i++ {
		if size += bytes(i); size > pageBytes {
			return max(i, 1)
		}
	}
	return n
}

// keyBytes is how many bytes a key has at most, encoded.
func keyBytes(key map[string]string) (n int) {
	for name, value := range key {
		n += len(name) + len(value) + 12
	}
	return n
}

// groupBytes is how many bytes a group has at most beside its key, encoded: 96 for
// its counts, 32 for scores, and 21 for a quantile, 10 for a bin.
func (r *AggregateRequest) groupBytes() int {
	return 96 + 32 + 21*len(r.Quantiles) + 10*r.HistogramBins
}

func compareKeys(names []string, a, b map[string]string) int {
	for _, name := range names {
		if c := strings.Compare(a[name], b[name]); c != 0 {
			return c
		}
	}
	return 0
}

func (t *groupTally) result(quantiles []float64) Group {
	g := Group{
		Events: t.events, NoSession: t.noSession, NoSubject: t.noSubject,
		Sessions: t.sessions.count(), Subjects: t.subjects.count(),
	}
	if t.scores != nil {
		g.Scores = t.scores.result(quantiles)
	}
	return g
}
