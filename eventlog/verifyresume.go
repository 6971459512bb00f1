package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// markEvery is how often a verification that is to be resumed keeps how far it
// is.
const markEvery = 10 * time.Second

// A resumption keeps, in a file, how far a verification has come.
type resumption struct {
	file  string
	cfg   Config
	sum   [sha256.Size]byte // of the files of the log
	seal  keyring.AEAD
	ours  bool      // the file is a mark
	kept  time.Time // when it was last written
	found []Finding // in the blocks so far
}

// A mark is how far a verification has come with the blocks, and what it has
// learnt from them. It is sealed with a key of the epoch: whoever can only write to
// the file cannot have blocks passed over.
type mark struct {
	Files     []byte // resumption.sum
	Last      []byte // the header's key of the last block that is checked
	Checked   event.Seq
	Findings  []Finding
	Seen      []byte
	Recorded  []byte
	Claims    []byte
	Forgotten []markedBlock
	Bad       []markedBlock
	Keys      [2]uint64   // of the sums
	Expected  [][3]uint64 // index, page, sum
}

// markMagic begins the file of a mark; what follows is sealed.
const markMagic = "afterimage verification 1\n"

// markedBlock is a block that was forgotten, or one that did not pass.
type markedBlock struct {
	Number      block.ID
	First, Last event.Seq
	Events      uint32      `json:",omitempty"`
	Kind        FindingKind `json:",omitempty"`
	Reason      string      `json:",omitempty"`
}

// ResumeVerifyDir is VerifyDir that keeps in a file how far it has come, every
// ten seconds and when ctx ends, and goes on from there if the file is there and
// no file of the log has changed; else it begins anew. Blocks that were checked
// before are not read again. The file goes when everything was checked. An error, and
// nothing is changed, where the file is something else.
func ResumeVerifyDir(ctx context.Context, cfg Config, file string, report func(Finding), progress func(Progress)) (Verified, error) {
	r := &resumption{file: file}
	if err := r.look(); err != nil {
		return Verified{}, fmt.Errorf("resume verification: %w", err)
	}
	out, err := openAndVerify(ctx, cfg, r, report, progress)
	if err == nil && r.ours {
		err = os.Remove(file)
	}
	return out, err
}

// look makes sure that the file is a mark, or nothing.
func (r *resumption) look() error {
	text, err := os.ReadFile(r.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(text, []byte(markMagic)) {
		return fmt.Errorf("%s is not what a verification kept: name another file", r.file)
	}
	r.ours = true
	return nil
}

// begin finds out what tells whether the log is as it was. Without a key there
// is nothing to resume by.
func (r *resumption) begin(ring *keyring.Ring, cfg Config) (err error) {
	r.cfg = cfg
	if r.seal, err = ring.Current().AEAD("verification"); err != nil {
		return err
	}
	r.sum, err = sumOfFiles(cfg)
	return err
}

// sumOfFiles is a hash of names, sizes and times of the files of the log, and of
// where they are.
func sumOfFiles(cfg Config) (sum [sha256.Size]byte, err error) {
	names, err := cfg.FS.List(cfg.Dir)
	if err != nil {
		return sum, err
	}
	slices.Sort(names)
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", dir)
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		info, err := cfg.FS.Stat(cfg.FS.PathJoin(cfg.Dir, name))
		if err != nil {
			return sum, err
		}
		fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// resume takes over what a mark says, if there is one of the log as it is. It
// returns the key of the last header whose block is checked, and the number of events
// in those that are.
func (v *verification) resume() (last []byte, checked event.Seq, err error) {
	v.keys = [2]uint64{rand.Uint64(), rand.Uint64()} //nolint:gosec // Whoever tampers must not know them beforehand; rand.Uint64 is seeded by the system.
	r := v.resumption
	if r == nil || !r.ours {
		return nil, 0, nil
	}
	text, err := os.ReadFile(r.file)
	if err != nil {
		return nil, 0, fmt.Errorf("resume verification: %w", err)
	}
	plain, err := r.seal.Open(bytes.TrimPrefix(text, []byte(markMagic)), nil)
	if err != nil {
		return nil, 0, nil //nolint:nilerr // It is another log's, or of another epoch: it is checked anew.
	}
	var m mark
	if err := json.Unmarshal(plain, &m); err != nil {
		return nil, 0, fmt.Errorf("resume verification: %s: %w", r.file, err)
	}
	if !bytes.Equal(m.Files, r.sum[:]) {
		return nil, 0, nil
	}
	if err := errors.Join(v.seen.UnmarshalBinary(m.Seen), v.recorded.UnmarshalBinary(m.Recorded)); err != nil {
		return nil, 0, fmt.Errorf("resume verification: %s: %w", r.file, err)
	}
	if v.claims, err = decodeClaims(m.Claims); err != nil {
		return nil, 0, fmt.Errorf("resume verification: %s: %w", r.file, err)
	}
	for _, f := range m.Findings {
		v.tell(f)
	}
	for _, b := range m.Forgotten {
		v.forgotten[b.Number] = &forgottenBlock{first: b.First, last: b.Last, events: b.Events}
	}
	for _, b := range m.Bad {
		v.bad[b.Number] = &damage{kind: b.Kind, reason: b.Reason, first: b.First, last: b.Last}
	}
	for _, e := range m.Expected {
		v.expected[indexPage{indexID(e[0]), e[1]}] = e[2]
	}
	v.keys = m.Keys
	return m.Last, m.Checked, nil
}

// keep keeps how far the verification has come, if it is time to.
func (v *verification) keep(last []byte, checked event.Seq) error {
	r := v.resumption
	now := time.Now() //nolint:forbidigo // how long it takes, not evidence
	if r == nil || v.ctx.Err() == nil && now.Sub(r.kept) < markEvery {
		return nil
	}
	r.kept = now
	m := mark{
		Files: r.sum[:], Last: bytes.Clone(last), Checked: checked, Findings: r.found, Keys: v.keys,
		Seen: marshalSet(v.seen), Recorded: marshalSet(v.recorded), Claims: v.claims.encode(),
	}
	for id, f := range v.forgotten {
		m.Forgotten = append(m.Forgotten, markedBlock{Number: id, First: f.first, Last: f.last, Events: f.events})
	}
	for id, d := range v.bad {
		m.Bad = append(m.Bad, markedBlock{Number: id, First: d.first, Last: d.last, Kind: d.kind, Reason: d.reason})
	}
	for page, sum := range v.expected {
		m.Expected = append(m.Expected, [3]uint64{uint64(page.index), page.page, sum})
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	sealed, err := r.seal.Seal(plain, nil)
	if err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	if err := writeFile(vfs.Default, r.file+".tmp", append([]byte(markMagic), sealed...)); err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	if err := os.Rename(r.file+".tmp", r.file); err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	r.ours = true
	return nil
}

func marshalSet(set *roaring64.Bitmap) []byte {
	b, err := set.MarshalBinary()
	must(err) // It writes to memory.
	return b
}
