package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// holdFile is locked by whoever writes to the store of the keys.
const holdFile = "in-use"

// ErrInUse says that another process writes to the store of the keys.
var ErrInUse = errors.New("another process uses these keys: stop it first")

// Hold keeps other processes from writing to a store with the keys in dir, which
// must exist, until the result is closed or the process ends: two logs that go on with
// the same keys would each take the other for a copy that fell behind. ErrInUse
// where another process holds them. Reading them, and rotating the KEK, needs no hold.
func Hold(dir string) (io.Closer, error) {
	held, err := vfs.Default.Lock(filepath.Join(dir, holdFile))
	var path *fs.PathError // of making the file, not of locking it
	if (errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES)) && !errors.As(err, &path) {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("hold the keys in %s: %w", dir, err)
	}
	return held, nil
}

// Used reports whether dir holds the keys of a store, whole or not.
func Used(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, epochFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
