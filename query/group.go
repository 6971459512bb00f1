package query

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// MaxGroupBy is by how many properties events may be grouped.
const MaxGroupBy = 8

// A dimension is a property that events are grouped by.
type dimension struct {
	name   string
	column block.Column                            // of the event; 0: not one of these
	judged func(statement) string                  // of its verdicts; nil: not one of these
	placed func(c *eventlog.Columns, i int) string // otherwise
	every  time.Duration                           // of its time; 0: not that
}

// A statement is what a verdict, a report or an action says of an event.
type statement struct{ category, action, classifier string }

// dimensions are what events can be grouped by.
var dimensions = []dimension{
	{name: "model", column: block.Model},
	{name: "version", column: block.ModelVersion},
	{name: "category", judged: func(j statement) string { return j.category }},
	{name: "action", judged: func(j statement) string { return j.action }},
	{name: "classifier", judged: func(j statement) string { return j.classifier }},
	{name: "service", column: block.Service},
	{name: "service_version", column: block.Version},
	{name: "instance", column: block.Instance},
	{name: "deployment", column: block.Deployment},
	{name: "environment", column: block.Environment},
	{name: "region", column: block.Region},
	{name: "rule", column: block.Rule},
	{name: "kind", placed: func(c *eventlog.Columns, i int) string { return string(kindAt(c, i)) }},
	{name: "class", column: block.Class},
	{name: "hour", every: time.Hour},
	{name: "day", every: 24 * time.Hour},
	{name: "interval"},
}

// dimensionOf returns the one of a name.
func dimensionOf(name string) dimension {
	return dimensions[slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == name })]
}

// GroupBy returns the names that events can be grouped by.
func GroupBy() []string {
	names := make([]string, len(dimensions))
	for i, d := range dimensions {
		names[i] = d.name
	}
	return names
}

const maxInterval = 366 * 24 * time.Hour

// parseGroupBy checks the names of properties.
func parseGroupBy(names []string, interval time.Duration) ([]dimension, error) {
	if len(names) > MaxGroupBy {
		return nil, &RequestError{"groupBy", fmt.Sprintf("has %d properties: the limit is %d", len(names), MaxGroupBy)}
	}
	var out []dimension
	times := 0
	for i, name := range names {
		at := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == name })
		if at < 0 {
			return nil, &RequestError{"groupBy", fmt.Sprintf("has at %d what is none of %s", i, strings.Join(GroupBy(), ", "))}
		}
		d := dimensions[at]
		if d.name == "interval" {
			d.every = interval
		}
		if slices.Contains(names[:i], name) {
			return nil, &RequestError{"groupBy", "has " + name + " twice"}
		}
		if d.every != 0 || d.name == "interval" {
			times++
		}
		out = append(out, d)
	}
	if times > 1 {
		return nil, &RequestError{"groupBy", "has more than one of hour, day and interval"}
	}
	return out, checkInterval(interval, slices.Contains(names, "interval"))
}

func checkInterval(interval time.Duration, wanted bool) error {
	switch {
	case !wanted && interval != 0:
		return &RequestError{"interval", "is given, but groupBy has no interval"}
	case wanted && (interval < time.Second || interval > maxInterval || interval%time.Second != 0):
		return &RequestError{"interval", "is not whole seconds, from 1 second to 366 days"}
	}
	return nil
}

// A key is what events of a group have in common: for each dimension the number
// of its value.
type key [MaxGroupBy]uint32

// A grouper says which groups events are in. It numbers the values that it meets.
type grouper struct {
	by     []dimension
	judges bool // by has properties of verdicts
	values []values
	ids    [][]uint32 // of the columns of the current block, by place, from 1; 0: not met yet
	keys   []key      // of the current event
}

// values are those of a dimension, numbered.
type values struct {
	ids   map[string]uint32
	names []string

	start int64 // the interval met last
	last  uint32
}

func newGrouper(by []dimension) *grouper {
	g := &grouper{by: by, values: make([]values, len(by)), ids: make([][]uint32, len(by))}
	for i, d := range by {
		g.values[i].ids = map[string]uint32{}
		g.judges = g.judges || d.judged != nil
	}
	return g
}

