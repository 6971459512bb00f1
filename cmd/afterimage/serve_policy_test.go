package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/retention"
)

// On a store that serves, a policy whose analyser cannot do what it asks for, or
// does not answer, is refused and not on record: no event would get into the log.
// A preview of it says so too. One whose analyser can is put in force.
func TestAnalyserOfAChange(t *testing.T) {
	answers := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		refused func(error) bool // nil: it is not
	}{
		{"well", answers(`["PERSON"]`), nil},
		{"does not know the entity", answers(`["LOCATION"]`), func(err error) bool {
			wrong, is := errors.AsType[*query.RequestError](err)
			return is && wrong.Field == "document" && strings.Contains(wrong.Reason, "PERSON")
		}},
		{"is ill", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) },
			func(err error) bool { return errors.Is(err, analyzer.ErrUnavailable) }},
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
			p, err := openPolicies(t.Context(), log, nil, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.redactors.close(); err != nil {
					t.Error(err)
				}
			}()
			if err := p.Ensure(t.Context(), "acme", policy.Default()); err != nil {
				t.Fatal(err)
			}
			document := policyAsking(t, server.URL)
			_, previewed := p.preview(t.Context(), "acme", document, func(eventlog.ForgetProgress) {})
			err = p.change(t.Context(), "acme", retention.Change{Document: document, Replaces: policy.Default().Version()})
			in, _ := p.InForce("acme")
			if c.refused == nil {
				if previewed != nil || err != nil || in.GetVersion() != document.Version() {
					t.Errorf("got %v and %v, in force is %s", previewed, err, in.GetVersion())
				}
				return
			}
			if !c.refused(previewed) || !c.refused(err) {
				t.Errorf("preview: %v, change: %v", previewed, err)
			}
			if in.GetVersion() != policy.Default().Version() || log.Size() != 1 {
				t.Errorf("in force is %s, and %d events are in the log", in.GetVersion(), log.Size())
			}
			if _, made := p.redactors.made(document.Version()); made {
				t.Error("the redactor of a policy that is not in force is kept")
			}
		})
	}
}
