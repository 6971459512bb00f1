package bag

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// The comment at the end of a zip file that a Writer wrote is the SHA-256 of all
// that comes before it, in hexadecimal. Between the files of a zip file, and in
// what it says of them twice, there are bytes that no manifest is of.
const sealSize = 2 * sha256.Size

// A sealing writer puts the hash of what it has written in the place of its last
// bytes.
type sealing struct {
	to   io.Writer
	hash hash.Hash
	held []byte // the last sealSize bytes, or fewer
}

// Write implements io.Writer.
func (s *sealing) Write(p []byte) (int, error) {
	s.held = append(s.held, p...)
	n := len(s.held) - sealSize
	if n <= 0 {
		return len(p), nil
	}
	s.hash.Write(s.held[:n])
	if _, err := s.to.Write(s.held[:n]); err != nil {
		return 0, err
	}
	s.held = append(s.held[:0], s.held[n:]...)
	return len(p), nil
}

// seal writes the hash.
func (s *sealing) seal() error {
	_, err := io.WriteString(s.to, hex.EncodeToString(s.hash.Sum(nil)))
	return err
}

// placeholder is where the hash will be.
var placeholder = strings.Repeat("0", sealSize)

// A zipFile is the directory in a zip file.
type zipFile struct {
	fs.FS
	file io.ReaderAt
	size int64
}

// endSize is the size of what ends a zip file without a comment, and endMagic
// what it begins with.
const (
	endSize  = 22
	endMagic = "PK\x05\x06"
)

// whole reports whether the zip file is what was written. One without a comment
// says nothing of that: somebody else packed it.
func (z zipFile) whole(ctx context.Context) error {
	end := make([]byte, sealSize)
	if _, err := z.file.ReadAt(end, max(z.size-sealSize, 0)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.HasPrefix(string(end[sealSize-endSize:]), endMagic) {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, &reading{ctx, io.NewSectionReader(z.file, 0, z.size-sealSize)}); err != nil {
		return err
	}
	if sum := h.Sum(nil); hex.EncodeToString(sum) != string(end) {
		return fmt.Errorf("has the SHA-256 %x up to its comment, and that says another", sum)
	}
	return nil
}

// A reading ends with its context.
type reading struct {
	ctx context.Context //nolint:containedctx // Of the one call that it reads for.
	io.Reader
}

// Read implements io.Reader.
func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
