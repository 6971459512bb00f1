package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// An Exhibit is an event as it is stored, with the proof that it is in the log.
type Exhibit struct {
	Stored []byte // SHA-256 of it is Current; the caller owns it
	Proof
}

// exhibitTries is how often an event is read and proven that is redacted
// meanwhile.
const exhibitTries = 3

// Exhibit returns an event as it is stored, proven in the tree of a checkpoint,
// both of one instant. Errors are those of Read and of Prove, and ErrTampered
// where the two do not belong together.
func (l *Log) Exhibit(ctx context.Context, name event.Tenant, seq event.Seq, in Checkpoint) (Exhibit, error) {
	for range exhibitTries {
		stored, err := l.stored(ctx, name, seq)
		if err != nil {
			return Exhibit{}, err
		}
		p, err := l.Prove(ctx, name, seq, in)
		if err != nil {
			return Exhibit{}, err
		}
		if sha256.Sum256(stored) == p.Current {
			return Exhibit{stored, p}, nil
		}
	}
	return Exhibit{}, fmt.Errorf("event %d: %w: it is not what it is committed to", seq, ErrTampered)
}

// stored returns the stored bytes of an event; errors as of Read.
func (l *Log) stored(ctx context.Context, name event.Tenant, seq event.Seq) (out []byte, err error) {
	at, err := l.place(ctx, name, seq)
	if err != nil {
		return nil, err
	}
	err = l.at(seq, at, func(at location) error {
		return l.text(at.block, int(at.index), nil, func(t *block.Text) error {
			if int(at.index) >= t.Len() {
				return fmt.Errorf("%w: block %d has no event %d", ErrTampered, at.block, at.index)
			}
			out = bytes.Clone(t.Bytes(int(at.index)))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", seq, err)
	}
	return out, nil
}

// Committed returns what an event that is there is committed to now: its leaf,
// or what stands for it since it was redacted. It reads no text and proves
// nothing. Errors as of Read.
func (l *Log) Committed(ctx context.Context, name event.Tenant, seq event.Seq) ([32]byte, error) {
	if _, err := l.place(ctx, name, seq); err != nil {
		return [32]byte{}, err
	}
	now, redacted, err := l.replaced(seq)
	if err != nil || redacted {
		return now.commitment, err
	}
	bundle, err := l.bundle(uint64(seq) / tree.Width)
	if err != nil {
		return [32]byte{}, err
	}
	start := int(seq%tree.Width) * tree.HashSize
	if len(bundle) < start+tree.HashSize {
		return [32]byte{}, fmt.Errorf("event %d: %w: its commitment is missing", seq, ErrTampered)
	}
	return [32]byte(bundle[start:]), nil
}

// Covering returns the smallest checkpoint that covers the event at seq and was
// kept for good, with the cosignatures of witnesses if it has been published;
// with published, the smallest that has been. It is the same from when it is
// first there. ErrNotFound where there is none yet.
func (l *Log) Covering(ctx context.Context, seq event.Seq, published bool) (Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	key := checkpointKey
	if published {
		key = publishedKey
	}
	size, err := l.firstAt(key(seq + 1))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint that covers event %d: %w", seq, err)
	}
	return l.Kept(ctx, size)
}

// firstAt returns the number in the first key of a keyspace, of keys of a letter
// and a number, that is not before the given one.
func (l *Log) firstAt(key []byte) (event.Seq, error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: key, UpperBound: prefixEnd(key[:1])})
	if err != nil {
		return 0, storageError(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if k := it.Key(); len(k) == len(key) {
			return event.Seq(binary.BigEndian.Uint64(k[1:])), nil
		}
	}
	if err := it.Error(); err != nil {
		return 0, storageError(err)
	}
	return 0, ErrNotFound
}

// place returns where an event of the tenant lies; errors as of Read.
func (l *Log) place(ctx context.Context, name event.Tenant, seq event.Seq) (at location, err error) {
	if err := ctx.Err(); err != nil {
		return at, err
	}
	t := l.named(name)
	if t == nil || seq >= l.Size() {
		return at, fmt.Errorf("event %d: %w", seq, ErrNotFound)
	}
	if at, err = l.locate(seq); err != nil {
		return at, fmt.Errorf("event %d: %w", seq, err)
	}
	err = l.at(seq, at, func(now location) error {
		_, b, err := l.header(now.block)
		if err == nil && b.tenant != t.id {
			err = ErrNotFound
		}
		at = now
		return err
	})
	if err != nil {
		return at, fmt.Errorf("event %d: %w", seq, err)
	}
	return at, nil
}
