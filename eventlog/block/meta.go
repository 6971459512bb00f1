package block

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The meta section: uvarint version (1), uvarint events, uvarint columns, then
// each column as uvarint number, uvarint length, content. Columns stand in the
// order of their numbers; a number not known here is skipped, so that columns
// can be added. By content:
//
//	numbers   1–9    deltas: each the zigzag varint difference from the one before
//	numbers  10–39   strings: distinct ones, then each event's place among them
//	numbers  40–59   uvarints
//	number   60      verdicts of interactions, column by column again
//	number   61      other bodies without their text, as protobuf Event, strings
const (
	metaVersion   = 1
	columnTime    = 2
	columnVerdict = 60
	columnBody    = 61
	allColumns    = math.MaxUint64
)

// verdictSize is about what a verdict takes in memory, in bytes, measured.
const verdictSize = 200

// deltaColumns hold what mostly grows from event to event.
var deltaColumns = []struct {
	number uint64
	get    func(Item) int64
}{
	{1, func(it Item) int64 { return int64(it.Seq) }},
	{columnTime, func(it Item) int64 { return it.Event.GetTime().AsTime().UnixNano() }},
	{3, func(it Item) int64 { return it.Event.GetReceived().AsTime().UnixNano() }},
}

// stringColumns hold what repeats.
var stringColumns = []struct {
	number uint64
	get    func(*pb.Event) string
	set    func(*pb.Event, string)
}{
	{10, (*pb.Event).GetId, func(e *pb.Event, s string) { e.Id = s }},
	{11, (*pb.Event).GetSession, func(e *pb.Event, s string) { e.Session = s }},
	{12, (*pb.Event).GetUser, func(e *pb.Event, s string) { e.User = s }},
	{13, (*pb.Event).GetClass, func(e *pb.Event, s string) { e.Class = s }},
	{14, (*pb.Event).GetPolicyVersion, func(e *pb.Event, s string) { e.PolicyVersion = s }},
	{15, func(e *pb.Event) string { return e.GetSource().GetService() }, func(e *pb.Event, s string) { source(e).Service = s }},
	{16, func(e *pb.Event) string { return e.GetSource().GetVersion() }, func(e *pb.Event, s string) { source(e).Version = s }},
	{17, func(e *pb.Event) string { return e.GetSource().GetInstance() }, func(e *pb.Event, s string) { source(e).Instance = s }},
	{18, func(e *pb.Event) string { return e.GetSource().GetDeployment() }, func(e *pb.Event, s string) { source(e).Deployment = s }},
	{19, func(e *pb.Event) string { return e.GetSource().GetEnvironment() }, func(e *pb.Event, s string) { source(e).Environment = s }},
	{20, func(e *pb.Event) string { return e.GetSource().GetRegion() }, func(e *pb.Event, s string) { source(e).Region = s }},
	{21, func(e *pb.Event) string { return e.GetCapture().GetRule() }, func(e *pb.Event, s string) { capture(e).Rule = s }},
	{22, func(e *pb.Event) string { return e.GetCapture().GetTrigger() }, func(e *pb.Event, s string) { capture(e).Trigger = s }},
	{23, probability, setProbability},
	{24, func(e *pb.Event) string { return e.GetTrace().GetTraceId() }, func(e *pb.Event, s string) { trace(e).TraceId = s }},
	{25, func(e *pb.Event) string { return e.GetTrace().GetSpanId() }, func(e *pb.Event, s string) { trace(e).SpanId = s }},
	{26, func(e *pb.Event) string { return e.GetInteraction().GetModel().GetProvider() }, func(e *pb.Event, s string) { model(e).Provider = s }},
	{27, func(e *pb.Event) string { return e.GetInteraction().GetModel().GetName() }, func(e *pb.Event, s string) { model(e).Name = s }},
	{28, func(e *pb.Event) string { return e.GetInteraction().GetModel().GetVersion() }, func(e *pb.Event, s string) { model(e).Version = s }},
	{29, func(e *pb.Event) string { return e.GetInteraction().GetModel().GetFingerprint() }, func(e *pb.Event, s string) { model(e).Fingerprint = s }},
	{30, func(e *pb.Event) string { return e.GetInteraction().GetFinishReason() }, func(e *pb.Event, s string) { interaction(e).FinishReason = s }},
}

