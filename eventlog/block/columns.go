package block

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Column is a property of events that is kept as a string. Its value is its
// number in the meta section.
type Column uint8

// The columns that events are grouped by.
const (
	Class        Column = 13
	Service      Column = 15
	Version      Column = 16 // of the service
	Instance     Column = 17
	Deployment   Column = 18
	Environment  Column = 19
	Region       Column = 20
	Rule         Column = 21
	Model        Column = 27
	ModelVersion Column = 28
)

// Other columns that counting needs, and how many numbers strings have.
const (
	columnSession     = 11
	columnUser        = 12
	columnProbability = 23
	columnSequence    = 41
	columnInteraction = 46

	firstString, lastString = 10, 30
)

// Columns are the columns of a meta section that counting needs, small enough to
// be kept for many blocks: no event is made, and sessions and users are known by
// hashes alone. Safe for concurrent use; what is returned is not to be changed.
type Columns struct {
	seqs, times []int64
	strings     [lastString - firstString + 1]Strings
	sessions    Names
	users       Names
	probability Floats
	sequences   []uint64    // nil: there are none
	other       []bool      // nil: all are interactions
	kinds       bool        // it is known which are
	verdicts    Verdicts    // of interactions
	bodies      []*pb.Event // the different ones of other events
	body        Places      // of each event among bodies
	size        int
}

// Strings is a string for each event.
type Strings struct {
	Values []string // the different ones; the first is ""
	Places          // of each event's among Values
}

// Names is a name for each event, as a hash that is the same in all columns that
// one codec opened; 0 where it is empty.
type Names struct {
	Hashes []uint64 // of the different names
	Places          // of each event's among Hashes
}

// Floats is a number for each event.
type Floats struct {
	Values []float64 // the different ones; NaN where there is none
	Places           // of each event's among Values
}

// Verdicts are the verdicts of all interactions of a block, one after the other.
type Verdicts struct {
	ends       []uint32 // where those of each event end; nil: there are none
	Scopes     []pb.Verdict_Scope
	Actions    []pb.Verdict_Action
	Classifier Strings
	Category   Strings
	Score      Floats
	Threshold  Floats
}

// Of returns which verdicts are the i-th event's.
func (v *Verdicts) Of(i int) (from, to int) {
	if v.ends == nil {
		return 0, 0
	}
	if i > 0 {
		from = int(v.ends[i-1])
	}
	return from, int(v.ends[i])
}

// OpenColumns opens the columns of the meta section of block id; errors as of
// OpenMeta.
func (c *Codec) OpenColumns(id ID, h Header, key keyring.AEAD, sealed []byte) (*Columns, error) {
	b, err := c.open(id, h, key, sealed, metaSection)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	defer c.reuse(b) // What is decoded has no part of it.
	out, err := decodeColumns(b, c.names)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	if out.Len() != int(h.Count) || out.Seq(0) != h.FirstSeq || out.Seq(out.Len()-1) != h.LastSeq {
		return nil, fmt.Errorf("open meta of block %d: %w: it is not of its header", id, ErrCorrupt)
	}
	return out, nil
}

func decodeColumns(b []byte, seed maphash.Seed) (*Columns, error) {
	c := newColumns()
	n, err := eachColumn(b, allColumns, func(number uint64, n int, r *reader) bool { return c.decode(number, n, r, seed) })
	if err != nil {
		return nil, err
	}
	if len(c.seqs) != n || len(c.times) != n {
		return nil, fmt.Errorf("%w: a column is missing", ErrCorrupt)
	}
	if c.other == nil && !c.kinds {
		c.other = slices.Repeat([]bool{true}, n)
	}
	c.size += 16 * n
	return c, nil
}

// newColumns are those of a section that has none: everything is absent.
func newColumns() *Columns {
	c := &Columns{
		sessions: Names{Hashes: []uint64{0}}, users: Names{Hashes: []uint64{0}},
		probability: Floats{Values: []float64{math.NaN()}}, bodies: []*pb.Event{{}}, size: 1024,
	}
	for i := range c.strings {
		c.strings[i].Values = []string{""}
	}
	return c
}

// decode reads a column, if it is one that counting needs.
func (c *Columns) decode(number uint64, n int, r *reader, seed maphash.Seed) bool {
	switch number {
	case deltaColumns[0].number:
		c.seqs = r.deltas(n)
	case columnTime:
		c.times = r.deltas(n)
	case columnSession:
		c.sessions = c.names(r, n, seed)
	case columnUser:
		c.users = c.names(r, n, seed)
	case columnProbability:
		c.probability = c.floats(r, n)
	case columnSequence:
		if all := r.uvarints(n); !constant(all) || n > 0 && all[0] != 0 {
			c.sequences = all
			c.size += 8 * n
		}
	case columnInteraction:
		c.other, c.kinds = c.notInteractions(r.uvarints(n)), true
	case columnVerdict:
		c.verdicts = c.judged(r, n)
	case columnBody:
		bodies := c.column(r, n)
		c.body = bodies.Places
		c.bodies = c.events(bodies.Values, r)
	case uint64(Class), uint64(Service), uint64(Version), uint64(Instance), uint64(Deployment), uint64(Environment),
		uint64(Region), uint64(Rule), uint64(Model), uint64(ModelVersion):
		c.strings[number-firstString] = c.column(r, n)
	default:
		return false
	}
	return true
}

