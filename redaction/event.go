package redaction

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/known"
)

// Counts says how often each type was replaced. nil where nothing was.
type Counts map[string]uint32

// Event redacts e in place: the user becomes a pseudonym, and in all free
// text — text, reasoning, tool arguments, results and errors, URIs, documents,
// stop sequences, comments, the text of actions — what is found is replaced.
// Text parts that follow one another in a message are searched as one text.
// Ids, sessions, roles and the names of models, tools and categories stay.
// The counts of this pass are returned; e.Capture says by detector what was
// replaced over all passes, sorted, and what its texts now are. The user is
// not counted. Where streamed text became shorter or longer, the deltas
// follow. Values are what is known of the event's user: name, addresses,
// numbers; their every occurrence goes, however it is spelled.
//
// After an error e may be half redacted and must be discarded.
func (r *Redactor) Event(ctx context.Context, e *pb.Event, p Pseudonym, values ...known.Value) (_ Counts, err error) {
	defer failClosed(&err)
	sc := r.begin(ctx, p)
	counts, err := r.eventWith(sc, e, p, values)
	r.end(sc) // not after a panic: see end
	return counts, err
}

func (r *Redactor) eventWith(sc *scan, e *pb.Event, p Pseudonym, values []known.Value) (_ Counts, err error) {
	sc.escrow, sc.event, sc.earlier = r.escrow, e.Id, e.GetCapture().GetEscrow()
	if err := sc.knowing(values); err != nil {
		return nil, err
	}
	v := visit{sc: sc, drop: r.dropContent}
	if e.User, err = User(e.User, p); err != nil {
		return nil, err
	}
	v.body(e)
	if r.analyzer != nil && !v.drop {
		v.analyse(e, r.analyzer)
	}
	if v.err != nil {
		return nil, v.err
	}
	v.record(e)
	return v.counts, nil
}

// analyse asks the analyser about all texts of e in one batch, does what it
// says, and looks once more for what that may have uncovered.
func (v *visit) analyse(e *pb.Event, a Analyzer) {
	v.sc.stage = collecting
	if v.body(e); v.err != nil {
		return
	}
	any, err := v.sc.analyse(a)
	if v.err = err; err != nil || !any {
		return
	}
	v.sc.stage = applying
	if v.body(e); v.err != nil {
		return
	}
	v.sc.stage = detecting
	v.body(e)
}

// record writes down what was done in e.Capture.
func (v *visit) record(e *pb.Event) {
	if v.drop {
		dropped(e)
		return
	}
	if len(v.counts) == 0 {
		if hasText(e) && e.GetCapture().GetContent() == pb.Capture_CONTENT_UNSPECIFIED {
			captureOf(e).Content = pb.Capture_RAW
			if len(e.Capture.Redactions) > 0 {
				e.Capture.Content = pb.Capture_REDACTED
			}
		}
		return
	}
	c := captureOf(e)
	c.Content = pb.Capture_REDACTED
	c.Redactions = merge(c.Redactions, v.done)
	c.Escrow = append(c.Escrow, v.sc.sealed...)
}

// dropped marks an event whose texts were taken away. What the publisher sealed
// of them goes too.
func dropped(e *pb.Event) {
	if hasText(e) {
		c := captureOf(e)
		c.Content, c.Escrow = pb.Capture_DROPPED, nil
	}
}

func captureOf(e *pb.Event) *pb.Capture {
	if e.Capture == nil {
		e.Capture = &pb.Capture{}
	}
	return e.Capture
}

// hasText reports whether e is of a kind that has free text.
func hasText(e *pb.Event) bool {
	switch e.GetBody().(type) {
	case *pb.Event_Interaction, *pb.Event_Report, *pb.Event_Action:
		return true
	}
	return false
}

// merge adds what was done to redactions: the result has each type, detector,
// version and operator once, sorted.
func merge(redactions []*pb.Redaction, done map[rule]uint32) []*pb.Redaction {
	type key struct {
		typ, detector string
		version       uint32
		operator      pb.Redaction_Operator
	}
	sum := map[key]uint32{}
	add := func(k key, n uint32) { sum[k] = uint32(min(uint64(sum[k])+uint64(n), math.MaxUint32)) }
	for _, r := range redactions {
		add(key{r.GetType(), r.GetDetector(), r.GetVersion(), r.GetOperator()}, r.GetCount())
	}
	for r, n := range done {
		add(key{r.typ, r.name, uint32(r.version), r.op.proto()}, n)
	}
	merged := make([]*pb.Redaction, 0, len(sum))
	for k, n := range sum {
		merged = append(merged, &pb.Redaction{Type: k.typ, Count: n, Detector: k.detector, Version: k.version, Operator: k.operator})
	}
	slices.SortFunc(merged, func(a, b *pb.Redaction) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Operator, b.Operator))
	})
	return merged
}

func (c Counts) add(typ string, n uint32) {
	c[typ] = uint32(min(uint64(c[typ])+uint64(n), math.MaxUint32))
}

// A visit goes over the texts of one event. After an error it does nothing.
type visit struct {
	sc     *scan
	drop   bool // all texts
	counts Counts
	done   map[rule]uint32
	err    error
}

func (v *visit) body(e *pb.Event) {
	switch b := e.GetBody().(type) {
	case *pb.Event_Interaction:
		v.interaction(b.Interaction)
	case *pb.Event_Report:
		if b.Report != nil {
			v.text(&b.Report.Comment, prose)
		}
	case *pb.Event_Action:
		if b.Action != nil {
			v.text(&b.Action.Text, prose)
		}
	}
}

