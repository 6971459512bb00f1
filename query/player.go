package query

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The roles that replay knows. Any other is neither the user's nor for the
// user to see.
const (
	roleUser      = "user"
	roleAssistant = "assistant"
)

// contentFilter is the finish reason of an answer that was cut short or
// withheld by whoever serves the model.
const contentFilter = "content_filter"

// A player turns a session's events, given in order, into frames.
type player struct {
	view    pb.View
	start   time.Time // of the session
	history *history
	tools   map[string]string // tool names by the latest call with the id
	about   func(id string) *pb.Frame_About

	begun bool   // a frame was emitted
	first uint64 // offset of the first frame, in milliseconds after start
	last  uint64 // offset of the frame before, likewise

	// Of the current event:
	event  *pb.Event
	offset uint64 // when it happened, in milliseconds after start
	frames []*pb.Frame
}

// newPlayer returns a player of a session that began at start. about finds the
// event that a later one names.
func newPlayer(view pb.View, start time.Time, about func(id string) *pb.Frame_About) *player {
	if view == pb.View_VIEW_UNSPECIFIED {
		view = pb.View_USER
	}
	return &player{view: view, start: start, history: newHistory(), tools: make(map[string]string), about: about}
}

// play returns the frames of the next event, which happened at the given time
// of the session.
func (p *player) play(e *pb.Event, at time.Time) []*pb.Frame {
	e = marked(e)
	p.event, p.frames = e, nil
	p.offset = uint64(max(at.Sub(p.start).Milliseconds(), 0))
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		p.interaction(body.Interaction)
	case *pb.Event_Verdict:
		p.verdict(body.Verdict)
	case *pb.Event_Report:
		p.report(body.Report)
	case *pb.Event_Action:
		p.action(body.Action)
	}
	return p.frames
}

// interaction tells a call in the order in which it went: what was new in its
// input, what was said about that, what was retrieved, what was generated,
// what was said and done about that, and what was shown.
func (p *player) interaction(in *pb.Interaction) {
	p.input(in)
	p.inputVerdicts(in)
	p.retrieved(in.GetRetrieved())
	p.answer(in)
}

func (p *player) input(in *pb.Interaction) {
	given := pieces(in.GetInput())
	for i, fresh := range p.history.input(given, p.event.GetTurn()) {
		p.noteTool(given[i].part)
		if fresh {
			p.piece(given[i], pb.Frame_INPUT, delivery{seen: written(given[i])})
		}
	}
}

func (p *player) retrieved(documents []*pb.Document) {
	for _, d := range documents {
		origin := &pb.Frame_Origin{Id: d.GetId(), Uri: d.GetUri(), Score: d.Score}
		for _, text := range []string{d.GetTitle(), d.GetText()} {
			if text != "" {
				p.emit(&pb.Frame{Kind: pb.Frame_RETRIEVED, Content: pb.Frame_TEXT, Text: text, Origin: origin}, p.offset)
			}
		}
	}
}

// A delivery is how pieces of a message reached the user, if they did.
type delivery struct {
	seen   bool
	stream *streamer // nil: at once
	marks  *segments // of the texts that are still to come; nil: none
}

// answer tells what was generated and, where it differs, what was shown.
func (p *player) answer(in *pb.Interaction) {
	generated, shown := pieces(in.GetOutput()), pieces(in.GetShown())
	p.history.answer(generated, p.event.GetTurn())
	if asGenerated, seen := p.sight(in, generated, shown); asGenerated {
		stream := newStreamer(in.GetDeltas())
		for i, piece := range generated {
			p.noteTool(piece.part)
			p.piece(piece, pb.Frame_GENERATED, delivery{seen: seen[i], stream: stream})
		}
		p.verdicts(in, pb.Frame_EFFECT_UNSPECIFIED)
		p.filtered(in)
		return
	}
	p.replaced(in, generated, shown)
}

// filtered tells that whoever serves the model withheld the answer or the rest
// of it, where no verdict tells.
func (p *player) filtered(in *pb.Interaction) {
	if in.GetFinishReason() == contentFilter && !slices.ContainsFunc(in.GetVerdicts(), intervenes) {
		p.emit(&pb.Frame{Kind: pb.Frame_INTERVENTION, Effect: pb.Frame_BLOCKED, Category: contentFilter}, p.answered(in))
	}
}

// replaced tells what was generated and then what was shown instead.
func (p *player) replaced(in *pb.Interaction, generated, shown []piece) {
	if p.view != pb.View_MODEL { // There it is news when the next call's input has it.
		p.history.answer(shown, p.event.GetTurn())
	}
	withheld, instead := delivery{}, delivery{seen: true, stream: newStreamer(in.GetDeltas())}
	if p.view == pb.View_BOTH {
		removed, added := differences(textsOf(generated), textsOf(shown))
		withheld.marks, instead.marks = &removed, &added
	}
	for _, piece := range generated {
		p.noteTool(piece.part)
		p.piece(piece, pb.Frame_GENERATED, withheld)
	}
	p.verdicts(in, pb.Frame_REPLACED)
	if !slices.ContainsFunc(in.GetVerdicts(), intervenes) {
		p.emit(&pb.Frame{Kind: pb.Frame_INTERVENTION, Effect: pb.Frame_REPLACED}, p.answered(in))
	}
	for _, piece := range shown {
		p.piece(piece, pb.Frame_SHOWN, instead)
	}
}

