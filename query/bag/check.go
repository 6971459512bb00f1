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
	// Follows says that it may be for no other reason than what was reported
	// before: of the file itself, or of another that it is compared with.
	Follows bool
}

// A Report is what is in a bag.
type Report struct {
	Info   []Field
	Files  int   // of the payload
	Octets int64 // of the payload
	SHA256 map[string][sha256.Size]byte
	Wrong  map[string]bool // the files that were reported
}

// maxTag bounds what is read of a tag file that is looked into, in bytes.
const maxTag = 256 << 20

// Check checks a bag by its manifests, and calls report for whatever it finds: for
// each file that was changed first that it was, and then what follows from it.
// fsys is the bag's directory; see [Open]. An error says that the bag could not
// be checked: that it is none, that a file cannot be read, or that ctx ended.
func Check(ctx context.Context, fsys fs.FS, report func(Problem)) (Report, error) {
	c := checking{fsys: fsys, report: report, files: map[string]found{}, wrong: map[string]bool{}}
	if err := c.hash(ctx); err != nil {
		return Report{}, err
	}
	if _, is := c.files[Declaration]; !is {
		return Report{}, fmt.Errorf("%w: there is no %s", ErrNoBag, Declaration)
	}
	c.manifests(false) // first, as they are of the manifests of the payload too
	c.manifests(true)
	c.declared()
	c.oxum()
	if z, is := fsys.(zipFile); is {
		if err := z.whole(ctx); err != nil {
			c.problem("the zip file", len(c.wrong) > 0, "%v", err)
		}
	}
	sums := make(map[string][sha256.Size]byte, len(c.files))
	for name, f := range c.files {
		sums[name] = f.sha256
	}
	return Report{Info: c.info, Files: c.count, Octets: c.octets, SHA256: sums, Wrong: c.wrong}, nil
}

// checking is a Check under way.
type checking struct {
	fsys   fs.FS
	report func(Problem)
	files  map[string]found
	wrong  map[string]bool // files that were reported
	info   []Field
	count  int
	octets int64
}

// problem reports what is wrong with a file, and whether that may follow from
// something else. What is said of a file once more follows from what was said.
func (c *checking) problem(file string, follows bool, format string, args ...any) {
	c.report(Problem{file, fmt.Sprintf(format, args...), follows || c.wrong[file]})
	c.wrong[file] = true
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
			c.problem(name, false, "is no plain file")
			return nil
		}
		f, err := c.sum(name)
		if err != nil {
			c.problem(name, false, "cannot be read: %v", err)
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
		c.problem(name, false, "is missing")
		return nil, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTag+1))
	if err != nil || len(text) > maxTag {
		c.problem(name, false, "cannot be read")
		return nil, false
	}
	return text, true
}

func (c *checking) declared() {
	if text, ok := c.read(Declaration); ok && string(text) != declaration {
		c.problem(Declaration, false, "does not declare a bag of BagIt 1.0 in UTF-8")
	}
}

// A listing is a manifest: what it says of which files.
type listing struct {
	name string
	sum  func(*entry) []byte
	of   map[string][]byte
}

// manifests checks the files of the payload, or else the tag files, by the
// manifests that are of them.
func (c *checking) manifests(payload bool) {
	var all []listing
	var paths []string
	for _, a := range algorithms {
		l := listing{name: a.tagManifest, sum: a.of}
		if payload {
			l.name = a.manifest
		}
		text, ok := c.read(l.name)
		if !ok {
			continue
		}
		var err error
		if l.of, err = parseManifest(text, len(l.sum(new(entry)))); err != nil {
			c.problem(l.name, false, "%v", err)
			continue
		}
		paths = slices.AppendSeq(paths, maps.Keys(l.of))
		all = append(all, l)
	}
	for path := range c.files {
		if of(path, payload) && len(all) > 0 {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		c.listed(path, of(path, payload), all)
	}
}

// listed checks a file by what manifests say of it. Where these differ and one is
// right, it is the other manifest that was changed, and not the file.
func (c *checking) listed(path string, hasPlace bool, all []listing) {
	f, there := c.files[path]
	var right, wrong, silent []string
	for _, l := range all {
		switch sum, is := l.of[path]; {
		case !is:
			silent = append(silent, l.name)
		case !hasPlace:
			c.problem(l.name, false, "names %s, which has no place in it", path)
		case there && bytes.Equal(l.sum(&f.entry), sum):
			right = append(right, l.name)
		default:
			wrong = append(wrong, l.name)
		}
	}
	switch {
	case !hasPlace:
	case len(right) > 0:
		for _, name := range wrong {
			c.problem(name, false, "says another hash of %s than it has, and %s the one that it has", path, right[0])
		}
		for _, name := range silent {
			c.problem(name, false, "lacks %s, which is in %s", path, right[0])
		}
	case len(wrong) == 0:
		c.problem(path, c.all(silent), "was added: it is not in %s", silent[0])
	case !there && len(silent) > 0:
		for _, name := range wrong {
			c.problem(name, false, "names %s, which is neither there nor in %s", path, silent[0])
		}
	case there:
		c.problem(path, c.all(wrong), "is not what %s says", wrong[0])
	default:
		c.problem(path, c.all(wrong), "is missing, and in %s", wrong[0])
	}
}

// all tells whether each of the files was reported.
func (c *checking) all(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !c.wrong[name] })
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
			c.problem(Info, false, "has a line that is no label and value: %.80q", lines.Text())
			return
		}
		c.info = append(c.info, Field{label, value})
	}
	if want := oxum(c.octets, c.count); Value(c.info, oxumLabel) != want {
		payload := func(name string) bool { return strings.HasPrefix(name, Payload) }
		follows := slices.ContainsFunc(slices.Collect(maps.Keys(c.wrong)), payload)
		c.problem(Info, follows, "has the Payload-Oxum %q, and there are %s", Value(c.info, oxumLabel), want)
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
