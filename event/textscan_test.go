package event_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type said struct {
	Kind event.TextKind
	Text string
}

func scanned(t *testing.T, stored []byte) (all []said) {
	t.Helper()
	if err := event.EachText(stored, func(kind event.TextKind, text []byte) bool {
		all = append(all, said{kind, string(text)})
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A kind that is wrong would hide a text from who searches only there.
func TestEachTextKinds(t *testing.T) {
	text := func(s string) *pb.Part { return &pb.Part{Kind: &pb.Part_Text{Text: s}} }
	says := func(role string, parts ...*pb.Part) *pb.Message { return &pb.Message{Role: role, Parts: parts} }
	call := &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "no", Name: "pay", Arguments: "{}"}}}
	result := &pb.Part{Kind: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "no", Result: "paid", Error: "late"}}}
	thought := &pb.Part{Kind: &pb.Part_Reasoning{Reasoning: "hm"}}
	whole := func() *pb.Interaction {
		return &pb.Interaction{
			Model:     &pb.Model{Name: "no"},
			Input:     []*pb.Message{says("no", text("question"), result)},
			Retrieved: []*pb.Document{{Id: "no", Uri: "no", Title: "title", Text: "document"}},
			Output:    []*pb.Message{says("no", thought, text("answer"), call)},
		}
	}
	want := func(answer event.TextKind) []said {
		return []said{
			{event.TextInput, "question"}, {event.TextTool, "paid"}, {event.TextTool, "late"},
			{event.TextRetrieved, "title"}, {event.TextRetrieved, "document"},
			{event.TextOutput, "hm"}, {answer, "answer"}, {event.TextTool, "pay"}, {event.TextTool, "{}"},
		}
	}
	blocked, input, flagged, replaced := whole(), whole(), whole(), whole()
	blocked.Verdicts = []*pb.Verdict{{Scope: pb.Verdict_OUTPUT, Action: pb.Verdict_BLOCKED, Score: 1}}
	input.Verdicts = []*pb.Verdict{{Scope: pb.Verdict_INPUT, Action: pb.Verdict_BLOCKED}}
	flagged.Verdicts = []*pb.Verdict{{Category: "x", Action: pb.Verdict_FLAGGED}}
	replaced.Shown = []*pb.Message{says("no", text("refusal"), thought)}
	for name, test := range map[string]struct {
		of   *pb.Interaction
		want []said
	}{
		"as generated":  {whole(), want(event.TextOutput | event.TextShown)},
		"withheld":      {blocked, want(event.TextOutput)},
		"input blocked": {input, want(event.TextOutput | event.TextShown)},
		"flagged":       {flagged, want(event.TextOutput | event.TextShown)},
		"replaced":      {replaced, append(want(event.TextOutput), said{event.TextShown, "refusal"}, said{event.TextOutput, "hm"})},
	} {
		stored, err := event.Marshal(&pb.Event{Id: "no", Body: &pb.Event_Interaction{Interaction: test.of}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, scanned(t, stored)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Search looks through what is stored, the words of blocks come from Texts: a
// text that only one of them has would be lost or found in vain.
func TestEachTextIsTexts(t *testing.T) {
	all := append(others(), interaction())
	for _, line := range corpus(t, 20) {
		e, err := event.DecodeJSON(line, event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for _, e := range all {
		stored, err := event.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		event.Texts(e, func(text string) { want = append(want, text) })
		var got []string
		for _, s := range scanned(t, stored) {
			got = append(got, s.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("event %s: got %q, want %q", e.GetId(), got, want)
		}
		for i := range stored { // Cut anywhere it ends, with an error or what came before.
			_ = event.EachText(stored[:i], func(event.TextKind, []byte) bool { return true })
		}
	}
}
