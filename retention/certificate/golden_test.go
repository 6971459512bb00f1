package certificate

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files that are missing")

// Certificates that an earlier version issued verify, and their pages are rendered
// as they were. The files under testdata are never changed; a new format adds others.
func TestGolden(t *testing.T) {
	name := func(ending string) string { return filepath.Join("testdata", "certificate.v1."+ending) }
	if _, err := os.Stat(name("json")); errors.Is(err, os.ErrNotExist) && *update {
		r := newRig(t, nil)
		c := sampleOf(r)
		for ending, data := range map[string][]byte{"json": c.JSON(), "html": c.HTML(), "key": []byte(r.log.VerifierKey() + "\n")} {
			if err := os.WriteFile(name(ending), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := map[string][]byte{}
	for _, ending := range []string{"json", "html", "key"} {
		var err error
		if files[ending], err = os.ReadFile(name(ending)); err != nil {
			t.Fatal(err)
		}
	}
	key := strings.TrimSpace(string(files["key"]))
	fromJSON, err := Verify(files["json"], key)
	if err != nil {
		t.Fatal(err)
	}
	fromHTML, err := Verify(files["html"], key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromHTML); diff != "" {
		t.Errorf("document and page (-document +page):\n%s", diff)
	}
	if fromJSON.Deleted.Events != 22 || fromJSON.Deleted.Blocks == 0 || len(fromJSON.Epochs) != 2 || fromJSON.Complete {
		t.Errorf("got %+v, %+v", fromJSON.Stated, fromJSON.Deleted)
	}
}

// The signature is of what anybody can make of the file: docs/certificates.md says how.
func TestSumOfStrangers(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	c := filepath.Join("testdata", "certificate.v1.json")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "certificates.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(page), "```python\n")
	program, _, shown := strings.Cut(program, "```")
	if !shown {
		t.Fatal("docs/certificates.md shows no program")
	}
	said, err := exec.CommandContext(t.Context(), python, "-c", program, c).Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(c)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Signature string }
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(f.Signature, "\n"); lines[1] != string(bytes.TrimSpace(said)) {
		t.Errorf("python says %s, the signature is of %s", said, lines[1])
	}
}

// An expiry of many events is certified in seconds and megabytes: with
// AFTERIMAGE_BENCH_EVENTS=1000000, of a million.
func BenchmarkBuild(b *testing.B) {
	events := 100_000
	if s := os.Getenv("AFTERIMAGE_BENCH_EVENTS"); s != "" {
		if err := json.Unmarshal([]byte(s), &events); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b, nil)
	r.add(events, "routine")
	r.expire("expiry", "routine")
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		c, err := Build(b.Context(), r.log, acme, "expiry", r.now)
		if err != nil {
			b.Fatal(err)
		}
		size = len(c.JSON())
		if v, err := Verify(c.JSON(), r.log.VerifierKey()); err != nil || v.Deleted.Events != uint64(events) {
			b.Fatal(v, err)
		}
	}
	b.ReportMetric(float64(size), "bytes/certificate")
}

// Whatever is cut out of a certificate or put into it, it is refused without a crash,
// unless it is as it was issued.
func FuzzVerify(f *testing.F) {
	var issued [][]byte
	for _, ending := range []string{"json", "html"} {
		data, err := os.ReadFile(filepath.Join("testdata", "certificate.v1."+ending))
		if err != nil {
			f.Fatal(err)
		}
		issued = append(issued, data)
	}
	f.Add(false, uint16(0), uint16(0), "")
	f.Add(true, uint16(100), uint16(7), "x")
	f.Add(false, uint16(500), uint16(0), "null")
	f.Fuzz(func(t *testing.T, page bool, at, out uint16, in string) {
		data := issued[0]
		if page {
			data = issued[1]
		}
		from := int(at) % (len(data) + 1)
		changed := slices.Concat(data[:from], []byte(in), data[min(from+int(out), len(data)):])
		if _, err := Verify(changed, ""); (err == nil) != bytes.Equal(changed, data) {
			t.Fatalf("%d bytes cut out at %d and %q put in: got %v", out, from, in, err)
		}
	})
}
