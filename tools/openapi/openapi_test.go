package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/speakeasy-api/openapi/openapi"
)

const described = "../../server/openapi.json"

// The description that the server hands out is one that others can work with.
func TestDescriptionIsClean(t *testing.T) {
	report, err := lint(t.Context(), "rules.yaml", described)
	if report != "" || err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}

// A check that finds nothing whatever it is given would be no check.
func TestLintFinds(t *testing.T) {
	text, err := os.ReadFile(described)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, replacement, want string }{
		{`"in": "path"`, `"in": "query"`, "semantic-path-params"},
		{`#/components/schemas/Checkpoint`, `#/components/schemas/Chekpoint`, "resolution"},
		{`"operationId": "GetCheckpoint"`, `"operationId": "VerifyLog"`, "VerifyLog"},
		{`"type": "boolean"`, `"type": "bool"`, "bool"},
	} {
		file := filepath.Join(t.TempDir(), "openapi.json")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.replacement, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := lint(t.Context(), "rules.yaml", file)
		if err != nil || !strings.Contains(report, c.want) {
			t.Errorf("%s for %s: got %v and %q, want %s in it", c.replacement, c.old, err, report, c.want)
		}
	}
}

// A rule that is spelt wrong would be passed over.
func TestUnknownRule(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte("extends: all\nrules: [{id: no-such-rule, disabled: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lint(t.Context(), file, described); err == nil || !strings.Contains(err.Error(), "no-such-rule is no rule") {
		t.Errorf("got %v, want the rule's name", err)
	}
}

func TestSummarize(t *testing.T) {
	for _, c := range []struct{ comment, summary string }{
		{"Reads one event.", "Reads one event"},
		{"Counts what\nthere is. And says so.", "Counts what there is"},
		{"Reads 1.5 events.\n\nSlowly.", "Reads 1.5 events"},
	} {
		o := &openapi.Operation{Summary: &c.comment}
		summarize(o)
		if o.GetSummary() != c.summary || o.GetDescription() != c.comment {
			t.Errorf("%q: got %q and %q, want %q and all of it", c.comment, o.GetSummary(), o.GetDescription(), c.summary)
		}
	}
}

// A program that was generated from the description refuses what the store would
// refuse.
func TestRequired(t *testing.T) {
	text, err := os.ReadFile(described)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name     string
				Required bool
			}
		}
		Components struct {
			Schemas map[string]struct{ Required []string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, p := range doc.Paths["/v1/tenants/{tenant}/events:lookup"]["get"].Parameters {
		got[p.Name] = p.Required
	}
	if want := map[string]bool{"tenant": true, "id": true, "readMask": false}; !maps.Equal(got, want) {
		t.Errorf("parameters of events:lookup: got %v, want %v", got, want)
	}
	if got, want := doc.Components.Schemas["ExportEventsBody"].Required, []string{"actor", "reason"}; !slices.Equal(got, want) {
		t.Errorf("body of events:export: got %v, want %v", got, want)
	}
}
