package event_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestValid(t *testing.T) {
	for _, e := range append(others(), interaction()) {
		if err := event.Validate(e, now); err != nil {
			t.Errorf("%s: %v", event.KindOf(e), err)
		}
	}
	full := with(interaction(), func(e *pb.Event) {
		e.Capture.Escrow = escrow(event.MaxEscrow)
		sealed(e).Ciphertext = make([]byte, event.MaxCiphertext)
	})
	if err := event.Validate(full, now); err != nil {
		t.Errorf("as many sealed originals as there may be: %v", err)
	}
	ahead := with(interaction(), func(e *pb.Event) { e.Time = timestamppb.New(now.Add(time.Hour)) })
	if err := event.Validate(ahead, now); err != nil {
		t.Errorf("an hour ahead: %v", err)
	}
	wide := with(interaction(), func(e *pb.Event) { e.Id = strings.Repeat("水", event.MaxID) })
	if err := event.Validate(wide, now); err != nil {
		t.Errorf("64 characters of three bytes: %v", err)
	}
}

// body returns the interaction of an event.
func body(e *pb.Event) *pb.Interaction { return e.GetInteraction() }

// call returns the tool call of interaction().
func call(e *pb.Event) *pb.ToolCall { return body(e).Output[0].Parts[1].GetToolCall() }

// sealed returns the first sealed original of interaction().
func sealed(e *pb.Event) *pb.Sealed { return e.Capture.Escrow[0] }

// escrow returns n sealed originals whose types and tokens differ in pairs.
func escrow(n int) []*pb.Sealed {
	all := make([]*pb.Sealed, n)
	for i := range all {
		all[i] = &pb.Sealed{Type: []string{"EMAIL", "PHONE"}[i%2], Token: fmt.Sprint("t", i/2), Ciphertext: []byte{1}}
	}
	return all
}

