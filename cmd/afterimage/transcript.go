package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/plain"
)

const (
	// margin is how wide the labels are.
	margin = 12
	// narrow is below which width labels stand on lines of their own.
	narrow = 60
	// gap is from which pause on a transcript says how long it was.
	gap = time.Minute
	// foldBytes and foldLines are how much of a tool's answer, a document and
	// the like a transcript shows, unless it shows everything.
	foldBytes = 240
	foldLines = 3
)

// A transcript prints frames for people.
type transcript struct {
	sheet sheet
	full  bool // nothing is folded

	last *pb.Frame // nil: there was none
	like bool      // what the current event generated and what was shown have something in common
	mark pb.Frame_Segment_Kind
}

func newTranscript(out, terminalOf io.Writer, full bool) *transcript {
	t := &transcript{sheet: sheet{out: out, style: styleFor(terminalOf), margin: margin}, full: full}
	if columns, ok := terminal(terminalOf); ok {
		t.sheet.width = columns
		if columns < narrow {
			t.sheet.margin = 2
		}
	}
	return t
}

func (t *transcript) frame(f *pb.Frame) error {
	last := t.last
	t.last = f
	t.like = t.like && last.GetEvent() == f.GetEvent() || slices.ContainsFunc(f.GetDifference(), inCommon)
	if f.GetContinued() && last != nil {
		return t.text(f)
	}
	if err := t.unmark(); err != nil {
		return err
	}
	if last == nil || f.GetEvent() != last.GetEvent() {
		if err := t.header(f, last); err != nil {
			return err
		}
	}
	if err := t.label(f); err != nil {
		return err
	}
	for _, say := range []func(*pb.Frame) error{t.facts, t.text, t.about} {
		if err := say(f); err != nil {
			return err
		}
	}
	return nil
}

func inCommon(s *pb.Frame_Segment) bool { return s.GetKind() == pb.Frame_Segment_EQUAL }

// end ends the last line.
func (t *transcript) end() error {
	if t.last == nil {
		return nil
	}
	return errors.Join(t.unmark(), t.sheet.print("\n"))
}

// header begins an event, and says how long it came after the one before where
// that is worth saying.
func (t *transcript) header(f, last *pb.Frame) error {
	text := fmt.Sprintf("── turn %d · %s · seq %d ", f.GetTurn(), f.GetTime().AsTime().Format(time.DateTime), f.GetSeq())
	if f.GetTurn() == 0 {
		text = fmt.Sprintf("── %s · seq %d ", f.GetTime().AsTime().Format(time.DateTime), f.GetSeq())
	}
	rule := 20
	if t.sheet.width > 0 {
		rule = min(rule, max(0, t.sheet.width-columns(text)))
	}
	lead := ""
	if last != nil {
		lead = "\n\n"
		if later := between(last, f); later >= gap {
			lead += t.sheet.style.paint(dim, "… "+plain.Span(later)+" later") + "\n\n"
		}
	}
	return t.sheet.print(lead + t.sheet.style.paint(bold, text+strings.Repeat("─", rule)))
}

// between is how long after a frame the next one came.
func between(last, next *pb.Frame) time.Duration {
	if next.GetOffsetMs() <= last.GetOffsetMs() {
		return 0
	}
	return time.Duration(next.GetOffsetMs()-last.GetOffsetMs()) * time.Millisecond
}

// label says who speaks, or what happened.
func (t *transcript) label(f *pb.Frame) error {
	name := map[pb.Frame_Kind]string{
		pb.Frame_RETRIEVED: "retrieved", pb.Frame_SHOWN: "SHOWN", pb.Frame_VERDICT: "verdict",
		pb.Frame_INTERVENTION: "FILTER", pb.Frame_REPORT: "REPORT", pb.Frame_ACTION: "ACTION",
	}[f.GetKind()]
	if name == "" {
		name = cmp.Or(f.GetRole(), "assistant")
	}
	sgr := bold + ";" + t.colour(f)
	if t.sheet.margin < margin {
		if err := t.sheet.label(sgr, oneLine(name, t.sheet.width)); err != nil {
			return err
		}
		t.sheet.column = t.sheet.margin
		return t.sheet.print("\n" + strings.Repeat(" ", t.sheet.margin))
	}
	return t.sheet.label(sgr, pad(name, margin-2)+"  ")
}

