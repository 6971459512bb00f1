package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// policyAsking returns a policy with an analyser at the URL.
func policyAsking(t *testing.T, url string) *policy.Document {
	t.Helper()
	document, err := policy.Parse(append(policy.Default().Source(), `
redaction:
  operators: {PERSON: mask}
  analyzer: {url: '`+url+`', entities: [PERSON], timeout: 2s}
`...))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// An analyser that can never find what the policy asks it for stops the start,
// and the policy does not come on record. One that does not answer is said to,
// loudly, and what cannot be redacted is refused. One that can do it is used.
func TestAnalyserAtStart(t *testing.T) {
	knows := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/analyze" {
				answer = `[{"entity_type":"PERSON","start":0,"end":3,"score":1}]`
			}
			_, _ = io.WriteString(w, answer)
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		refused string // by the start
		loud    bool
		text    string // what becomes of "Ada"; "" where redaction fails
	}{
		{"well", knows(`["PERSON","LOCATION"]`), "", false, "[PERSON] is here"},
		{"does not know the entity", knows(`["LOCATION"]`), `not ["PERSON"]`, false, ""},
		{"is something else", knows(`<html>`), "malformed", false, ""},
		{"is ill", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }, "", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			dir := t.TempDir()
			log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			var output bytes.Buffer
			quiet := slog.New(slog.DiscardHandler)
			first, err := openPolicies(t.Context(), log, policy.Default(), nil, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Ensure(t.Context(), "acme", policy.Default()); err != nil {
				t.Fatal(err)
			}
			p, err := openPolicies(t.Context(), log, policyAsking(t, server.URL), nil, slog.New(slog.NewTextHandler(&output, nil)))
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "nothing is changed") || log.Size() != 1 {
					t.Fatalf("got %v, and %d events in the log", err, log.Size())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.redactors.close(); err != nil {
					t.Error(err)
				}
			}()
			if loud := strings.Contains(output.String(), "level=ERROR"); loud != c.loud {
				t.Errorf("said at the start:\n%s", output.String())
			}
			e := &pb.Event{Id: "e", Body: &pb.Event_Report{Report: &pb.Report{Comment: "Ada is here"}}}
			r, _, err := p.redactor("acme")
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Event(t.Context(), e, func(string) (string, error) { return "", errors.New("no pseudonym is wanted") })
			if c.text == "" && err == nil || c.text != "" && (err != nil || e.GetReport().GetComment() != c.text) {
				t.Errorf("got %q, %v, want %q", e.GetReport().GetComment(), err, c.text)
			}
			if r.waits == 0 {
				t.Error("nobody waits for the analyser")
			}
		})
	}
}

// Each tenant is redacted by its own policy, and all with the same by one
// redactor: one breaker, one set of connections.
func TestRedactorsByTenant(t *testing.T) {
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p, err := openPolicies(t.Context(), log, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	drops, err := policy.Parse(append(policy.Default().Source(), "\nredaction: {content: drop}\n"...))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ensure(t.Context(), "clinic", drops); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]string{"clinic": "", "other": "hello"} {
		r, _, err := p.redactor(event.Tenant(tenant))
		if err != nil {
			t.Fatal(err)
		}
		e := &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{Comment: "hello"}}}
		if _, err := r.Event(t.Context(), e, nil); err != nil || e.GetReport().GetComment() != want {
			t.Errorf("%s: got %q, %v", tenant, e.GetReport().GetComment(), err)
		}
	}
	a, _, _ := p.redactor("other")
	b, _, _ := p.redactor("third")
	if a.Redactor != b.Redactor {
		t.Error("one policy has two redactors")
	}
}
