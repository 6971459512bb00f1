package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The policies by which the documentation explains itself are valid.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, public := keys(t)
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of YAML, want 3", len(blocks))
	}
	for _, block := range blocks {
		source := strings.ReplaceAll(block[1], `{"primaryKeyId":…}`, public)
		if !strings.Contains(source, "classes:") {
			source = minimal + source
		}
		d := mustParse(t, source)
		if r := d.Redaction(); strings.Contains(source, "redaction:") && len(r.Regions) != 2 {
			t.Errorf("it says of redaction %+v", r)
		}
		if strings.Contains(source, "review_by:") && d.Rationale().ReviewBy.IsZero() {
			t.Error("it has no date of review")
		}
		if left := d.Warnings(time.Time{}); strings.Contains(block[1], "classes:") && len(left) > 0 {
			t.Errorf("the first example has warnings: %v", left)
		}
	}
}