var invalidInteractions = []struct {
	change func(*pb.Event)
	want   string
}{
	{func(e *pb.Event) { e.Id = "" }, "id: is missing"},
	{func(e *pb.Event) { e.Id = strings.Repeat("x", 65) }, "id: has 65 characters: the limit is 64"},
	{func(e *pb.Event) { e.Id = "a\x00b" }, "id: has the unprintable character U+0000 at position 2"},
	{func(e *pb.Event) { e.Id = "a\u202eb" }, "id: has the unprintable character U+202E at position 2"},
	{func(e *pb.Event) { e.Id = "a\xff" }, "id: is not valid UTF-8"},
	{func(e *pb.Event) { e.Time = nil }, "time: is missing"},
	{func(e *pb.Event) { e.Time = &timestamppb.Timestamp{} }, "time: is 1970-01-01T00:00:00Z: before 2000-01-01"},
	{func(e *pb.Event) { e.Time = timestamppb.New(now.AddDate(0, 0, 1)) },
		"time: is 2026-11-23T03:00:00Z: more than an hour ahead of 2026-11-22T03:00:00Z"},
	{func(e *pb.Event) { e.Time.Nanos = -1 }, "time: is not a valid time"},
	{func(e *pb.Event) { e.Session = "a\nb" }, "session: has the unprintable character U+000A at position 2"},
	{func(e *pb.Event) { e.User = strings.Repeat("u", 257) }, "user: has 257 characters: the limit is 256"},
	{func(e *pb.Event) { e.Source.Region = "\x7f" }, "source.region: has the unprintable character U+007F at position 1"},
	{func(e *pb.Event) { e.Capture.Probability = new(0.0) }, "capture.probability: is 0: want a number above 0"},
	{func(e *pb.Event) { e.Capture.Probability = new(1.5) }, "capture.probability: 1.5 is above 1"},
	{func(e *pb.Event) { e.Capture.Probability = new(math.NaN()) }, "capture.probability: is not a number"},
	{func(e *pb.Event) { e.Capture.Redactions[0].Count = 0 }, "capture.redactions[0].count: is missing"},
	{func(e *pb.Event) { e.Capture.Redactions[0] = nil },
		"capture.redactions[0].type: is missing; capture.redactions[0].count: is missing"},
	{func(e *pb.Event) { e.Capture.Escrow[0] = nil }, "capture.escrow[0].type: is missing; " +
		"capture.escrow[0].token: is missing; capture.escrow[0].ciphertext: is missing"},
	{func(e *pb.Event) { sealed(e).Type = strings.Repeat("T", 257) },
		"capture.escrow[0].type: has 257 characters: the limit is 256"},
	{func(e *pb.Event) { sealed(e).Token = "a\u202eb" },
		"capture.escrow[0].token: has the unprintable character U+202E at position 2"},
	{func(e *pb.Event) { sealed(e).Ciphertext = make([]byte, event.MaxCiphertext+1) },
		"capture.escrow[0].ciphertext: has 73729 bytes: the limit is 73728"},
	{func(e *pb.Event) { e.Capture.Escrow = slices.Repeat(e.Capture.Escrow, 2) },
		"capture.escrow[1].token: is also that of escrow[0], with the same type"},
	{func(e *pb.Event) { e.Capture.Escrow = escrow(event.MaxEscrow + 1) },
		"capture.escrow: has 1025 elements: the limit is 1024"},
	{func(e *pb.Event) { e.Trace.TraceId = strings.ToUpper(e.Trace.TraceId) },
		"trace.traceId: is not 32 lower-case hexadecimal digits"},
	{func(e *pb.Event) { e.Trace.SpanId = "0" }, "trace.spanId: is not 16 lower-case hexadecimal digits"},
	{func(e *pb.Event) {
		e.Salt, e.Received, e.Class, e.PolicyVersion, e.Seq = []byte{1}, timestamppb.New(now), "routine", "1", new(uint64)
	}, "salt: is set by the store; received: is set by the store; class: is set by the store; " +
		"policyVersion: is set by the store; seq: is set by the store"},
	{func(e *pb.Event) { e.Body = nil }, "has no body: want one of interaction, verdict, report, action, coverage"},
	{func(e *pb.Event) { e.Body = &pb.Event_PolicyApplied{} }, "policyApplied: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_Forgotten{} }, "forgotten: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_EpochBegan{} }, "epochBegan: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_Restored{} }, "restored: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_Redacted{} }, "redacted: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_Exported{} }, "exported: is written by the store alone"},
	{func(e *pb.Event) { e.Body = &pb.Event_Interaction{} }, "interaction: is missing"},
	{func(e *pb.Event) { body(e).Input, body(e).Output, body(e).Shown = nil, nil, nil },
		"interaction: has no message: want at least one in input, output or shown"},
	{func(e *pb.Event) { body(e).Input[1].Role = "" }, "interaction.input[1].role: is missing"},
	{func(e *pb.Event) { body(e).Input[1] = nil }, "interaction.input[1]: is missing"},
	{func(e *pb.Event) { body(e).Input = make([]*pb.Message, event.MaxMessages+1) },
		"interaction.input: has 4097 elements: the limit is 4096"},
	{func(e *pb.Event) { body(e).Output[0].Parts[0].Kind = nil },
		"interaction.output[0].parts[0]: has no content: want one of text, toolCall, toolResult, reasoning, blob"},
	{func(e *pb.Event) { body(e).Output[0].Parts[0].Kind = &pb.Part_Text{Text: "\xff"} },
		"interaction.output[0].parts[0].text: is not valid UTF-8"},
	{func(e *pb.Event) { call(e).Name = "" }, "interaction.output[0].parts[1].toolCall.name: is missing"},
	{func(e *pb.Event) { call(e).Arguments = "\xff" },
		"interaction.output[0].parts[1].toolCall.arguments: is not valid UTF-8"},
	{func(e *pb.Event) { body(e).Output[0].Parts[2].GetToolResult().Error = "\xff" },
		"interaction.output[0].parts[2].toolResult.error: is not valid UTF-8"},
	{func(e *pb.Event) { body(e).Output[0].Parts[3].GetBlob().Sha256 = make([]byte, 20) },
		"interaction.output[0].parts[3].blob.sha256: has 20 bytes: want 32"},
	{func(e *pb.Event) { body(e).Output[0].Parts[3].GetBlob().Uri = strings.Repeat("u", 2049) },
		"interaction.output[0].parts[3].blob.uri: has 2049 characters: the limit is 2048"},
	{func(e *pb.Event) { body(e).Model.Name = "\t" },
		"interaction.model.name: has the unprintable character U+0009 at position 1"},
	{func(e *pb.Event) { body(e).Parameters.Temperature = new(-0.5) }, "interaction.parameters.temperature: -0.5 is below 0"},
	{func(e *pb.Event) { body(e).Parameters.Temperature = new(math.Inf(1)) },
		"interaction.parameters.temperature: is not a finite number"},
	{func(e *pb.Event) { body(e).Parameters.TopP = new(1.01) }, "interaction.parameters.topP: 1.01 is above 1"},
	{func(e *pb.Event) { body(e).Parameters.TopK = new(int32(-1)) }, "interaction.parameters.topK: -1 is below 0"},
	{func(e *pb.Event) { body(e).Parameters.MaxTokens = new(int32(-2)) }, "interaction.parameters.maxTokens: -2 is below 0"},
	{func(e *pb.Event) { body(e).Parameters.Stop[1] = "\xff" }, "interaction.parameters.stop[1]: is not valid UTF-8"},
	{func(e *pb.Event) { body(e).Parameters.Stop = make([]string, 65) },
		"interaction.parameters.stop: has 65 elements: the limit is 64"},
	{func(e *pb.Event) { body(e).Retrieved[0].Score = new(math.NaN()) },
		"interaction.retrieved[0].score: is not a finite number"},
	{func(e *pb.Event) { body(e).Retrieved[0] = nil }, "interaction.retrieved[0]: is missing"},
	{func(e *pb.Event) { body(e).Deltas[2].OffsetMs = 3 },
		"interaction.deltas[2].offsetMs: 3 is before 20 of the step before it"},
	{func(e *pb.Event) { body(e).Verdicts[0].Score = 1.7 }, "interaction.verdicts[0].score: 1.7 is above 1"},
	{func(e *pb.Event) { body(e).Verdicts[0].Score = math.NaN() }, "interaction.verdicts[0].score: is not a number"},
	{func(e *pb.Event) { body(e).Verdicts[0].Threshold = new(-1.0) }, "interaction.verdicts[0].threshold: -1 is below 0"},
	{func(e *pb.Event) { body(e).Verdicts[0].Target = "e1" },
		"interaction.verdicts[0].target: is set inside an interaction, which is the target"},
	{func(e *pb.Event) { body(e).Verdicts[0].Category = "" }, "interaction.verdicts[0].category: is missing"},
	{func(e *pb.Event) { body(e).Verdicts[0].Action = 9 }, "interaction.verdicts[0].action: 9 is not one of its values"},
	{func(e *pb.Event) { body(e).Verdicts[0].Scope = -1 }, "interaction.verdicts[0].scope: -1 is not one of its values"},
	{func(e *pb.Event) { body(e).Verdicts[0].Classifier.Name = "\xff" },
		"interaction.verdicts[0].classifier.name: is not valid UTF-8"},
	{func(e *pb.Event) { body(e).FinishReason = strings.Repeat("f", 300) },
		"interaction.finishReason: has 300 characters: the limit is 256"},
	{func(e *pb.Event) { body(e).Duration = durationpb.New(-time.Second) }, "interaction.duration: -1s is below 0"},
	{func(e *pb.Event) { body(e).TimeToFirstToken.Nanos = -1; body(e).TimeToFirstToken.Seconds = 1 },
		"interaction.timeToFirstToken: is not a valid duration"},
	{func(e *pb.Event) {
		body(e).Model.ProtoReflect().SetUnknown(protowire.AppendTag(nil, 99, protowire.EndGroupType))
	},
		"interaction.model: has malformed unknown fields"},
	{func(e *pb.Event) {
		body(e).Model.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	}, "interaction.model: has unknown field 99"},
}

