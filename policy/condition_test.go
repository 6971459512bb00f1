package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// sampleEvent returns an interaction with most fields set.
func sampleEvent() *pb.Event {
	return &pb.Event{
		Id:            "e-1",
		Time:          timestamppb.New(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)),
		Session:       "c-17",
		Turn:          3,
		User:          "[USER:k7m2qa5d3hx4]",
		Source:        &pb.Source{Service: "chat", Deployment: "medical-triage", Region: "eu"},
		Capture:       &pb.Capture{Probability: new(0.25), Rule: "always", Sequence: 42},
		Received:      timestamppb.New(time.Date(2026, 11, 22, 3, 0, 1, 0, time.UTC)),
		Class:         "flagged",
		PolicyVersion: "sha256:0011223344556677",
		Seq:           new(uint64(42)),
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model:        &pb.Model{Provider: "openai", Name: "gpt-4o"},
			Parameters:   &pb.Parameters{Temperature: new(0.7)},
			Input:        []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "hello there"}}}}},
			FinishReason: "stop",
			Usage:        &pb.Usage{InputTokens: 12, OutputTokens: 80},
			Duration:     durationpb.New(4 * time.Second),
			Verdicts: []*pb.Verdict{
				{Category: "spam", Score: 0.1, Threshold: new(0.5), Action: pb.Verdict_ALLOWED},
				{Category: "self_harm", Score: 0.91, Threshold: new(0.5), Action: pb.Verdict_REPLACED, Scope: pb.Verdict_OUTPUT},
			},
		}},
	}
}

func mustCompile(t testing.TB, expr string) *Condition {
	t.Helper()
	c, err := Compile(expr)
	if err != nil {
		t.Fatalf("Compile(%q): %v", expr, err)
	}
	return c
}

// Every spelling that the documentation promises means what it says.
func TestMatch(t *testing.T) {
	for expr, want := range map[string]bool{
		`user == "[USER:k7m2qa5d3hx4]"`:                                                 true,
		`event.user == "alice"`:                                                         false,
		`id == "e-1" && session == "c-17" && turn == 3`:                                 true,
		`turn > 2 && event.turn <= 3`:                                                   true,
		`seq == 42 && seq >= 42 && event.seq < 43`:                                      true,
		`kind == "interaction"`:                                                         true,
		`kind in ["verdict", "report"]`:                                                 false,
		`class == "flagged" && event.class == "flagged"`:                                true,
		`policy_version == policyVersion && event.policyVersion == policy_version`:      true,
		`time == timestamp("2026-11-22T03:00:00Z")`:                                     true,
		`received - time < duration("2s")`:                                              true,
		`time.getFullYear() == 2026 && time.getHours() == 3`:                            true,
		`source.service == "chat" && event.source.region != "us"`:                       true,
		`capture.probability < 0.5 && capture.sequence == 42`:                           true,
		`interaction.model.name == "gpt-4o"`:                                            true,
		`interaction.model.name.startsWith("gpt-")`:                                     true,
		`interaction.finish_reason == "stop" && interaction.finishReason == "stop"`:     true,
		`interaction.usage.outputTokens + interaction.usage.input_tokens == 92`:         true,
		`interaction.duration > duration("3s")`:                                         true,
		`interaction.verdicts.exists(v, v.action == "REPLACED" && v.scope == "OUTPUT")`: true,
		`interaction.verdicts.exists(v, v.action == Verdict.Action.REPLACED)`:           true,
		`interaction.verdicts.exists(v, v.action in ["BLOCKED", "FLAGGED"])`:            false,
		`interaction.verdicts.exists(v, v.score >= v.threshold)`:                        true,
		`interaction.verdicts.all(v, has(v.threshold))`:                                 true,
		`interaction.verdicts[1].category == "self_harm"`:                               true,
		`interaction.verdicts.filter(v, v.score > 0.5).size() == 1`:                     true,
		`interaction.input.exists(m, m.parts.exists(p, p.text.contains("hello")))`:      true,
		`interaction.input[0].parts[0].text.matches("^hel+o")`:                          true,
		`interaction.parameters.temperature > 0.5`:                                      true,
		`has(event.interaction) && !has(event.verdict)`:                                 true,
		`has(interaction.model) && !has(capture.trigger)`:                               true,
		`interaction.verdicts.exists(user, user.category == "spam")`:                    true,
		// Absent fields are zero values, whatever the event's body.
		`verdict.category == "" && verdict.action == "ACTION_UNSPECIFIED" && verdict.score == 0.0`: true,
		`report.reporter == "USER" || action.kind == "REFUSAL_CARD"`:                               false,
		`coverage.strata.exists(s, s.seen > 3)`:                                                    false,
		`coverage.start == timestamp(0)`:                                                           true,
		`trace.trace_id == "" && trace.traceId == ""`:                                              true,
	} {
		got, err := mustCompile(t, expr).Match(sampleEvent())
		if got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", expr, got, err, want)
		}
	}
}