func (v *visit) interaction(in *pb.Interaction) {
	if in == nil {
		return
	}
	for i := range in.GetParameters().GetStop() {
		v.text(&in.Parameters.Stop[i], prose)
	}
	v.messages(in.Input, nil)
	for _, d := range in.Retrieved {
		v.document(d)
	}
	output, shown := newStream(nil), newStream(in.Deltas)
	if len(in.Shown) == 0 {
		output, shown = shown, output
	}
	v.messages(in.Output, output)
	v.messages(in.Shown, shown)
	if v.err == nil {
		output.finish()
		shown.finish()
	}
}

func (v *visit) document(d *pb.Document) {
	if d == nil {
		return
	}
	v.text(&d.Uri, prose)
	v.text(&d.Title, prose)
	v.text(&d.Text, prose)
}

// messages redacts messages; st, if not nil, is how their text was streamed.
func (v *visit) messages(ms []*pb.Message, st *stream) {
	for _, m := range ms {
		parts := m.GetParts()
		for i := 0; i < len(parts); {
			n := textParts(parts[i:])
			if n == 0 {
				v.part(parts[i])
				i++
				continue
			}
			v.joined(parts[i:i+n], st)
			i += n
		}
	}
}

// textParts returns how many of the parts, from the first on, are one text: as
// many as are text, or one if it is a JSON document by itself.
func textParts(parts []*pb.Part) int {
	n := 0
	for ; n < len(parts); n++ {
		k, ok := parts[n].GetKind().(*pb.Part_Text)
		if !ok {
			break
		}
		if len(parts) > 1 && mayBeJSON(k.Text, prose) && json.Valid([]byte(k.Text)) {
			return max(n, 1)
		}
	}
	return n
}

// joined redacts parts that are one text: what is written across a seam is
// found, and its replacement comes to stand before the seam.
func (v *visit) joined(parts []*pb.Part, st *stream) {
	if len(parts) == 1 {
		k := parts[0].GetKind().(*pb.Part_Text)
		before := len(k.Text)
		st.part(before, v.text(&k.Text, prose), &k.Text)
		return
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(p.GetText())
	}
	whole := all.String()
	before := len(whole)
	edits := v.text(&whole, prose)
	st.part(before, edits, &whole)
	if len(edits) == 0 {
		return
	}
	in, out := 0, 0
	for i, p := range parts {
		k := p.GetKind().(*pb.Part_Text)
		in += len(k.Text)
		end := forward(edits, in)
		if i == len(parts)-1 {
			end = len(whole)
		}
		k.Text = whole[out:end]
		out = end
	}
}

func (v *visit) part(p *pb.Part) {
	switch k := p.GetKind().(type) {
	case *pb.Part_Reasoning:
		v.text(&k.Reasoning, prose)
	case *pb.Part_ToolCall:
		if k.ToolCall != nil {
			v.text(&k.ToolCall.Arguments, tool)
		}
	case *pb.Part_ToolResult:
		if k.ToolResult != nil {
			v.text(&k.ToolResult.Result, tool)
			v.text(&k.ToolResult.Error, tool)
		}
	case *pb.Part_Blob:
		if k.Blob != nil {
			v.text(&k.Blob.Uri, prose)
		}
	}
}

// text redacts one text and returns the edits, valid until the next call.
func (v *visit) text(s *string, m mode) []edit {
	if v.err != nil || *s == "" {
		return nil
	}
	if v.drop {
		whole := edit{end: len(*s)}
		*s = ""
		return []edit{whole}
	}
	out, edits, err := v.sc.redactIn(*s, m)
	if err != nil {
		v.err = err
		return nil
	}
	*s = out
	for _, e := range edits {
		if err := v.sc.seal(e); err != nil {
			v.err = err
			return nil
		}
		if v.counts == nil {
			v.counts, v.done = Counts{}, map[rule]uint32{}
		}
		v.counts.add(e.typ, 1)
		v.done[*e.rule]++
	}
	return edits
}

// A stream moves the boundaries between the deltas of a text to where they
// are after redaction. A boundary within a replaced span comes to the end of
// the replacement, so that no token is torn.
type stream struct {
	deltas   []*pb.Delta
	next     int // index of the first delta whose end is not yet moved
	end      int // where that delta ends, in the text before
	last     int // where the delta before it ends, in the text after
	old, now int // lengths of the parts so far, before and after
}

func newStream(deltas []*pb.Delta) *stream {
	st := &stream{deltas: deltas}
	if len(deltas) > 0 {
		st.end = int(deltas[0].GetBytes())
	}
	return st
}

// part moves the boundaries that lie in a part of old bytes that became text.
func (st *stream) part(old int, edits []edit, text *string) {
	if st == nil {
		return
	}
	for st.next < len(st.deltas) && st.end <= st.old+old {
		st.move(st.now + forward(edits, st.end-st.old))
	}
	st.old += old
	st.now += len(*text)
}

// finish moves the boundaries that lie behind all parts.
func (st *stream) finish() {
	for st.next < len(st.deltas) {
		st.move(st.now + st.end - st.old)
	}
}

// move makes the next delta end at the given place.
func (st *stream) move(to int) {
	d := st.deltas[st.next]
	if d != nil {
		d.Bytes = uint32(to - st.last)
	}
	st.last = to
	if st.next++; st.next < len(st.deltas) {
		st.end += int(st.deltas[st.next].GetBytes())
	}
}
