package bag

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 20, 8, 0, 1, 0, time.FixedZone("CET", 3600))

// written returns a bag of two files of the payload and two others.
func written(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, "bag-1", at)
	for name, text := range map[string]string{"data/50%.json": "{}\n", "proofs/a": strings.Repeat("proof", 1000)} {
		if err := w.Add(Pack(name, []byte(text))); err != nil {
			t.Fatal(err)
		}
		f, err := w.Create(strings.Replace(name, "/", "/streamed/", 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close([]Field{{"Source-Organization", "example.org/log"}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func checked(t testing.TB, fsys fs.FS) (Report, []Problem) {
	t.Helper()
	var problems []Problem
	r, err := Check(t.Context(), fsys, func(p Problem) { problems = append(problems, p) })
	if err != nil {
		t.Fatal(err)
	}
	return r, problems
}

// What is put into a bag is what is found in it, packed or streamed, in a zip file
// or unpacked, with names that manifests must spell otherwise.
func TestRoundTrip(t *testing.T) {
	zipped := written(t)
	name := filepath.Join(t.TempDir(), "bag.zip")
	if err := os.WriteFile(name, zipped, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fsys, closer, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if err := os.CopyFS(dir, fsys); err != nil {
		t.Fatal(err)
	}
	unpacked, root, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for what, fsys := range map[string]fs.FS{"zip": fsys, "directory": unpacked} {
		r, problems := checked(t, fsys)
		if len(problems) > 0 || r.Files != 2 || r.Octets != 6 || len(r.SHA256) != 10 || Value(r.Info, "Source-Organization") != "example.org/log" {
			t.Errorf("%s: got %+v, problems %v", what, r, problems)
		}
		if sum := r.SHA256; sum["data/50%.json"] != sum["data/streamed/50%.json"] || sum["data/50%.json"] == sum["proofs/a"] {
			t.Errorf("%s: packed and streamed are not the same", what)
		}
	}
	text, err := fs.ReadFile(fsys, "manifest-sha256.txt")
	if err != nil || !strings.Contains(string(text), "  data/50%25.json\n") {
		t.Errorf("got manifest %s, error %v", text, err)
	}
}

// A download that broke off is no bag, wherever it did.
func TestCutShort(t *testing.T) {
	zipped := written(t)
	for n := range zipped {
		if _, err := OpenZip(bytes.NewReader(zipped[:n]), int64(n)); !errors.Is(err, ErrNoBag) {
			t.Fatalf("%d of %d bytes: got error %v, want ErrNoBag", n, len(zipped), err)
		}
	}
}

// A zip file cannot have anything read, or overlooked, that is not in its one
// directory.
func TestHostileZip(t *testing.T) {
	for _, names := range [][]string{
		{}, {"bag/bagit.txt", "other/x"}, {"bag/bagit.txt", "bag/../x"}, {"bag/bagit.txt", "/bag/x"}, {"bag/bagit.txt", "x"},
		{"bag/bagit.txt", "bag/x", "bag/x"}, {"bag/bagit.txt", "bag//x"}, {"../bag/bagit.txt"}, {"bag/x", "bag/x/"},
	} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range names {
			if _, err := w.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenZip(bytes.NewReader(b.Bytes()), int64(b.Len())); !errors.Is(err, ErrNoBag) {
			t.Errorf("%q: got error %v, want ErrNoBag", names, err)
		}
	}
}

// A link in a directory leads nowhere else, and is said to be there.
func TestLinks(t *testing.T) {
	fsys, err := OpenZip(bytes.NewReader(written(t)), int64(len(written(t))))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "bag")
	if err := os.CopyFS(dir, fsys); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	text, err := os.ReadFile(filepath.Join(dir, "data", "50%.json"))
	if err == nil {
		err = errors.Join(os.WriteFile(outside, text, 0o600), os.Remove(filepath.Join(dir, "data", "50%.json")), os.Symlink(outside, filepath.Join(dir, "data", "50%.json")))
	}
	if err != nil {
		t.Fatal(err)
	}
	linked, closer, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if _, problems := checked(t, linked); len(problems) == 0 || problems[0] != (Problem{"data/50%.json", "is no plain file", false}) {
		t.Errorf("got %v", problems)
	}
}

// Of a bag in which one file was changed the one that was is named, once and first;
// all else is said to follow. So it is where that file is a manifest.
func TestNamesWhatWasChanged(t *testing.T) {
	whole, err := OpenZip(bytes.NewReader(written(t)), int64(len(written(t))))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, now string) func([]byte) []byte {
		return func(text []byte) []byte { return bytes.ReplaceAll(text, []byte(old), []byte(now)) }
	}
	for _, c := range []struct {
		file   string
		change func([]byte) []byte // nil: removed
		reason string
	}{
		{"data/50%.json", swap("{", "["), "is not what manifest-sha256.txt says"},
		{"data/50%.json", nil, "is missing, and in manifest-sha256.txt"},
		{"proofs/a", swap("proof", "prose"), "is not what tagmanifest-sha256.txt says"},
		{"manifest-sha256.txt", swap("data/streamed/", "data/striemed/"), "is not what tagmanifest-sha256.txt says"},
		{"manifest-sha512.txt", nil, "is missing, and in tagmanifest-sha256.txt"},
		{"tagmanifest-sha512.txt", swap("proofs/a", "proofs/b"), "lacks proofs/a, which is in tagmanifest-sha256.txt"},
		{"tagmanifest-sha512.txt", swap("0", "1"), "says another hash of bag-info.txt than it has, and tagmanifest-sha256.txt the one that it has"},
		{"bag-info.txt", swap("6.2", "6.3"), "is not what tagmanifest-sha256.txt says"},
	} {
		dir := t.TempDir()
		err := os.CopyFS(dir, whole)
		name := filepath.Join(dir, c.file)
		if err == nil && c.change == nil {
			err = os.Remove(name)
		} else if err == nil {
			text, _ := os.ReadFile(name)
			err = os.WriteFile(name, c.change(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, problems := checked(t, os.DirFS(dir))
		for i, p := range problems {
			if first := i == 0; first && p != (Problem{c.file, c.reason, false}) || !first && !p.Follows {
				t.Errorf("%s: problem %d is %+v, want first that it %s, and that others follow", c.file, i, p, c.reason)
			}
		}
		if len(problems) == 0 {
			t.Errorf("%s: it is not found that %s", c.file, c.reason)
		}
	}
}

// What is no bag is said to be none, and not one with problems.
func TestNoBag(t *testing.T) {
	if _, err := Check(t.Context(), os.DirFS(t.TempDir()), func(Problem) {}); !errors.Is(err, ErrNoBag) {
		t.Errorf("an empty directory: got error %v, want ErrNoBag", err)
	}
	name := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(name, []byte("PK\x03\x04"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(name); !errors.Is(err, ErrNoBag) {
		t.Errorf("got error %v, want ErrNoBag", err)
	}
}

// A field with a line of its own could say anything in bag-info.txt.
func TestInfoRefuses(t *testing.T) {
	for _, f := range []Field{{"A", "b\nPayload-Oxum: 1.1"}, {"A\r", "b"}, {"A: b", "c"}, {"A", " b"}} {
		if text, err := infoText([]Field{f}); err == nil {
			t.Errorf("%q became %q", f, text)
		}
	}
}

// A manifest has one spelling: whatever is read as one is what would be written.
func FuzzManifest(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	for _, text := range []string{"", sum + "  data/a\n", sum + "  a%25\n" + sum + "  b\n", sum + " *data/a\n", strings.ToUpper(sum) + "  a\n", sum + "  a"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		listed, err := parseManifest(text, 32)
		if err != nil {
			return
		}
		var files []entry
		for name, sum := range listed {
			files = append(files, entry{name: name, sha256: [32]byte(sum)})
		}
		if again := manifest(files, func(e *entry) []byte { return e.sha256[:] }); !bytes.Equal(again, text) {
			t.Errorf("%q was read and is written as %q", text, again)
		}
	})
}

// Packing is most of what a bag takes.
func BenchmarkPack(b *testing.B) {
	text := []byte(fmt.Sprintf("%q", strings.Repeat("what users saw, ", 300)))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Pack("data/records/1.json", text)
	}
}
