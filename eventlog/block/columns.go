package block

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Column is a property of events that is kept as a string. Its value is its
// number in the meta section.
type Column uint8

// The columns that counting needs.
const (
	Session      Column = 11
	User         Column = 12
	Service      Column = 15
	Version      Column = 16 // of the service
	Instance     Column = 17
	Deployment   Column = 18
	Environment  Column = 19
	Region       Column = 20
	Rule         Column = 21
	Probability  Column = 23 // read it with Columns.Probability
	Model        Column = 27
	ModelVersion Column = 28
)

// A Set says which columns to decode. Seqs, times and kinds always are.
type Set struct {
	Columns  []Column
	Sequence bool // the instances' own counters
	Verdicts bool // of interactions
}

const (
	columnSequence    = 41
	columnInteraction = 46
)

// wants reports whether the column with the number is to be decoded.
func (s Set) wants(number uint64) bool {
	switch number {
	case deltaColumns[0].number, columnTime, columnInteraction, columnBody:
		return true
	case columnSequence:
		return s.Sequence
	case columnVerdict:
		return s.Verdicts
	}
	for _, c := range s.Columns {
		if uint64(c) == number {
			return true
		}
	}
	return false
}

// Columns are some columns of the meta section of a block, decoded for counting:
// no event is made. Safe for concurrent use; what is returned is not to be
// changed.
type Columns struct {
	seqs, times  []int64
	strings      [lastString - firstString + 1]Strings
	sequences    []uint64
	interactions []uint64
	verdicts     Verdicts
	bodies       Strings
	others       []*pb.Event // by place in bodies, decoded
}

const firstString, lastString = 10, 30

// Strings is a string for each event.
type Strings struct {
	Values []string // the different ones; the first is ""
	At     []uint32 // each event's place in Values; nil: all are ""
}

// Place returns the place in Values of the i-th.
func (s Strings) Place(i int) uint32 {
	if s.At == nil {
		return 0
	}
	return s.At[i]
}

// Verdicts are the verdicts of all interactions of a block, one after the other.
type Verdicts struct {
	Ends       []uint32 // where those of each event end; nil: there are none
	Actions    []pb.Verdict_Action
	Classifier Strings
	Category   Strings
	Scores     []float64
}

// Of returns which verdicts are the i-th event's.
func (v Verdicts) Of(i int) (from, to int) {
	if v.Ends == nil {
		return 0, 0
	}
	if i > 0 {
		from = int(v.Ends[i-1])
	}
	return from, int(v.Ends[i])
}

// OpenColumns opens some columns of the meta section of block id; errors as of
// OpenMeta.
func (c *Codec) OpenColumns(id ID, h Header, key keyring.AEAD, sealed []byte, want Set) (*Columns, error) {
	b, err := c.open(id, h, key, sealed, metaSection)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	defer c.reuse(b) // What is decoded has no part of it.
	out, err := decodeColumns(b, want)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	if out.Len() != int(h.Count) || out.Seq(0) != h.FirstSeq || out.Seq(out.Len()-1) != h.LastSeq {
		return nil, fmt.Errorf("open meta of block %d: %w: it is not of its header", id, ErrCorrupt)
	}
	return out, nil
}

func decodeColumns(b []byte, want Set) (*Columns, error) {
	out := new(Columns)
	n, err := eachColumn(b, allColumns, func(number uint64, n int, content *reader) bool {
		return want.wants(number) && out.decode(number, n, content)
	})
	if err != nil {
		return nil, err
	}
	if len(out.seqs) != n || len(out.times) != n {
		return nil, fmt.Errorf("%w: a column is missing", ErrCorrupt)
	}
	if out.others, err = decodeBodies(out.bodies.Values); err != nil {
		return nil, err
	}
	return out, nil
}

