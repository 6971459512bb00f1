package eventlog

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
)

var update = flag.Bool("update", false, "write golden files that are missing")

// A store that an earlier version wrote is read, verified, searched and
// appended to. The stores under testdata are never changed; a new format adds
// another.
func TestGoldenStore(t *testing.T) {
	for _, name := range []string{
		"store.v1", // blocks without filters, one epoch
		"store.v2", // blocks with filters; events were forgotten
		"store.v3", // events were redacted
		"store.v4", // blocks with sketches
	} {
		t.Run(name, func(t *testing.T) { goldenStore(t, filepath.Join("testdata", name)) })
	}
}

func goldenStore(t *testing.T, golden string) {
	if _, err := os.Stat(golden); errors.Is(err, os.ErrNotExist) && *update {
		cfg := config(t)
		cfg.Dir, cfg.KeysDir = filepath.Join(golden, "data"), filepath.Join(golden, "keys")
		l := open(t, cfg)
		add(t, l, "acme", 0, 300)
		add(t, l, "umbrella", 0, 10)
		forget(t, l, erasure("umbrella", "r1", 305, 306))
		redact(t, l, redaction("umbrella", "r2", 301, 302, 303))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	copyDir(t, golden, dir)
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
	if strings.HasSuffix(golden, ".v3") || strings.HasSuffix(golden, ".v4") {
		e, err := l.Read(t.Context(), "umbrella", 302)
		if err != nil {
			t.Fatal(err)
		}
		sameHidden(t, e, 2)
	}
	check(t, l)
	if alike, err := l.Alike(t.Context(), "acme", Selection{}, Likeness{"question number 117 about the dose!", 1, []event.Voice{event.Asked}}); err != nil || len(alike.Texts) != 1 || alike.Texts[0].Sightings[0].Seq != 117 {
		t.Errorf("what is like the text of event 117: got %+v, %v", alike, err)
	}
	word := Selection{Words: anyOf(words.Of("Question 117"))}
	if found := seqs(t, l, "acme", word); !slices.Contains(found, 117) {
		t.Errorf("a search for words of event 117 found %d, without it", found)
	}
	add(t, l, "acme", 300, 320)
	check(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	check(t, l)
	if found := seqs(t, l, "acme", word); !slices.Contains(found, 117) {
		t.Errorf("after a rebuild, a search for words of event 117 found %d, without it", found)
	}
}

// A newer format is refused with what to do, and left alone.
func TestNewerFormatIsRefused(t *testing.T) {
	cfg := tamperable(t, nil)
	_, vals := values(t, cfg, "\x00")
	newer := append([]byte(nil), vals[0]...)
	newer[len(storeMagic)+3]++
	put(t, cfg, key1(spaceStore), newer)
	_, err := Open(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "format 5") {
		t.Fatalf("got %v, want an error that names format 5", err)
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
