package redaction

import (
	"cmp"
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
