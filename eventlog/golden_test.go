package eventlog

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
)

var update = flag.Bool("update", false, "write golden files that are missing")

// A store that an earlier version wrote is read, verified and appended to. The
// stores under testdata are never changed; a new format adds another.
func TestGoldenStore(t *testing.T) {
	golden := filepath.Join("testdata", "store.v1")
	if _, err := os.Stat(golden); errors.Is(err, os.ErrNotExist) && *update {
		cfg := config(t)
		cfg.Dir, cfg.KeysDir = filepath.Join(golden, "data"), filepath.Join(golden, "keys")
		l := open(t, cfg)
		add(t, l, "acme", 0, 300)
		add(t, l, "umbrella", 0, 10)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "keys", "kek.json"), 0o600); err != nil { // CopyFS makes it readable
		t.Fatal(err)
	}
	cfg := config(t)
	cfg.Dir, cfg.KeysDir = filepath.Join(dir, "data"), filepath.Join(dir, "keys")
	l := open(t, cfg)
	for n := range 300 {
		e, err := l.Read(t.Context(), "acme", event.Seq(n))
		if err != nil {
			t.Fatal(err)
		}
		same(t, e, n)
	}
	check(t, l)
	add(t, l, "acme", 300, 320)
	check(t, l)
}

// A newer format is refused with what to do, and left alone.
func TestNewerFormatIsRefused(t *testing.T) {
	cfg := tamperable(t, nil)
	_, vals := values(t, cfg, "\x00")
	newer := append([]byte(nil), vals[0]...)
	newer[len(storeMagic)+3]++
	put(t, cfg, key1(spaceStore), newer)
	_, err := Open(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Fatalf("got %v, want an error that names format 2", err)
	}
	put(t, cfg, key1(spaceStore), vals[0])
	check(t, open(t, cfg))
}

// docs/format.md shows the keyspace as the package comment does.
func TestFormatDocumentShowsTheKeyspace(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "docs", "format.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(source)) {
		row, ok := strings.CutPrefix(line, "//\t")
		if !ok || !strings.Contains(row, "   ") || strings.Contains(row, ":=") {
			continue
		}
		rows++
		if !strings.Contains(string(doc), strings.TrimSpace(row)) {
			t.Errorf("docs/format.md lacks the row %q", strings.TrimSpace(row))
		}
	}
	if rows < 15 {
		t.Fatalf("found %d rows of the keyspace, want at least 15", rows)
	}
}
