package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Places returns which of the positions are not forgotten, by the bucket that they
// are in. ErrNotFound where one is not the tenant's.
func (l *Log) Places(ctx context.Context, name event.Tenant, positions *roaring64.Bitmap) (map[BucketID]*roaring64.Bitmap, error) {
	t := l.named(name)
	if t == nil {
		return nil, fmt.Errorf("tenant %s: %w", name, ErrNotFound)
	}
	f := placeFinder{l: l, number: math.MaxUint64}
	out := map[BucketID]*roaring64.Bitmap{}
	for it := positions.Iterator(); it.HasNext(); {
		seq := event.Seq(it.Next())
		b, err := f.bucket(seq)
		if errors.Is(err, ErrErased) {
			continue
		}
		if err == nil && b.tenant != t.id {
			err = ErrNotFound
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("event %d of tenant %s: %w", seq, name, err)
		}
		if out[BucketID(b.id)] == nil {
			out[BucketID(b.id)] = roaring64.New()
		}
		out[BucketID(b.id)].Add(uint64(seq))
	}
	return out, nil
}

// A placeFinder finds the buckets of ascending positions, whose pages and blocks
// are mostly those of the one before.
type placeFinder struct {
	l      *Log
	page   []location
	number uint64 // of page
	last   block.ID
	in     *bucket // of last
}

func (f *placeFinder) bucket(seq event.Seq) (*bucket, error) {
	if n := uint64(seq) / pageWidth; n != f.number {
		page, err := f.l.page(n)
		if err != nil {
			return nil, err
		}
		f.page, f.number, f.last = page, n, 0
	}
	i := int(seq % pageWidth)
	switch {
	case i >= len(f.page):
		return f.l.bucketAt(seq) // It may have come since the page was read.
	case f.page[i].block == 0:
		return nil, ErrErased
	case f.page[i].block == f.last:
		return f.in, nil
	}
	_, b, err := f.l.header(f.page[i].block)
	if errors.Is(err, ErrErased) { // or it moved since
		return f.l.bucketAt(seq)
	}
	f.last, f.in = f.page[i].block, b
	return b, err
}

// BucketSeqs returns the positions of a bucket's events. ErrNotFound where there
// is no such bucket.
func (l *Log) BucketSeqs(ctx context.Context, id BucketID) (*roaring64.Bitmap, error) {
	for {
		set, err := l.bucketSeqs(ctx, bucketID(id))
		if !errors.Is(err, ErrErased) { // A block of it was merged meanwhile.
			return set, err
		}
	}
}

func (l *Log) bucketSeqs(ctx context.Context, id bucketID) (*roaring64.Bitmap, error) {
	l.mu.RLock()
	b := l.buckets[id]
	var ids []block.ID
	if b != nil {
		ids = append(ids, b.ids...)
	}
	l.mu.RUnlock()
	if b == nil {
		return nil, fmt.Errorf("bucket %d: %w", id, ErrNotFound)
	}
	set := roaring64.New()
	for _, id := range ids {
		err := errors.Join(ctx.Err(), l.addBlockTo(set, id))
		if errors.Is(err, errMissing) && l.removed(id) {
			err = ErrErased
		}
		if err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Positions returns a set of positions as ledger events have them: as ranges,
// ascending.
func Positions(set *roaring64.Bitmap) (out []*pb.Forgotten_Positions) {
	for _, r := range ranges(set) {
		out = append(out, &pb.Forgotten_Positions{First: uint64(r.First), Last: uint64(r.Last)})
	}
	return out
}