// colour tells who speaks and whether the user could see it.
func (t *transcript) colour(f *pb.Frame) string {
	switch {
	case f.GetKind() == pb.Frame_GENERATED && !f.GetSeen():
		if t.like && len(f.GetDifference()) > 0 {
			return dim // What is struck is what differs.
		}
		return struck
	case f.GetKind() == pb.Frame_INPUT && f.GetRole() == "user":
		return cyan
	case f.GetKind() == pb.Frame_SHOWN, f.GetKind() == pb.Frame_GENERATED && f.GetContent() == pb.Frame_TEXT:
		return green
	case f.GetKind() == pb.Frame_INTERVENTION, f.GetKind() == pb.Frame_VERDICT:
		return yellow
	case f.GetKind() == pb.Frame_REPORT, f.GetKind() == pb.Frame_ACTION:
		return red
	}
	return dim
}

// facts says what there is to know of a frame before its text.
func (t *transcript) facts(f *pb.Frame) error {
	if f.GetKind() == pb.Frame_GENERATED && !f.GetSeen() {
		if err := t.sheet.write(bold+";"+red, "not shown to the user: "); err != nil {
			return err
		}
	}
	sgr, text := t.colour(f), ""
	switch f.GetKind() {
	case pb.Frame_VERDICT, pb.Frame_INTERVENTION:
		text = judgementText(f)
	case pb.Frame_REPORT:
		text = fmt.Sprintf("by %s: %s", f.GetReporter(), f.GetCategory())
	case pb.Frame_ACTION:
		text = strings.TrimSpace(f.GetCategory() + " " + f.GetName())
	case pb.Frame_RETRIEVED:
		text = originText(f.GetOrigin())
	default:
		sgr, text = purple, contentText(f)
	}
	if text != "" && f.GetText() != "" {
		text += " "
	}
	return t.sheet.write(sgr, text)
}

// contentText says what content is that is not just text.
func contentText(f *pb.Frame) string {
	switch f.GetContent() {
	case pb.Frame_TOOL_CALL:
		return "calls " + f.GetTool()
	case pb.Frame_TOOL_RESULT, pb.Frame_TOOL_ERROR:
		return strings.TrimSpace(f.GetTool()+" "+strings.ToLower(strings.TrimPrefix(f.GetContent().String(), "TOOL_"))) + ":"
	case pb.Frame_REASONING:
		return "reasoning:"
	case pb.Frame_BLOB:
		b := f.GetBlob()
		return fmt.Sprintf("[%s, %d bytes, %s]", b.GetMediaType(), b.GetSize(), b.GetUri())
	}
	return ""
}

// originText says where a document comes from.
func originText(o *pb.Frame_Origin) string {
	text := strings.TrimSpace(o.GetId() + " " + o.GetUri())
	if o != nil && o.Score != nil {
		text += fmt.Sprintf(", score %g", o.GetScore())
	}
	if text == "" {
		return ""
	}
	return "[" + text + "]"
}

// judgementText says what a classifier said, and what came of it.
func judgementText(f *pb.Frame) string {
	v, effect := f.GetVerdict(), f.GetEffect()
	switch {
	case v == nil && f.GetCategory() != "":
		return effect.String() + ": by whoever serves the model (" + f.GetCategory() + ")"
	case v == nil:
		return effect.String() + ": nobody said by what"
	case effect != pb.Frame_EFFECT_UNSPECIFIED && effect.String() != v.GetAction().String():
		return verdictText(v) + "; what was shown: " + effect.String()
	}
	return verdictText(v)
}