func (v *values) id(name string) uint32 {
	id, ok := v.ids[name]
	if !ok {
		id = uint32(len(v.names))
		name = strings.Clone(name) // It is part of all that a block has.
		v.ids[name] = id
		v.names = append(v.names, name)
	}
	return id
}

// interval returns the number of the interval that a time is in.
func (v *values) interval(t int64, every time.Duration) uint32 {
	start := t - t%int64(every)
	if t < start { // before 1970
		start -= int64(every)
	}
	if start != v.start || len(v.names) == 0 {
		v.start, v.last = start, v.id(time.Unix(0, start).UTC().Format(time.RFC3339))
	}
	return v.last
}

// begin makes ready for a block.
func (g *grouper) begin(c *eventlog.Columns) {
	for i, d := range g.by {
		if d.column == 0 {
			continue
		}
		n := len(c.Strings(d.column).Values)
		g.ids[i] = slices.Grow(g.ids[i][:0], n)[:n]
		clear(g.ids[i])
	}
}

// number returns the number of what the i-th event has in a column. Values that no
// event has that is counted get none: there may be any number of these.
func (g *grouper) number(at int, of *block.Strings, i int) uint32 {
	place := of.Place(i)
	id := &g.ids[at][place]
	if *id == 0 {
		*id = g.values[at].id(of.Values[place]) + 1
	}
	return *id - 1
}

// of returns the groups of an event of the block, each once. They are valid until
// the next call.
func (g *grouper) of(c *eventlog.Columns, i int) []key {
	var k key
	for at, d := range g.by {
		switch {
		case d.column != 0:
			k[at] = g.number(at, c.Strings(d.column), i)
		case d.every != 0:
			k[at] = g.values[at].interval(c.Time(i), d.every)
		case d.placed != nil:
			k[at] = g.values[at].id(d.placed(c, i))
		}
	}
	g.keys = g.keys[:0]
	if g.judges {
		eachSaid(c, i, func(j statement, _ float64) { g.judge(k, j) })
		if len(g.keys) == 0 {
			g.judge(k, statement{})
		}
		return g.keys
	}
	g.keys = append(g.keys, k)
	return g.keys
}

// judge adds a key completed with a statement.
func (g *grouper) judge(k key, j statement) key {
	for at, d := range g.by {
		if d.judged != nil {
			k[at] = g.values[at].id(d.judged(j))
		}
	}
	if !slices.Contains(g.keys, k) {
		g.keys = append(g.keys, k)
	}
	return k
}

// names returns what a key stands for.
func (g *grouper) names(k key) map[string]string {
	out := make(map[string]string, len(g.by))
	for at, d := range g.by {
		out[d.name] = g.values[at].names[k[at]]
	}
	return out
}

// translate returns the key of another grouper by the same dimensions as one of g.
func (g *grouper) translate(o *grouper, k key) (out key) {
	for at := range g.by {
		out[at] = g.values[at].id(o.values[at].names[k[at]])
	}
	return out
}

// eachSaid calls f with what is said of or in an event of a block, and the
// score with which.
func eachSaid(c *eventlog.Columns, i int, f func(j statement, score float64)) {
	v := c.Verdicts()
	for at, to := v.Of(i); at < to; at++ {
		f(statement{
			v.Category.Values[v.Category.Place(at)], v.Actions[at].String(), v.Classifier.Values[v.Classifier.Place(at)],
		}, v.Score.Values[v.Score.Place(at)])
	}
	if c.Interaction(i) {
		return
	}
	switch b := c.Other(i).GetBody().(type) {
	case *pb.Event_Verdict:
		f(statement{b.Verdict.GetCategory(), b.Verdict.GetAction().String(), b.Verdict.GetClassifier().GetName()}, b.Verdict.GetScore())
	case *pb.Event_Report:
		f(statement{category: b.Report.GetCategory()}, noScore)
	case *pb.Event_Action:
		f(statement{action: b.Action.GetKind().String()}, noScore)
	}
}

func kindAt(c *eventlog.Columns, i int) event.Kind {
	if c.Interaction(i) {
		return event.Interaction
	}
	return event.KindOf(c.Other(i))
}
