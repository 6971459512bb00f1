package eventlog

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
)

// KeepStamp durably keeps a time-stamp, as its authority sent it, of the
// checkpoint over so many events, which must be one that was kept for good.
func (l *Log) KeepStamp(ctx context.Context, size event.Seq, stamp []byte) error {
	if _, err := l.Signed(ctx, size); err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writable(); err != nil {
		return err
	}
	if err := l.db.Set(stampKey(size), stamp, pebble.Sync); err != nil {
		return fmt.Errorf("keep time-stamp: %w", err)
	}
	return nil
}

// Stamp returns the time-stamp of the checkpoint over so many events, or
// ErrNotFound.
func (l *Log) Stamp(ctx context.Context, size event.Seq) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stamp, err := l.get(stampKey(size))
	if err == nil && stamp == nil {
		err = fmt.Errorf("time-stamp of the checkpoint over %d events: %w", size, ErrNotFound)
	}
	return stamp, err
}

// Stamps returns the sizes of the newest checkpoints that have time-stamps, at
// most limit, the newest first.
func (l *Log) Stamps(ctx context.Context, limit int) ([]event.Seq, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key1(spaceStamp), UpperBound: prefixEnd(key1(spaceStamp))})
	if err != nil {
		return nil, storageError(err)
	}
	defer it.Close()
	var sizes []event.Seq
	for ok := it.Last(); ok && len(sizes) < limit; ok = it.Prev() {
		if k := it.Key(); len(k) == 9 {
			sizes = append(sizes, event.Seq(binary.BigEndian.Uint64(k[1:])))
		}
	}
	if err := it.Error(); err != nil {
		return nil, storageError(err)
	}
	return sizes, nil
}

// Signed is Kept without the cosignatures of witnesses: what a time-stamp is
// over.
func (l *Log) Signed(ctx context.Context, size event.Seq) (Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	return l.keptAt(checkpointKey(size), size)
}
