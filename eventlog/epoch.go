package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// LedgerClass is the class of ledger events.
const LedgerClass = "ledger"

// changeEpoch begins the next epoch of keys: in one atomic step the secrets of
// tenants and buckets are wrapped anew but for those of buckets that go, buckets
// of which events went get new secrets, and a ledger event says so.
func (l *Log) changeEpoch(_ context.Context, p *pending, progress func(ForgetProgress)) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	next := l.ring.Begun()
	ledger, err := l.Prepare(event.System, &pb.Event{
		Id: id.String(), Time: timestamppb.New(l.cfg.Now()), Class: LedgerClass,
		Body: &pb.Event_EpochBegan{EpochBegan: &pb.EpochBegan{Epoch: next.Number()}},
	})
	if err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	_, err = l.appendAs([]Prepared{ledger}, next, func(a *appending) error {
		if err := l.rewrap(a.write, p, next); err != nil {
			return err
		}
		headers, err := l.rekey(a.write, p)
		if err != nil {
			return err
		}
		if err := errors.Join(l.drop(a.write, p.drop), l.writeReplacements(a.write, nil, p.unsaid)); err != nil {
			return err
		}
		remove(a.write, key1(spacePending))
		removeRange(a.write, key1(spaceProjection)) // It was derived from what is forgotten too.
		a.state.epoch = next.Number()
		set(a.write, key1(spaceState), a.state.encode())
		return l.move(a.write, func() { l.settleEpoch(p, headers) })
	})
	if err != nil {
		return err
	}
	l.ring.Advance()
	l.fresh = nil
	progress(ForgetProgress{"keys", 1, 1})
	return l.giveBack()
}

// giveBack has the disk's space given back of what was removed: only what says so
// in a table of its own has the tables dropped that it covers, and until then it
// waits in memory for tens of megabytes of other writes.
func (l *Log) giveBack() error {
	if _, err := l.db.AsyncFlush(); err != nil {
		return fmt.Errorf("give back the space of what is forgotten: %w", err)
	}
	return nil
}

// rewrap wraps the secrets of all tenants, and of the buckets that stay and keep
// them, with the next epoch's key.
func (l *Log) rewrap(b *pebble.Batch, p *pending, next *keyring.Epoch) error {
	current := l.ring.Current()
	err := l.each(key1(spaceTenant), func(k, v []byte) error {
		id := tenantID(binary.BigEndian.Uint32(k[1:]))
		wrapped, err := current.Rewrap(v[:keyring.WrappedSize], tenantUse(id), next)
		if err != nil {
			return fmt.Errorf("tenant %d: %w: its key %w", id, ErrTampered, err)
		}
		set(b, bytes.Clone(k), append(wrapped, v[keyring.WrappedSize:]...))
		return nil
	})
	if err != nil {
		return err
	}
	return l.each(key1(spaceBucket), func(k, v []byte) error {
		id := bucketID(binary.BigEndian.Uint32(k[1:]))
		if slices.Contains(p.drop, id) || l.fresh[id].bucket != nil {
			return nil
		}
		wrapped, err := current.Rewrap(v[:keyring.WrappedSize], bucketUse(id), next)
		if err != nil {
			return fmt.Errorf("bucket %d: %w: its key %w", id, ErrTampered, err)
		}
		set(b, bytes.Clone(k), append(wrapped, v[keyring.WrappedSize:]...))
		return nil
	})
}

// rekey gives buckets their new secrets, and wraps the keys of their blocks
// anew. It returns the new headers.
func (l *Log) rekey(b *pebble.Batch, p *pending) (map[block.ID]*block.Header, error) {
	headers := map[block.ID]*block.Header{}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, r := range p.rekey {
		old, fresh := l.buckets[r.bucket], l.fresh[r.bucket]
		set(b, bucketKey(r.bucket), fresh.record)
		removeRange(b, indexPrefix(old.indexID))
		for _, id := range old.ids {
			h, err := l.headers[id].Rewrap(id, old.blocks, fresh.blocks)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrTampered, err)
			}
			headers[id] = h
			set(b, headerKey(id), h.Append(nil))
		}
	}
	return headers, nil
}

// drop removes buckets with all that is in them.
func (l *Log) drop(b *pebble.Batch, ids []bucketID) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, id := range ids {
		old := l.buckets[id]
		remove(b, bucketKey(id))
		removeRange(b, indexPrefix(old.indexID))
		removeBlocks(b, old.ids)
		if old.class != quarantineClass {
			continue
		}
		for _, space := range []byte{spaceQuarantine, spacePayload} {
			err := l.each(key4(space, uint32(old.tenant)), func(k, v []byte) error {
				if len(v) >= 4 && bucketID(binary.BigEndian.Uint32(v)) == id {
					remove(b, bytes.Clone(k))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// settleEpoch makes memory what changeEpoch made the disk. The caller holds mu.
func (l *Log) settleEpoch(p *pending, headers map[block.ID]*block.Header) {
	for _, r := range p.rekey {
		fresh, old := l.fresh[r.bucket].bucket, l.buckets[r.bucket]
		fresh.ids = old.ids
		l.buckets[r.bucket] = fresh
	}
	maps.Copy(l.headers, headers)
	for _, id := range p.drop {
		b := l.buckets[id]
		for _, id := range slices.Clone(b.ids) {
			l.dropBlock(id)
		}
		t := l.tenants[b.tenant]
		t.buckets = slices.DeleteFunc(slices.Clone(t.buckets), func(have bucketID) bool { return have == id })
		delete(l.buckets, id)
	}
}

// endEpoch destroys the key of the epoch before, and that of the embedded
// JetStream's files if what was forgotten may be in them, once they do not need it
// any more.
func (l *Log) endEpoch(ctx context.Context, progress func(ForgetProgress)) error {
	if !l.KeysRemain() {
		return nil
	}
	for l.KeysRemain() {
		if err := l.rekeyStream(ctx); err != nil {
			return err
		}
		if err := l.ring.End(); err != nil {
			return err
		}
		if !l.settled {
			continue
		}
		l.settled = false
		if err := l.ring.BeginStream(); err != nil {
			return err
		}
	}
	l.log.InfoContext(ctx, "what was forgotten is gone", "epoch", l.ring.Current().Number())
	progress(ForgetProgress{"stream", 1, 1})
	return nil
}

// workers is how many blocks are sealed at a time where someone waits for it.
func (*store) workers() int { return runtime.GOMAXPROCS(0) }
