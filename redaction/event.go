package redaction

import (
	"context"
	"maps"
	"math"
	"slices"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Counts says how often each type was replaced. nil where nothing was.
type Counts map[string]uint32

// Event redacts e in place: the user becomes a pseudonym, and in all free
// text — text, reasoning, tool arguments, results and errors, URIs, documents,
// stop sequences, comments, the text of actions — what is found is replaced.
// Ids, sessions, roles and the names of models, tools and categories stay.
// The counts of this pass are returned and added to e.Capture.Redactions,
// sorted by type; the user is not counted. Where streamed text became shorter
// or longer, the deltas follow.
//
// After an error e may be half redacted and must be discarded.
func (r *Redactor) Event(ctx context.Context, e *pb.Event, p Pseudonym) (_ Counts, err error) {
	defer failClosed(&err)
	sc := r.begin(ctx, p)
	defer r.end(sc)
	v := visit{sc: sc}
	if e.User, err = User(e.User, p); err != nil {
		return nil, err
	}
	v.body(e)
	if v.err != nil {
		return nil, v.err
	}
	if len(v.counts) > 0 {
		if e.Capture == nil {
			e.Capture = &pb.Capture{}
		}
		e.Capture.Redactions = merge(e.Capture.Redactions, v.counts)
	}
	return v.counts, nil
}

// merge adds counts to redactions; the result has each type once, sorted.
func merge(redactions []*pb.Redaction, counts Counts) []*pb.Redaction {
	sum := maps.Clone(counts)
	for _, r := range redactions {
		sum.add(r.GetType(), r.GetCount())
	}
	merged := make([]*pb.Redaction, 0, len(sum))
	for _, typ := range slices.Sorted(maps.Keys(sum)) {
		merged = append(merged, &pb.Redaction{Type: typ, Count: sum[typ]})
	}
	return merged
}

func (c Counts) add(typ string, n uint32) {
	c[typ] = uint32(min(uint64(c[typ])+uint64(n), math.MaxUint32))
}

// A visit goes over the texts of one event. After an error it does nothing.
type visit struct {
	sc     *scan
	counts Counts
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
		for _, p := range m.GetParts() {
			v.part(p, st)
		}
	}
}

func (v *visit) part(p *pb.Part, st *stream) {
	switch k := p.GetKind().(type) {
	case *pb.Part_Text:
		before := len(k.Text)
		st.part(before, v.text(&k.Text, prose), &k.Text)
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
	out, edits, err := v.sc.redact(*s, m)
	if err != nil {
		v.err = err
		return nil
	}
	*s = out
	for _, e := range edits {
		if v.counts == nil {
			v.counts = Counts{}
		}
		v.counts.add(e.typ, 1)
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