// An event with nothing in it, as the zero value or in its parts, is no
// reason for an error.
func TestMatchEmptyEvent(t *testing.T) {
	for _, e := range []*pb.Event{{}, {Body: &pb.Event_Interaction{}}, {Body: &pb.Event_Verdict{}}} {
		for _, expr := range []string{
			`interaction.verdicts.exists(v, v.score >= v.threshold) || verdict.score > 1.0`,
			`time > timestamp("2026-01-01T00:00:00Z") || received > time`,
			`source.service == "x" || capture.probability > 1.0 || interaction.duration > duration("1s")`,
			`event.interaction.model.name == "m" || event.coverage.end > event.time || seq > 0`,
		} {
			if got, err := mustCompile(t, expr).Match(e); got || err != nil {
				t.Errorf("%s: got %v, %v, want false", expr, got, err)
			}
		}
	}
}

// A responder is told where and why in one line, without an echo of strings.
func TestCompileErrors(t *testing.T) {
	for expr, want := range map[string]string{
		``:                                    `line 1, column 1: unexpected end`,
		`user == `:                            `line 1, column 9: unexpected end`,
		`user = "secret"`:                     `line 1, column 6: = is not an operator: equality is ==`,
		`user # "secret"`:                     `line 1, column 6: unexpected character`,
		`user == "secret`:                     `line 1, column 9: string without an end`,
		`user == "secret" "secret"`:           `line 1, column 18: unexpected string`,
		`user.startsWith("secret"`:            `line 1, column 25: missing ')'`,
		`usr == "secret"`:                     `line 1, column 1: unknown name usr`,
		`interaction.modle.name == "secret"`:  `line 1, column 12: unknown field modle`,
		"turn > 1 &&\n  foo":                  `line 2, column 3: unknown name foo`,
		`turn == "secret"`:                    `line 1, column 6: == does not apply to (int, string)`,
		`turn == 3u`:                          `line 1, column 6: == does not apply to (int, uint)`,
		`user`:                                `line 1, column 1: is string, want bool`,
		`has(report)`:                         `line 1, column 5: has() wants a field of something, such as has(event.report)`,
		`verdict.action == "secret"`:          `line 1, column 19: is no action: want one of ACTION_UNSPECIFIED, ALLOWED, FLAGGED, BLOCKED, REPLACED`,
		`action.kind in ["NOTICE", "secret"]`: `line 1, column 27: is no kind: want one of KIND_UNSPECIFIED, REFUSAL_CARD, REPLACED_ANSWER, DISABLED_FEATURE, NOTICE`,
		`user.matches("(secret")`:             `line 1, column 14: invalid matches argument`,
		`time > timestamp("secret")`:          `line 1, column 18: invalid timestamp argument`,
		`Event{id: "x"} == event`:             `line 1, column 6: a condition cannot make a message`,
		`dyn(event).id == "x"`:                `line 1, column 11: the type of what has field id is not known`,
	} {
		_, err := Compile(expr)
		at, ok := errors.AsType[*Error](err)
		if !ok || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", expr, err, want)
			continue
		}
		if strings.Contains(at.Reason, "secret") || strings.Contains(at.Reason, "\n") {
			t.Errorf("%q: reason %q echoes a string or has more than one line", expr, at.Reason)
		}
	}
}

