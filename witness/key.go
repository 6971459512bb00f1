package witness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// OpenKey reads a witness's key from a file of two lines: the signing key and
// the verifier key, as C2SP signed-note spells them. Where there is no file it
// makes a key of the given name, Ed25519, and the file, mode 0600; a name that
// is not the key's is an error. It returns what signs and the verifier key.
func OpenKey(path, name string) (note.Signer, string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(path, name)
	}
	if err != nil {
		return nil, "", err
	}
	private, public, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	signer, err := fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		return nil, "", fmt.Errorf("%s: its first line is no signing key: %w", path, err)
	}
	verifier, err := fnote.NewVerifierForCosignatureV1(public)
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return nil, "", fmt.Errorf("%s: its second line is not the verifier key of the first", path)
	}
	if name != "" && name != signer.Name() {
		return nil, "", fmt.Errorf("%s: it is the key of %q, not of %q", path, signer.Name(), name)
	}
	return signer, public, nil
}

// makeKey makes a key and its file, which is whole and durable, or not there.
func makeKey(path, name string) ([]byte, error) {
	if name == "" {
		return nil, fmt.Errorf("%s is not there, and no name is given to make a key for", path)
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if public, err = fnote.VKeyToCosignatureV1(public); err != nil {
		return nil, fmt.Errorf("make key for %q: %w", name, err)
	}
	text := []byte(private + "\n" + public + "\n")
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make key: %w", err), os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return text, errors.Join(dir.Sync(), dir.Close())
}
