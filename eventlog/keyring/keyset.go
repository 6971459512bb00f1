package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// CreateKeyset puts a keyset that is not the log's, such as that of escrow,
// into a new file of mode 0600, as kek.json is kept: in clear, or encrypted if
// there is a passphrase, and then for one use, so that it opens for no other.
// A file that exists is refused with fs.ErrExist. It is durable on return.
func CreateKeyset(path, use string, handle *keyset.Handle, passphrase []byte) error {
	b, err := encodeKeyset(handle, use, passphrase)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write keyset: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("write keyset: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// OpenKeyset reads what CreateKeyset wrote for the same use. A file that others
// may read is refused; remedy says in a few words how to get other keys.
// ErrPassphrase where it needs a passphrase, or another one.
func OpenKeyset(path, use, remedy string, passphrase []byte) (*keyset.Handle, error) {
	if err := checkPrivate(path, remedy); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	handle, err := decodeKeyset(b, use, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return handle, nil
}
