package view

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/plain"
)

// A step is one thing that happened, as the page has it.
type step struct {
	Class   string   // of CSS
	Title   string   // who spoke, or what happened
	Notes   []string // about it
	About   *about   // what it is about, where it came later
	Summary string   // of the text, for who has not opened it
	Runs    []run    // the text
}

// An about leads to the event that a step is about.
type about struct{ Link, Text string }

// A run is a stretch of text that is marked as one.
type run struct {
	Kind  string // "added", "removed", or "" for neither
	Token bool   // it stands in place of what was redacted
	Text  string
}

// stepOf returns a frame as a step with the given text, which is marked so and
// came in so many pieces.
func stepOf(f *pb.Frame, text string, marks []*pb.Frame_Segment, pieces int) step {
	s := step{Class: classOf(f), Title: plain.Text(titleOf(f)), About: aboutOf(f), Runs: runs(text, marks)}
	for _, note := range notesOf(f) {
		s.Notes = append(s.Notes, plain.Text(note))
	}
	if pieces > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("streamed in %d steps", pieces))
	}
	s.Summary = fmt.Sprintf("%s, %d characters", contentNames[f.GetContent()], utf8.RuneCountInString(text))
	return s
}

func aboutOf(f *pb.Frame) *about {
	a := f.GetAbout()
	switch {
	case a == nil:
		return nil
	case a.Seq == nil:
		return &about{Text: plain.Text("event " + a.GetEvent() + ", which is not here")}
	case a.GetTurn() == 0:
		return &about{fmt.Sprintf("seq-%d", a.GetSeq()), fmt.Sprintf("seq %d", a.GetSeq())}
	}
	return &about{fmt.Sprintf("seq-%d", a.GetSeq()), fmt.Sprintf("turn %d, seq %d", a.GetTurn(), a.GetSeq())}
}

// runs cuts a text where its marks change.
func runs(text string, marks []*pb.Frame_Segment) []run {
	var all []run
	for i := 0; i < len(marks); {
		kind, n := marks[i].GetKind(), 0
		for ; i < len(marks) && marks[i].GetKind() == kind; i++ {
			n += int(marks[i].GetBytes())
		}
		n = min(n, len(text))
		all = append(all, tokens(segmentKinds[kind], plain.Text(text[:n]))...)
		text = text[n:]
	}
	return append(all, tokens("", plain.Text(text))...)
}

var segmentKinds = map[pb.Frame_Segment_Kind]string{
	pb.Frame_Segment_REMOVED: "removed",
	pb.Frame_Segment_ADDED:   "added",
}

// tokens marks what redaction put in place of a value.
func tokens(kind, text string) []run {
	var all []run
	for text != "" {
		start, end, found := plain.Redacted(text)
		if !found {
			return append(all, run{Kind: kind, Text: text})
		}
		if start > 0 {
			all = append(all, run{Kind: kind, Text: text[:start]})
		}
		all = append(all, run{kind, true, text[start:end]})
		text = text[end:]
	}
	return all
}

func classOf(f *pb.Frame) string {
	switch f.GetKind() {
	case pb.Frame_INTERVENTION, pb.Frame_REPORT, pb.Frame_ACTION:
		return "alarm"
	}
	switch {
	case f.GetSeen() && f.GetRole() == "user":
		return "said"
	case f.GetSeen():
		return "seen"
	}
	return "unseen"
}

// titleOf says who spoke, or what happened.
func titleOf(f *pb.Frame) string {
	switch f.GetKind() {
	case pb.Frame_RETRIEVED:
		return "retrieved"
	case pb.Frame_GENERATED:
		return cmp.Or(f.GetRole(), "assistant")
	case pb.Frame_SHOWN:
		return "shown instead"
	case pb.Frame_VERDICT:
		return "verdict"
	case pb.Frame_INTERVENTION, pb.Frame_ACTION:
		return cmp.Or(effectNames[f.GetEffect()], "intervention")
	case pb.Frame_REPORT:
		return "report"
	}
	return cmp.Or(f.GetRole(), "input")
}

var effectNames = map[pb.Frame_Effect]string{
	pb.Frame_BLOCKED:  "blocked",
	pb.Frame_REPLACED: "replaced",
	pb.Frame_DISABLED: "feature switched off",
	pb.Frame_NOTICED:  "notice to the user",
}

// notesOf says what there is to know of a frame beside its text.
func notesOf(f *pb.Frame) []string {
	var notes []string
	note := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			notes = append(notes, text)
		}
	}
	if f.GetKind() == pb.Frame_GENERATED && !f.GetSeen() {
		note("not shown to the user")
	}
	if m := f.GetModel(); m != nil {
		note("%s", strings.Join(strings.Fields(m.GetProvider()+" "+m.GetName()+" "+m.GetVersion()), " "))
	}
	if v := f.GetVerdict(); v != nil {
		note("%s", verdictText(v))
	}
	if o := f.GetOrigin(); o != nil {
		note("%s", strings.TrimSpace(o.GetId()+" "+o.GetUri()))
		if o.Score != nil {
			note("score %g", o.GetScore())
		}
	}
	if f.GetTool() != "" {
		note("tool %s", f.GetTool())
	}
	switch f.GetKind() {
	case pb.Frame_INTERVENTION:
		if f.GetVerdict() == nil && f.GetCategory() != "" {
			note("by whoever serves the model: %s", f.GetCategory())
		}
	case pb.Frame_REPORT:
		note("%s, by %s", f.GetCategory(), strings.ToLower(f.GetReporter().String()))
	case pb.Frame_ACTION:
		note("%s", strings.TrimSpace(f.GetCategory()+" "+f.GetName()))
	}
	if b := f.GetBlob(); b != nil {
		note("%s, %d bytes, %s", cmp.Or(b.GetMediaType(), "no media type"), b.GetSize(), b.GetUri())
	}
	return notes
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

var contentNames = map[pb.Frame_Content]string{
	pb.Frame_CONTENT_UNSPECIFIED: "text",
	pb.Frame_TEXT:                "text",
	pb.Frame_REASONING:           "reasoning",
	pb.Frame_TOOL_CALL:           "arguments of the call",
	pb.Frame_TOOL_RESULT:         "answer of the tool",
	pb.Frame_TOOL_ERROR:          "error of the tool",
	pb.Frame_BLOB:                "reference",
}