// Text that would cost too much to compile is refused, not compiled.
func TestCompileBounds(t *testing.T) {
	for name, expr := range map[string]string{
		"long":   strings.Repeat(" ", maxExpression) + "true",
		"deep":   strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000),
		"nested": "turn > " + strings.Repeat("-(", 500) + "1" + strings.Repeat(")", 500),
		"utf8":   "user == \"\xff\"",
		"cost":   strings.Repeat(`[1,2,3,4,5,6,7,8,9,10].map(a, `, 7) + `a` + strings.Repeat(")", 7) + ".size() > 0",
	} {
		if _, err := Compile(expr); err == nil {
			t.Errorf("%s: compiled", name)
		}
	}
}

// What one event can make a condition cost is bounded (invariant 9), also
// where the estimate lets it through.
func TestMatchCostLimit(t *testing.T) {
	c := mustCompile(t, `interaction.input.exists(a, interaction.input.exists(b, a.role == b.role + "x"))`)
	e := sampleEvent()
	for range 3000 {
		e.GetInteraction().Input = append(e.GetInteraction().Input, &pb.Message{Role: "user"})
	}
	_, err := c.Match(e)
	if at, ok := errors.AsType[*Error](err); !ok || at.Reason != fmt.Sprintf("costs more than %d on this event (at seq 42)", costLimit) {
		t.Errorf("got %v, want the cost limit", err)
	}
}

// More verdicts than a valid event has end in the counting program.
func TestMatchCostLimitInvalidEvent(t *testing.T) {
	c := mustCompile(t, `interaction.verdicts.all(v, v.score < 1.0)`)
	e := sampleEvent()
	e.GetInteraction().Verdicts = make([]*pb.Verdict, 500_000)
	for i := range e.GetInteraction().Verdicts {
		e.GetInteraction().Verdicts[i] = new(pb.Verdict)
	}
	if c.quick == nil {
		t.Error("a condition on verdicts counts its cost on valid events")
	}
	if _, err := c.Match(e); err == nil {
		t.Error("got no error, want the cost limit")
	}
}

// What cannot be computed is an error with a position and without content.
func TestMatchErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`interaction.verdicts[9].score > 0.5`: `line 1, column 24: index out of bounds: ask for size(...) before, or use exists(...) (at seq 42)`,
		`10 / (turn - 3) > 1`:                 `line 1, column 4: division by zero: ask for the divisor before (at seq 42)`,
		`true &&
 timestamp(interaction.input[0].parts[0].text) > time`: `line 2, column 11: cannot be computed for this event (at seq 42)`,
	} {
		_, err := mustCompile(t, expr).Match(sampleEvent())
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", expr, err, want)
		}
	}
}