func constant(all []uint64) bool {
	for _, v := range all {
		if v != all[0] {
			return false
		}
	}
	return true
}

func (c *Columns) column(r *reader, n int) Strings {
	dict := r.dictionary()
	for _, s := range dict {
		c.size += 16 + len(s)
	}
	return Strings{dict, c.places(r, n, len(dict))}
}

// names reads a column of names.
func (c *Columns) names(r *reader, n int, seed maphash.Seed) Names {
	dict := r.bytesDictionary()
	hashes := make([]uint64, len(dict))
	for i, name := range dict[1:] {
		hashes[i+1] = max(1, maphash.Bytes(seed, name))
	}
	c.size += 8 * len(hashes)
	return Names{hashes, c.places(r, n, len(hashes))}
}

// floats reads a column of numbers that are kept as strings.
func (c *Columns) floats(r *reader, n int) Floats {
	dict := r.bytesDictionary()
	values := make([]float64, len(dict))
	for i, v := range dict {
		var ok bool
		if values[i], ok = parseFloat(string(v)); !ok {
			values[i] = math.NaN()
		}
	}
	c.size += 8 * len(values)
	return Floats{values, c.places(r, n, len(values))}
}

func (c *Columns) notInteractions(interactions []uint64) []bool {
	if constant(interactions) && len(interactions) > 0 && interactions[0] != 0 {
		return nil
	}
	out := make([]bool, len(interactions))
	for i, v := range interactions {
		out[i] = v == 0
	}
	c.size += len(out)
	return out
}

// judged reads what appendVerdicts wrote for n events.
func (c *Columns) judged(r *reader, n int) (out Verdicts) {
	ends, total := make([]uint32, n), 0
	for i := range ends {
		total += r.count()
		ends[i] = uint32(total)
	}
	if total > len(r.b) { // Each verdict takes at least two bytes.
		r.fail("verdicts")
		return Verdicts{}
	}
	out.Scopes, out.Actions = make([]pb.Verdict_Scope, total), make([]pb.Verdict_Action, total)
	for i := range out.Actions {
		out.Scopes[i], out.Actions[i] = pb.Verdict_Scope(r.uvarint()), pb.Verdict_Action(r.uvarint())
	}
	for i := range verdictStrings {
		switch i {
		case verdictClassifier:
			out.Classifier = c.column(r, total)
		case verdictCategory:
			out.Category = c.column(r, total)
		case verdictScore:
			out.Score = c.floats(r, total)
		case verdictThreshold:
			out.Threshold = c.floats(r, total)
		default:
			places(r, total, len(r.bytesDictionary()))
		}
	}
	if total > 0 {
		out.ends = ends
		c.size += 4*n + 8*total
	}
	return out
}

// events decodes the bodies of events that are no interactions.
func (c *Columns) events(bodies []string, r *reader) []*pb.Event {
	out := make([]*pb.Event, len(bodies))
	for i, body := range bodies {
		out[i] = new(pb.Event)
		if err := proto.Unmarshal([]byte(body), out[i]); err != nil {
			r.fail("body")
			return nil
		}
		c.size += 200 + 3*len(body)
	}
	return out
}

// Len returns the number of events.
func (c *Columns) Len() int { return len(c.seqs) }

// Size returns about how much memory the columns take, in bytes.
func (c *Columns) Size() int { return c.size }

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
func (c *Columns) Interaction(i int) bool { return c.other == nil || !c.other[i] }

// Other returns the body of the i-th event if it is no interaction, without its
// text, and otherwise an empty event.
func (c *Columns) Other(i int) *pb.Event { return c.bodies[c.body.Place(i)] }

// Strings returns a column.
func (c *Columns) Strings(of Column) *Strings { return &c.strings[of-firstString] }

// Sessions returns the events' sessions.
func (c *Columns) Sessions() *Names { return &c.sessions }

// Users returns the events' users.
func (c *Columns) Users() *Names { return &c.users }

// Verdicts returns the verdicts of all interactions.
func (c *Columns) Verdicts() *Verdicts { return &c.verdicts }

// Probabilities returns the events' probabilities of capture.
func (c *Columns) Probabilities() *Floats { return &c.probability }