// numberColumns hold numbers; 0 is absent.
var numberColumns = []struct {
	number uint64
	get    func(*pb.Event) uint64
	set    func(*pb.Event, uint64)
}{
	{40, func(e *pb.Event) uint64 { return uint64(e.GetTurn()) }, func(e *pb.Event, v uint64) { e.Turn = uint32(v) }},
	{41, func(e *pb.Event) uint64 { return e.GetCapture().GetSequence() }, func(e *pb.Event, v uint64) { capture(e).Sequence = v }},
	{42, func(e *pb.Event) uint64 { return e.GetInteraction().GetUsage().GetInputTokens() }, func(e *pb.Event, v uint64) { usage(e).InputTokens = v }},
	{43, func(e *pb.Event) uint64 { return e.GetInteraction().GetUsage().GetOutputTokens() }, func(e *pb.Event, v uint64) { usage(e).OutputTokens = v }},
	{44, func(e *pb.Event) uint64 { return nanoseconds(e.GetInteraction().GetTimeToFirstToken()) },
		func(e *pb.Event, v uint64) { interaction(e).TimeToFirstToken = duration(v) }},
	{45, func(e *pb.Event) uint64 { return nanoseconds(e.GetInteraction().GetDuration()) },
		func(e *pb.Event, v uint64) { interaction(e).Duration = duration(v) }},
	{46, func(e *pb.Event) uint64 { return one(e.GetInteraction() != nil) }, func(e *pb.Event, _ uint64) { interaction(e) }},
}

func source(e *pb.Event) *pb.Source   { return ensure(&e.Source) }
func capture(e *pb.Event) *pb.Capture { return ensure(&e.Capture) }
func trace(e *pb.Event) *pb.Trace     { return ensure(&e.Trace) }
func model(e *pb.Event) *pb.Model     { return ensure(&interaction(e).Model) }
func usage(e *pb.Event) *pb.Usage     { return ensure(&interaction(e).Usage) }
func interaction(e *pb.Event) *pb.Interaction {
	if e.GetInteraction() == nil {
		e.Body = &pb.Event_Interaction{Interaction: &pb.Interaction{}}
	}
	return e.GetInteraction()
}

