package keyring

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sameKeys checks that the directory holds the keys that r opened.
func sameKeys(t *testing.T, r *Ring, opts Options) {
	t.Helper()
	again, err := OpenWith(r.Dir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.VerifierKey("x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.VerifierKey("x"); err != nil || got != key || again.StreamKey() != r.StreamKey() || again.Store() != r.Store() || again.Current().Number() != r.Current().Number() {
		t.Errorf("the keys are others than before: %v", err)
	}
	want, err := r.Beside("note")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Beside("note"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("beside the keys: got %q, %v, want %q", got, err, want)
	}
}

func read(t *testing.T, dir, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, dir, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// After a rotation nothing that was wrapped before opens with the KEK of now:
// the erasure horizon ends there.
func TestRotateLocal(t *testing.T) {
	for name, opts := range map[string]Options{"clear": {}, "protected": {Passphrase: []byte("open sesame")}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			r, err := CreateWith(dir, opts)
			if err != nil {
				t.Fatal(err)
			}
			keepNote(t, r, "kept")
			old := map[string][]byte{}
			for _, file := range []string{kekFile, epochFile, besideFile, signingFile} {
				old[file] = read(t, dir, file)
			}
			held, err := os.Open(filepath.Join(dir, kekFile)) // as the disk still has it
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			write(t, dir, kekFile+".tmp123", old[kekFile]) // what a crash left
			if err := r.Rotate(""); err != nil {
				t.Fatal(err)
			}
			sameKeys(t, r, opts)
			for file := range old {
				now := read(t, dir, file)
				if bytes.Equal(now, old[file]) {
					t.Errorf("%s is as before", file)
				}
				if file == kekFile {
					continue
				}
				write(t, dir, file, old[file])
				again, err := OpenWith(dir, opts)
				if err == nil && file == besideFile {
					_, err = again.Beside("note")
				}
				if !errors.Is(err, ErrWrongKeys) {
					t.Errorf("the %s of before with the KEK of now: %v, want ErrWrongKeys", file, err)
				}
				write(t, dir, file, now)
			}
			content := make([]byte, len(old[kekFile]))
			if _, err := held.ReadAt(content, 0); err != nil || len(bytes.Trim(content, "\x00")) > 0 {
				t.Errorf("the old KEK is not overwritten: %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, kekFile+".tmp123")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what a crash left is still there: %v", err)
			}
			if d, err := Describe(dir); err != nil || d.Unfinished || d.KEK != Local || d.Protected != (name == "protected") {
				t.Errorf("described as %+v, %v", d, err)
			}
		})
	}
}

// A crash after any step of a rotation leaves keys that open, and that say
// that the rotation must be done again; done again it ends.
func TestRotateCrashes(t *testing.T) {
	uri := startAWS(t)
	for name, kind := range map[string]struct{ from, to string }{
		"local to local": {Local, Local}, "local to KMS": {Local, uri}, "KMS to local": {uri, Local}, "KMS to KMS": {uri, uri + "2"},
	} {
		t.Run(name, func(t *testing.T) {
			for n, all := 0, 1; n < all; n++ {
				r, err := CreateWith(filepath.Join(t.TempDir(), "keys"), Options{KEK: kind.from})
				if err != nil {
					t.Fatal(err)
				}
				keepNote(t, r, "kept")
				before := read(t, r.Dir(), epochFile)
				steps, err := rotation(r.Dir(), Options{}, kind.to)
				if err != nil {
					t.Fatal(err)
				}
				all = len(steps)
				for _, step := range steps[:n] {
					if err := step(); err != nil {
						t.Fatal(err)
					}
				}
				sameKeys(t, r, Options{}) // after the crash
				if err := Rotate(r.Dir(), Options{}, kind.to); err != nil {
					t.Fatalf("again after %d of %d steps: %v", n, all, err)
				}
				sameKeys(t, r, Options{KEK: kind.to})
				if d, err := Describe(r.Dir()); err != nil || d.Unfinished || d.KEK != kind.to {
					t.Errorf("after %d of %d steps and again: %+v, %v", n, all, d, err)
				}
				if _, err := os.Stat(kekPath(r.Dir())); errors.Is(err, fs.ErrNotExist) == (kind.to == Local) {
					t.Errorf("%s: %v", kekFile, err)
				}
				if kind.from == Local {
					write(t, r.Dir(), epochFile, before)
					if _, err := Open(r.Dir()); err == nil {
						t.Error("the epoch.json of before opens")
					}
				}
			}
		})
	}
}

// While a rotation is half done it shows.
func TestUnfinishedShows(t *testing.T) {
	r := create(t)
	steps, err := rotation(r.Dir(), Options{}, Local)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps[:len(steps)-1] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		d, err := Describe(r.Dir())
		if want := i < len(steps)-2; err != nil || d.Unfinished != want {
			t.Errorf("after step %d: %+v, %v, want unfinished %v", i+1, d, err, want)
		}
	}
}

