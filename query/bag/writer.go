package bag

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

// The names that BagIt gives.
const (
	Declaration = "bagit.txt"
	Info        = "bag-info.txt"
	Payload     = "data/"
)

// declaration is the content of bagit.txt.
const declaration = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// The algorithms of manifests, each with the names of its two.
var algorithms = []struct {
	name, manifest, tagManifest string
	new                         func() hash.Hash
	of                          func(*entry) []byte
}{
	{"sha256", "manifest-sha256.txt", "tagmanifest-sha256.txt", sha256.New, func(e *entry) []byte { return e.sha256[:] }},
	{"sha512", "manifest-sha512.txt", "tagmanifest-sha512.txt", sha512.New, func(e *entry) []byte { return e.sha512[:] }},
}

// Manifests returns the names of the manifests of a bag.
func Manifests() (names []string) {
	for _, a := range algorithms {
		names = append(names, a.manifest, a.tagManifest)
	}
	return names
}

// entry is what manifests say of a file.
type entry struct {
	name   string
	sha256 [sha256.Size]byte
	sha512 [sha512.Size]byte
}

// A Field is a line of bag-info.txt. Its value has one line.
type Field struct{ Label, Value string }

// A Writer writes a bag as a zip file. Not safe for concurrent use.
type Writer struct {
	zip     *zip.Writer
	sealing *sealing
	base    string // the bag's directory, with a slash
	at      time.Time
	payload []entry
	tags    []entry
	octets  int64 // of the payload
}

// NewWriter returns a Writer of a bag in a directory of that name, whose files
// are as old as at.
func NewWriter(to io.Writer, base string, at time.Time) *Writer {
	s := &sealing{to: to, hash: sha256.New()}
	w := &Writer{zip: zip.NewWriter(s), sealing: s, base: base + "/", at: at.UTC()}
	w.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return newCompressor(out), nil })
	return w
}

// Add adds a file. No name may come twice.
func (w *Writer) Add(p Packed) error {
	h := &zip.FileHeader{
		Name: w.base + p.name, Method: zip.Deflate, CRC32: p.crc,
		CompressedSize64: uint64(len(p.deflate)), UncompressedSize64: uint64(p.size),
	}
	h.SetModTime(w.at) //nolint:staticcheck // The raw header has no other.
	out, err := w.zip.CreateRaw(h)
	if err == nil {
		_, err = out.Write(p.deflate)
	}
	if err != nil {
		return fmt.Errorf("add %s: %w", p.name, err)
	}
	w.note(entry{p.name, p.sha256, p.sha512}, p.size)
	return nil
}

// Create adds a file of any size, by what is written until it is closed. Before
// that nothing else may be added.
func (w *Writer) Create(name string) (io.WriteCloser, error) {
	out, err := w.zip.CreateHeader(&zip.FileHeader{Name: w.base + name, Method: zip.Deflate, Modified: w.at})
	if err != nil {
		return nil, fmt.Errorf("add %s: %w", name, err)
	}
	return &file{w: w, name: name, out: out, sha256: sha256.New(), sha512: sha512.New()}, nil
}

// A file is one that is being written.
type file struct {
	w              *Writer
	name           string
	out            io.Writer
	sha256, sha512 hash.Hash
	size           int64
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.out.Write(p)
	f.sha256.Write(p[:n])
	f.sha512.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// Close implements io.Closer.
func (f *file) Close() error {
	f.w.note(entry{f.name, [sha256.Size]byte(f.sha256.Sum(nil)), [sha512.Size]byte(f.sha512.Sum(nil))}, f.size)
	return nil
}

// note puts a file on the list that its manifests are made of.
func (w *Writer) note(e entry, size int64) {
	if strings.HasPrefix(e.name, Payload) {
		w.payload = append(w.payload, e)
		w.octets += size
	} else {
		w.tags = append(w.tags, e)
	}
}

// Close adds the files that make a bag of it, with the fields and the
// Payload-Oxum in bag-info.txt, and ends the zip file.
func (w *Writer) Close(fields []Field) error {
	fields = append(slices.Clone(fields), Field{oxumLabel, oxum(w.octets, len(w.payload))})
	info, err := infoText(fields)
	if err != nil {
		return err
	}
	err = errors.Join(w.Add(Pack(Declaration, []byte(declaration))), w.Add(Pack(Info, info)))
	for _, a := range algorithms {
		err = errors.Join(err, w.Add(Pack(a.manifest, manifest(w.payload, a.of))))
	}
	tags := slices.Clone(w.tags) // A tag manifest is in none.
	for _, a := range algorithms {
		err = errors.Join(err, w.Add(Pack(a.tagManifest, manifest(tags, a.of))))
	}
	err = errors.Join(err, w.zip.SetComment(placeholder), w.zip.Close())
	if err != nil {
		return err
	}
	return w.sealing.seal()
}

const oxumLabel = "Payload-Oxum"

func oxum(octets int64, files int) string { return fmt.Sprintf("%d.%d", octets, files) }

// infoText returns bag-info.txt.
func infoText(fields []Field) ([]byte, error) {
	var b bytes.Buffer
	for _, f := range fields {
		if strings.ContainsAny(f.Label, ":\r\n") || strings.ContainsAny(f.Value, "\r\n") || f.Value != strings.TrimSpace(f.Value) {
			return nil, fmt.Errorf("%s: %q cannot stand in %s", f.Label, f.Value, Info)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Label, f.Value)
	}
	return b.Bytes(), nil
}

// manifest returns the manifest of files, which it sorts by name.
func manifest(files []entry, sum func(*entry) []byte) []byte {
	slices.SortFunc(files, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	var b bytes.Buffer
	for i := range files {
		fmt.Fprintf(&b, "%x  %s\n", sum(&files[i]), escape(files[i].name))
	}
	return b.Bytes()
}