func ensure[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// one is 1 if b.
func one(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// nanoseconds is the duration plus one, 0 if absent or negative.
func nanoseconds(d *durationpb.Duration) uint64 {
	if d == nil || d.AsDuration() < 0 {
		return 0
	}
	return uint64(d.AsDuration()) + 1
}

func duration(v uint64) *durationpb.Duration { return durationpb.New(time.Duration(v - 1)) }

// probability is the float's eight bytes, "" if absent.
func probability(e *pb.Event) string {
	c := e.GetCapture()
	if c == nil || c.Probability == nil {
		return ""
	}
	return floatString(c.GetProbability())
}

func setProbability(e *pb.Event, s string) {
	if f, ok := parseFloat(s); ok {
		capture(e).Probability = &f
	}
}

func floatString(f float64) string {
	return string(binary.BigEndian.AppendUint64(nil, math.Float64bits(f)))
}

func parseFloat(s string) (float64, bool) {
	if len(s) != 8 {
		return 0, false
	}
	return math.Float64frombits(binary.BigEndian.Uint64([]byte(s))), true
}

// EncodeMeta returns the meta section of items, before compression.
func EncodeMeta(items []Item) []byte {
	w := metaWriter{b: make([]byte, 0, 128*len(items)+256)}
	w.b = binary.AppendUvarint(w.b, metaVersion)
	w.b = binary.AppendUvarint(w.b, uint64(len(items)))
	w.b = binary.AppendUvarint(w.b, uint64(len(deltaColumns)+len(stringColumns)+len(numberColumns)+2))
	deltas := make([]int64, len(items))
	for _, c := range deltaColumns {
		fill(deltas, items, c.get)
		w.column(c.number, appendDeltas(w.scratch[:0], deltas))
	}
	strs := make([]string, len(items))
	for _, c := range stringColumns {
		fill(strs, items, func(it Item) string { return c.get(it.Event) })
		w.column(c.number, appendStrings(w.scratch[:0], strs))
	}
	numbers := make([]uint64, len(items))
	for _, c := range numberColumns {
		fill(numbers, items, func(it Item) uint64 { return c.get(it.Event) })
		w.column(c.number, appendUvarints(w.scratch[:0], numbers))
	}
	w.column(columnVerdict, appendVerdicts(w.scratch[:0], items))
	fill(strs, items, func(it Item) string { return otherBody(it.Event) })
	w.column(columnBody, appendStrings(w.scratch[:0], strs))
	return w.b
}

func fill[T any](out []T, items []Item, get func(Item) T) {
	for i, it := range items {
		out[i] = get(it)
	}
}

type metaWriter struct{ b, scratch []byte }

func (w *metaWriter) column(number uint64, content []byte) {
	w.b = binary.AppendUvarint(w.b, number)
	w.b = binary.AppendUvarint(w.b, uint64(len(content)))
	w.b = append(w.b, content...)
	w.scratch = content
}

// otherBody is the body without its text, encoded, of an event that is no
// interaction; "" of one that is.
func otherBody(e *pb.Event) string {
	var body *pb.Event
	switch b := e.GetBody().(type) {
	case *pb.Event_Verdict, *pb.Event_Coverage:
		body = &pb.Event{Body: e.GetBody()}
	case *pb.Event_Report:
		r := proto.CloneOf(b.Report)
		r.Comment = ""
		body = &pb.Event{Body: &pb.Event_Report{Report: r}}
	case *pb.Event_Action:
		a := proto.CloneOf(b.Action)
		a.Text = ""
		body = &pb.Event{Body: &pb.Event_Action{Action: a}}
	case *pb.Event_EpochBegan, *pb.Event_Restored, *pb.Event_ClockJudged:
		body = &pb.Event{Body: e.GetBody()}
	case *pb.Event_Exported:
		x := proto.CloneOf(b.Exported)
		x.Positions = nil
		body = &pb.Event{Body: &pb.Event_Exported{Exported: x}}
	case *pb.Event_Hold:
		h := proto.CloneOf(b.Hold)
		h.Positions = nil
		body = &pb.Event{Body: &pb.Event_Hold{Hold: h}}
	case *pb.Event_Erasure:
		x := proto.CloneOf(b.Erasure)
		x.Positions, x.Quarantined = nil, nil
		body = &pb.Event{Body: &pb.Event_Erasure{Erasure: x}}
	case *pb.Event_Counted:
		body = &pb.Event{Body: &pb.Event_Counted{Counted: &pb.Counted{From: b.Counted.GetFrom(), Through: b.Counted.GetThrough()}}}
	case *pb.Event_Promoted:
		body = &pb.Event{Body: &pb.Event_Promoted{Promoted: &pb.Promoted{Class: b.Promoted.GetClass()}}}
	case *pb.Event_Forgotten:
		body = &pb.Event{Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: b.Forgotten.GetCause(), Request: b.Forgotten.GetRequest()}}}
	case *pb.Event_Redacted:
		r := b.Redacted
		body = &pb.Event{Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: r.GetActor(), Reason: r.GetReason(), Detectors: r.GetDetectors()}}}
	case *pb.Event_PolicyApplied:
		body = &pb.Event{Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{Version: b.PolicyApplied.GetVersion()}}}
	default:
		return ""
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		panic("internal error: encode body: " + err.Error()) // It was decoded from valid bytes.
	}
	return string(out)
}

// Meta is an open meta section. Safe for concurrent use.
type Meta struct {
	deltas   [][]int64      // by deltaColumns
	strings  []stringColumn // by stringColumns
	numbers  [][]uint64     // by numberColumns
	verdicts [][]*pb.Verdict
	bodies   stringColumn
	size     int
}

// DecodeMeta is the inverse of EncodeMeta; ErrCorrupt where b is malformed.
func DecodeMeta(b []byte) (*Meta, error) { return decodeMeta(b, allColumns) }

// decodeMeta decodes the columns with numbers up to the given one.
func decodeMeta(b []byte, upTo uint64) (*Meta, error) {
	m := &Meta{
		deltas:  make([][]int64, len(deltaColumns)),
		strings: make([]stringColumn, len(stringColumns)),
		numbers: make([][]uint64, len(numberColumns)),
	}
	n, err := eachColumn(b, upTo, func(number uint64, n int, content *reader) bool {
		m.size += len(content.b)
		return m.decodeColumn(number, n, content)
	})
	if err != nil {
		return nil, err
	}
	m.size += n * (8*len(deltaColumns) + 4*len(stringColumns) + 8*len(numberColumns) + 32)
	return m, m.check(n, upTo)
}

