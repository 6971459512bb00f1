package redaction

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/analyzer"
)

// nameAnalyzer takes every Zorblax and the letter behind it for a person.
type nameAnalyzer struct {
	t     *testing.T
	calls int
	err   error
}

func (a *nameAnalyzer) Analyze(_ context.Context, texts []string) ([][]analyzer.Span, error) {
	a.calls++
	spans := make([][]analyzer.Span, len(texts))
	for i, s := range texts {
		if strings.Contains(s, "@") {
			a.t.Errorf("the analyser is sent an address: %q", s)
		}
		for at := 0; ; {
			n := strings.Index(s[at:], "Zorblax")
			if n < 0 {
				break
			}
			at += n
			spans[i] = append(spans[i], analyzer.Span{Type: "PERSON", Start: at, End: at + len("Zorblax"), Score: 0.9}, analyzer.Span{Type: "DATE", Start: at, End: at + 3})
			at += len("Zorblax")
		}
	}
	return spans, a.err
}

// TestAnalyzer makes sure that names in all texts of an event go, in JSON and
// across seams, in one batch, that JSON stays JSON, and that deltas follow.
func TestAnalyzer(t *testing.T) {
	a := &nameAnalyzer{t: t}
	r := newRedactor(t, Config{Analyzer: a})
	e := parseEvent(t, `{"interaction":{"input":[{"parts":[{"text":"I am Zorblax, bob@example.com"},{"toolCall":{"arguments":"{\"to\":\"Mr \\\"Zorblax\\\"\",\"n\":[1,\"Zorblax\"]}"}}]}],
		"output":[{"parts":[{"text":"Hello Zor"},{"text":"blax!"}]}],"deltas":[{"bytes":5},{"bytes":6},{"bytes":3}]}}`)
	counts, err := r.Event(t.Context(), e, pseudonym)
	if err != nil || a.calls != 1 || counts["PERSON"] != 4 || counts["EMAIL"] != 1 || counts["DATE"] != 0 {
		t.Fatalf("%d calls, %v, %v", a.calls, counts, err)
	}
	if s := e.String(); strings.Contains(s, "Zorblax") || strings.Contains(s, "blax") {
		t.Errorf("a name is left in %s", s)
	}
	in := e.GetInteraction()
	if args := in.Input[0].Parts[1].GetToolCall().Arguments; !json.Valid([]byte(args)) {
		t.Errorf("arguments are no longer JSON: %s", args)
	}
	text := in.Output[0].Parts[0].GetText() + in.Output[0].Parts[1].GetText()
	n := 0
	for _, d := range in.Deltas {
		n += int(d.Bytes)
	}
	if n != len(text) || !strings.HasPrefix(text, "Hello [PERSON:") || !strings.HasSuffix(text, "]!") {
		t.Errorf("output is %q, its deltas have %d bytes", text, n)
	}
	if out, _, err := r.Text(t.Context(), "Zorblax was here", pseudonym); err != nil || !strings.HasPrefix(out, "[PERSON:") {
		t.Errorf("Text makes %q, %v", out, err)
	}
}

// TestAnalyzerFailsClosed: without its answer nothing is returned.
func TestAnalyzerFailsClosed(t *testing.T) {
	r := newRedactor(t, Config{Analyzer: &nameAnalyzer{t: t, err: analyzer.ErrUnavailable}})
	e := &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{Comment: "by Zorblax"}}}
	if _, err := r.Event(t.Context(), e, pseudonym); !errors.Is(err, analyzer.ErrUnavailable) {
		t.Errorf("Event: %v", err)
	}
	if out, _, err := r.Text(t.Context(), "by Zorblax", pseudonym); !errors.Is(err, analyzer.ErrUnavailable) || out != "" {
		t.Errorf("Text: %q, %v", out, err)
	}
}
