package eventlog

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// Rebuild throws away everything that can be made again — locations, ids, the
// index, the filters, the sketches, the tiles and what redacted events are committed
// to — and makes it again from blocks and commitments, in a log that no process has open. It works in steps: until it is
// done the log does not open, and after a crash on the way it is to be called
// again. Nothing is changed before all that it is made from was read and checked.
//
// The ids of forgotten events cannot be made again; they are kept. What is held
// in memory is 16 bytes an event. It calls progress now and then.
func Rebuild(ctx context.Context, cfg Config, progress func(Progress)) (err error) {
	cfg = cfg.withDefaults()
	fresh, err := isFresh(cfg)
	if err != nil {
		return err
	}
	if fresh {
		return fmt.Errorf("%s holds no log: name its directory with --data", cfg.Dir)
	}
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
	if err := s.identify(ring.Store(), false); err != nil {
		return err
	}
	st, err := s.readState()
	if err != nil {
		return err
	}
	if err := ring.Use(st.epoch); err != nil {
		return fmt.Errorf("open keys: %w", err)
	}
	if err := s.load(func(err error) error { return err }); err != nil {
		return err
	}
	return s.rebuild(ctx, st, progress)
}

func (s *store) rebuild(ctx context.Context, st state, progress func(Progress)) error {
	r := &rebuilding{store: s, progress: progress, locations: make([]location, st.size), recorded: roaring64.New(), forgotten: map[block.ID]*forgottenBlock{}, committed: commitments{disk: s.disk, said: map[event.Seq]replacement{}}, differing: map[event.Seq]differing{}, tiles: s.db.NewBatch()}
	defer r.tiles.Close() //nolint:errcheck // Committed or thrown away.
	for _, step := range []func(context.Context) error{r.read, r.readIDs, r.explain, r.makeTiles, r.mark, r.clear, r.blocks, r.ids, r.writeLocations, r.writeRedacted, r.writeTiles} {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		if err := step(ctx); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	if err := s.db.Delete(key1(spaceRebuild), pebble.Sync); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// rebuilding is a Rebuild under way.
type rebuilding struct {
	*store
	progress  func(Progress)
	done      event.Seq // events that were read, each twice
	locations []location
	tiles     *pebble.Batch
	recorded  *roaring64.Bitmap // positions recorded as forgotten
	forgotten map[block.ID]*forgottenBlock
	committed commitments
	claims    claims // what the ledger says of redactions
	differing map[event.Seq]differing
	redacted  map[event.Seq]replacement // what that comes to, once all blocks were read
}

// differing is an event that is not the one that its leaf commits to.
type differing struct {
	block block.ID
	sum   commitment
}

// write commits what f puts into a batch. Nothing need be durable before the
// last step.
func (r *rebuilding) write(f func(*pebble.Batch) error) error {
	b := r.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	if err := f(b); err != nil {
		return err
	}
	return b.Commit(pebble.NoSync)
}

// read reads every block, and notes where its events are and what its ledger
// events record as forgotten.
func (r *rebuilding) read(ctx context.Context) error {
	var bad []block.ID
	var first error
	for _, id := range slices.Sorted(maps.Keys(r.headers)) {
		_, err := r.open(id)
		if errors.Is(err, ErrTampered) {
			bad, first = append(bad, id), cmp.Or(first, err)
			err = nil
		}
		if err := errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		r.advance(id)
	}
	more, err := r.settleRedacted()
	if err != nil {
		return err
	}
	for _, id := range more {
		bad, first = append(bad, id), cmp.Or(first, fmt.Errorf("%w: the commitment of one of its events is not that of what is stored", ErrTampered))
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d blocks of events are damaged, the first is block %d (%w): nothing was changed, for only what leads to events can be rebuilt: restore a backup elsewhere", len(bad), bad[0], first)
	}
	return nil
}

// settleRedacted finds out what redacted events are committed to, and returns
// blocks that hold something else. Events are not believed before: what the ledger
// says may be in any block.
func (r *rebuilding) settleRedacted() (bad []block.ID, err error) {
	r.redacted = map[event.Seq]replacement{}
	err = r.claims.bySeq(func(seq event.Seq, of claims) error {
		h, in, err := r.header(r.locations[seq].block)
		if err != nil || h == nil {
			return nil //nolint:nilerr // It is forgotten, or missing, which is for explain to tell.
		}
		leaf, err := r.committed.leaf(seq)
		if err != nil {
			return err
		}
		end, err := of.end(leaf, in.tenant)
		d, differs := r.differing[seq]
		if err != nil || !differs || d.sum != end.commitment {
			bad = append(bad, r.locations[seq].block)
			return nil
		}
		r.redacted[seq] = end
		return nil
	})
	for seq, d := range r.differing {
		if _, said := r.redacted[seq]; !said {
			bad = append(bad, d.block)
		}
	}
	slices.Sort(bad)
	r.committed.said = r.redacted
	return slices.Compact(bad), err
}

// differs notes that an event is not the one that its leaf commits to, in the
// first reading; in the second, only what the ledger says is left.
func (r *rebuilding) differs(seq event.Seq, id block.ID, stored []byte) error {
	err := r.committed.check(seq, stored)
	if r.redacted == nil && errors.Is(err, ErrTampered) {
		r.differing[seq] = differing{id, sha256.Sum256(stored)}
		return nil
	}
	return err
}

// readIDs reads the ids, which are kept.
func (r *rebuilding) readIDs(ctx context.Context) error {
	err := r.each(key1(spaceID), func(_, _ []byte) error { return ctx.Err() })
	if errors.Is(err, ErrTampered) {
		return fmt.Errorf("the ids of events are damaged (%w): nothing was changed, for those of forgotten events cannot be made again: restore a backup elsewhere", err)
	}
	return err
}

func (r *rebuilding) advance(id block.ID) {
	r.done += event.Seq(r.headers[id].Count)
	r.progress(Progress{r.done / 2, event.Seq(len(r.locations))})
}

// mark makes sure that, from now on, nobody opens the log before it is rebuilt.
func (r *rebuilding) mark(context.Context) error {
	return r.db.Set(key1(spaceRebuild), nil, pebble.Sync)
}

func (r *rebuilding) clear(context.Context) error {
	return r.write(func(b *pebble.Batch) error {
		removeRange(b, key1(spaceIndex))
		removeRange(b, key1(spaceFilter))
		removeRange(b, key1(spaceSketch))
		removeRange(b, key1(spaceTile))
		return nil
	})
}

// blocks makes what leads to the events of every block.
func (r *rebuilding) blocks(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(r.headers)) {
		err := r.write(func(b *pebble.Batch) error { return r.block(b, id) })
		if err := errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		r.advance(id)
	}
	return nil
}

// explain finds a location for every position that no block holds. What is
// missing must not come to look as if it had been forgotten.
func (r *rebuilding) explain(context.Context) error {
	// A position of a block that went whole is known by the old locations, or
	// else by any such block that it fits in: their counts are what verification
	// compares.
	byLast := slices.SortedFunc(maps.Keys(r.forgotten), func(a, b block.ID) int {
		return cmp.Or(cmp.Compare(r.forgotten[a].last, r.forgotten[b].last), cmp.Compare(a, b))
	})
	var unexplained []event.Seq
	for i := range r.locations {
		seq := event.Seq(i)
		if r.locations[i].block != 0 || r.recorded.Contains(uint64(i)) {
			continue
		}
		if at, err := r.locate(seq); err == nil && r.takes(at.block, seq) {
			r.locations[i] = at
			continue
		}
		unexplained = append(unexplained, seq)
	}
	for _, seq := range unexplained {
		i := slices.IndexFunc(byLast, func(id block.ID) bool { return r.takes(id, seq) })
		if i < 0 {
			return fmt.Errorf("%w: no block holds event %d, and no record says that it was forgotten: run afterimage verify", ErrTampered, seq)
		}
		r.locations[seq] = location{block: byLast[i]}
	}
	return nil
}

// takes reports whether a block that was forgotten may have held the position,
// and counts it.
func (r *rebuilding) takes(id block.ID, seq event.Seq) bool {
	f := r.forgotten[id]
	if f == nil || seq < f.first || seq > f.last || f.located == f.events {
		return false
	}
	f.located++
	return true
}

// ids removes the ids that lead to other events than theirs. Those of events
// that are there were written before.
func (r *rebuilding) ids(ctx context.Context) error {
	var stale [][]byte
	flush := func() error {
		defer func() { stale = stale[:0] }()
		return r.write(func(b *pebble.Batch) error {
			for _, k := range stale {
				remove(b, k)
			}
			return nil
		})
	}
	err := r.each(key1(spaceID), func(k, v []byte) error {
		if len(k) != 1+4+idHashSize || len(v) != 8 || !r.leads(k, binary.BigEndian.Uint64(v)) {
			stale = append(stale, bytes.Clone(k))
		}
		if len(stale) < MaxAppend {
			return ctx.Err()
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// leads reports whether an id may lead to a position: it is a forgotten event's,
// or the one of the event there.
func (r *rebuilding) leads(k []byte, seq uint64) bool {
	if seq >= uint64(len(r.locations)) {
		return false
	}
	at := r.locations[seq]
	h, in, err := r.header(at.block)
	if err != nil {
		return true
	}
	meta, err := r.metas.get(at.block, func(id block.ID) (*block.Meta, error) { return openMeta(r.disk, id, h, in, r.codec.OpenMeta) })
	if err != nil {
		return false
	}
	defer r.metas.done(meta)
	e, err := meta.section.Event(int(at.index))
	if err != nil {
		return false
	}
	owner := r.tenants[in.tenant]
	hash, err := owner.ids.Sum([]byte(e.GetId()), idHashSize)
	return err == nil && bytes.Equal(k, idKey(owner.id, hash))
}

func (r *rebuilding) writeLocations(context.Context) error {
	if err := r.write(func(b *pebble.Batch) error { removeRange(b, key1(spaceLocation)); return nil }); err != nil {
		return err
	}
	page := uint64(0)
	for part := range slices.Chunk(r.locations, pageWidth*1024) {
		err := r.write(func(b *pebble.Batch) error {
			for locations := range slices.Chunk(part, pageWidth) {
				set(b, locationKey(page), encodePage(locations))
				page++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rebuilding) writeRedacted(context.Context) error {
	return r.write(func(b *pebble.Batch) error {
		removeRange(b, key1(spaceRedacted))
		pages := map[uint64]replacements{}
		for seq, to := range r.redacted {
			n := uint64(seq) / tree.Width
			if pages[n] == nil {
				pages[n] = replacements{}
			}
			pages[n][uint8(seq%tree.Width)] = to
		}
		for n, of := range pages {
			set(b, redactedKey(n), of.encode())
		}
		return nil
	})
}

func (r *rebuilding) makeTiles(context.Context) error {
	return r.rebuildTiles(r.tiles, event.Seq(len(r.locations)))
}

func (r *rebuilding) writeTiles(context.Context) error { return r.tiles.Commit(pebble.NoSync) }

// open reads the events of one block, and notes where they are and what they
// record.
func (r *rebuilding) open(id block.ID) ([]block.Item, error) {
	h, in, err := r.header(id)
	if err != nil {
		return nil, err
	}
	text, err := readText(r.disk, r.codec, id, h, in)
	if err != nil {
		return nil, err
	}
	defer r.codec.Recycle(text)
	moments, err := openMeta(r.disk, id, h, in, r.codec.OpenMoments)
	if err != nil {
		return nil, err
	}
	if r.tenants[in.tenant] == nil {
		return nil, fmt.Errorf("%w: block %d is of tenant %d, which is not there", ErrTampered, id, in.tenant)
	}
	items := make([]block.Item, 0, len(moments))
	for i, m := range moments {
		if m.Seq >= uint64(len(r.locations)) {
			return nil, fmt.Errorf("%w: block %d holds event %d of %d", ErrTampered, id, m.Seq, len(r.locations))
		}
		if err := r.differs(event.Seq(m.Seq), id, text.Bytes(i)); err != nil {
			return nil, err
		}
		e, err := event.Unmarshal(text.Bytes(i))
		if err != nil {
			return nil, fmt.Errorf("event %d: %w: %w", m.Seq, ErrTampered, err)
		}
		r.locations[m.Seq] = location{id, uint32(i)}
		record(e.GetForgotten(), event.Seq(len(r.locations)), r.recorded, r.forgotten)
		if r.redacted == nil {
			if err := r.claims.add(event.Seq(m.Seq), in.tenant, e.GetRedacted(), event.Seq(len(r.locations))); err != nil {
				return nil, err
			}
		}
		items = append(items, block.Item{Seq: m.Seq, Event: e})
	}
	return items, nil
}

// block makes what leads to the events of one block.
func (r *rebuilding) block(b *pebble.Batch, id block.ID) error {
	items, err := r.open(id)
	if err != nil {
		return err
	}
	h, in, err := r.header(id)
	if err != nil {
		return err
	}
	owner := r.tenants[in.tenant]
	for _, it := range items {
		hash, err := owner.ids.Sum([]byte(it.Event.GetId()), idHashSize)
		if err != nil {
			return err
		}
		set(b, idKey(owner.id, hash), binary.BigEndian.AppendUint64(nil, it.Seq))
	}
	if h.Filtered {
		sealed, err := r.codec.SealFilter(id, *h, in.keys(), items)
		if err != nil {
			return err
		}
		set(b, filterKey(id), sealed)
	}
	if h.Sketched {
		sealed, err := r.codec.SealSketches(id, *h, in.keys(), items)
		if err != nil {
			return err
		}
		set(b, sketchKey(id), sealed)
	}
	return writePostings(b, in, items)
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
