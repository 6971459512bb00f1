package bag

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Open opens a bag, in a directory or a zip file, to be checked and read. Close
// it after use. ErrNoBag where it is neither.
func Open(name string) (fs.FS, io.Closer, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name) // whose links lead nowhere else
		if err != nil {
			return nil, nil, err
		}
		return root.FS(), root, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	fsys, err := OpenZip(f, info.Size())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return fsys, f, nil
}

// ErrNoBag says that something cannot be a bag.
var ErrNoBag = errors.New("is no bag")

// OpenZip returns the directory in a zip file, which has one and nothing beside
// it.
func OpenZip(file io.ReaderAt, size int64) (fs.FS, error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBag, err)
	}
	base, seen := "", map[string]bool{}
	for _, f := range z.File {
		dir, _, below := strings.Cut(f.Name, "/")
		name := strings.TrimSuffix(f.Name, "/")
		if base == "" {
			base = dir
		}
		if !below || dir != base || !fs.ValidPath(name) || seen[name] {
			return nil, fmt.Errorf("%w: its file %.80q lies beside the others, or is there twice", ErrNoBag, f.Name)
		}
		seen[name] = true
	}
	if base == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrNoBag)
	}
	dir, err := fs.Sub(z, base)
	return zipFile{dir, file, size}, err
}
