package query_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction"
)

var update = flag.Bool("update", false, "write golden files")

// replay returns the frames of a session.
func replay(t testing.TB, e *query.Engine, tenant event.Tenant, session string, o query.Options) []*pb.Frame {
	t.Helper()
	var frames []*pb.Frame
	for f, err := range e.Replay(t.Context(), tenant, session, o) {
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		frames = append(frames, f)
	}
	return frames
}

// session appends the events of testdata/session.ndjson and returns an engine
// over them.
func session(t testing.TB) *query.Engine {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "session.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	log := newLog(t)
	for n, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		add(t, log, "acme", parse(t, n, line))
	}
	return query.New(query.Config{Log: log})
}

// The frames of one session through each pair of eyes, as JSON: what a change
// to replay would change for its readers.
func TestReplayGolden(t *testing.T) {
	engine := session(t)
	for _, view := range []pb.View{pb.View_USER, pb.View_MODEL, pb.View_BOTH} {
		t.Run(view.String(), func(t *testing.T) {
			var got bytes.Buffer
			for _, f := range replay(t, engine, "acme", "c/17", query.Options{View: view}) {
				line, err := protojson.Marshal(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Compact(&got, line); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
			}
			golden := filepath.Join("testdata", "replay-"+strings.ToLower(view.String())+".ndjson")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("frames (-want +got):\n%s", diff)
			}
		})
	}
}

// What was generated was seen, unless a verdict on it says that it was
// withheld or something else was shown.
func TestReplaySeen(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	for i, test := range []struct {
		rest string // of the interaction
		want string // kinds in the user's view
	}{
		{``, "GENERATED"},
		{`,"shown":[{"role":"assistant","parts":[{"text":"a"}]}]`, "GENERATED"},
		{`,"shown":[{"role":"assistant","parts":[{"text":"b"}]}]`, "INTERVENTION SHOWN"},
		{`,"verdicts":[{"scope":"OUTPUT","category":"x","action":"FLAGGED"}]`, "GENERATED"},
		{`,"verdicts":[{"scope":"OUTPUT","category":"x","action":"BLOCKED"}]`, "INTERVENTION"},
		{`,"verdicts":[{"category":"x","action":"BLOCKED"}]`, "INTERVENTION"},
		{`,"verdicts":[{"scope":"INPUT","category":"x","action":"BLOCKED"}]`, "INTERVENTION GENERATED"},
		{`,"shown":[{"role":"assistant","parts":[{"text":"b"}]}],"verdicts":[{"category":"x","action":"REPLACED"}]`, "INTERVENTION SHOWN"},
	} {
		name := fmt.Sprintf("s%d", i)
		add(t, log, "acme", parse(t, i, fmt.Sprintf(
			`{"session":%q,"interaction":{"output":[{"role":"assistant","parts":[{"reasoning":"r"},{"text":"a"}]}]%s}}`, name, test.rest)))
		var kinds []string
		for _, f := range replay(t, engine, "acme", name, query.Options{}) {
			kinds = append(kinds, f.GetKind().String())
		}
		if got := strings.Join(kinds, " "); got != test.want {
			t.Errorf("%s: frames %s, want %s", test.rest, got, test.want)
		}
	}
}

// As of a position, what came later is not known.
func TestReplayAsOf(t *testing.T) {
	engine := session(t)
	asOf := event.Seq(2)
	for _, f := range replay(t, engine, "acme", "c/17", query.Options{View: pb.View_BOTH, AsOf: &asOf}) {
		if f.GetSeq() >= 2 {
			t.Errorf("as of 2: a frame of event %d", f.GetSeq())
		}
	}
	asOf = 0
	for _, err := range engine.Replay(t.Context(), "acme", "c/17", query.Options{AsOf: &asOf}) {
		if !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("as of 0: error %v, want not found", err)
		}
	}
}

func TestReplayNotFound(t *testing.T) {
	engine := session(t)
	for _, test := range []struct {
		tenant  event.Tenant
		session string
	}{{"acme", "c/18"}, {"acme", ""}, {"acme", "c/1"}, {"nobody", "c/17"}} {
		n := 0
		for f, err := range engine.Replay(t.Context(), test.tenant, test.session, query.Options{}) {
			if n++; f != nil || !errors.Is(err, eventlog.ErrNotFound) {
				t.Errorf("%+v: frame %v, error %v, want not found", test, f, err)
			}
		}
		if n != 1 {
			t.Errorf("%+v: %d frames and errors, want one error", test, n)
		}
	}
}