func verdictText(v *pb.Verdict) string {
	text := fmt.Sprintf("%s scored %.2f", v.GetCategory(), v.GetScore())
	if v.Threshold != nil {
		text += fmt.Sprintf(" (acts from %.2f)", v.GetThreshold())
	}
	if by := strings.TrimSpace(v.GetClassifier().GetName() + " " + v.GetClassifier().GetVersion()); by != "" {
		text += " by " + by
	}
	if v.GetAction() != pb.Verdict_ACTION_UNSPECIFIED {
		text = v.GetAction().String() + ": " + text
	}
	return text
}

// text writes what was said, with marks where it differs from its counterpart,
// unless all of it does.
func (t *transcript) text(f *pb.Frame) error {
	text, folded := f.GetText(), ""
	if !t.full && foldable(f) {
		text, folded = fold(text)
	}
	for _, s := range f.GetDifference() {
		if !t.like {
			break
		}
		n := min(int(s.GetBytes()), len(text))
		if err := t.marked(s.GetKind(), f, text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	if text != "" {
		if err := t.marked(pb.Frame_Segment_EQUAL, f, text); err != nil {
			return err
		}
	}
	return t.sheet.write(dim, folded)
}

// marks are how what differs looks: in colour, and where there is none.
var marks = map[pb.Frame_Segment_Kind]struct{ sgr, open, shut string }{
	pb.Frame_Segment_REMOVED: {red + ";9", "[-", "-]"},
	pb.Frame_Segment_ADDED:   {green + ";1;4", "{+", "+}"},
}

func (t *transcript) marked(kind pb.Frame_Segment_Kind, f *pb.Frame, text string) error {
	look, differs := marks[kind]
	if !differs {
		look.sgr = t.colour(f)
	}
	if kind != t.mark {
		if err := t.unmark(); err != nil {
			return err
		}
		if !t.sheet.style.on {
			t.mark, text = kind, look.open+text
		}
	}
	return t.sheet.write(look.sgr, text)
}

// unmark ends a mark that was begun where there is no colour.
func (t *transcript) unmark() error {
	shut := marks[t.mark].shut
	t.mark = pb.Frame_Segment_KIND_UNSPECIFIED
	return t.sheet.write("", shut)
}

// about says what a frame that came later is about.
func (t *transcript) about(f *pb.Frame) error {
	a := f.GetAbout()
	switch {
	case a == nil:
		return nil
	case a.Seq == nil:
		return t.sheet.write(dim, " (about "+a.GetEvent()+", which is not here)")
	case a.GetTurn() == 0:
		return t.sheet.write(dim, fmt.Sprintf(" (about seq %d)", a.GetSeq()))
	}
	return t.sheet.write(dim, fmt.Sprintf(" (about turn %d, seq %d)", a.GetTurn(), a.GetSeq()))
}

// foldable tells whether a frame is one of those that are long and seldom read
// whole.
func foldable(f *pb.Frame) bool {
	switch f.GetContent() {
	case pb.Frame_TOOL_CALL, pb.Frame_TOOL_RESULT, pb.Frame_TOOL_ERROR, pb.Frame_REASONING:
		return true
	}
	return f.GetKind() == pb.Frame_RETRIEVED || f.GetKind() == pb.Frame_INPUT && f.GetRole() == "system"
}

// fold returns the beginning of a long text and what to say of the rest.
func fold(text string) (head, rest string) {
	head = text
	if len(head) > foldBytes {
		head = strings.ToValidUTF8(head[:foldBytes], "")
	}
	if lines := strings.SplitN(head, "\n", foldLines+1); len(lines) > foldLines {
		head = strings.Join(lines[:foldLines], "\n")
	}
	if len(head) == len(text) {
		return text, ""
	}
	return head, fmt.Sprintf(" … (%d characters in all; --full shows them)", utf8.RuneCountInString(text))
}
