package eventlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/dchest/siphash"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// blocks checks every block: that it opens, that its events are those
// committed to, that their locations lead to them. It notes which positions it
// met, what the index must hold, and what is recorded as forgotten. What it
// does not meet is for positions to explain.
func (v *verification) blocks() error {
	if v.resumption != nil {
		v.resumption.found = nil
	}
	before, checked, err := v.resume()
	if err != nil {
		return err
	}
	var interrupted error
	err = v.each(key1(spaceHeader), func(k, value []byte) error {
		if bytes.Compare(k, before) <= 0 {
			return nil
		}
		if len(k) != 9 {
			v.add("block", fmt.Errorf("%w: the key of a header has %d bytes", ErrTampered, len(k)), 0, v.last())
			return nil
		}
		id := block.ID(binary.BigEndian.Uint64(k[1:]))
		h, err := block.ParseHeader(value)
		if err == nil {
			err = v.block(id, &h)
		}
		if err != nil {
			v.bad[id] = &damage{kind: kindOf(err), reason: fmt.Sprintf("block %d: %v", id, err)}
			if h.Count > 0 {
				v.bad[id].first, v.bad[id].last = event.Seq(h.FirstSeq), event.Seq(h.LastSeq)
			}
		}
		checked += event.Seq(h.Count)
		v.progress(Progress{min(checked, v.size), v.size})
		interrupted = errors.Join(v.keep(k, checked), v.ctx.Err())
		return interrupted
	})
	if interrupted != nil {
		return interrupted
	}
	return v.damaged("block", err, 0, v.last())
}

// damage is what is wrong with a block, and the positions that its header
// names, or else the locations that name it.
type damage struct {
	kind        FindingKind
	reason      string
	first, last event.Seq
	located     bool
}

// block checks one block.
func (v *verification) block(id block.ID, h *block.Header) error {
	b := v.buckets[bucketID(h.Bucket)]
	if b == nil {
		return fmt.Errorf("%w: the key of bucket %d, which holds it, does not open", ErrTampered, h.Bucket)
	}
	text, err := readText(v.disk, v.store.codec, id, h, b)
	if err != nil {
		return err
	}
	defer v.store.codec.Recycle(text)
	moments, err := openMeta(v.disk, id, h, b, v.store.codec.OpenMoments)
	if err != nil {
		return err
	}
	items, err := v.items(b, text, moments)
	if err != nil {
		return err
	}
	sealed, err := v.get(metaKey(id))
	if err != nil {
		return err
	}
	if err := v.store.codec.CheckMeta(id, *h, b.blocks, sealed, items); err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if err := errors.Join(v.filter(id, h, b, items), v.sketches(id, h, b, items)); err != nil {
		return err
	}
	v.locations(id, items)
	return v.expect(b, items)
}

// filter checks that a block's filter denies no word of its events.
func (v *verification) filter(id block.ID, h *block.Header, b *bucket, items []block.Item) error {
	sealed, err := v.get(filterKey(id))
	if err != nil {
		return err
	}
	if !h.Filtered {
		if sealed != nil {
			return fmt.Errorf("%w: it has a filter that its header knows nothing of", ErrTampered)
		}
		return nil
	}
	if sealed == nil {
		return fmt.Errorf("%w: its filter", errMissing)
	}
	if err := v.store.codec.CheckFilter(id, *h, b.keys(), sealed, items); err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return nil
}

// items decodes the events of a block and checks each against its commitment.
func (v *verification) items(b *bucket, text *block.Text, moments []block.Moment) ([]block.Item, error) {
	if len(moments) != text.Len() {
		return nil, fmt.Errorf("%w: its sections differ in the number of events", ErrTampered)
	}
	items := make([]block.Item, 0, len(moments))
	for i, m := range moments {
		seq, stored := event.Seq(m.Seq), text.Bytes(i)
		if seq >= v.size {
			return nil, fmt.Errorf("%w: it holds event %d of %d", ErrTampered, seq, v.size)
		}
		if err := v.damaged("commitment", v.committed.check(seq, stored), seq, seq); err != nil {
			return nil, err
		}
		e, err := event.Unmarshal(stored)
		if err != nil {
			return nil, fmt.Errorf("%w: event %d does not decode: %w", ErrTampered, seq, err)
		}
		record(e.GetForgotten(), v.size, v.recorded, v.forgotten)
		if err := v.claims.add(seq, b.tenant, e.GetRedacted(), v.size); err != nil {
			return nil, err
		}
		items = append(items, block.Item{Seq: m.Seq, Bytes: stored, Event: e})
	}
	return items, nil
}

