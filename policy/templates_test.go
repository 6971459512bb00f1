package policy

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Every template is a policy of which nothing is left to say but who reviews it
// and when, and the documentation names it.
func TestTemplates(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil || len(files) != len(Templates()) {
		t.Errorf("%d files, %v, for %d templates", len(files), err, len(Templates()))
	}
	for _, template := range Templates() {
		t.Run(template.Name, func(t *testing.T) {
			d := mustParse(t, template.Source)
			want := []string{"rationale names no reviewers", "rationale has no review_by: nobody is reminded"}
			for i, w := range d.Warnings(time.Time{}) {
				if i >= len(want) || w.Reason != want[i] {
					t.Errorf("warning: %s", w)
				}
			}
			if !strings.HasSuffix(template.Summary, ".") || strings.ContainsAny(template.Summary, "#\n") {
				t.Errorf("summary %q is no sentence", template.Summary)
			}
			if !strings.Contains(string(page), "`"+template.Name+"`") {
				t.Error("the documentation does not name it")
			}
			named := strings.NewReplacer("# reviewers:", "reviewers:", "# review_by:", "review_by:").Replace(template.Source)
			if left := mustParse(t, named).Warnings(time.Time{}); len(left) > 0 {
				t.Errorf("with reviewers and a date there is still %v", left)
			}
		})
	}
}

// Six months by the calendar are never over before the floor of the AI Act's
// template is: neither for what is stored at the end of a day nor at its beginning.
func TestSixMonths(t *testing.T) {
	var d *Document
	for _, template := range Templates() {
		if template.Name == "eu-ai-act" {
			d = mustParse(t, template.Source)
		}
	}
	if d.QuarantineKeep() < 184*day {
		t.Errorf("quarantined messages are kept for %s", Span(d.QuarantineKeep()))
	}
	for _, c := range d.Classes() {
		longest := time.Duration(0)
		for stored := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); stored.Year() < 2426; stored = stored.AddDate(0, 0, 1) {
			end := stored.AddDate(0, 0, 1)
			longest = max(longest, end.AddDate(0, 6, 0).Sub(end))
		}
		if c.Min < longest || longest != 184*day {
			t.Errorf("class %s is promised for %s, six months are up to %s", c.Name, Span(c.Min), Span(longest))
		}
	}
}
