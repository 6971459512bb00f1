package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// transcribed returns what a transcript makes of frames.
func transcribed(t *testing.T, sheet sheet, full bool, frames ...*pb.Frame) string {
	t.Helper()
	var out bytes.Buffer
	sheet.out = &out
	tr := &transcript{sheet: sheet, full: full}
	for _, f := range frames {
		if err := tr.frame(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.end(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// lines returns the lines of a transcript after the header of its one event.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:] }

// A report and a verdict that came hours apart are two events, and each says
// when it was; the frames of one event share a header.
func TestTranscriptHeaders(t *testing.T) {
	frames := []*pb.Frame{
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_GENERATED, Seen: true, Text: "an answer"},
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_GENERATED, Seen: true, Text: " in two", Continued: true},
		{Event: "report", Seq: new(uint64(13)), Kind: pb.Frame_REPORT, OffsetMs: 59_000},
		{Event: "late", Seq: new(uint64(19)), Kind: pb.Frame_VERDICT, Verdict: &pb.Verdict{}, OffsetMs: 11_579_000},
		{Event: "again", Seq: new(uint64(20)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
		{Event: "other", Seq: new(uint64(21)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
	}
	got := transcribed(t, sheet{margin: margin}, false, frames...)
	for _, seq := range []string{"seq 12 ", "seq 13 ", "seq 19 ", "seq 20 ", "seq 21 ", "3 h 12 min later", " later"} {
		if n := strings.Count(got, seq); n != 1 {
			t.Errorf("%s: got %d, want 1, in\n%s", seq, n, got)
		}
	}
	if !strings.Contains(got, "an answer in two\n") {
		t.Errorf("the steps of an answer are not one text in\n%s", got)
	}
}

// segments returns marks: EQUAL, then what differs, then EQUAL, in bytes.
func segments(differs pb.Frame_Segment_Kind, bytes ...uint32) []*pb.Frame_Segment {
	var out []*pb.Frame_Segment
	for i, n := range bytes {
		kind := pb.Frame_Segment_EQUAL
		if i%2 == 1 {
			kind = differs
		}
		if n > 0 {
			out = append(out, &pb.Frame_Segment{Kind: kind, Bytes: n})
		}
	}
	return out
}

// What happened to an answer can be told from a transcript: what was generated
// and not shown, what was shown and not generated, by whom, and what came later.
func TestTranscriptOfInterventions(t *testing.T) {
	generated := func(text string, marks []*pb.Frame_Segment) *pb.Frame {
		return &pb.Frame{Event: "e", Seq: new(uint64(1)), Kind: pb.Frame_GENERATED, Role: "assistant", Content: pb.Frame_TEXT, Text: text, Difference: marks}
	}
	shown := func(text string, continued bool, marks []*pb.Frame_Segment) *pb.Frame {
		return &pb.Frame{Event: "e", Seq: new(uint64(1)), Kind: pb.Frame_SHOWN, Seen: true, Content: pb.Frame_TEXT, Text: text, Continued: continued, Difference: marks}
	}
	intervention := func(effect pb.Frame_Effect, v *pb.Verdict) *pb.Frame {
		return &pb.Frame{Event: "e", Seq: new(uint64(1)), Kind: pb.Frame_INTERVENTION, Effect: effect, Verdict: v}
	}
	v := &pb.Verdict{Category: "dose", Score: 0.9, Action: pb.Verdict_BLOCKED}
	for _, tt := range []struct {
		name   string
		frames []*pb.Frame
		want   []string
	}{
		{"replaced in part, streamed", []*pb.Frame{
			generated("take 400 mg", segments(pb.Frame_Segment_REMOVED, 5, 3, 3)), intervention(pb.Frame_REPLACED, v),
			shown("take 4", false, segments(pb.Frame_Segment_ADDED, 5, 1)), shown("0 mg", true, segments(pb.Frame_Segment_ADDED, 0, 1, 3)),
		}, []string{
			"assistant   not shown to the user: take [-400-] mg",
			"FILTER      BLOCKED: dose scored 0.90; what was shown: REPLACED",
			"SHOWN       take {+40+} mg",
		}},
		{"replaced altogether", []*pb.Frame{
			generated("take ten", segments(pb.Frame_Segment_REMOVED, 0, 8)), intervention(pb.Frame_REPLACED, nil),
			shown("no", false, segments(pb.Frame_Segment_ADDED, 0, 2)),
		}, []string{
			"assistant   not shown to the user: take ten", "FILTER      REPLACED: nobody said by what", "SHOWN       no",
		}},
		{"blocked", []*pb.Frame{generated("take ten", nil), intervention(pb.Frame_BLOCKED, v)}, []string{
			"assistant   not shown to the user: take ten", "FILTER      BLOCKED: dose scored 0.90",
		}},
		{"later", []*pb.Frame{
			{Event: "e", Kind: pb.Frame_ACTION, Effect: pb.Frame_DISABLED, Category: "DISABLED_FEATURE", Name: "voice", Text: "off"},
			{Event: "e", Kind: pb.Frame_VERDICT, Verdict: &pb.Verdict{Category: "x", Score: 1}, About: &pb.Frame_About{Event: "i", Seq: new(uint64(7)), Turn: 3}},
			{Event: "e", Kind: pb.Frame_REPORT, Category: "x", Text: "bad", Reporter: pb.Report_USER, About: &pb.Frame_About{Event: "i\x1b"}},
		}, []string{
			"ACTION      DISABLED_FEATURE voice off",
			"verdict     x scored 1.00 (about turn 3, seq 7)",
			"REPORT      by USER: x bad (about i␛, which is not here)",
		}},
	} {
		if diff := cmp.Diff(tt.want, lines(transcribed(t, sheet{margin: margin}, false, tt.frames...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// In colour nothing is written around what differs: it is struck, or stands out.
func TestTranscriptInColour(t *testing.T) {
	f := &pb.Frame{Event: "e", Kind: pb.Frame_GENERATED, Content: pb.Frame_TEXT, Text: "take 400", Difference: segments(pb.Frame_Segment_REMOVED, 5, 3)}
	got := transcribed(t, sheet{margin: margin, style: style{on: true}}, false, f)
	if want := "\x1b[2mtake \x1b[0m\x1b[31;9m400\x1b[0m"; !strings.Contains(got, want) || strings.Contains(got, "[-") {
		t.Errorf("got %q, want %q in it and no brackets", got, want)
	}
}

// Long answers of tools, documents and system prompts are folded, unless all
// is wanted; what people and models said is not.
func TestTranscriptFolds(t *testing.T) {
	long := strings.Repeat("漢", 1000)
	frame := func(kind pb.Frame_Kind, content pb.Frame_Content, role, text string) *pb.Frame {
		return &pb.Frame{Event: "e", Kind: kind, Content: content, Role: role, Seen: true, Text: text}
	}
	for _, tt := range []struct {
		frame *pb.Frame
		folds bool
	}{
		{frame(pb.Frame_INPUT, pb.Frame_TOOL_RESULT, "tool", long), true},
		{frame(pb.Frame_RETRIEVED, pb.Frame_TEXT, "", long), true},
		{frame(pb.Frame_INPUT, pb.Frame_TEXT, "system", long), true},
		{frame(pb.Frame_GENERATED, pb.Frame_REASONING, "assistant", "1\n2\n3\n4"), true},
		{frame(pb.Frame_GENERATED, pb.Frame_TOOL_CALL, "assistant", "{}"), false},
		{frame(pb.Frame_INPUT, pb.Frame_TEXT, "user", long), false},
		{frame(pb.Frame_GENERATED, pb.Frame_TEXT, "assistant", long), false},
	} {
		got := transcribed(t, sheet{margin: margin}, false, tt.frame)
		if folded := strings.Contains(got, "characters in all; --full shows them"); folded != tt.folds {
			t.Errorf("%v %v by %q: folded %v, want %v", tt.frame.GetKind(), tt.frame.GetContent(), tt.frame.GetRole(), folded, tt.folds)
		}
		if whole := transcribed(t, sheet{margin: margin}, true, tt.frame); strings.Contains(whole, "--full") {
			t.Errorf("folded although all is wanted: %s", whole)
		}
	}
	if got := transcribed(t, sheet{margin: margin}, false, frame(pb.Frame_RETRIEVED, pb.Frame_TEXT, "", long)); !strings.Contains(got, "(1000 characters") {
		t.Errorf("no size in %s", got)
	}
}

// On a narrow terminal labels stand alone, and no line is too wide.
func TestTranscriptOnANarrowTerminal(t *testing.T) {
	f := &pb.Frame{Event: "e", Turn: 1, Kind: pb.Frame_INPUT, Role: "a role with a long name, longer than the line", Text: strings.Repeat("words and 漢字 ", 20)}
	for _, width := range []int{20, 40, 59} {
		got := transcribed(t, sheet{width: width, margin: 2}, false, f)
		for line := range strings.SplitSeq(got, "\n") {
			if columns(line) > width && !strings.HasPrefix(line, "──") {
				t.Errorf("%d columns: a line of %d: %q", width, columns(line), line)
			}
		}
	}
}