// record notes what a ledger event, if it is one, says was forgotten of a log
// with so many positions.
func record(f *pb.Forgotten, size event.Seq, positions *roaring64.Bitmap, blocks map[block.ID]*forgottenBlock) {
	for _, r := range f.GetPositions() {
		if last := min(r.GetLast(), uint64(size)-1); r.GetFirst() <= last {
			positions.AddRange(r.GetFirst(), last+1)
		}
	}
	for _, b := range f.GetBlocks() {
		blocks[block.ID(b.GetNumber())] = &forgottenBlock{
			first: event.Seq(b.GetFirst()), last: event.Seq(b.GetLast()), events: b.GetEvents(),
		}
	}
}

// forgottenBlock is a block that a ledger event says was forgotten.
type forgottenBlock struct {
	first, last event.Seq
	events      uint32
	located     uint32 // positions whose location still names it
}

// locations checks that the events of a block are where their locations say,
// and notes that they are there.
func (v *verification) locations(id block.ID, items []block.Item) {
	for i, it := range items {
		seq := event.Seq(it.Seq)
		if !v.seen.CheckedAdd(it.Seq) {
			v.run("block", fmt.Errorf("%w: block %d holds an event that another one holds too", ErrTampered, id), seq)
		}
		page, err := v.locationPage(seq)
		if err != nil || int(seq%pageWidth) >= len(page) {
			continue // A finding of its own.
		}
		if at := page[seq%pageWidth]; at != (location{id, uint32(i)}) {
			v.run("location", fmt.Errorf("%w: it does not lead to the event, which is in block %d", ErrTampered, id), seq)
		}
	}
	v.endRun()
}

// locationPage returns the page of a position, which is kept: neighbours follow.
func (v *verification) locationPage(seq event.Seq) ([]location, error) {
	n := uint64(seq) / pageWidth
	if v.page.locations == nil || v.page.number != n {
		page, err := v.disk.page(n)
		if err != nil {
			return nil, err
		}
		v.page.number, v.page.locations = n, page
	}
	return v.page.locations, nil
}

