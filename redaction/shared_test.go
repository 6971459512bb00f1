package redaction

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// shared opens a file of the shared test data, or skips the test by name.
func shared(t testing.TB, name string) *os.File {
	t.Helper()
	dir := cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "shared"))
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A detectCase is a text with the places of one kind of entity in it.
type detectCase struct {
	ID, Source, Entity, Text, Expect, Locale, Tier string
	NearMiss                                       bool `json:"near_miss"`
	WithContext                                    bool `json:"with_context"`
	Spans                                          []struct{ Start, End int }
}

// readCases reads the shared cases of single entities.
func readCases(t testing.TB) []detectCase {
	zr, err := gzip.NewReader(shared(t, "redaction-cases/detect.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []detectCase
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c detectCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}
