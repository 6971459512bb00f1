package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A backup is a directory whose name says when it was made and how many events it
// has:
//
//	20261124T203249Z-51200/
//	  log/          the files of the data directory
//	  keys/         epoch.json, signing.json and anchor, as in the key directory
//	  backup.json   the manifest: what there is, with hashes. Without it, it is none
const (
	logPart      = "log"
	keysPart     = "keys"
	epochPart    = keysPart + "/epoch.json"
	signingPart  = keysPart + "/signing.json"
	anchorPart   = keysPart + "/anchor"
	manifestPart = "backup.json"
)

var backupName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9]+(-[0-9]+)?$`)

const (
	manifestFormat = 1
	maxManifest    = 64 << 20 // bytes
)

// manifest is backup.json.
type manifest struct {
	Format     int            `json:"format"`
	Store      string         `json:"store"` // hexadecimal
	Epoch      uint64         `json:"epoch"` // of the keys
	Size       uint64         `json:"size"`  // how many events there are
	Bucket     uint32         `json:"bucket"`
	Checkpoint string         `json:"checkpoint"` // the signed note over them; "": there are none
	Time       time.Time      `json:"time"`
	Files      []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"` // with / for a separator
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

func (m manifest) bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// errIncomplete: the directory has no manifest.
var errIncomplete = errors.New("it is no complete backup: there is no " + manifestPart + " in it")

// readManifest reads the manifest of the backup in dir, and checks that it names
// nothing outside.
func readManifest(files vfs.FS, dir string) (m manifest, err error) {
	f, err := files.Open(files.PathJoin(dir, manifestPart))
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("%s: %w", dir, errIncomplete)
	}
	if err != nil {
		return m, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return m, fmt.Errorf("read %s: %w", manifestPart, err)
	}
	if len(b) > maxManifest || json.Unmarshal(b, &m) != nil {
		return m, fmt.Errorf("%w: %s of backup %s is no manifest", ErrTampered, manifestPart, dir)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("backup %s was made by a newer version of afterimage: use that", dir)
	}
	found := map[string]bool{}
	for _, f := range m.Files {
		if found[f.Name] || !f.allowed() {
			return m, fmt.Errorf("%w: the manifest of backup %s names a file %q", ErrTampered, dir, f.Name)
		}
		found[f.Name] = true
	}
	if !found[epochPart] || !found[signingPart] || !found[anchorPart] {
		return m, fmt.Errorf("%w: the manifest of backup %s names no keys", ErrTampered, dir)
	}
	return m, nil
}

// allowed reports whether a backup may have such a file.
func (f manifestFile) allowed() bool {
	switch f.Name {
	case epochPart, signingPart, anchorPart:
		return f.Size >= 0
	}
	name, in := strings.CutPrefix(f.Name, logPart+"/")
	return in && f.Size >= 0 && name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, `/\`)
}

// writeManifest makes a directory a backup, durably.
func writeManifest(files vfs.FS, dir string, m manifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil && len(b) >= maxManifest {
		err = fmt.Errorf("the log has %d files: too many for the manifest of a backup", len(m.Files))
	}
	if err != nil {
		return err
	}
	name := files.PathJoin(dir, manifestPart)
	if err := writeFile(files, name+".tmp", append(b, '\n')); err != nil {
		return err
	}
	if err := files.Rename(name+".tmp", name); err != nil {
		return err
	}
	return syncDir(files, dir)
}

// writeFile writes a file durably, but for its entry in the directory.
func writeFile(files vfs.FS, name string, content []byte) error {
	f, err := files.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Clone(content)) // Pebble's files in memory may scribble over it.
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(files vfs.FS, dir string) error {
	d, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// readBuffer is how much is read of a file at a time, in bytes.
const readBuffer = 1 << 20

// readFile reads a file, writes it to out, unless that is nil, and returns its
// length and hash.
func readFile(ctx context.Context, files vfs.FS, name string, out io.Writer, progress func(int64)) (n int64, sum string, err error) {
	in, err := files.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	h := sha256.New()
	to := io.Writer(h)
	if out != nil {
		to = io.MultiWriter(h, out)
	}
	for {
		part, err := io.CopyN(to, in, readBuffer)
		n += part
		progress(n)
		if errors.Is(err, io.EOF) {
			return n, hex.EncodeToString(h.Sum(nil)), ctx.Err()
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return n, "", err
		}
	}
}
