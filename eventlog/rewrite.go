package eventlog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// A rewriting says what becomes of the events of some blocks: the one way to
// change where bytes lie. Merging, promotion, erasure and redaction are rewritings.
type rewriting struct {
	blocks []block.ID
	// into returns the bucket an event goes to, which may be the one that it is
	// in; nil: it is forgotten.
	into    func(seq event.Seq, in *bucket) *bucket
	merged  bool // the new blocks are ordered as they are to stay: by session
	workers int  // blocks sealed at a time
	// redacting, if not nil, says which events get new content, and puts them on
	// record in the same step. Blocks without such an event stay as they are.
	redacting *redacting
}

// rewrite reads the blocks, checks each event against its commitment, writes
// those that stay into new blocks under new keys, moves their locations and
// index entries, and removes the old blocks: all in one atomic step, durable on
// return. Seqs, commitments and answers stay what they are, but those of events
// that get new content. The index keeps its entries of forgotten events: whoever
// forgets makes the bucket's index anew.
//
// The caller holds rewriting. What is read is held in memory, so few blocks are
// to be rewritten at a time.
func (l *Log) rewrite(ctx context.Context, r rewriting) error {
	w := &rewrite{l: l, rewriting: r, write: l.db.NewBatch()}
	defer w.close()
	replace := func() error { return w.replace(ctx) }
	for _, step := range []func() error{w.read, replace, w.number, w.seal, w.index, w.store, w.commit} {
		err := ctx.Err()
		if err == nil {
			err = step()
		}
		if err != nil {
			return fmt.Errorf("rewrite: %w", err)
		}
		if len(w.blocks) == 0 {
			return nil // None of them is to be changed.
		}
	}
	return nil
}

// rewrite is one rewriting under way.
type rewrite struct {
	rewriting
	l     *Log
	write *pebble.Batch
	texts []*block.Text // what was read

	events []moving
	groups []*group
}

// moving is an event that was read.
type moving struct {
	block.Item
	from location
	in   *bucket
	to   *bucket   // nil: nowhere
	was  *replaced // nil: its content stays
}

func (w *rewrite) close() {
	for _, t := range w.texts {
		w.l.codec.Recycle(t)
	}
	must(w.write.Close())
}

// read reads and checks the events.
func (w *rewrite) read() error {
	committed := commitments{disk: w.l.disk}
	for _, id := range w.blocks {
		h, in, err := w.l.header(id)
		if err != nil {
			return err
		}
		text, err := readText(w.l.disk, w.l.codec, id, h, in)
		if err != nil {
			return err
		}
		w.texts = append(w.texts, text)
		meta, err := openMeta(w.l.disk, id, h, in, w.l.codec.OpenMeta)
		if err != nil {
			return err
		}
		if meta.Len() != text.Len() {
			return fmt.Errorf("%w: the sections of block %d differ in the number of events", ErrTampered, id)
		}
		for i := range meta.Len() {
			seq, stored := event.Seq(meta.Seq(i)), text.Bytes(i)
			if err := committed.check(seq, stored); err != nil {
				return err
			}
			move := moving{from: location{id, uint32(i)}, in: in, to: w.into(seq, in)}
			move.Item = block.Item{Seq: meta.Seq(i), Bytes: stored}
			if move.to != nil { // Its text is decoded when it is sealed: that takes memory.
				if move.Event, err = meta.Event(i); err != nil {
					return err
				}
			}
			w.events = append(w.events, move)
		}
	}
	return nil
}

// number sorts the events that stay into buckets and blocks, and gives the
// blocks their numbers.
func (w *rewrite) number() error {
	byBucket := map[*bucket]*group{}
	for _, m := range w.events {
		if m.to == nil {
			continue
		}
		g := byBucket[m.to]
		if g == nil {
			g = &group{bucket: m.to}
			byBucket[m.to] = g
			w.groups = append(w.groups, g)
		}
		g.items = append(g.items, m.Item)
	}
	size := block.TargetSize
	if w.merged {
		size = block.DenseSize
	}
	for _, g := range w.groups {
		items := inOrder(g.items)
		if w.merged { // Sessions with names alike are of one service, and say things alike.
			slices.SortStableFunc(items, func(a, b block.Item) int { return cmp.Compare(a.Event.GetSession(), b.Event.GetSession()) })
		}
		for items := range cut(items, size) {
			g.sealed = append(g.sealed, sealed{items: items})
		}
	}
	// Numbers that a crash or an error leaves unused are no loss.
	w.l.writing.Lock()
	defer w.l.writing.Unlock()
	for _, g := range w.groups {
		for i := range g.sealed {
			w.l.state.block++
			g.sealed[i].id = w.l.state.block
		}
	}
	return nil
}

func (w *rewrite) seal() error {
	var jobs errgroup.Group
	jobs.SetLimit(max(w.workers, 1))
	for _, g := range w.groups {
		for i := range g.sealed {
			s := &g.sealed[i]
			jobs.Go(func() (err error) {
				s.block, err = w.sealed(g.bucket, s)
				return err
			})
		}
	}
	return jobs.Wait()
}

// sealed seals one block.
func (w *rewrite) sealed(in *bucket, s *sealed) (*block.Sealed, error) {
	whole := make([]block.Item, len(s.items))
	for i, it := range s.items {
		e, err := event.Unmarshal(it.Bytes)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w: %w", it.Seq, ErrTampered, err)
		}
		whole[i] = block.Item{Seq: it.Seq, Bytes: it.Bytes, Event: e}
	}
	if w.merged {
		return w.l.codec.SealDense(s.id, uint32(in.id), in.keys(), whole)
	}
	return w.l.codec.Seal(s.id, uint32(in.id), in.keys(), whole)
}