func TestTerms(t *testing.T) {
	one := func(field string, values ...string) []Term { return []Term{{field, values}} }
	for expr, want := range map[string][]Term{
		`user == "u"`:                      one("user", "u"),
		`"u" == event.user`:                one("user", "u"),
		`id in ["b", "a", "b"]`:            one("id", "a", "b"),
		`session == "s" || session == "r"`: one("session", "r", "s"),
		`(session == "s" || session == "r") && turn > 1 && kind == "interaction"`:      {{"session", []string{"r", "s"}}, {"kind", []string{"interaction"}}},
		`event.interaction.model.name == "m"`:                                          one("model", "m"),
		`interaction.model.provider == "p"`:                                            one("provider", "p"),
		`source.service == "a" && source.deployment == "d"`:                            {{"service", []string{"a"}}, {"deployment", []string{"d"}}},
		`class == "flagged"`:                                                           nil,
		`verdict.target == "t"`:                                                        one("target", "t"),
		`report.session == "s"`:                                                        one("session", "s"),
		`report.category == "c"`:                                                       one("category", "c"),
		`interaction.verdicts.exists(v, v.category == "x" && v.score > 0.5)`:           one("category", "x"),
		`event.interaction.verdicts.exists(v, v.score > 0.5 && "x" == v.category)`:     one("category", "x"),
		`interaction.verdicts.exists(v, v.category in ["x", "y"])`:                     one("category", "x", "y"),
		`interaction.verdicts.exists(id, id.category == "x")`:                          one("category", "x"),
		`verdict.category == "x" || interaction.verdicts.exists(v, v.category == "y")`: one("category", "x", "y"),
		`has(event.report) && report.reporter == "USER"`:                               one("kind", "report"),
		`has(event.verdict) || kind == "report"`:                                       one("kind", "report", "verdict"),
		// Not implied, so not pushed down.
		`user == ""`:                                         nil, // an event without user has no term
		`user in ["u", ""]`:                                  nil,
		`user in []`:                                         nil,
		`user != "u"`:                                        nil,
		`!(user == "u")`:                                     nil,
		`user == "u" || turn > 1`:                            nil,
		`user == "u" || session == "s"`:                      nil,
		`turn > 1 ? user == "u" : true`:                      nil,
		`user == session`:                                    nil,
		`source.version == "u"`:                              nil,
		`["u"].exists(user, user == "u")`:                    nil, // another user
		`interaction.verdicts.all(v, v.category == "x")`:     nil, // true of no verdicts
		`!interaction.verdicts.exists(v, v.category == "x")`: nil,
		`interaction.verdicts.exists_one(v, v.category == "x") || true`: nil,
		`has(event.capture)`: nil,
	} {
		if diff := cmp.Diff(want, mustCompile(t, expr).Terms()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expr, diff)
		}
	}
}