// Frames come in the order of their offsets, the first at 0.
func TestReplayOffsets(t *testing.T) {
	engine := session(t)
	for _, view := range []pb.View{pb.View_USER, pb.View_MODEL, pb.View_BOTH} {
		last := uint64(0)
		for i, f := range replay(t, engine, "acme", "c/17", query.Options{View: view}) {
			if i == 0 && f.GetOffsetMs() != 0 || f.GetOffsetMs() < last {
				t.Errorf("%v: frame %d at %d ms after one at %d", view, i, f.GetOffsetMs(), last)
			}
			last = f.GetOffsetMs()
		}
	}
}

// texts returns every text that an event carries.
func texts(e *pb.Event) []string {
	in := e.GetInteraction()
	var all []string
	for _, m := range slices.Concat(in.GetInput(), in.GetOutput(), in.GetShown()) {
		for _, p := range m.GetParts() {
			all = append(all, p.GetText(), p.GetReasoning(), p.GetToolCall().GetArguments(), p.GetToolResult().GetResult(), p.GetToolResult().GetError())
		}
	}
	for _, d := range in.GetRetrieved() {
		all = append(all, d.GetTitle(), d.GetText())
	}
	return append(all, e.GetReport().GetComment(), e.GetAction().GetText())
}

// set returns the strings that are not empty, sorted, each once.
func set(all []string) []string {
	all = append([]string{""}, all...)
	slices.Sort(all)
	return slices.Compact(all)[1:]
}

// spoken returns the texts of frames, with streamed steps put together.
func spoken(frames []*pb.Frame) []string {
	var all []string
	for _, f := range frames {
		if f.GetContinued() {
			all[len(all)-1] += f.GetText()
		} else {
			all = append(all, f.GetText())
		}
	}
	return all
}

// Whatever a session's calls carry: with view BOTH a replay shows every text
// of them and no other; with view USER nothing that was not for the user.
func TestReplayIsComplete(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	sessions := 0
	rapid.Check(t, func(rt *rapid.T) {
		sessions++
		name := fmt.Sprintf("s%d", sessions)
		var want, secret []string
		for n := range rapid.IntRange(1, 6).Draw(rt, "events") {
			e := drawEvent(rt)
			e.Id, e.Session = fmt.Sprintf("%s-%d", name, n), name
			add(t, log, "acme", e)
			want = append(want, texts(e)...)
			for _, m := range e.GetInteraction().GetInput() {
				if m.GetRole() == "system" {
					secret = append(secret, texts(&pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{m}}}})...)
				}
			}
		}
		both := replay(t, engine, "acme", name, query.Options{View: pb.View_BOTH})
		if diff := cmp.Diff(set(want), set(spoken(both))); diff != "" {
			rt.Fatalf("texts (-events +frames):\n%s", diff)
		}
		for _, f := range both {
			if problem := wrongMarks(f); problem != "" {
				rt.Fatalf("%s of %v: %s", f.GetText(), f.GetKind(), problem)
			}
		}
		for _, f := range replay(t, engine, "acme", name, query.Options{View: pb.View_USER}) {
			if len(f.GetDifference()) > 0 {
				rt.Fatal("the user's view tells what was generated")
			}
			if f.GetText() != "" && slices.Contains(secret, f.GetText()) || f.GetRole() == "system" {
				rt.Fatalf("the user's view has a system message")
			}
		}
	})
}

// wrongMarks says what is wrong with how a frame's difference is marked.
func wrongMarks(f *pb.Frame) string {
	differs, n := pb.Frame_Segment_ADDED, 0
	if f.GetKind() == pb.Frame_GENERATED {
		differs = pb.Frame_Segment_REMOVED
	}
	for _, s := range f.GetDifference() {
		if n += int(s.GetBytes()); s.GetKind() != pb.Frame_Segment_EQUAL && s.GetKind() != differs {
			return "a segment " + s.GetKind().String()
		}
		if n > len(f.GetText()) || !utf8.ValidString(f.GetText()[:n]) {
			return "a segment that ends within a character"
		}
	}
	wanted := f.GetContent() == pb.Frame_TEXT && f.GetKind() == pb.Frame_SHOWN
	if wanted != (n > 0) && f.GetText() != "" && f.GetKind() != pb.Frame_GENERATED || n > 0 && n != len(f.GetText()) {
		return fmt.Sprintf("%d bytes are marked, of %d", n, len(f.GetText()))
	}
	return ""
}