// A ring that was opened with a KEK named goes on when others rotate to another
// kind, and can rotate itself.
func TestRotateBesideOthers(t *testing.T) {
	uri := startAWS(t)
	r, err := CreateWith(filepath.Join(t.TempDir(), "keys"), Options{KEK: Local})
	if err != nil {
		t.Fatal(err)
	}
	if err := Rotate(r.Dir(), Options{}, uri); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(""); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, r, Options{KEK: uri})
	if err := r.Rotate(Local); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, r, Options{KEK: Local})
}

// Two at once would undo each other's work.
func TestRotateLocks(t *testing.T) {
	r := create(t)
	path := filepath.Join(r.Dir(), lockFile)
	write(t, r.Dir(), lockFile, nil)
	lock, err := vfs.Default.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(""); err == nil || !strings.Contains(err.Error(), "by somebody else") {
		t.Errorf("while another has the lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(""); err != nil {
		t.Error(err)
	}
}

func TestPassphrase(t *testing.T) {
	r := create(t)
	dir := r.Dir()
	first, second := []byte("first"), []byte("second")
	opens := func(what string, passphrase []byte, want error) {
		t.Helper()
		_, err := OpenWith(dir, Options{Passphrase: passphrase})
		if !errors.Is(err, want) || (want == nil && err != nil) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if err != nil && strings.Contains(err.Error(), string(passphrase)) && len(passphrase) > 0 {
			t.Errorf("%s: the passphrase stands in %q", what, err)
		}
	}
	clear := read(t, dir, kekFile)
	for _, step := range []struct {
		what     string
		old, new []byte
	}{{"protect", nil, first}, {"change", first, second}, {"unprotect", second, nil}} {
		if err := SetPassphrase(dir, []byte("another"), step.new); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s with a wrong passphrase: %v, want ErrPassphrase", step.what, err)
		}
		if err := SetPassphrase(dir, step.old, step.new); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		opens(step.what, step.new, nil)
		sameKeys(t, r, Options{Passphrase: step.new})
		opens(step.what+", another given", []byte("another"), ErrPassphrase)
		if step.new != nil {
			opens(step.what+", none given", nil, ErrPassphrase)
			if key := secretOf(t, clear); bytes.Contains(read(t, dir, kekFile), key) {
				t.Errorf("%s: the key stands in clear", step.what)
			}
		}
	}
	if err := SetPassphrase(dir, nil, bytes.Repeat([]byte("x"), 1025)); err == nil {
		t.Error("a passphrase of 1025 bytes is taken")
	}
	sameKeys(t, r, Options{})
}

// secretOf cuts the key's text out of a clear keyset.
func secretOf(t *testing.T, clear []byte) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(clear, []byte(`"value":"`))
	value, _, ok2 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 || len(value) < 40 {
		t.Fatalf("no key in %d bytes", len(clear))
	}
	return value
}

// Parameters that a file asks for are bounded: it cannot take all memory or
// all day, nor be weakened.
func TestPassphraseBounds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	opts := Options{Passphrase: []byte("p")}
	if _, err := CreateWith(dir, opts); err != nil {
		t.Fatal(err)
	}
	good := string(read(t, dir, kekFile))
	for _, change := range [][2]string{
		{`"memory_kib": 65536`, `"memory_kib": 4294967295`}, {`"memory_kib": 65536`, `"memory_kib": 8`},
		{`"time": 3`, `"time": 4000000000`}, {`"time": 3`, `"time": 0`}, {`"threads": 4`, `"threads": 0`},
		{`"name": "argon2id"`, `"name": "md5"`}, {`"salt": "`, `"salt": "AAAA`}, {`"format": 1`, `"format": 2`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s is not in %s", change[0], good)
		}
		write(t, dir, kekFile, []byte(bad))
		start := time.Now()
		if _, err := OpenWith(dir, opts); !errors.Is(err, ErrWrongKeys) {
			t.Errorf("with %s: %v, want ErrWrongKeys", change[1], err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("with %s: took %v", change[1], took)
		}
	}
	write(t, dir, kekFile, []byte(strings.Replace(good, `"time": 3`, `"time": 2`, 1)))
	if _, err := OpenWith(dir, opts); !errors.Is(err, ErrPassphrase) {
		t.Errorf("with other parameters: %v, want ErrPassphrase", err)
	}
}

// Key files that others may read are refused, as ssh does.
func TestOpenRefusesPublicKeys(t *testing.T) {
	r := create(t)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(kekPath(r.Dir()), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(r.Dir()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v, want what to do", mode, err)
		}
	}
	if err := os.Chmod(kekPath(r.Dir()), 0o400); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, r, Options{})

	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte("geheim\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Passphrase(file); err != nil || string(got) != "geheim" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Passphrase(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a passphrase that others may read: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Passphrase(empty); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty passphrase: %v", err)
	}
}
