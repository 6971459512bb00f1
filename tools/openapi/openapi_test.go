package main

import (
	"os"
	"path/filepath"
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
