package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/server"
)

// stored returns what redacts the stored events of a tenant.
func (s *store) stored(t event.Tenant, cfg redaction.Config) (*retention.Stored, error) {
	r, err := redaction.New(cfg)
	if err != nil {
		return nil, err
	}
	return &retention.Stored{Log: s.log, Tenant: t, Redactor: r, Policy: "test", Now: func() time.Time { return noon }}, nil
}

// redact calls RedactEvents and returns the summary.
func (s *store) redact(r *pb.RedactEventsRequest) (*pb.RedactionSummary, error) {
	s.t.Helper()
	stream, err := pb.NewRedactionServiceClient(s.conn).RedactEvents(s.t.Context(), r)
	if err != nil {
		return nil, err
	}
	var summary *pb.RedactionSummary
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return summary, nil
		}
		if err != nil {
			return nil, err
		}
		if summary != nil {
			s.t.Error("something came after the summary")
		}
		summary = m.GetSummary()
	}
}

// Who asks without a word about it changes nothing, over either protocol; who
// asks for a rewrite has it done and on record; and what the proof says of it holds.
func TestRedactEvents(t *testing.T) {
	s := start(t, nil)
	unnamed := strings.ReplaceAll(interaction("e2", "s", "nothing", "hello"), `"user":"alice@example.com"`, `"user":"[USER:aaaaaaaaaaaa]"`)
	s.must(interaction("e1", "s", "I am alice@example.com", "hello"), unnamed)
	const path = "/v1/tenants/acme/events:redact"
	for _, body := range []string{`{}`, `{"dryRun":true}`, `{"filter":"session == \"s\"","actor":"a","reason":"r"}`} {
		code, text := s.do("POST", path, body)
		if code != http.StatusOK || !strings.Contains(text, `"summary":{"dryRun":true,"looked":"2","changed":"1",`) || strings.Contains(text, "alice") {
			t.Errorf("%s: got %d %s", body, code, text)
		}
	}
	if _, text := s.do("GET", "/v1/tenants/acme/events/0", ""); !strings.Contains(text, "alice@example.com") {
		t.Errorf("a dry run changed something: %s", text)
	}
	code, text := s.do("POST", path, `{"dryRun":false,"actor":"officer","reason":"ticket 1"}`)
	if code != http.StatusOK || !strings.Contains(text, `"ledger":["2"]`) {
		t.Fatalf("got %d %s", code, text)
	}
	if _, text := s.do("GET", "/v1/tenants/acme/events/0", ""); strings.Contains(text, "alice") || !strings.Contains(text, "[EMAIL:") {
		t.Errorf("got %s", text)
	}
	got, err := s.redact(&pb.RedactEventsRequest{Tenant: "acme", DryRun: new(false), Actor: "officer", Reason: "ticket 1"})
	if err != nil || got.GetChanged() != 0 || got.GetLooked() != 2 {
		t.Errorf("again: got %v, %v", got, err)
	}
	p, err := pb.NewEventServiceClient(s.conn).ProveEvent(t.Context(), &pb.ProveEventRequest{Tenant: "acme", Seq: 0})
	if err != nil || len(p.GetRedactions()) != 1 || p.GetRedactions()[0] != 2 || string(p.GetCurrent()) == string(p.GetCommitment()) {
		t.Errorf("the proof of a redacted event: got %v, %v", p, err)
	}
	p, err = pb.NewEventServiceClient(s.conn).ProveEvent(t.Context(), &pb.ProveEventRequest{Tenant: "acme", Seq: 1})
	if err != nil || len(p.GetRedactions()) != 0 || string(p.GetCurrent()) != string(p.GetCommitment()) {
		t.Errorf("the proof of an event that stayed: got %v, %v", p, err)
	}
	if _, text := s.do("GET", "/v1/log:verify", ""); !strings.Contains(text, `"redacted":[{}]`) {
		t.Errorf("verify says %s", text)
	}
}

