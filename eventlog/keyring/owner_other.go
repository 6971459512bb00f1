//go:build !unix

package keyring

import "io/fs"

// ownedByUs is false where a mode does not say who may read.
func ownedByUs(fs.FileInfo) bool { return false }
