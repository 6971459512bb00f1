package keyring

import (
	"errors"
	"fmt"
	"io"
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
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("hold the keys in %s: %w", dir, err)
	}
	return held, nil
}
