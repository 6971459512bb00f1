package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// told is what a test looks at in a frame: after how many seconds, what, and
// of which turn.
func told(f *pb.Frame) string {
	out := []string{fmt.Sprint(f.GetOffsetMs()/1000, "s"), f.GetKind().String()}
	if f.GetEffect() != pb.Frame_EFFECT_UNSPECIFIED {
		out = append(out, f.GetEffect().String())
	}
	if a := f.GetAbout(); a != nil {
		where := "elsewhere"
		if a.Seq != nil {
			where = fmt.Sprintf("seq %d turn %d", a.GetSeq(), a.GetTurn())
		}
		out = append(out, "about "+a.GetEvent()+" "+where)
	}
	if f.GetText() != "" {
		out = append(out, f.GetText())
	}
	return strings.Join(out, " ")
}

// What came later stands where it arrived, says what it is about, and is found
// wherever it was filed: in the session, in another one, in none, or with no
// more than the name of the session.
func TestReplayLate(t *testing.T) {
	log := newLog(t)
	for n, line := range []string{
		`{"id":"a","session":"s","turn":1,"time":"2026-11-20T08:00:00Z","interaction":{"output":[{"role":"assistant","parts":[{"text":"one"}]}]}}`,
		`{"id":"b","session":"s","turn":2,"time":"2026-11-20T08:01:00Z","interaction":{"output":[{"role":"assistant","parts":[{"text":"two"}]}]}}`,
		`{"id":"c","session":"s","time":"2026-11-20T08:00:30Z","verdict":{"target":"a","category":"x","action":"FLAGGED"}}`,
		`{"id":"d","session":"review","time":"2026-11-20T08:00:40Z","verdict":{"target":"a","category":"x","action":"BLOCKED"}}`,
		`{"id":"e","time":"2026-11-20T08:00:50Z","report":{"target":"a","category":"x","comment":"bad"}}`,
		`{"id":"f","time":"2026-11-20T08:02:00Z","report":{"session":"s","category":"x","comment":"all of it"}}`,
		`{"id":"g","session":"review","time":"2026-11-20T08:02:10Z","report":{"session":"s","target":"z","category":"x"}}`,
		`{"id":"h","time":"2026-11-20T08:03:00Z","action":{"target":"b","kind":"REPLACED_ANSWER","text":"sorry"}}`,
		`{"id":"i","session":"s","time":"2026-11-20T08:03:10Z","action":{"kind":"DISABLED_FEATURE","name":"voice","text":"off"}}`,
		`{"id":"j","time":"2026-11-20T07:00:00Z","report":{"target":"h","category":"x","comment":"early clock"}}`,
		`{"id":"k","session":"other","time":"2026-11-20T08:00:20Z","report":{"category":"x","comment":"of another session"}}`,
	} {
		add(t, log, "acme", parse(t, n, line))
	}
	var got []string
	for _, f := range replay(t, query.New(query.Config{Log: log}), "acme", "s", query.Options{View: pb.View_BOTH}) {
		got = append(got, told(f))
	}
	want := []string{
		"0s GENERATED one",
		"30s VERDICT about a seq 0 turn 1",
		"40s INTERVENTION BLOCKED about a seq 0 turn 1",
		"50s REPORT about a seq 0 turn 1 bad",
		"60s GENERATED two",
		"120s REPORT all of it",
		"130s REPORT about z elsewhere",
		"180s ACTION REPLACED about b seq 1 turn 2 sorry",
		"180s REPORT about h seq 7 turn 0 early clock",
		"190s ACTION DISABLED off",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

// What an intervention did is what was shown, where that is known; what the
// classifier says that it did, where not; and nobody's where none says so.
func TestReplayEffects(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	const shown = `,"shown":[{"role":"assistant","parts":[{"text":"b"}]}]`
	for i, test := range []struct{ rest, want string }{
		{shown, "REPLACED"},
		{shown + `,"verdicts":[{"category":"x","action":"BLOCKED"}]`, "REPLACED"},
		{shown + `,"verdicts":[{"scope":"INPUT","category":"x","action":"BLOCKED"},{"scope":"OUTPUT","category":"x","action":"FLAGGED"}]`, "BLOCKED"},
		{`,"verdicts":[{"category":"x","action":"BLOCKED"}]`, "BLOCKED"},
		{`,"verdicts":[{"category":"x","action":"REPLACED"}]`, "REPLACED"},
		{`,"verdicts":[{"category":"x","action":"FLAGGED"}]`, ""},
		{`,"finishReason":"content_filter"`, "BLOCKED"},
		{`,"finishReason":"content_filter","verdicts":[{"category":"x","action":"REPLACED"}]`, "REPLACED"},
		{`,"finishReason":"stop"`, ""},
	} {
		name := fmt.Sprintf("s%d", i)
		add(t, log, "acme", parse(t, i, fmt.Sprintf(
			`{"session":%q,"interaction":{"output":[{"role":"assistant","parts":[{"text":"a"}]}]%s}}`, name, test.rest)))
		var effects []string
		for _, f := range replay(t, engine, "acme", name, query.Options{}) {
			if f.GetKind() == pb.Frame_INTERVENTION {
				effects = append(effects, f.GetEffect().String())
			}
		}
		if got := strings.Join(effects, " "); got != test.want {
			t.Errorf("%s: effects %q, want %q", test.rest, got, test.want)
		}
	}
}

// As of a position a replay is what it was when the log had no more.
func TestReplayAsOfIsThePast(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	sessions := 0
	rapid.Check(t, func(rt *rapid.T) {
		sessions++
		name := fmt.Sprintf("s%d", sessions)
		past := map[event.Seq][]*pb.Frame{}
		for n := range rapid.IntRange(1, 6).Draw(rt, "events") {
			e := drawEvent(rt)
			if n > 0 && rapid.Bool().Draw(rt, "late") {
				e = drawLate(rt, name, n)
			}
			e.Id, e.Session = fmt.Sprintf("%s-%d", name, n), name
			add(t, log, "acme", e)
			past[log.Size()] = replay(t, engine, "acme", name, query.Options{View: pb.View_BOTH})
		}
		for asOf, want := range past {
			got := replay(t, engine, "acme", name, query.Options{View: pb.View_BOTH, AsOf: &asOf})
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				rt.Fatalf("as of %d (-then +now):\n%s", asOf, diff)
			}
		}
	})
}

// drawLate draws what is about one of the first events of a session, or about
// none that is known.
func drawLate(t *rapid.T, session string, events int) *pb.Event {
	e := &pb.Event{Time: timestamppb.New(morning.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second))}
	target := fmt.Sprintf("%s-%d", session, rapid.IntRange(0, events).Draw(t, "target"))
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		e.Body = &pb.Event_Verdict{Verdict: &pb.Verdict{Target: target, Category: "x", Action: pb.Verdict_Action(rapid.IntRange(0, 4).Draw(t, "action"))}}
	case 1:
		e.Body = &pb.Event_Report{Report: &pb.Report{Target: target, Category: "x", Comment: "c"}}
	default:
		e.Body = &pb.Event_Action{Action: &pb.Action{Target: target, Kind: pb.Action_Kind(rapid.IntRange(0, 4).Draw(t, "action")), Text: "t"}}
	}
	return e
}

