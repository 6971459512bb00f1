package query

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A sieve tells which rows of blocks match a condition. Where the columns have all
// that it reads, it is evaluated once for all events that are alike in that.
// Otherwise an event is made of each row.
type sieve struct {
	condition *policy.Condition // nil: everything matches
	reads     *reads            // nil: the columns do not have all

	known map[string]bool // by key
	bytes int             // of all keys
	key   []byte          // of the current row
}

// reads is what a condition reads of columns.
type reads struct {
	columns     []block.Column
	values      []values   // of these
	ids         [][]uint32 // of the current block, by place
	probability bool
	verdicts    bool // something of them
}

// readable are the fields that columns have; 0 is for those that every key has.
var readable = map[string]block.Column{
	"kind": 0, "capture.probability": 0,
	"class": block.Class, "capture.rule": block.Rule,
	"source.service": block.Service, "source.version": block.Version, "source.instance": block.Instance,
	"source.deployment": block.Deployment, "source.environment": block.Environment, "source.region": block.Region,
	"interaction.model.name": block.Model, "interaction.model.version": block.ModelVersion,
	"interaction.verdicts": 0, "interaction.verdicts[].category": 0, "interaction.verdicts[].action": 0,
	"interaction.verdicts[].score": 0, "interaction.verdicts[].threshold": 0, "interaction.verdicts[].scope": 0,
	"interaction.verdicts[].classifier.name": 0,
}

// ofOthers tells whether a field is of bodies other than interactions, which
// columns have whole but for their text.
func ofOthers(path string) bool {
	body, _, below := strings.Cut(path, ".")
	return below && slices.Contains([]string{
		"verdict", "report", "action", "coverage", "policy_applied", "forgotten", "epoch_began", "restored", "redacted", "exported",
	}, body)
}

// How many different kinds of events a sieve remembers, of how many bytes in all; and
// how many different values of a column.
const (
	maxAlike      = 1 << 16
	maxAlikeBytes = 8 << 20
)

func newSieve(condition *policy.Condition) *sieve {
	s := &sieve{condition: condition, known: map[string]bool{}}
	if condition == nil {
		return s
	}
	paths, ok := condition.Reads()
	r := new(reads)
	for _, path := range paths {
		column, has := readable[path]
		switch {
		case ofOthers(path):
		case !has:
			ok = false
		case column != 0:
			r.columns = append(r.columns, column)
		case path == "capture.probability":
			r.probability = true
		case path != "kind":
			r.verdicts = true
		}
	}
	if ok {
		r.ids = make([][]uint32, len(r.columns))
		s.reads = r
		s.forget()
	}
	return s
}

// forget forgets all values, and what is known of them.
func (s *sieve) forget() {
	clear(s.known)
	s.bytes = 0
	s.reads.values = make([]values, len(s.reads.columns))
	for i := range s.reads.values {
		s.reads.values[i].ids = map[string]uint32{}
	}
}

// many tells whether some column had more different values than are remembered.
func (r *reads) many() bool {
	return slices.ContainsFunc(r.values, func(v values) bool { return len(v.names) > maxAlike })
}

// matching returns the rows of a block that match, in the place of all of them.
func (s *sieve) matching(c *eventlog.Columns) ([]uint32, error) {
	if s.condition == nil {
		return c.Rows, nil
	}
	if s.reads != nil {
		if s.reads.many() {
			s.forget()
		}
		s.reads.begin(c)
	}
	rows := c.Rows[:0]
	for _, i := range c.Rows {
		ok, err := s.match(c, i)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, i)
		}
	}
	return rows, nil
}

func (s *sieve) match(c *eventlog.Columns, row uint32) (bool, error) {
	if s.reads == nil {
		e, err := c.Meta(row)
		if err != nil {
			return false, err
		}
		return s.condition.Match(e)
	}
	if !c.Interaction(int(row)) { // few, and their bodies may differ in anything
		return s.condition.Match(s.reads.event(c, int(row)))
	}
	s.key = s.reads.append(s.key[:0], c, int(row))
	if ok, known := s.known[string(s.key)]; known {
		return ok, nil
	}
	ok, err := s.condition.Match(s.reads.event(c, int(row)))
	if err == nil && len(s.known) < maxAlike && s.bytes+len(s.key) <= maxAlikeBytes {
		s.known[string(s.key)] = ok
		s.bytes += len(s.key)
	}
	return ok, err
}

// begin makes ready for a block.
func (r *reads) begin(c *eventlog.Columns) {
	for i, column := range r.columns {
		r.ids[i] = r.ids[i][:0]
		for _, value := range c.Strings(column).Values {
			r.ids[i] = append(r.ids[i], r.values[i].id(value))
		}
	}
}

// append appends what an interaction has in all that is read.
func (r *reads) append(key []byte, c *eventlog.Columns, i int) []byte {
	for at, column := range r.columns {
		key = binary.LittleEndian.AppendUint32(key, r.ids[at][c.Strings(column).Place(i)])
	}
	if r.probability {
		p := c.Probabilities()
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(p.Values[p.Place(i)]))
	}
	if !r.verdicts {
		return key
	}
	v := c.Verdicts()
	for at, to := v.Of(i); at < to; at++ {
		for _, s := range []*block.Strings{&v.Category, &v.Classifier} {
			value := s.Values[s.Place(at)]
			key = binary.AppendUvarint(key, uint64(len(value)))
			key = append(key, value...)
		}
		key = append(key, byte(v.Actions[at]), byte(v.Scopes[at]))
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(v.Score.Values[v.Score.Place(at)]))
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(v.Threshold.Values[v.Threshold.Place(at)]))
	}
	return key
}

// event returns an event with what columns have of a row.
func (r *reads) event(c *eventlog.Columns, i int) *pb.Event {
	text := func(of block.Column) string { s := c.Strings(of); return s.Values[s.Place(i)] }
	seq := c.Seq(i)
	e := &pb.Event{
		Seq: &seq, Class: text(block.Class),
		Source: &pb.Source{
			Service: text(block.Service), Version: text(block.Version), Instance: text(block.Instance),
			Deployment: text(block.Deployment), Environment: text(block.Environment), Region: text(block.Region),
		},
		Capture: &pb.Capture{Rule: text(block.Rule)},
	}
	if p := c.Probabilities(); !math.IsNaN(p.Values[p.Place(i)]) {
		e.Capture.Probability = &p.Values[p.Place(i)]
	}
	if !c.Interaction(i) {
		e.Body = c.Other(i).GetBody()
		return e
	}
	in := &pb.Interaction{Model: &pb.Model{Name: text(block.Model), Version: text(block.ModelVersion)}}
	v := c.Verdicts()
	for at, to := v.Of(i); at < to; at++ {
		verdict := &pb.Verdict{
			Category: v.Category.Values[v.Category.Place(at)], Score: v.Score.Values[v.Score.Place(at)],
			Classifier: &pb.Classifier{Name: v.Classifier.Values[v.Classifier.Place(at)]},
			Action:     v.Actions[at], Scope: v.Scopes[at],
		}
		if t := v.Threshold.Values[v.Threshold.Place(at)]; !math.IsNaN(t) {
			verdict.Threshold = &t
		}
		in.Verdicts = append(in.Verdicts, verdict)
	}
	e.Body = &pb.Event_Interaction{Interaction: in}
	return e
}
