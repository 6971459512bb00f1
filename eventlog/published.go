package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
)

// Publish durably keeps a checkpoint that this log signed, with the
// cosignatures of witnesses that it carries. The largest that was published is
// what Published returns from then on. ErrTampered where it is not a
// checkpoint of this log.
func (l *Log) Publish(ctx context.Context, signed []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cp, err := l.openNote(signed)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writable(); err != nil {
		return err
	}
	if cp.Size > uint64(l.state.size) {
		return fmt.Errorf("publish: %w: the checkpoint covers %d events, the log has %d", ErrTampered, cp.Size, l.state.size)
	}
	if err := l.db.Set(publishedKey(event.Seq(cp.Size)), signed, pebble.Sync); err != nil {
		return fmt.Errorf("publish checkpoint: %w", err)
	}
	return nil
}

// Published returns the largest checkpoint that was published, with its
// cosignatures, or ErrNotFound.
func (l *Log) Published(ctx context.Context) (c Checkpoint, err error) {
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key1(spacePublished), UpperBound: prefixEnd(key1(spacePublished))})
	if err != nil {
		return Checkpoint{}, storageError(err)
	}
	defer it.Close()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return Checkpoint{}, storageError(err)
		}
		return Checkpoint{}, fmt.Errorf("published checkpoint: %w", ErrNotFound)
	}
	signed, err := it.ValueAndErr()
	if err != nil {
		return Checkpoint{}, storageError(err)
	}
	cp, err := l.openNote(signed)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("published checkpoint: %w", err)
	}
	return l.checkpointOf(cp), nil
}

// Kept returns the checkpoint over so many events that was kept for good, with
// the cosignatures of witnesses if it was published, or ErrNotFound.
func (l *Log) Kept(ctx context.Context, size event.Seq) (Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	c, err := l.keptAt(publishedKey(size), size)
	if errors.Is(err, ErrNotFound) {
		return l.keptAt(checkpointKey(size), size)
	}
	return c, err
}

func (l *Log) keptAt(key []byte, size event.Seq) (Checkpoint, error) {
	signed, err := l.get(key)
	if err != nil {
		return Checkpoint{}, err
	}
	if signed == nil {
		return Checkpoint{}, fmt.Errorf("checkpoint over %d events: %w: none was kept", size, ErrNotFound)
	}
	cp, err := l.openNote(signed)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint over %d events: %w", size, err)
	}
	return l.checkpointOf(cp), nil
}
