package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// markEvery is how often a verification that is to be resumed keeps how far it
// is.
const markEvery = 10 * time.Second

// A mark is how far a verification has come with the blocks: what it has learnt
// from them, and of which state of the log. It says nothing of what events hold.
type mark struct {
	Format     string
	Checkpoint []byte // with State: what the log was
	State      []byte
	Last       block.ID // blocks up to this one are checked
	Checked    event.Seq
	Findings   []Finding // in the blocks so far
	Seen       []byte
	Recorded   []byte
	Forgotten  []markedBlock
	Bad        []markedBlock
	Keys       [2]uint64   // of the sums
	Expected   [][3]uint64 // index, page, sum
}

const markFormat = "afterimage verification 1"

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
// the log is as it was; else it begins anew. Blocks that were checked before are not
// read again. The file goes when everything was checked.
func ResumeVerifyDir(ctx context.Context, cfg Config, file string, report func(Finding), progress func(Progress)) (Verified, error) {
	out, err := openAndVerify(ctx, cfg, file, report, progress)
	if err == nil {
		err = ignoreMissing(os.Remove(file))
	}
	return out, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// resume takes over what a mark says, if there is one of the log as it is. It
// returns the last block checked and the number of events in those checked.
func (v *verification) resume() (last block.ID, checked event.Seq, err error) {
	v.keys = [2]uint64{rand.Uint64(), rand.Uint64()} //nolint:gosec // Whoever tampers must not know them beforehand; rand.Uint64 is seeded by the system.
	if v.file == "" {
		return 0, 0, nil
	}
	text, err := os.ReadFile(v.file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("resume verification: %w", err)
	}
	var m mark
	if err := json.Unmarshal(text, &m); err != nil || m.Format != markFormat {
		return 0, 0, fmt.Errorf("resume verification: %s is not what a verification kept: name another file, or remove it", v.file)
	}
	now, err := v.stateOfLog()
	if err != nil {
		return 0, 0, err
	}
	if !bytes.Equal(m.Checkpoint, now.Checkpoint) || !bytes.Equal(m.State, now.State) {
		return 0, 0, nil
	}
	if err := errors.Join(v.seen.UnmarshalBinary(m.Seen), v.recorded.UnmarshalBinary(m.Recorded)); err != nil {
		return 0, 0, fmt.Errorf("resume verification: %s: %w", v.file, err)
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

// stateOfLog returns a mark with what tells whether the log is as it was.
func (v *verification) stateOfLog() (m mark, err error) {
	var failed error
	m.Checkpoint, err = v.get(key1(spaceCheckpoint))
	m.State, failed = v.get(key1(spaceState))
	return m, errors.Join(err, failed)
}

// keep keeps how far the verification has come, if it is time to.
func (v *verification) keep(last block.ID, checked event.Seq) error {
	now := time.Now() //nolint:forbidigo // how long it takes, not evidence
	if v.file == "" || v.ctx.Err() == nil && now.Sub(v.kept) < markEvery {
		return nil
	}
	v.kept = now
	m, err := v.stateOfLog()
	if err != nil {
		return err
	}
	m.Format, m.Last, m.Checked, m.Findings, m.Keys = markFormat, last, checked, v.told, v.keys
	m.Seen, m.Recorded = marshalSet(v.seen), marshalSet(v.recorded)
	for id, f := range v.forgotten {
		m.Forgotten = append(m.Forgotten, markedBlock{Number: id, First: f.first, Last: f.last, Events: f.events})
	}
	for id, d := range v.bad {
		m.Bad = append(m.Bad, markedBlock{Number: id, First: d.first, Last: d.last, Kind: d.kind, Reason: d.reason})
	}
	for page, sum := range v.expected {
		m.Expected = append(m.Expected, [3]uint64{uint64(page.index), page.page, sum})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	if err := writeFile(vfs.Default, v.file+".tmp", text); err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	if err := os.Rename(v.file+".tmp", v.file); err != nil {
		return fmt.Errorf("keep verification: %w", err)
	}
	return nil
}

func marshalSet(set *roaring64.Bitmap) []byte {
	b, err := set.MarshalBinary()
	must(err) // It writes to memory.
	return b
}
