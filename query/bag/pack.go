package bag

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A Packed file is ready to be put into a bag.
type Packed struct {
	name    string
	size    int64
	crc     uint32
	sha256  [sha256.Size]byte
	sha512  [sha512.Size]byte
	deflate []byte // the content, compressed
}

// Pack hashes and compresses a file. Names are paths with slashes, below the
// bag's directory; those of the payload begin with data/. Safe for concurrent
// use: it is the part of writing a bag that can run on all cores.
func Pack(name string, content []byte) Packed {
	var out bytes.Buffer
	w := newCompressor(&out)
	_, err := w.Write(content)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("internal error: compress into memory: " + err.Error())
	}
	return Packed{
		name: name, size: int64(len(content)), crc: crc32.ChecksumIEEE(content),
		sha256: sha256.Sum256(content), sha512: sha512.Sum512(content), deflate: out.Bytes(),
	}
}

// compressors are used again: each has some hundred KiB of tables.
var compressors = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return w
}}

// A compressor gives itself back when it is closed.
type compressor struct{ *flate.Writer }

func newCompressor(to io.Writer) compressor {
	w := compressors.Get().(*flate.Writer)
	w.Reset(to)
	return compressor{w}
}

// Close implements io.Closer.
func (c compressor) Close() error {
	err := c.Writer.Close()
	compressors.Put(c.Writer)
	return err
}

// escape spells a path as manifests have it, RFC 8493 section 2.1.3.
func escape(path string) string { return escaper.Replace(path) }

var escaper = strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D")

// unescape is the inverse of escape; it accepts no other spelling.
func unescape(text string) (string, error) {
	path := unescaper.Replace(text)
	if escape(path) != text {
		return "", fmt.Errorf("%q is not how a path is spelled", text)
	}
	return path, nil
}

var unescaper = strings.NewReplacer("%25", "%", "%0A", "\n", "%0D", "\r")
