package cases

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// shared returns the path of a file of the shared cases, or skips the test by
// name.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "..", "shared")), "redaction-cases", name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", path)
	}
	return path
}

// TestShared measures the detectors on the shared cases.
func TestShared(t *testing.T) {
	for _, name := range []string{"detect.jsonl.gz", "validate.jsonl.gz", "document.jsonl.gz"} {
		all, err := Read(shared(t, name))
		if err != nil {
			t.Fatal(err)
		}
		report, err := Score(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		report.Print(t.Output())
		if os.Getenv("AFTERIMAGE_MISSES") != "" {
			for _, m := range report.Misses {
				t.Log(m)
			}
		}
	}
}
