package keyring_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/afterimage/afterimage/eventlog/keyring"
)

// createKeyset returns the file of a new keyset for the use "test".
func createKeyset(t *testing.T, passphrase string) (string, *keyset.Handle) {
	t.Helper()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := keyring.CreateKeyset(path, "test", handle, []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	return path, handle
}

// A private key that is overwritten, or that others can read, is lost.
func TestKeysetFile(t *testing.T) {
	for _, passphrase := range []string{"", "geheim"} {
		path, handle := createKeyset(t, passphrase)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := keyring.CreateKeyset(path, "test", handle, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file: %v", err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("a file was overwritten: %v", err)
		}
		got, err := keyring.OpenKeyset(path, "test", "make new ones", []byte(passphrase))
		if err != nil || got.String() != handle.String() {
			t.Errorf("got %v, %v, want %v", got, err, handle)
		}
	}
}

func TestKeysetDoesNotOpen(t *testing.T) {
	clear, _ := createKeyset(t, "")
	protected, _ := createKeyset(t, "geheim")
	for _, test := range []struct{ path, use, passphrase, want string }{
		{clear, "test", "geheim", "the file is not protected"},
		{protected, "test", "", "none was given"},
		{protected, "test", "Geheim", "wrong passphrase, or the file is damaged"},
		{protected, "kek", "geheim", "wrong passphrase, or the file is damaged"},
	} {
		_, err := keyring.OpenKeyset(test.path, test.use, "make new ones", []byte(test.passphrase))
		if !errors.Is(err, keyring.ErrPassphrase) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q for %s: got %v, want %s", test.passphrase, test.use, err, test.want)
		}
	}
	if err := os.Chmod(clear, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := keyring.OpenKeyset(clear, "test", "make new ones", nil)
	if err == nil || !strings.Contains(err.Error(), "has mode 0640") || !strings.Contains(err.Error(), "(make new ones)") {
		t.Errorf("a file that others may read: %v", err)
	}
}
