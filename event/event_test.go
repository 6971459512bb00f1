package event_test

import (
	"bufio"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// now is when the tests take place.
var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// interaction is a valid event with every field that a publisher may set.
func interaction() *pb.Event {
	text := func(role, s string) *pb.Message {
		return &pb.Message{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: s}}}}
	}
	return &pb.Event{
		Id:      "019aa5c0-7b1e-7000-8000-000000000001",
		Time:    timestamppb.New(now),
		Session: "c-17",
		Turn:    1,
		User:    "alice@example.com",
		Source: &pb.Source{Service: "chat", Version: "4.2.0", Instance: "chat-7",
			Deployment: "medical-triage", Environment: "prod", Region: "eu"},
		Capture: &pb.Capture{Probability: new(0.25), Rule: "always", Trigger: "report", Sequence: 42,
			Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 2}},
			Escrow:     []*pb.Sealed{{Type: "EMAIL", Token: "k7m2qa5d3hx4", Ciphertext: []byte{1, 0xff}}}},
		Trace: &pb.Trace{TraceId: "4bf92f3577b34da6a3ce929d0e0e4736", SpanId: "00f067aa0ba902b7"},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model: &pb.Model{Provider: "openai", Name: "gpt-4o", Version: "2026-08-06", Fingerprint: "fp_1"},
			Parameters: &pb.Parameters{Temperature: new(0.7), TopP: new(0.9), TopK: new(int32(40)),
				MaxTokens: new(int32(512)), Seed: new(int64(-7)), Stop: []string{"\n", "</s>"}},
			Input: []*pb.Message{text("system", "Be kind."), text("user", "Löst 水 \"salt\"?\n\tA tab, a 😀 and a \\.")},
			Retrieved: []*pb.Document{{Id: "d1", Uri: "https://example.com/d1", Title: "Salt",
				Text: "Salt dissolves.", Score: new(12.5)}},
			Output: []*pb.Message{{Role: "assistant", Parts: []*pb.Part{
				{Kind: &pb.Part_Reasoning{Reasoning: "Easy."}},
				{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "t1", Name: "lookup", Arguments: `{"q":1}`}}},
				{Kind: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "t1", Result: "[1]", Error: "late"}}},
				{Kind: &pb.Part_Blob{Blob: &pb.Blob{MediaType: "image/png", Sha256: make([]byte, 32), Size: 9, Uri: "s3://b/k"}}},
				{Kind: &pb.Part_Text{Text: "Yes."}},
			}}},
			Shown:  []*pb.Message{text("assistant", "I cannot say.")},
			Deltas: []*pb.Delta{{OffsetMs: 20, Bytes: 5}, {OffsetMs: 20, Bytes: 4}, {OffsetMs: 31, Bytes: 4}},
			Verdicts: []*pb.Verdict{{Scope: pb.Verdict_OUTPUT, Classifier: &pb.Classifier{Name: "shield", Version: "3"},
				Category: "self_harm", Score: 0.91, Threshold: new(0.5), Action: pb.Verdict_REPLACED}},
			FinishReason:     "stop",
			Usage:            &pb.Usage{InputTokens: 12, OutputTokens: 1 << 60},
			TimeToFirstToken: durationpb.New(150 * time.Millisecond),
			Duration:         durationpb.New(2 * time.Second),
		}},
	}
}

// others returns a valid event of each kind of evidence but interactions.
func others() []*pb.Event {
	event := func(id string) *pb.Event { return &pb.Event{Id: id, Time: timestamppb.New(now)} }
	verdict, report, action, coverage := event("v"), event("r"), event("a"), event("c")
	verdict.Body = &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e1", Category: "hate", Score: 1}}
	report.Body = &pb.Event_Report{Report: &pb.Report{Session: "c-17", Reporter: pb.Report_USER,
		Category: "harmful", Comment: "It told me to."}}
	action.Body = &pb.Event_Action{Action: &pb.Action{Target: "e1", Kind: pb.Action_REFUSAL_CARD,
		Name: "card-1", Text: "We cannot help."}}
	coverage.Body = &pb.Event_Coverage{Coverage: &pb.Coverage{
		Start: timestamppb.New(now.Add(-time.Minute)), End: timestamppb.New(now),
		Strata: []*pb.Coverage_Stratum{{Rule: "base", Model: "gpt-4o", Deployment: "d", Probability: new(0.05), Seen: 9, Captured: 9}},
	}}
	return []*pb.Event{verdict, report, action, coverage}
}

// with returns a copy of e that f has changed.
func with(e *pb.Event, f func(*pb.Event)) *pb.Event {
	e = proto.CloneOf(e)
	f(e)
	return e
}

// corpusFiles returns the files of the shared corpus, none where it is absent.
func corpusFiles(tb testing.TB) []string {
	tb.Helper()
	dir := os.Getenv("AFTERIMAGE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "corpus", "*.ndjson.zst"))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// corpus yields up to limit lines of each of the corpus' files (0: all); a
// line is valid until the next.
func corpus(tb testing.TB, limit int) iter.Seq2[string, []byte] {
	files := corpusFiles(tb)
	return func(yield func(string, []byte) bool) {
		for _, name := range files {
			if !corpusFile(tb, name, limit, yield) {
				return
			}
		}
	}
}

func corpusFile(tb testing.TB, name string, limit int, yield func(string, []byte) bool) bool {
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 4<<20)
	for n := 0; lines.Scan() && (limit == 0 || n < limit); n++ {
		if !yield(filepath.Base(name), lines.Bytes()) {
			return false
		}
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return true
}
