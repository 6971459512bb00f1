package keyring

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func keepNote(t *testing.T, r *Ring, content string) {
	t.Helper()
	if err := r.KeepBeside("note", []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func wantNote(t *testing.T, r *Ring, want string) {
	t.Helper()
	if got, err := r.Beside("note"); err != nil || string(got) != want {
		t.Errorf("beside the keys: got %q, %v, want %q", got, err, want)
	}
}

// What is kept is there after a start, in nobody's sight, and is replaced whole.
func TestBeside(t *testing.T) {
	r := create(t)
	if got, err := r.Beside("note"); got != nil || err != nil {
		t.Errorf("before anything was kept: got %q, %v, want nothing", got, err)
	}
	path := filepath.Join(r.Dir(), besideDir, "note")
	for _, want := range []string{"of session s-1", "of session s-2"} {
		keepNote(t, r, want)
		wantNote(t, r, want)
		again, err := Open(r.Dir())
		if err != nil {
			t.Fatal(err)
		}
		wantNote(t, again, want)
		if err := os.WriteFile(path+".tmp1", nil, 0o600); err != nil { // what a crash left
			t.Fatal(err)
		}
		if names, err := again.CheckBeside(); err != nil || !slices.Equal(names, []string{"note"}) {
			t.Errorf("check: got %q, %v, want the note", names, err)
		}
	}
	sealed, err := os.ReadFile(path)
	if err != nil || bytes.Contains(sealed, []byte("session")) {
		t.Errorf("it is kept in clear, or not at all: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
	keepNote(t, r, "")
	if left, err := filepath.Glob(path + ".tmp*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
	if err := r.KeepBeside("note", make([]byte, MaxBeside+1)); err == nil {
		t.Error("more than MaxBeside was kept")
	}
}

// Each way in which what is kept is not what the store kept there is told apart
// from nothing, and the error names the file that it is about. The keys open.
func TestBesideRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		names  string // what the error has to name
		change func(t *testing.T, r *Ring)
	}{
		"damaged": {"beside/note", func(t *testing.T, r *Ring) {
			b := read(t, r.Dir(), "beside/note")
			b[len(b)/2] ^= 1
			write(t, r.Dir(), "beside/note", b)
		}},
		"cut short": {"beside/note", func(t *testing.T, r *Ring) { write(t, r.Dir(), "beside/note", []byte("x")) }},
		"another's place": {"beside/note", func(t *testing.T, r *Ring) {
			if err := r.KeepBeside("other", []byte("x")); err != nil {
				t.Fatal(err)
			}
			write(t, r.Dir(), "beside/note", read(t, r.Dir(), "beside/other"))
		}},
		"too long": {"beside/note", func(t *testing.T, r *Ring) {
			if err := os.Truncate(filepath.Join(r.Dir(), "beside/note"), MaxBeside+1000); err != nil {
				t.Fatal(err)
			}
		}},
		"another store's": {"beside/note", func(t *testing.T, r *Ring) {
			o := create(t)
			keepNote(t, o, "x")
			write(t, r.Dir(), "beside/note", read(t, o.Dir(), "beside/note"))
		}},
		"another store's key": {besideFile, func(t *testing.T, r *Ring) {
			write(t, r.Dir(), besideFile, read(t, create(t).Dir(), besideFile))
		}},
		"a key of another KEK": {besideFile, func(t *testing.T, r *Ring) {
			o := create(t)
			b := bytes.ReplaceAll(read(t, o.Dir(), besideFile), []byte(o.Store().String()), []byte(r.Store().String()))
			write(t, r.Dir(), besideFile, b)
		}},
		"damaged key": {besideFile, func(t *testing.T, r *Ring) { write(t, r.Dir(), besideFile, []byte("{")) }},
		"no key": {besideFile, func(t *testing.T, r *Ring) {
			if err := os.Remove(filepath.Join(r.Dir(), besideFile)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t)
			keepNote(t, r, "kept")
			c.change(t, r)
			again, err := Open(r.Dir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := again.Beside("note"); !errors.Is(err, ErrWrongKeys) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("read: got %v, want ErrWrongKeys that names %s", err, c.names)
			}
			if _, err := again.CheckBeside(); !errors.Is(err, ErrWrongKeys) {
				t.Errorf("check: got %v, want ErrWrongKeys", err)
			}
			if c.names != besideFile || name == "no key" {
				return
			}
			before := files(t, r.Dir())
			if err := again.Rotate(""); !errors.Is(err, ErrWrongKeys) {
				t.Errorf("rotate: got %v, want ErrWrongKeys", err)
			}
			if after := files(t, r.Dir()); after[kekFile] != before[kekFile] || after[epochFile] != before[epochFile] {
				t.Error("a rotation that was refused changed keys")
			}
		})
	}
}

// Keys from before there was a place beside them get one when it is needed, by
// whatever opens the KEK by then.
func TestBesideOfOlderKeys(t *testing.T) {
	for name, opts := range map[string]Options{"clear": {}, "protected": {Passphrase: []byte("open sesame")}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			if _, err := CreateWith(dir, opts); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, besideFile)); err != nil {
				t.Fatal(err)
			}
			r, err := OpenWith(dir, opts)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.Beside("note"); got != nil || err != nil {
				t.Errorf("got %q, %v, want nothing", got, err)
			}
			if err := r.Rotate(""); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, besideFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a rotation made %s: %v", besideFile, err)
			}
			keepNote(t, r, "kept")
			sameKeys(t, r, opts)
		})
	}
}
