package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/transparency-dev/formats/proof"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
)

// maxFile bounds what is read of a file about one event, in bytes: what is stored
// of one may have 16 MiB, and its JSON is longer.
const maxFile = 128 << 20

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("is longer than it can be")
	}
	return text, err
}

// readRecord returns the event of a record.
func readRecord(fsys fs.FS, dir string, seq event.Seq) (*pb.Event, error) {
	text, err := readFile(fsys, recordName(dir, seq))
	if err != nil {
		return nil, err
	}
	e := new(pb.Event)
	if err := protojson.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("is not the JSON of an event: %w", err)
	}
	if e.Seq == nil || event.Seq(e.GetSeq()) != seq {
		return nil, errors.New("is not of the position that its name says")
	}
	return e, nil
}

// A checkedEvent is an event whose files were checked, or what is wrong with one of
// them.
type checkedEvent struct {
	fact
	seq     event.Seq
	problem *bag.Problem
}

// each checks the events of a directory, by ascending position, and calls take for
// those that are as they should be.
func (v *verifying) each(ctx context.Context, dir string, seqs *roaring64.Bitmap, take func(fact)) error {
	all := seqs.ToArray()
	for part := range slices.Chunk(all, inHand()) {
		for _, n := range part {
			v.take(recordName(dir, event.Seq(n)))
			v.take(commitmentName(dir, event.Seq(n)))
			v.take(proofName(event.Seq(n)))
		}
		err := inOrder(ctx, part, func(_ context.Context, n uint64) (checkedEvent, error) {
			return v.check(dir, event.Seq(n)), nil
		}, func(c checkedEvent) error {
			if c.problem != nil {
				// Its files are compared with one another.
				c.problem.Follows = v.wrong[recordName(dir, c.seq)] || v.wrong[commitmentName(dir, c.seq)] || v.wrong[proofName(c.seq)]
				v.tell(*c.problem)
				v.wrong[dir] = true // It lacks the event.
			} else {
				take(c.fact)
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check checks the files of one event.
func (v *verifying) check(dir string, seq event.Seq) (out checkedEvent) {
	wrong := func(file string, err error) checkedEvent {
		return checkedEvent{seq: seq, problem: &bag.Problem{File: file, Reason: err.Error()}}
	}
	e, err := readRecord(v.fsys, dir, seq)
	if err != nil {
		return wrong(recordName(dir, seq), err)
	}
	out.event = e
	stored, err := v.committed(dir, &out.fact)
	if err != nil {
		return wrong(commitmentName(dir, seq), err)
	}
	if again, err := storedBytes(e); err != nil || !bytes.Equal(again, stored) {
		return wrong(recordName(dir, seq), errors.New("is not the event that was stored"))
	}
	if err := v.proven(&out.fact); err != nil {
		return wrong(proofName(seq), err)
	}
	end, err := eventlog.FollowRedactions(out.leaf, seq, v.redactions[seq]...)
	if err == nil && end != out.current {
		err = errors.New("is of an event that is not what the ledger says it became")
	}
	if err != nil {
		return wrong(commitmentName(dir, seq), err)
	}
	return out
}

// storedBytes is what an event looks like where it is stored.
func storedBytes(e *pb.Event) ([]byte, error) {
	seq := e.Seq
	e.Seq = nil
	stored, err := event.Marshal(e)
	e.Seq = seq
	return stored, err
}

// committed reads what an event is committed to, and returns its stored bytes.
func (v *verifying) committed(dir string, f *fact) ([]byte, error) {
	seq := event.Seq(f.event.GetSeq())
	text, err := readFile(v.fsys, commitmentName(dir, seq))
	if err != nil {
		return nil, err
	}
	var c commitmentFile
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	f.current, f.size = sha256.Sum256(c.Stored), len(c.Stored)
	if c.Commitment != fmt.Sprintf("%x", f.current) {
		return nil, errors.New("says another commitment than that of the stored bytes")
	}
	leaf, err := hex.DecodeString(c.Leaf)
	if err != nil || len(leaf) != len(f.leaf) {
		return nil, errors.New("says a leaf that is none")
	}
	f.leaf = [sha256.Size]byte(leaf)
	for _, at := range c.Redactions {
		f.redactions = append(f.redactions, event.Seq(at))
	}
	// One spelling, so that what it says beside that is true as well.
	if again, err := f.commitment(c.Stored); err != nil || !bytes.Equal(again, text) {
		return nil, errors.New("says something else than its event")
	}
	return c.Stored, nil
}

// proven checks the proof of an event.
func (v *verifying) proven(f *fact) error {
	text, err := readFile(v.fsys, proofName(event.Seq(f.event.GetSeq())))
	if err != nil {
		return err
	}
	var p proof.TLogProof
	if err := p.Unmarshal(text); err != nil {
		return fmt.Errorf("is no proof: %w", err)
	}
	switch {
	case p.Index != f.event.GetSeq() || !bytes.Equal(p.ExtraData, f.leaf[:]):
		return errors.New("is of another event")
	case !bytes.Equal(p.Checkpoint, v.found.Signed):
		return errors.New("is in another checkpoint than the bag's")
	}
	return eventlog.CheckProof(p, f.leaf, v.found.Checkpoint)
}