// decode reads a column that is wanted.
func (c *Columns) decode(number uint64, n int, r *reader) bool {
	switch {
	case number == deltaColumns[0].number:
		c.seqs = r.deltas(n)
	case number == columnTime:
		c.times = r.deltas(n)
	case number == columnSequence:
		c.sequences = r.uvarints(n)
	case number == columnInteraction:
		c.interactions = r.uvarints(n)
	case number == columnVerdict:
		c.verdicts = r.verdictColumns(n)
	case number == columnBody:
		c.bodies = r.column(n)
	case firstString <= number && number <= lastString:
		c.strings[number-firstString] = r.column(n)
	}
	return true
}

func (r *reader) column(n int) Strings {
	c := r.strings(n)
	if c.dict == nil {
		return Strings{Values: []string{""}}
	}
	return Strings{c.dict, c.at}
}

// verdictColumns reads what appendVerdicts wrote for n events.
func (r *reader) verdictColumns(n int) (out Verdicts) {
	ends := make([]uint32, n)
	total := 0
	for i := range ends {
		total += r.count()
		ends[i] = uint32(total)
	}
	if total > len(r.b) { // Each verdict takes at least two bytes.
		r.fail("verdicts")
		return Verdicts{}
	}
	out.Actions = make([]pb.Verdict_Action, total)
	for i := range out.Actions {
		r.uvarint() // the scope
		out.Actions[i] = pb.Verdict_Action(r.uvarint())
	}
	for i := range verdictStrings {
		column := r.column(total)
		switch i {
		case verdictClassifier:
			out.Classifier = column
		case verdictCategory:
			out.Category = column
		case verdictScore:
			out.Scores = column.floats(total)
		}
	}
	if total > 0 {
		out.Ends = ends
	}
	return out
}

// floats returns the numbers that a column has as strings, NaN where it has none.
func (s Strings) floats(n int) []float64 {
	values := make([]float64, len(s.Values))
	for i, v := range s.Values {
		var ok bool
		if values[i], ok = parseFloat(v); !ok {
			values[i] = math.NaN()
		}
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = values[s.Place(i)]
	}
	return out
}

func decodeBodies(bodies []string) ([]*pb.Event, error) {
	out := make([]*pb.Event, len(bodies))
	for i, body := range bodies {
		out[i] = new(pb.Event)
		if err := proto.Unmarshal([]byte(body), out[i]); err != nil {
			return nil, fmt.Errorf("%w: body: %w", ErrCorrupt, err)
		}
	}
	return out, nil
}

// Len returns the number of events.
func (c *Columns) Len() int { return len(c.seqs) }

// Seq returns the seq of the i-th event.
func (c *Columns) Seq(i int) uint64 { return uint64(c.seqs[i]) }

// Time returns the time of the i-th event, in Unix nanoseconds.
func (c *Columns) Time(i int) int64 { return c.times[i] }

// Sequence returns the instance's own counter at the i-th event, 0 if it was not
// counted.
func (c *Columns) Sequence(i int) uint64 {
	if c.sequences == nil {
		return 0
	}
	return c.sequences[i]
}

// Interaction reports whether the i-th event is an interaction.
func (c *Columns) Interaction(i int) bool { return c.interactions != nil && c.interactions[i] != 0 }

// Other returns the body of the i-th event if it is no interaction, without its
// text, and otherwise an empty event.
func (c *Columns) Other(i int) *pb.Event { return c.others[c.bodies.Place(i)] }

// Strings returns a column that was decoded.
func (c *Columns) Strings(of Column) Strings {
	if s := c.strings[of-firstString]; s.Values != nil {
		return s
	}
	return Strings{Values: []string{""}}
}

// Verdicts returns the verdicts of all interactions, if they were decoded.
func (c *Columns) Verdicts() Verdicts { return c.verdicts }

// Probabilities returns the different probabilities of capture, and each event's
// place among them; NaN where it is not known.
func (c *Columns) Probabilities() ([]float64, Strings) {
	s := c.Strings(Probability)
	return Strings{Values: s.Values}.each(), s
}

// each returns the numbers of Values.
func (s Strings) each() []float64 {
	out := make([]float64, len(s.Values))
	for i, v := range s.Values {
		var ok bool
		if out[i], ok = parseFloat(v); !ok {
			out[i] = math.NaN()
		}
	}
	return out
}