// drawEvent draws an interaction. System messages have texts of their own.
func drawEvent(t *rapid.T) *pb.Event {
	part := rapid.Custom(func(t *rapid.T) *pb.Part {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 3, -1).Draw(t, "text")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "t", Name: "f", Arguments: text}}}
		case 1:
			return &pb.Part{Kind: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "t", Result: text, Error: text + "!"}}}
		case 2:
			return &pb.Part{Kind: &pb.Part_Reasoning{Reasoning: text}}
		}
		return &pb.Part{Kind: &pb.Part_Text{Text: text}}
	})
	message := rapid.Custom(func(t *rapid.T) *pb.Message {
		if rapid.IntRange(0, 5).Draw(t, "system") == 0 {
			return &pb.Message{Role: "system", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "secret " + rapid.StringN(1, 2, -1).Draw(t, "prompt")}}}}
		}
		return &pb.Message{
			Role:  rapid.SampledFrom([]string{"user", "assistant", "tool"}).Draw(t, "role"),
			Parts: rapid.SliceOfN(part, 0, 3).Draw(t, "parts"),
		}
	})
	in := &pb.Interaction{
		Input:  rapid.SliceOfN(message, 0, 5).Draw(t, "input"),
		Output: rapid.SliceOfN(message.Filter(func(m *pb.Message) bool { return m.GetRole() != "system" }), 0, 2).Draw(t, "output"),
		Shown:  rapid.SliceOfN(message.Filter(func(m *pb.Message) bool { return m.GetRole() != "system" }), 0, 2).Draw(t, "shown"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "deltas") {
		in.Deltas = append(in.Deltas, &pb.Delta{Bytes: rapid.Uint32Range(0, 4).Draw(t, "bytes")})
	}
	if rapid.Bool().Draw(t, "judged") {
		in.Verdicts = []*pb.Verdict{{Action: pb.Verdict_Action(rapid.IntRange(0, 4).Draw(t, "action")), Category: "x"}}
	}
	seconds := rapid.IntRange(0, 5).Draw(t, "seconds")
	return &pb.Event{
		Time: timestamppb.New(morning.Add(time.Duration(seconds) * time.Second)), Turn: rapid.Uint32Range(0, 3).Draw(t, "turn"),
		Body: &pb.Event_Interaction{Interaction: in},
	}
}

// Where policy took the texts away replay says so at each place, in time and
// role, and does not show an empty conversation.
func TestReplayOfDroppedContent(t *testing.T) {
	log := newLog(t)
	dropped := chat(1)
	dropped.Session, dropped.Turn = "c", 1
	in := dropped.GetInteraction()
	in.Deltas = []*pb.Delta{{OffsetMs: 40, Bytes: 3}, {OffsetMs: 90, Bytes: 5}}
	in.Output[0].Parts = append(in.Output[0].Parts, &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "1", Name: "look", Arguments: "{}"}}})
	complaint := &pb.Event{Id: "r", Time: timestamppb.New(morning.Add(time.Minute)), Session: "c", Body: &pb.Event_Report{
		Report: &pb.Report{Session: "c", Category: "harm", Comment: "bad", Reporter: pb.Report_USER}}}
	empty := chat(2)
	empty.Session, empty.Turn, empty.Time = "c", 2, timestamppb.New(morning.Add(time.Hour))
	empty.GetInteraction().Input[0].Parts[0].GetKind().(*pb.Part_Text).Text = ""
	r, err := redaction.New(redaction.Config{DropContent: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*pb.Event{dropped, complaint} {
		if _, err := r.Event(t.Context(), e, func(v string) (string, error) { return log.Pseudonym("acme", v) }); err != nil {
			t.Fatal(err)
		}
	}
	add(t, log, "acme", dropped, complaint, empty)
	var got []string
	for _, f := range replay(t, query.New(query.Config{Log: log}), "acme", "c", query.Options{View: pb.View_BOTH}) {
		got = append(got, fmt.Sprint(f.GetKind(), " ", f.GetRole(), " ", f.GetText()))
	}
	want := []string{
		"INPUT user [DROPPED]", "GENERATED assistant [DROPPED]", "GENERATED assistant [DROPPED]", "REPORT  [DROPPED]",
		"INPUT user ", "GENERATED assistant answer 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