// As of a position from before, what was forgotten since does not show, and what
// was redacted since shows as it is now: neither comes back by asking for the
// past.
func TestReplayAsOfKeepsForgotten(t *testing.T) {
	log := newLog(t)
	for n, line := range []string{
		`{"id":"a","session":"s","interaction":{"output":[{"role":"assistant","parts":[{"text":"erased"}]}]}}`,
		`{"id":"b","session":"s","interaction":{"output":[{"role":"assistant","parts":[{"text":"secret"}]}]}}`,
		`{"id":"c","session":"s","report":{"target":"a","category":"x"}}`,
		`{"id":"d","report":{"target":"a","category":"y"}}`,
	} {
		add(t, log, "acme", parse(t, n, line))
	}
	asOf := log.Size()
	if err := log.Forget(t.Context(), []eventlog.Forgetting{{Tenant: "acme", Seqs: []event.Seq{0}, Ledger: &pb.Event{
		Id: "f", Time: timestamppb.New(morning), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "r"}},
	}}}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	hide := func(_ context.Context, e *pb.Event) error {
		e.GetInteraction().GetOutput()[0].Parts[0] = &pb.Part{Kind: &pb.Part_Text{Text: "[SECRET]"}}
		e.Capture = &pb.Capture{Redactions: []*pb.Redaction{{Type: "SECRET", Count: 1}}}
		return nil
	}
	if _, err := log.Redact(t.Context(), eventlog.Redaction{Tenant: "acme", Seqs: []event.Seq{1}, Apply: hide, Ledger: &pb.Event{
		Id: "r", Time: timestamppb.New(morning), Class: eventlog.LedgerClass,
		Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "a", Reason: "r"}},
	}}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range replay(t, query.New(query.Config{Log: log}), "acme", "s", query.Options{View: pb.View_BOTH, AsOf: &asOf}) {
		got = append(got, told(f))
	}
	if diff := cmp.Diff([]string{"0s GENERATED [SECRET]", "1s REPORT about a elsewhere"}, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}
