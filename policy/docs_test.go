package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"
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
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML, want 2", len(blocks))
	}
	for _, block := range blocks {
		source := strings.ReplaceAll(block[1], `{"primaryKeyId":…}`, public)
		if !strings.Contains(source, "classes:") {
			source = minimal + source
		}
		if r := mustParse(t, source).Redaction(); len(r.Regions) != 2 {
			t.Errorf("it says of redaction %+v", r)
		}
	}
}
