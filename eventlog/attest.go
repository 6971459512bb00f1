package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// CheckpointOver returns the tree head over the first events, so many: the one that
// was kept for good, with the cosignatures of witnesses if it was published, or one
// that is signed now. It reads a few tiles, however long the log. ErrNotFound where
// the log has fewer.
func (l *Log) CheckpointOver(ctx context.Context, size event.Seq) (Checkpoint, error) {
	if newest := l.newest.Load().Size; uint64(size) > newest {
		return Checkpoint{}, fmt.Errorf("checkpoint over %d events: %w: the log has %d", size, ErrNotFound, newest)
	}
	kept, err := l.Kept(ctx, size)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return kept, err
	}
	root, err := tlog.TreeHash(int64(size), l.hashes())
	if err != nil {
		return Checkpoint{}, provingError(err)
	}
	cp, err := tree.Sign(uint64(size), root, l.signer)
	if err != nil {
		return Checkpoint{}, err
	}
	return l.checkpointOf(cp), nil
}

// Forgets returns the positions that a ledger event of this log says are
// forgotten: the single ones, and those that its blocks held, as their locations
// still say. ErrTampered where those are not as many as it says.
func (l *Log) Forgets(ctx context.Context, f *pb.Forgotten) (*roaring64.Bitmap, error) {
	gone, held := roaring64.New(), map[block.ID]uint32{}
	pages := roaring64.New()
	for _, r := range f.GetPositions() {
		gone.AddRange(r.GetFirst(), r.GetLast()+1)
	}
	for _, b := range f.GetBlocks() {
		held[block.ID(b.GetNumber())] = b.GetEvents()
		pages.AddRange(b.GetFirst()/pageWidth, b.GetLast()/pageWidth+1)
	}
	for it := pages.Iterator(); it.HasNext(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := it.Next()
		page, err := l.page(n)
		if err != nil {
			return nil, err
		}
		for i, at := range page {
			left, is := held[at.block]
			if !is {
				continue
			}
			if left == 0 {
				return nil, fmt.Errorf("%w: more locations name block %d, which the ledger says was forgotten, than it had events", ErrTampered, at.block)
			}
			held[at.block] = left - 1
			gone.Add(n*pageWidth + uint64(i))
		}
	}
	for id, left := range held {
		if left > 0 {
			return nil, fmt.Errorf("%w: of block %d, which the ledger says was forgotten, the locations of %d events are missing", ErrTampered, id, left)
		}
	}
	return gone, nil
}

// Leaves calls f with the commitment at each of the positions, ascending: what the
// event was committed to when it was first stored. It needs no key and says nothing
// of whose they are. Errors: ErrNotFound beyond the end, and f's.
func (l *Log) Leaves(ctx context.Context, positions *roaring64.Bitmap, f func(seq event.Seq, commitment [32]byte) error) error {
	var bundle []byte
	number := ^uint64(0)
	for it := positions.Iterator(); it.HasNext(); {
		seq := it.Next()
		if seq >= uint64(l.Size()) {
			return fmt.Errorf("event %d: %w", seq, ErrNotFound)
		}
		if n := seq / tree.Width; n != number {
			var err error
			if bundle, err = l.bundle(n); err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			number = n
		}
		start := int(seq%tree.Width) * tree.HashSize
		if len(bundle) < start+tree.HashSize {
			return fmt.Errorf("event %d: %w: its commitment is missing", seq, ErrTampered)
		}
		if err := f(event.Seq(seq), commitment(bundle[start:])); err != nil {
			return err
		}
	}
	return nil
}

// ProveLeaves proves that the commitments at all of these positions are in the tree
// of a checkpoint of this log, in fewer hashes than a proof of each: see
// tree.SubsetRoot, which gives the checkpoint's root. Errors as of Prove.
func (l *Log) ProveLeaves(ctx context.Context, positions *roaring64.Bitmap, in Checkpoint) ([][32]byte, error) {
	if err := ctx.Err(); err != nil || positions.IsEmpty() {
		return nil, err
	}
	if last := positions.Maximum(); last >= uint64(in.Size) || in.Size > l.Size() {
		return nil, fmt.Errorf("event %d: %w in a checkpoint over %d events", last, ErrNotFound, in.Size)
	}
	hashes, err := tree.ProveSubset(uint64(in.Size), positions.ToArray(), l.hashes())
	if err != nil {
		return nil, provingError(err)
	}
	return plainHashes(hashes), nil
}

// KEK names the kind of key that wraps the keys of the log, as it stands on record
// now: local, aws-kms, gcp-kms or hcvault.
func (l *Log) KEK() (string, error) { return l.ring.KEK() }