// What cannot be done is refused with its reason, and then nothing is.
func TestRedactEventsRefuses(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "s", "I am alice@example.com", "hello"))
	rewrite := func(actor, reason string) *pb.RedactEventsRequest {
		return &pb.RedactEventsRequest{Tenant: "acme", DryRun: new(false), Actor: actor, Reason: reason}
	}
	for _, tt := range []struct {
		name string
		r    *pb.RedactEventsRequest
		code codes.Code
		text string
	}{
		{"no tenant", &pb.RedactEventsRequest{}, codes.InvalidArgument, "tenant"},
		{"the store itself", &pb.RedactEventsRequest{Tenant: "_system"}, codes.InvalidArgument, "tenant"},
		{"another tenant", &pb.RedactEventsRequest{Tenant: "globex"}, codes.NotFound, "not found"},
		{"a filter", &pb.RedactEventsRequest{Tenant: "acme", Filter: "user =="}, codes.InvalidArgument, ""},
		{"a position", &pb.RedactEventsRequest{Tenant: "acme", Seqs: []uint64{7}}, codes.NotFound, "event 7"},
		{"positions and a filter", &pb.RedactEventsRequest{Tenant: "acme", Seqs: []uint64{0}, Filter: "true"}, codes.InvalidArgument, "seqs"},
		{"nobody", rewrite("", "r"), codes.InvalidArgument, "actor: is missing"},
		{"nothing", rewrite("a", " "), codes.InvalidArgument, "reason: is missing"},
		{"an address", rewrite("bob@example.com", "r"), codes.InvalidArgument, "actor: has personal data (EMAIL)"},
		{"another address", rewrite("a", "for bob@example.com"), codes.InvalidArgument, "reason: has personal data (EMAIL)"},
		{"control characters", rewrite("a", "r\x1b[2J"), codes.InvalidArgument, "reason: has characters"},
		{"too much", rewrite(strings.Repeat("a", 257), "r"), codes.InvalidArgument, "actor: has more than 256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.redact(tt.r)
			if got := status.Convert(err); got.Code() != tt.code || !strings.Contains(got.Message(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.code, tt.text)
			}
		})
	}
	if s.log.Size() != 1 {
		t.Errorf("the log has %d events, want 1", s.log.Size())
	}
}

// A caller who leaves in the middle of a rewrite holds nothing up and leaves a log
// that is whole: whatever was redacted by then is on record, and the same request
// does the rest.
func TestRedactEventsCallerLeaves(t *testing.T) {
	s := start(t, nil)
	const n = 300
	for i := range n {
		s.must(interaction(fmt.Sprint("e", i), "s", fmt.Sprintf("I am user%d@example.com", i), "hello"))
	}
	r := &pb.RedactEventsRequest{Tenant: "acme", DryRun: new(false), Actor: "officer", Reason: "ticket 1"}
	ctx, leave := context.WithCancel(t.Context())
	stream, err := pb.NewRedactionServiceClient(s.conn).RedactEvents(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	leave()
	// The next one gets its turn only when the first is finished with.
	if _, err := s.redact(r); err != nil {
		t.Fatal(err)
	}
	v, err := s.log.Verify(t.Context(), func(f eventlog.Finding) { t.Errorf("verify: %+v", f) }, func(eventlog.Progress) {})
	if err != nil || len(v.Redacted) != 1 || v.Redacted[0] != (eventlog.Range{First: 0, Last: n - 1}) {
		t.Errorf("got %v, %v; want all %d redacted", v.Redacted, err, n)
	}
}

// noAnalyzer does not answer.
type noAnalyzer struct{}

func (noAnalyzer) Analyze(context.Context, []string) ([][]analyzer.Span, error) {
	return nil, fmt.Errorf("%w: down", analyzer.ErrUnavailable)
}

// Where the policy's analyser is away whoever asks learns that, and not that there
// is nothing to redact.
func TestRedactEventsWithoutAnalyser(t *testing.T) {
	var s *store
	s = start(t, func(cfg *server.Config) {
		cfg.Stored = func(t event.Tenant) (*retention.Stored, error) {
			return s.stored(t, redaction.Config{Analyzer: noAnalyzer{}})
		}
	})
	s.must(interaction("e1", "s", "I am alice@example.com", "hello"))
	_, err := s.redact(&pb.RedactEventsRequest{Tenant: "acme"})
	if got := status.Convert(err); got.Code() != codes.FailedPrecondition || !strings.Contains(got.Message(), "analyser") {
		t.Errorf("got %v, want FailedPrecondition", err)
	}
}
