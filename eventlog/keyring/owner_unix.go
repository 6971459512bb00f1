//go:build unix

package keyring

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByUs reports whether the file is this user's, so that its mode is too.
func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
