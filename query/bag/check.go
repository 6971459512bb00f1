package bag

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Problem is something in a bag that is not as it should be.
type Problem struct {
	File   string // below the bag's directory
	Reason string // completes a sentence that begins with the file
}

// A Report is what is in a bag.
type Report struct {
	Info   []Field
	Files  int   // of the payload
	Octets int64 // of the payload
	SHA256 map[string][sha256.Size]byte
}

// maxTag bounds what is read of a tag file that is looked into, in bytes.
const maxTag = 256 << 20

// Check checks a bag by its manifests, and calls report for whatever it finds.
// fsys is the bag's directory; see [Open]. An error says that the bag could not
// be checked: that it is none, that a file cannot be read, or that ctx ended.
func Check(ctx context.Context, fsys fs.FS, report func(Problem)) (Report, error) {
	c := checking{fsys: fsys, report: report, files: map[string]found{}}
	if z, is := fsys.(zipFile); is {
		if err := z.whole(ctx); err != nil {
			report(Problem{"the zip file", err.Error()})
		}
	}
	if err := c.hash(ctx); err != nil {
		return Report{}, err
	}
	if _, is := c.files[Declaration]; !is {
		return Report{}, fmt.Errorf("%w: there is no %s", ErrNoBag, Declaration)
	}
	c.declared()
	for _, a := range algorithms {
		c.manifest(a.manifest, a.of, true)
		c.manifest(a.tagManifest, a.of, false)
	}
	c.oxum()
	sums := make(map[string][sha256.Size]byte, len(c.files))
	for name, f := range c.files {
		sums[name] = f.sha256
	}
	return Report{Info: c.info, Files: c.count, Octets: c.octets, SHA256: sums}, nil
}

// checking is a Check under way.
type checking struct {
	fsys   fs.FS
	report func(Problem)
	files  map[string]found
	info   []Field
	count  int
	octets int64
}

// found is a file that is there.
type found struct {
	entry
	size int64
}

// hash reads every file.
func (c *checking) hash(ctx context.Context) error {
	return fs.WalkDir(c.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			c.report(Problem{name, "is no plain file"})
			return nil
		}
		f, err := c.sum(name)
		if err != nil {
			c.report(Problem{name, "cannot be read: " + err.Error()})
		}
		c.files[name] = f
		if strings.HasPrefix(name, Payload) {
			c.count++
			c.octets += f.size
		}
		return nil
	})
}

func (c *checking) sum(name string) (found, error) {
	out := found{entry: entry{name: name}}
	in, err := c.fsys.Open(name)
	if err != nil {
		return out, err
	}
	defer in.Close()
	h256, h512 := sha256.New(), sha512.New()
	out.size, err = io.Copy(io.MultiWriter(h256, h512), in)
	h256.Sum(out.sha256[:0])
	h512.Sum(out.sha512[:0])
	return out, err
}

// read returns a tag file.
func (c *checking) read(name string) ([]byte, bool) {
	f, err := c.fsys.Open(name)
	if err != nil {
		c.report(Problem{name, "is missing"})
		return nil, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTag+1))
	if err != nil || len(text) > maxTag {
		c.report(Problem{name, "cannot be read"})
		return nil, false
	}
	return text, true
}

func (c *checking) declared() {
	if text, ok := c.read(Declaration); ok && string(text) != declaration {
		c.report(Problem{Declaration, "does not declare a bag of BagIt 1.0 in UTF-8"})
	}
}

// manifest checks the files that a manifest is of: those of the payload, or the
// tag files.
func (c *checking) manifest(name string, sum func(*entry) []byte, payload bool) {
	text, ok := c.read(name)
	if !ok {
		return
	}
	listed, err := parseManifest(text, len(sum(new(entry))))
	if err != nil {
		c.report(Problem{name, err.Error()})
		return
	}
	for _, path := range slices.Sorted(maps.Keys(listed)) {
		f, there := c.files[path]
		switch {
		case !of(path, payload):
			c.report(Problem{name, fmt.Sprintf("names %s, which has no place in it", path)})
		case !there:
			c.report(Problem{path, "is missing, and in " + name})
		case !bytes.Equal(sum(&f.entry), listed[path]):
			c.report(Problem{path, "is not what " + name + " says"})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		if _, is := listed[path]; !is && of(path, payload) {
			c.report(Problem{path, "was added: it is not in " + name})
		}
	}
}

// of reports whether a manifest of the payload, or else one of tag files, has a
// file.
func of(path string, payload bool) bool {
	if strings.HasPrefix(path, Payload) {
		return payload
	}
	return !payload && !strings.HasPrefix(path, "tagmanifest-")
}

// parseManifest returns the hashes in a manifest, of so many bytes each, by
// name. It accepts what manifest writes and nothing else.
func parseManifest(text []byte, size int) (map[string][]byte, error) {
	listed := map[string][]byte{}
	last := ""
	for line := range strings.Lines(string(text)) {
		digits, rest, ok := strings.Cut(line, "  ")
		sum, err := hex.DecodeString(digits)
		path, ended := strings.CutSuffix(rest, "\n")
		if !ok || !ended || err != nil || len(sum) != size || hex.EncodeToString(sum) != digits {
			return nil, fmt.Errorf("has a line that is no hash and path: %.80q", line)
		}
		if path, err = unescape(path); err != nil || !fs.ValidPath(path) || path <= last {
			return nil, fmt.Errorf("has a path that is misspelled or out of order: %.80q", line)
		}
		listed[path], last = sum, path
	}
	return listed, nil
}

// oxum checks bag-info.txt.
func (c *checking) oxum() {
	text, ok := c.read(Info)
	if !ok {
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		label, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			c.report(Problem{Info, fmt.Sprintf("has a line that is no label and value: %.80q", lines.Text())})
			return
		}
		c.info = append(c.info, Field{label, value})
	}
	if want := oxum(c.octets, c.count); Value(c.info, oxumLabel) != want {
		c.report(Problem{Info, fmt.Sprintf("has the Payload-Oxum %q, and there are %s", Value(c.info, oxumLabel), want)})
	}
}

// Value returns the value of the first field with a label, "" if there is none.
func Value(fields []Field, label string) string {
	for _, f := range fields {
		if f.Label == label {
			return f.Value
		}
	}
	return ""
}