// sight tells whether the user saw nothing but what was generated, and which
// pieces of it.
func (p *player) sight(in *pb.Interaction, generated, shown []piece) (asGenerated bool, seen []bool) {
	seen = make([]bool, len(generated))
	if len(shown) == 0 {
		withheld := slices.ContainsFunc(in.GetVerdicts(), withholds)
		for i, piece := range generated {
			seen[i] = visible(piece) && !withheld
		}
		return true, seen
	}
	rest := shown
	for i, piece := range generated {
		if len(rest) > 0 && p.history.mark(piece) == p.history.mark(rest[0]) {
			seen[i], rest = true, rest[1:]
		} else if visible(piece) {
			return false, nil
		}
	}
	return len(rest) == 0, seen
}

// inputVerdicts tells what classifiers said of the call's input.
func (p *player) inputVerdicts(in *pb.Interaction) {
	for _, v := range in.GetVerdicts() {
		if v.GetScope() == pb.Verdict_INPUT {
			p.emit(judgement(v), p.offset)
		}
	}
}

// verdicts tells what classifiers said of the rest. effect is what came of it,
// where that is known by what was shown.
func (p *player) verdicts(in *pb.Interaction, effect pb.Frame_Effect) {
	for _, v := range in.GetVerdicts() {
		if v.GetScope() == pb.Verdict_INPUT {
			continue
		}
		f := judgement(v)
		if f.GetKind() == pb.Frame_INTERVENTION {
			f.Effect = cmp.Or(effect, f.GetEffect())
		}
		p.emit(f, p.answered(in))
	}
}

// answered returns when the answer began to reach the user.
func (p *player) answered(in *pb.Interaction) uint64 {
	if deltas := in.GetDeltas(); len(deltas) > 0 {
		return p.offset + uint64(deltas[0].GetOffsetMs())
	}
	return p.offset + uint64(max(in.GetDuration().AsDuration().Milliseconds(), 0))
}

func (p *player) verdict(v *pb.Verdict) {
	f := judgement(v)
	f.About = p.about(v.GetTarget())
	p.emit(f, p.offset)
}

func (p *player) report(r *pb.Report) {
	p.emit(&pb.Frame{
		Kind:     pb.Frame_REPORT,
		Seen:     r.GetReporter() == pb.Report_USER,
		Content:  contentText(r.GetComment()),
		Text:     r.GetComment(),
		Category: r.GetCategory(),
		Reporter: r.GetReporter(),
		About:    p.about(r.GetTarget()),
	}, p.offset)
}

func (p *player) action(a *pb.Action) {
	p.emit(&pb.Frame{
		Kind:     pb.Frame_ACTION,
		Seen:     true,
		Content:  contentText(a.GetText()),
		Text:     a.GetText(),
		Category: a.GetKind().String(),
		Name:     a.GetName(),
		Effect:   effects[a.GetKind()],
		About:    p.about(a.GetTarget()),
	}, p.offset)
}

// noteTool remembers which tool a call with an id is for, so that its result
// can be named after it.
func (p *player) noteTool(part *pb.Part) {
	if call := part.GetToolCall(); call.GetId() != "" {
		p.tools[call.GetId()] = call.GetName()
	}
}

// piece emits a piece of a message as it was delivered.
func (p *player) piece(pc piece, kind pb.Frame_Kind, d delivery) {
	in := p.event.GetInteraction()
	at := p.offset
	if kind != pb.Frame_INPUT {
		at = p.answered(in)
	}
	for _, f := range contentFrames(pc.part, p.tools) {
		f.Kind, f.Role, f.Seen = kind, pc.role, d.seen
		if kind == pb.Frame_GENERATED {
			f.Model = in.GetModel()
		}
		if d.stream != nil && len(d.stream.deltas) > 0 {
			p.streamed(f, d)
		} else {
			p.marked(f, at, d)
		}
	}
}

// streamed emits the frame in the steps in which its text reached the user.
func (p *player) streamed(f *pb.Frame, d delivery) {
	if f.GetContent() != pb.Frame_TEXT {
		p.emit(f, p.offset+d.stream.offset())
		return
	}
	for i, step := range d.stream.cut(f.GetText()) {
		part := proto.CloneOf(f)
		part.Text, part.Continued = step.text, i > 0
		p.marked(part, p.offset+step.offsetMS, d)
	}
}

// marked emits the frame with the marks of its text.
func (p *player) marked(f *pb.Frame, offset uint64, d delivery) {
	if d.marks != nil && f.GetContent() == pb.Frame_TEXT {
		f.Difference = d.marks.take(len(f.GetText()))
	}
	p.emit(f, offset)
}

// emit adds a frame of the current event if the view has it.
func (p *player) emit(f *pb.Frame, offset uint64) {
	if !p.shows(f) {
		return
	}
	if !p.begun {
		p.begun, p.first = true, offset
	}
	p.last = max(p.last, offset)
	f.Seq, f.Event = new(p.event.GetSeq()), p.event.GetId()
	f.Time, f.Turn = p.event.GetTime(), p.event.GetTurn()
	f.OffsetMs = p.last - p.first
	p.frames = append(p.frames, f)
}