// eachColumn calls f with the columns with numbers up to the given one, and
// returns of how many events they are. f reports whether it has read the column,
// to its end.
func eachColumn(b []byte, upTo uint64, f func(number uint64, n int, content *reader) bool) (int, error) {
	r := reader{b: b}
	if v := r.uvarint(); v != metaVersion {
		return 0, fmt.Errorf("%w: meta version %d is not known here", ErrCorrupt, v)
	}
	n, columns := r.count(), r.count()
	if r.err != nil || n == 0 {
		return 0, fmt.Errorf("%w: meta of no events", ErrCorrupt)
	}
	last := uint64(0)
	for range columns {
		number, content := r.uvarint(), reader{b: r.bytes()}
		if r.err != nil || number <= last {
			return 0, fmt.Errorf("%w: columns", ErrCorrupt)
		}
		last = number
		if number > upTo {
			return n, nil
		}
		if read := f(number, n, &content); read && (content.err != nil || len(content.b) > 0) {
			return 0, fmt.Errorf("%w: column %d", ErrCorrupt, number)
		}
	}
	if len(r.b) > 0 {
		return 0, fmt.Errorf("%w: trailing bytes", ErrCorrupt)
	}
	return n, nil
}

// decodeColumn reports whether the column is known.
func (m *Meta) decodeColumn(number uint64, n int, r *reader) bool {
	for i, c := range deltaColumns {
		if c.number == number {
			m.deltas[i] = r.deltas(n)
			return true
		}
	}
	for i, c := range stringColumns {
		if c.number == number {
			m.strings[i] = r.strings(n)
			return true
		}
	}
	for i, c := range numberColumns {
		if c.number == number {
			m.numbers[i] = r.uvarints(n)
			return true
		}
	}
	switch number {
	case columnVerdict:
		m.verdicts = r.verdicts(n)
		for _, v := range m.verdicts {
			m.size += verdictSize * len(v)
		}
	case columnBody:
		m.bodies = r.strings(n)
	default:
		return false
	}
	return true
}

// check reports whether all that is needed of the columns up to the given one
// is there and seqs ascend.
func (m *Meta) check(n int, upTo uint64) error {
	for i, d := range m.deltas {
		if d == nil && deltaColumns[i].number <= upTo {
			return fmt.Errorf("%w: a column is missing", ErrCorrupt)
		}
	}
	for i := range n - 1 {
		if m.deltas[0][i] < 0 || m.deltas[0][i] >= m.deltas[0][i+1] {
			return fmt.Errorf("%w: seqs do not ascend", ErrCorrupt)
		}
	}
	return nil
}

// Len returns the number of events.
func (m *Meta) Len() int { return len(m.deltas[0]) }

// Seq returns the seq of the i-th event.
func (m *Meta) Seq(i int) uint64 { return uint64(m.deltas[0][i]) }

// Time returns the time of the i-th event, in Unix nanoseconds.
func (m *Meta) Time(i int) int64 { return m.deltas[1][i] }

// Size returns about how much memory the section takes, in bytes.
func (m *Meta) Size() int { return m.size }

// Event returns a fresh event with all that the section has of the i-th:
// everything but text.
func (m *Meta) Event(i int) (*pb.Event, error) {
	e := &pb.Event{Seq: new(m.Seq(i)), Time: timestamp(m.deltas[1][i]), Received: timestamp(m.deltas[2][i])}
	if body := m.bodies.value(i); body != "" {
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal([]byte(body), e); err != nil {
			return nil, fmt.Errorf("%w: body: %w", ErrCorrupt, err)
		}
	}
	for c := range stringColumns {
		if v := m.strings[c].value(i); v != "" {
			stringColumns[c].set(e, v)
		}
	}
	for c := range numberColumns {
		if col := m.numbers[c]; col != nil && col[i] != 0 {
			numberColumns[c].set(e, col[i])
		}
	}
	if m.verdicts != nil && len(m.verdicts[i]) > 0 {
		in := interaction(e)
		for _, v := range m.verdicts[i] {
			in.Verdicts = append(in.Verdicts, proto.CloneOf(v))
		}
	}
	return e, nil
}

func timestamp(ns int64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(0, ns)) }