// positions explains every position that no block holds.
func (v *verification) positions() error {
	for first := event.Seq(0); first < v.size; first += pageWidth {
		page, err := v.disk.page(uint64(first) / pageWidth)
		want := int(min(pageWidth, v.size-first))
		if err == nil && len(page) != want {
			err = fmt.Errorf("%w: page %d has %d locations: want %d", missingIf(len(page) < want), first/pageWidth, len(page), want)
		}
		if err := v.damaged("location", err, first, first+event.Seq(want)-1); err != nil {
			return err
		}
		for i := range min(want, len(page)) {
			if seq := first + event.Seq(i); !v.seen.Contains(uint64(seq)) {
				v.absent(seq, page[i])
			}
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	v.endRun()
	for _, id := range slices.Sorted(maps.Keys(v.bad)) {
		d := v.bad[id]
		last := d.last
		if !d.located && last == 0 {
			last = v.last() // Neither its header nor a location tells.
		}
		v.tell(Finding{d.kind, "block", d.reason, min(d.first, v.last()), min(last, v.last())})
	}
	for _, id := range slices.Sorted(maps.Keys(v.forgotten)) {
		if f := v.forgotten[id]; f.located > f.events {
			v.add("location", fmt.Errorf("%w: %d name block %d, which held %d events when it was forgotten", ErrTampered, f.located, id, f.events), f.first, f.last)
		}
	}
	return nil
}

// absent explains why no block holds the event at seq.
func (v *verification) absent(seq event.Seq, at location) {
	if d := v.bad[at.block]; d != nil {
		if !d.located {
			d.first, d.last, d.located = seq, seq, true
		}
		d.first, d.last = min(d.first, seq), max(d.last, seq)
		return
	}
	f := v.forgotten[at.block]
	switch {
	case at.block == 0 && v.recorded.Contains(uint64(seq)):
		v.gone.Add(uint64(seq))
	case f != nil && f.first <= seq && seq <= f.last:
		f.located++
		v.gone.Add(uint64(seq))
	case at.block == 0:
		v.run("location", fmt.Errorf("%w: the event is gone, and no record says that it was forgotten", errMissing), seq)
	default:
		v.run("block", fmt.Errorf("%w: block %d does not hold the event that its location says is there, and no record says that it was forgotten", errMissing, at.block), seq)
	}
}

// beyond looks for records of positions that the log does not have: it could
// not be appended to.
func (v *verification) beyond() error {
	size := uint64(v.size)
	for _, part := range []struct {
		name string
		key  []byte // the first that may not be
		end  []byte
	}{
		{"location", locationKey((size + pageWidth - 1) / pageWidth), prefixEnd(key1(spaceLocation))},
		{"commitment", bundleKey((size + tree.Width - 1) / tree.Width), prefixEnd(key1(spaceBundle))},
		{"commitment", redactedKey((size + tree.Width - 1) / tree.Width), prefixEnd(key1(spaceRedacted))},
	} {
		found, err := v.has(part.key, part.end)
		if err == nil && found {
			err = fmt.Errorf("%w: there is a record of positions beyond the last", ErrTampered)
		}
		if err := v.damaged(part.name, err, v.size, v.size); err != nil {
			return err
		}
	}
	return nil
}

// quarantine opens every quarantined entry. They are beside the log: what was
// removed as a whole does not show.
func (v *verification) quarantine() error {
	for _, spaces := range [][2]byte{{spaceQuarantine, spacePayload}, {spacePayload, spaceQuarantine}} {
		err := v.each(key1(spaces[0]), func(k, value []byte) error {
			_, err := unsealQuarantined(v.buckets, k, value)
			if err == nil {
				var other []byte
				other, err = v.get(append([]byte{spaces[1]}, k[1:]...))
				if err == nil && other == nil {
					err = fmt.Errorf("%w: half of a quarantined entry", errMissing)
				}
			}
			return v.damaged("quarantine", err, 0, v.last())
		})
		if err := v.damaged("quarantine", err, 0, v.last()); err != nil {
			return err
		}
	}
	return nil
}

// expect notes the terms of the items, and checks their ids at once.
func (v *verification) expect(b *bucket, items []block.Item) error {
	postings, err := b.postings(items)
	if err != nil {
		return err
	}
	for hash, seqs := range postings {
		for _, seq := range seqs {
			v.expected[indexPage{b.indexID, uint64(seq) / pageWidth}] += v.sum(hash, seq)
		}
	}
	owner := v.tenants[b.tenant]
	for _, it := range items {
		if owner == nil {
			return fmt.Errorf("%w: the keys of tenant %d do not open", ErrTampered, b.tenant)
		}
		got, err := v.lookup(owner, it.Event.GetId())
		if err == nil && uint64(got) != it.Seq {
			err = fmt.Errorf("%w: its id leads to event %d", ErrTampered, got)
		}
		if err := v.damaged("index", err, event.Seq(it.Seq), event.Seq(it.Seq)); err != nil {
			return err
		}
	}
	return nil
}

// sum is a hash of an index entry. Sums of hashes tell whether two sets of
// entries are the same without holding either.
func (v *verification) sum(hash termHash, seq event.Seq) uint64 {
	var b [termHashSize + 8]byte
	copy(b[:], hash[:])
	binary.BigEndian.PutUint64(b[termHashSize:], uint64(seq))
	return siphash.Hash(v.keys[0], v.keys[1], b[:])
}

// index compares what the index holds with what it must. While events are being
// forgotten it may still speak of those that are gone, and part of a new one may
// be there.
func (v *verification) index() error {
	pending, err := v.pending()
	if err := v.damaged("store", err, 0, v.last()); err != nil {
		return err
	}
	making := map[indexID]bool{}
	for _, r := range pending.rekey {
		making[r.index] = true
	}
	var seqs []event.Seq
	err = v.each(key1(spaceIndex), func(k, value []byte) error {
		n, hash, first, err := parseTermKey(k)
		if err == nil && making[n] {
			return nil
		}
		if err == nil {
			seqs, err = appendPosting(seqs[:0], first, value)
		}
		if err != nil {
			v.add("index", fmt.Errorf("%w: %w", ErrTampered, err), first, first)
			return nil
		}
		for _, seq := range seqs {
			if !v.gone.Contains(uint64(seq)) {
				v.actual[indexPage{n, uint64(seq) / pageWidth}] += v.sum(hash, seq)
			}
		}
		return v.ctx.Err()
	})
	if err := v.damaged("index", err, 0, v.last()); err != nil {
		return err
	}
	for page, want := range v.expected {
		if v.actual[page] != want {
			first := event.Seq(page.page * pageWidth)
			v.add("index", fmt.Errorf("%w: it is not that of the events", ErrTampered), first, min(first+pageWidth-1, v.last()))
		}
		delete(v.actual, page)
	}
	clean := v.found == 0 // Else the events it speaks of may be those that did not open.
	for page := range v.actual {
		if clean {
			first := event.Seq(page.page * pageWidth)
			v.add("index", fmt.Errorf("%w: it speaks of events that are not there", ErrTampered), first, min(first+pageWidth-1, v.last()))
		}
	}
	return nil
}

// missingIf is what a record is that is too short; else too long.
func missingIf(short bool) error {
	if short {
		return errMissing
	}
	return ErrTampered
}
