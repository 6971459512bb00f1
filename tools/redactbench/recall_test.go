package redactbench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/cases"
)

// TestRecall counts, by source, the secrets of the shared cases that each way
// finds. A secret is found when one finding has the whole of it. A way that
// finds none measures nothing.
func TestRecall(t *testing.T) {
	r, err := redaction.New(redaction.Config{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	expressions := patterns()
	token := func(string) (string, error) { return "aaaaaaaaaaaa", nil }
	finders := map[string]func(text, secret string, sp cases.Span) bool{
		"afterimage": func(text, _ string, sp cases.Span) bool {
			_, found, err := r.Text(t.Context(), text, token)
			return err == nil && slices.ContainsFunc(found, func(f redaction.Finding) bool { return f.Start <= sp.Start && sp.End <= f.End })
		},
		"gitleaks": func(text, secret string, _ cases.Span) bool {
			for _, f := range d.DetectString(text) {
				if strings.Contains(f.Secret, secret) {
					return true
				}
			}
			return false
		},
		"regexp": func(text, _ string, sp cases.Span) bool {
			for _, p := range expressions {
				for _, at := range p.FindAllStringIndex(text, -1) {
					if at[0] <= sp.Start && sp.End <= at[1] {
						return true
					}
				}
			}
			return false
		},
	}
	all := slices.DeleteFunc(labelled(t, "detect.jsonl.gz"), func(c cases.Case) bool { return !isSecret(c) })
	for name, finds := range finders {
		want, got := map[string]int{}, map[string]int{}
		for _, c := range all {
			for _, sp := range c.Spans {
				for _, key := range []string{"all", c.Source + "/" + c.Tier} {
					want[key]++
					if finds(c.Text, c.Text[sp.Start:sp.End], sp) {
						got[key]++
					}
				}
			}
		}
		t.Logf("%s finds %v of %v", name, got, want)
		if got["all"] == 0 {
			t.Errorf("%s finds nothing", name)
		}
	}
}