// index moves the index entries of events that go from one bucket to another,
// changes those of events that get new content, and puts together those of events
// that are merged.
func (w *rewrite) index() error {
	leaving, arriving := map[*bucket][]block.Item{}, map[*bucket][]block.Item{}
	for _, m := range w.events {
		if m.to != nil && (m.to != m.in || w.merged || m.was.reindexed()) {
			leaving[m.in] = append(leaving[m.in], m.before())
			arriving[m.to] = append(arriving[m.to], m.Item)
		}
	}
	for from, items := range leaving {
		if err := w.l.removePostings(w.write, from, items); err != nil {
			return err
		}
	}
	for to, items := range arriving {
		if err := writePostings(w.write, to, inOrder(items)); err != nil {
			return err
		}
	}
	return nil
}

// store writes the new blocks and removes the old ones.
func (w *rewrite) store() error {
	if err := w.l.noteTables(w.groups); err != nil {
		return err
	}
	if err := w.l.storeBlocks(w.write, w.groups); err != nil {
		return err
	}
	removeBlocks(w.write, w.blocks)
	remove(w.write, key1(spaceTables))
	return nil
}

// commit moves the locations and makes all of it durable.
func (w *rewrite) commit() error {
	if w.redacting != nil {
		return w.redacting.commit(w)
	}
	w.l.writing.Lock()
	defer w.l.writing.Unlock()
	if w.l.closed {
		return ErrClosed
	}
	if err := w.locate(w.write, w.l.page); err != nil {
		return err
	}
	if err := w.l.writeReplacements(w.write, nil, w.nowhere()); err != nil {
		return err
	}
	set(w.write, key1(spaceState), w.l.state.encode())
	return w.l.move(w.write, w.settle)
}

// nowhere returns the events that are forgotten.
func (w *rewrite) nowhere() (seqs []event.Seq) {
	for _, m := range w.events {
		if m.to == nil {
			seqs = append(seqs, event.Seq(m.Seq))
		}
	}
	return seqs
}

// settle makes memory what commit made the disk. The caller holds mu.
func (w *rewrite) settle() {
	for _, id := range w.blocks {
		w.l.dropBlock(id)
	}
	for _, g := range w.groups {
		for _, s := range g.sealed {
			header := s.block.Header // a copy: its sections are not to be kept
			must(w.l.putBlock(s.id, &header))
		}
	}
}

// locate writes where the events lie now, in pages that are read with page.
func (w *rewrite) locate(b *pebble.Batch, page func(n uint64) ([]location, error)) error {
	to := map[event.Seq]location{}
	for _, g := range w.groups {
		for _, s := range g.sealed {
			for i, it := range s.items {
				to[event.Seq(it.Seq)] = location{s.id, uint32(i)}
			}
		}
	}
	pages := map[uint64][]location{}
	for _, m := range w.events {
		n := m.Seq / pageWidth
		at, ok := pages[n]
		if !ok {
			var err error
			if at, err = page(n); err != nil {
				return err
			}
			pages[n] = at
		}
		i := int(m.Seq % pageWidth)
		if i >= len(at) || at[i] != m.from {
			return fmt.Errorf("event %d: %w: its location does not name block %d, which holds it", m.Seq, ErrTampered, m.from.block)
		}
		at[i] = to[event.Seq(m.Seq)] // the zero one if it goes nowhere
	}
	for n, at := range pages {
		set(b, locationKey(n), encodePage(at))
	}
	return nil
}

// move commits a batch that changes where events lie or what opens them, and
// calls memory, which changes what is in memory alike and must not fail, as one
// step for readers. It is durable on return. The caller holds writing.
func (l *Log) move(b *pebble.Batch, memory func()) error {
	if err := l.moveUnsynced(b, memory); err != nil {
		return err
	}
	return l.db.LogData(nil, pebble.Sync) // Syncs what was logged before it.
}

func (l *Log) moveUnsynced(b *pebble.Batch, memory func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moves.Add(1)
	defer l.moves.Add(1)
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	memory()
	return nil
}

// remove deletes a key in a batch, which fails for no reason but a bug.
func remove(b *pebble.Batch, key []byte) {
	if err := b.Delete(key, nil); err != nil {
		panic("internal error: add to batch: " + err.Error())
	}
}

func removeRange(b *pebble.Batch, prefix []byte) {
	if err := b.DeleteRange(prefix, prefixEnd(prefix), nil); err != nil {
		panic("internal error: add to batch: " + err.Error())
	}
}

// removePostings removes the items from the index of their bucket.
func (d disk) removePostings(b *pebble.Batch, from *bucket, items []block.Item) error {
	postings, err := from.postings(items)
	if err != nil {
		return err
	}
	for hash, gone := range postings {
		slices.Sort(gone)
		err := d.each(termPrefix(from.indexID, hash[:]), func(k, v []byte) error {
			_, _, first, err := parseTermKey(k)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrTampered, err)
			}
			seqs, err := appendPosting(nil, first, v)
			if err != nil {
				return err
			}
			had := len(seqs)
			seqs = slices.DeleteFunc(seqs, func(s event.Seq) bool {
				_, found := slices.BinarySearch(gone, s)
				return found
			})
			if len(seqs) == had {
				return nil
			}
			remove(b, bytes.Clone(k))
			if len(seqs) > 0 {
				set(b, termKey(from.indexID, hash[:], seqs[0]), encodePosting(seqs))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
