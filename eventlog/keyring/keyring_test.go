package keyring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func create(t *testing.T) *Ring {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "a", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What one ring wrapped, the same keys opened again unwrap.
func TestReopen(t *testing.T) {
	r := create(t)
	s, wrapped, err := r.Current().NewSecret([]byte("bucket 1"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.AEAD("block")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := a.Seal([]byte("text"), []byte("block 1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if again.Store() != r.Store() || again.Current().Number() != 1 || again.StreamKey() != r.StreamKey() || len(r.StreamKey()) != 64 {
		t.Fatalf("reopened: got store %s, epoch %d, want %s, 1 and the same stream key", again.Store(), again.Current().Number(), r.Store())
	}
	if s, err = again.Current().OpenSecret(wrapped, []byte("bucket 1")); err != nil {
		t.Fatal(err)
	}
	if a, err = s.AEAD("block"); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Open(sealed, []byte("block 1")); err != nil || string(got) != "text" {
		t.Fatalf("open: got %q, %v, want text", got, err)
	}
}

// A secret opens only for what it was made for, under the keys it was made
// under; what it sealed only for the same use.
func TestSecretsAreBound(t *testing.T) {
	r := create(t)
	s, wrapped, err := r.Current().NewSecret([]byte("bucket 1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Current().OpenSecret(wrapped, []byte("bucket 2")); !errors.Is(err, ErrOpen) {
		t.Errorf("as another bucket's: got %v, want ErrOpen", err)
	}
	if _, err := create(t).Current().OpenSecret(wrapped, []byte("bucket 1")); !errors.Is(err, ErrOpen) {
		t.Errorf("with another store's keys: got %v, want ErrOpen", err)
	}
	block, err := s.AEAD("block")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := block.Seal([]byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.AEAD("name")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := name.Open(sealed, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("with the key of another use: got %v, want ErrOpen", err)
	}
	key, wrapped, err := block.NewKey([]byte("block 1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := block.OpenKey(wrapped, []byte("block 2")); !errors.Is(err, ErrOpen) {
		t.Errorf("another block's key: got %v, want ErrOpen", err)
	}
	if _, err := key.Open(nil, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("nothing: got %v, want ErrOpen", err)
	}
}

// Keys that are missing, damaged or mixed up are told apart and never made
// anew.
func TestOpenRefuses(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoKeys) {
		t.Errorf("an empty directory: got %v, want ErrNoKeys", err)
	}
	for _, file := range []string{kekFile, epochFile, signingFile} {
		path := filepath.Join(create(t).Dir(), file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrNoKeys) {
			t.Errorf("without %s: got %v, want ErrNoKeys", file, err)
		}
		foreign, err := os.ReadFile(filepath.Join(create(t).Dir(), file))
		if err != nil {
			t.Fatal(err)
		}
		for what, content := range map[string][]byte{"truncated": b[:len(b)/2], "empty": nil, "another store's": foreign} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); !errors.Is(err, ErrWrongKeys) {
				t.Errorf("with %s %s: got %v, want ErrWrongKeys", what, file, err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != string(content) {
				t.Errorf("%s %s was changed by opening it", what, file)
			}
		}
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	r := create(t)
	if _, err := Create(r.Dir()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second create: got %v, want fs.ErrExist", err)
	}
	if again, err := Open(r.Dir()); err != nil || again.Store() != r.Store() {
		t.Errorf("after it: got %v, want the first keys", err)
	}
	files, err := os.ReadDir(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", f.Name(), got)
		}
	}
}

// What the ring signs verifies with nothing but its verifier key.
func TestSigner(t *testing.T) {
	r := create(t)
	signer, err := r.Signer("example.org/log")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: "hello\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := r.VerifierKey("example.org/log")
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Errorf("open: %v", err)
	}
	other, err := create(t).VerifierKey("example.org/log")
	if err != nil {
		t.Fatal(err)
	}
	if v, err = note.NewVerifier(other); err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err == nil {
		t.Error("another store's key verifies the note")
	}
}

func TestAnchor(t *testing.T) {
	r := create(t)
	if note, err := r.Anchor(); note != nil || err != nil {
		t.Fatalf("before any: got %q, %v, want none", note, err)
	}
	for _, want := range []string{"first", "second"} {
		if err := r.SaveAnchor([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Anchor(); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
}