// Without these, evidence that nobody can interpret would be kept for ever.
func TestInvalidInteraction(t *testing.T) {
	for _, test := range invalidInteractions {
		got := "valid"
		if err := event.Validate(with(interaction(), test.change), now); err != nil {
			got = err.Error()
		}
		// A list of nothing but nil has more to complain about.
		if first, _, _ := strings.Cut(got, "; interaction.input[0]: is missing"); first != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestInvalidOthers(t *testing.T) {
	for _, test := range []struct {
		index  int // in others()
		change func(*pb.Event)
		want   string
	}{
		{0, func(e *pb.Event) { e.GetVerdict().Target = "" }, "verdict.target: is missing"},
		{0, func(e *pb.Event) { e.Body = &pb.Event_Verdict{} }, "verdict.target: is missing; verdict: is missing"},
		{1, func(e *pb.Event) { e.GetReport().Session = "" }, "report: is about nothing: want target or session"},
		{1, func(e *pb.Event) { e.GetReport().Category = "" }, "report.category: is missing"},
		{1, func(e *pb.Event) { e.GetReport().Reporter = 4 }, "report.reporter: 4 is not one of its values"},
		{1, func(e *pb.Event) { e.GetReport().Comment = "\xff" }, "report.comment: is not valid UTF-8"},
		{2, func(e *pb.Event) { e.GetAction().Target = strings.Repeat("t", 65) },
			"action.target: has 65 characters: the limit is 64"},
		{2, func(e *pb.Event) { e.GetAction().Kind = 5 }, "action.kind: 5 is not one of its values"},
		{3, func(e *pb.Event) { e.GetCoverage().Start = nil }, "coverage.start: is missing"},
		{3, func(e *pb.Event) { e.GetCoverage().End = e.GetCoverage().Start }, "coverage.end: is not after start"},
		{3, func(e *pb.Event) { e.GetCoverage().Strata[0].Captured = 10 },
			"coverage.strata[0].captured: 10 is above the 9 seen"},
		{3, func(e *pb.Event) { e.GetCoverage().Strata[0].Probability = new(-0.1) },
			"coverage.strata[0].probability: -0.1 is below 0"},
	} {
		got := "valid"
		if err := event.Validate(with(others()[test.index], test.change), now); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestValidateBatch(t *testing.T) {
	bad := with(interaction(), func(e *pb.Event) {
		e.Id = ""
		body(e).Verdicts[0].Score = 1.7
	})
	err := event.ValidateBatch([]*pb.Event{interaction(), bad, nil}, now)
	want := "events[1].id: is missing; events[1].interaction.verdicts[0].score: 1.7 is above 1; events[2]: is missing"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	invalid, ok := errors.AsType[*event.ValidationError](err)
	if !ok || len(invalid.Violations) != 3 {
		t.Errorf("got %v, want a *ValidationError with three violations", err)
	}
}

// A hopeless batch must not produce a hopeless error.
func TestViolationsAreBounded(t *testing.T) {
	err := event.ValidateBatch(slices.Repeat([]*pb.Event{{}}, 4096), now)
	invalid, ok := errors.AsType[*event.ValidationError](err)
	if !ok {
		t.Fatalf("got %v, want a *ValidationError", err)
	}
	if got, want := len(invalid.Violations), 1001; got != want {
		t.Errorf("got %d violations, want %d", got, want)
	}
	if got, want := invalid.Violations[1000].Reason, fmt.Sprintf("and %d more", 4096*3-1000); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkValidate(b *testing.B) {
	e := interaction()
	b.ReportAllocs()
	for b.Loop() {
		if err := event.Validate(e, now); err != nil {
			b.Fatal(err)
		}
	}
}