func TestBetween(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		u, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	const a, b = `timestamp("2026-01-01T00:00:00Z")`, `timestamp("2026-02-01T01:00:00+01:00")`
	for expr, want := range map[string][2]string{
		`time >= ` + a: {"2026-01-01T00:00:00Z", ""},
		`event.time > ` + a + ` && turn > 1 && time < ` + b: {"2026-01-01T00:00:00.000000001Z", "2026-02-01T00:00:00Z"},
		a + ` <= time && ` + b + ` >= time`:                 {"2026-01-01T00:00:00Z", "2026-02-01T00:00:00.000000001Z"},
		`time == ` + a:                                      {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000001Z"},
		`time > ` + a + ` - duration("24h")`:                {"2025-12-31T00:00:00.000000001Z", ""},
		`time >= ` + a + ` && time >= ` + b:                 {"2026-02-01T00:00:00Z", ""},
		`time < ` + a + ` && time < ` + b:                   {"", "2026-01-01T00:00:00Z"},
		`time != ` + a:                                      {},
		`time > received`:                                   {},
		`time > ` + a + ` || time < ` + b:                   {},
		`!(time > ` + a + `)`:                               {},
		`received > ` + a:                                   {},
		`time - duration("1h") > ` + a:                      {},
	} {
		since, until := mustCompile(t, expr).Between()
		if !since.Equal(at(want[0])) || !until.Equal(at(want[1])) {
			t.Errorf("%s: got %v, %v, want %v", expr, since, until, want)
		}
	}
}

func TestMetaOnly(t *testing.T) {
	for expr, want := range map[string]bool{
		`user == "u" && seq > 1`:                              true,
		`interaction.verdicts.exists(v, v.score > 0.5)`:       true,
		`interaction.model.name == "m"`:                       true,
		`interaction.usage.input_tokens > 3`:                  true,
		`report.category == "c" && action.name == "n"`:        true,
		`capture.probability < 1.0 && has(event.interaction)`: true,
		`coverage.strata.exists(s, s.seen > 1)`:               true,
		`source == event.source`:                              true,
		`policy_applied.version == "v"`:                       true,
		`interaction.input.size() > 1`:                        false,
		`has(event.interaction.shown)`:                        false,
		`has(event.capture)`:                                  false,
		`has(event.source) || has(event.trace)`:               false,
		`has(event.interaction.model)`:                        false,
		`has(event.interaction.usage)`:                        false,
		`interaction.verdicts.exists(v, has(v.classifier))`:   false,
		`has(event.report) && has(event.capture.probability)`: true,
		`interaction.output.exists(m, m.role == "tool")`:      false,
		`interaction.retrieved.size() > 1`:                    false,
		`interaction.deltas.size() > 1`:                       false,
		`interaction.parameters.seed == 1`:                    false,
		`report.comment == "c"`:                               false,
		`action.text == "c"`:                                  false,
		`capture.redactions.exists(r, r.type == "EMAIL")`:     false,
		`capture.content == "DROPPED"`:                        false,
		`capture.content == Capture.Content.RAW`:              false,
		`size(capture.escrow) > 0`:                            false,
		`capture.rule == "all" && capture.sequence > 7`:       true,
		`salt == b""`:                      false,
		`policyApplied.document == ""`:     false,
		`event == event`:                   false,
		`[interaction].exists(i, i == i)`:  false,
		`dyn(report) == 1`:                 false,
		`{"a": capture} == {"a": capture}`: false,
	} {
		if got := mustCompile(t, expr).MetaOnly(); got != want {
			t.Errorf("%s: got %v, want %v", expr, got, want)
		}
	}
}

// Who searches for a person's name finds the events of the pseudonym.
func TestRewrite(t *testing.T) {
	pseudonym := func(user string) (string, error) {
		if user != "alice@example.com" {
			return "[USER:zzzzzzzzzzzz]", nil
		}
		return "[USER:k7m2qa5d3hx4]", nil
	}
	for expr, want := range map[string]bool{
		`user == "alice@example.com"`:                                 true,
		`"alice@example.com" == event.user`:                           true,
		`user == "bob"`:                                               false,
		`user != "alice@example.com"`:                                 false,
		`user in ["bob", "alice@example.com"]`:                        true,
		`!(turn > 9 || user == "alice@example.com")`:                  false,
		`user == "[USER:k7m2qa5d3hx4]"`:                               true, // stays
		`user != ""`:                                                  true, // stays
		`["bob"].exists(user, user == "bob")`:                         true, // another user
		`session == "c-17"`:                                           true,
		`interaction.verdicts.exists(v, user == "alice@example.com")`: true,
	} {
		before := mustCompile(t, expr)
		terms := before.Terms()
		c, err := before.Rewrite(pseudonym)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Match(sampleEvent()); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", expr, got, err, want)
		}
		if diff := cmp.Diff(terms, before.Terms()); diff != "" {
			t.Errorf("%s: rewriting changed the original (-before +after):\n%s", expr, diff)
		}
	}
	c, err := mustCompile(t, `user in ["bob", "alice@example.com"]`).Rewrite(pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	want := []Term{{"user", []string{"[USER:k7m2qa5d3hx4]", "[USER:zzzzzzzzzzzz]"}}}
	if diff := cmp.Diff(want, c.Terms()); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
}

func TestRewriteError(t *testing.T) {
	broken := errors.New("broken")
	_, err := mustCompile(t, `user in ["a", "b"]`).Rewrite(func(string) (string, error) { return "", broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// One condition serves many goroutines; the race detector watches.
func TestMatchConcurrently(t *testing.T) {
	c := mustCompile(t, `interaction.verdicts.exists(v, v.category == "self_harm") && user.startsWith("[USER:")`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			e := sampleEvent()
			for range 200 {
				if ok, err := c.Match(e); !ok || err != nil {
					t.Errorf("got %v, %v, want true", ok, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
