package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// Rebuild throws away everything that can be made again — locations, ids, the
// index and the tiles — and makes it again from blocks and commitments, in a
// log that no process has open. It is one atomic step: a crash on the way
// leaves the log as it was.
//
// Everything that is made is held in memory until then: some 500 bytes an
// event.
func Rebuild(ctx context.Context, cfg Config) (err error) {
	cfg = cfg.withDefaults()
	ring, err := keyring.OpenWith(cfg.KeysDir, cfg.Keys)
	if err != nil {
		return fmt.Errorf("open keys: %w", err)
	}
	db, err := openDB(cfg, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newStore(db, ring, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.codec.Close()) }()
	if err := s.identify(ring.Store()); err != nil {
		return err
	}
	if err := s.load(func(err error) error { return err }); err != nil {
		return err
	}
	return s.rebuild(ctx)
}

func (s *store) rebuild(ctx context.Context) error {
	st, err := s.readState()
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	for _, space := range []byte{spaceLocation, spaceID, spaceIndex, spaceTile} {
		if err := b.DeleteRange(key1(space), prefixEnd(key1(space)), nil); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	locations := make([]location, st.size)
	for _, id := range slices.Sorted(maps.Keys(s.headers)) {
		if err := errors.Join(ctx.Err(), s.rebuildBlock(b, id, locations)); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	// What is missing must not come to look as if it had been forgotten.
	if seq := slices.Index(locations, location{}); seq >= 0 {
		return fmt.Errorf("rebuild: %w: no block holds event %d: run afterimage verify", ErrTampered, seq)
	}
	page := uint64(0)
	for part := range slices.Chunk(locations, pageWidth) {
		set(b, locationKey(page), encodePage(part))
		page++
	}
	if err := s.rebuildTiles(b, st.size); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return b.Commit(pebble.Sync)
}

// rebuildBlock makes what leads to the events of one block.
func (s *store) rebuildBlock(b *pebble.Batch, id block.ID, locations []location) error {
	_, in, err := s.header(id)
	if err != nil {
		return err
	}
	meta, err := s.meta(id)
	if err != nil {
		return err
	}
	text, err := s.openText(id)
	if err != nil {
		return err
	}
	defer s.codec.Recycle(text)
	s.mu.RLock()
	owner := s.tenants[in.tenant]
	s.mu.RUnlock()
	if owner == nil {
		return fmt.Errorf("%w: block %d is of tenant %d, which is not there", ErrTampered, id, in.tenant)
	}
	var items []block.Item
	for i := range meta.Len() {
		seq := meta.Seq(i)
		if seq >= uint64(len(locations)) {
			return fmt.Errorf("%w: block %d holds event %d of %d", ErrTampered, id, seq, len(locations))
		}
		if err := s.committed(event.Seq(seq), text.Bytes(i)); err != nil {
			return err
		}
		locations[seq] = location{id, uint32(i)}
		e, err := meta.Event(i)
		if err != nil {
			return err
		}
		hash, err := owner.ids.Sum([]byte(e.GetId()), idHashSize)
		if err != nil {
			return err
		}
		set(b, idKey(owner.id, hash), binary.BigEndian.AppendUint64(nil, seq))
		items = append(items, block.Item{Seq: seq, Event: e})
	}
	return writePostings(b, in, items)
}

// committed reports whether the stored bytes are those that were committed to.
func (s *store) committed(seq event.Seq, stored []byte) error {
	bundle, err := s.bundle(uint64(seq) / tree.Width)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(stored)
	start := int(seq%tree.Width) * tree.HashSize
	if start+tree.HashSize > len(bundle) || !bytes.Equal(bundle[start:start+tree.HashSize], sum[:]) {
		return fmt.Errorf("event %d: %w: the commitment is not that of the stored event", seq, ErrTampered)
	}
	return nil
}

// rebuildTiles makes the tiles over the commitments, which must make the root
// that was signed last.
func (s *store) rebuildTiles(b *pebble.Batch, size event.Seq) error {
	edge := &tree.Edge{}
	for edge.Size() < uint64(size) {
		index := edge.Size() / tree.Width
		bundle, err := s.bundle(index)
		if err != nil {
			return err
		}
		want := min(tree.Width, uint64(size)-edge.Size())
		if uint64(len(bundle)) < want*tree.HashSize {
			return fmt.Errorf("%w: bundle %d is too short", ErrTampered, index)
		}
		for _, t := range edge.AddAll(tree.LeafHashes(bundle[:want*tree.HashSize])) {
			set(b, tileKey(t.Level, t.Index), tree.AppendHashes(nil, t.Hashes))
		}
	}
	signed, err := s.get(key1(spaceCheckpoint))
	if err != nil || signed == nil && size == 0 {
		return err
	}
	cp, err := s.openNote(signed)
	if err != nil {
		return err
	}
	if cp.Size != uint64(size) || cp.Root != edge.Root() {
		return fmt.Errorf("%w: the commitments do not make the root that was signed: run afterimage verify", ErrTampered)
	}
	return nil
}
