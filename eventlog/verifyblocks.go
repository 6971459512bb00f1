package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// locations reads where every event is said to lie.
func (v *verification) locations() error {
	for first := event.Seq(0); first < v.size; first += pageWidth {
		page, err := v.store.page(uint64(first) / pageWidth)
		want := int(min(pageWidth, v.size-first))
		if err == nil && (len(page) < want || v.closed && len(page) > want) {
			err = fmt.Errorf("%w: page %d has %d locations: want %d", ErrTampered, first/pageWidth, len(page), want)
		}
		if err := v.damaged("location", err, first, first+event.Seq(want)-1); err != nil {
			return err
		}
		for i, at := range page[:min(want, len(page))] {
			seq := first + event.Seq(i)
			if at.block == 0 { // This version forgets nothing.
				v.add("location", errors.New("the event is gone, and no record says that it was forgotten"), seq, seq)
				continue
			}
			v.blocks[at.block] = append(v.blocks[at.block], placed{seq, at.index})
		}
	}
	return nil
}

// beyond looks for records of positions that a closed log does not have: it
// could not be appended to.
func (v *verification) beyond() error {
	if !v.closed {
		return nil
	}
	size := uint64(v.size)
	for _, part := range []struct {
		name string
		key  []byte // the first that may not be
		end  []byte
	}{
		{"location", locationKey((size + pageWidth - 1) / pageWidth), prefixEnd(key1(spaceLocation))},
		{"commitment", bundleKey((size + tree.Width - 1) / tree.Width), prefixEnd(key1(spaceBundle))},
	} {
		found, err := v.store.has(part.key, part.end)
		if err == nil && found {
			err = fmt.Errorf("%w: there is a record of positions beyond the last", ErrTampered)
		}
		if err := v.damaged(part.name, err, v.size, v.size); err != nil {
			return err
		}
	}
	return nil
}

// strays looks for blocks that no location names.
func (v *verification) strays() error {
	err := v.store.each(key1(spaceHeader), func(k, value []byte) error {
		id := block.ID(binary.BigEndian.Uint64(k[1:]))
		if len(v.blocks[id]) > 0 {
			return nil
		}
		first, last := event.Seq(0), v.last()
		if h, err := block.ParseHeader(value); err == nil {
			first, last = event.Seq(h.FirstSeq), event.Seq(h.LastSeq)
		}
		if first < v.size || v.closed { // Else it was appended meanwhile.
			v.add("location", fmt.Errorf("none names block %d", id), first, last)
		}
		return nil
	})
	return v.damaged("block", err, 0, v.last())
}

// quarantine opens every quarantined entry. They are beside the log: what was
// removed as a whole does not show.
func (v *verification) quarantine() error {
	for _, spaces := range [][2]byte{{spaceQuarantine, spacePayload}, {spacePayload, spaceQuarantine}} {
		err := v.store.each(key1(spaces[0]), func(k, value []byte) error {
			_, err := v.store.unsealQuarantined(k, value)
			if err == nil {
				var other []byte
				other, err = v.store.get(append([]byte{spaces[1]}, k[1:]...))
				if err == nil && other == nil {
					err = fmt.Errorf("%w: half of a quarantined entry is missing", ErrTampered)
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

// events checks every block that a location names.
func (v *verification) events() error {
	checked := event.Seq(0)
	for _, id := range slices.Sorted(maps.Keys(v.blocks)) {
		at := v.blocks[id]
		delete(v.blocks, id)
		err := v.block(id, at)
		if err := v.damaged("block", err, at[0].seq, at[len(at)-1].seq); err != nil {
			return err
		}
		checked += event.Seq(len(at))
		v.progress(Progress{checked, v.size})
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// block checks one block against the locations that name it, the commitments
// of its events, and notes what the index must hold of them.
func (v *verification) block(id block.ID, at []placed) error {
	h, b, err := v.blockHeader(id)
	if err != nil {
		return err
	}
	text, err := v.store.readText(id, h, b)
	if err != nil {
		return err
	}
	defer v.store.codec.Recycle(text)
	items, err := v.items(id, text, at)
	if err != nil {
		return err
	}
	sealed, err := v.store.get(metaKey(id))
	if err != nil {
		return err
	}
	if err := v.store.codec.CheckMeta(id, *h, b.blocks, sealed, items); err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if err := v.filter(id, h, b, items); err != nil {
		return err
	}
	return v.expect(b, items)
}

// filter checks that a block's filter denies no word of its events.
func (v *verification) filter(id block.ID, h *block.Header, b *bucket, items []block.Item) error {
	sealed, err := v.store.get(filterKey(id))
	if err != nil {
		return err
	}
	if !h.Filtered {
		if sealed != nil {
			return fmt.Errorf("%w: block %d has a filter that its header knows nothing of", ErrTampered, id)
		}
		return nil
	}
	if err := v.store.codec.CheckFilter(id, *h, b.keys(), sealed, items); err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return nil
}

// blockHeader reads a header from disk: the one in memory may be from before
// it was changed.
func (v *verification) blockHeader(id block.ID) (*block.Header, *bucket, error) {
	value, err := v.store.get(headerKey(id))
	if err != nil {
		return nil, nil, err
	}
	if value == nil {
		return nil, nil, fmt.Errorf("%w: the header of block %d is missing", ErrTampered, id)
	}
	h, err := block.ParseHeader(value)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: block %d: %w", ErrTampered, id, err)
	}
	v.store.mu.RLock()
	defer v.store.mu.RUnlock()
	b := v.store.buckets[bucketID(h.Bucket)]
	if b == nil {
		return nil, nil, fmt.Errorf("%w: the key of bucket %d, which holds block %d, does not open", ErrTampered, h.Bucket, id)
	}
	return &h, b, nil
}

// items decodes the events of a block and checks each against its commitment.
// Every event must be named by one location, in order.
func (v *verification) items(id block.ID, text *block.Text, at []placed) ([]block.Item, error) {
	if len(at) != text.Len() {
		return nil, fmt.Errorf("%w: block %d has %d events, locations name %d", ErrTampered, id, text.Len(), len(at))
	}
	items := make([]block.Item, 0, len(at))
	for i, p := range at {
		if int(p.index) != i {
			v.add("location", fmt.Errorf("it names event %d of block %d: want %d", p.index, id, i), p.seq, p.seq)
		}
		stored := text.Bytes(i)
		if err := v.commitment(p.seq, stored); err != nil {
			return nil, err
		}
		e, err := event.Unmarshal(stored)
		if err != nil {
			v.add("block", fmt.Errorf("block %d: %w", id, err), p.seq, p.seq)
			return nil, fmt.Errorf("%w: block %d does not decode", ErrTampered, id)
		}
		items = append(items, block.Item{Seq: uint64(p.seq), Bytes: stored, Event: e})
	}
	return items, nil
}

func (v *verification) commitment(seq event.Seq, stored []byte) error {
	return v.damaged("commitment", v.store.committed(seq, stored), seq, seq)
}

// expect notes the terms of the items, and checks their ids at once.
func (v *verification) expect(b *bucket, items []block.Item) error {
	postings, err := b.postings(items)
	if err != nil {
		return err
	}
	for hash, seqs := range postings {
		for _, seq := range seqs {
			v.expected[indexPage{b.id, uint64(seq) / pageWidth}] += v.sum(hash, seq)
		}
	}
	v.store.mu.RLock()
	owner := v.store.tenants[b.tenant]
	v.store.mu.RUnlock()
	for _, it := range items {
		if owner == nil {
			return fmt.Errorf("%w: the keys of tenant %d do not open", ErrTampered, b.tenant)
		}
		got, err := v.store.lookup(owner, it.Event.GetId())
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
	return maphash.Bytes(v.seed, b[:])
}

// index compares what the index holds with what it must.
func (v *verification) index() error {
	var seqs []event.Seq
	err := v.store.each(key1(spaceIndex), func(k, value []byte) error {
		b, hash, first, err := parseTermKey(k)
		if err == nil {
			seqs, err = appendPosting(seqs[:0], first, value)
		}
		if err != nil {
			v.add("index", err, first, first)
			return nil
		}
		for _, seq := range seqs {
			if seq < v.size || v.closed {
				v.actual[indexPage{b, uint64(seq) / pageWidth}] += v.sum(hash, seq)
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
			v.add("index", errors.New("it is not that of the events"), first, min(first+pageWidth-1, v.last()))
		}
		delete(v.actual, page)
	}
	clean := v.found == 0 // Else the events it speaks of may be those that did not open.
	for page := range v.actual {
		if clean {
			first := event.Seq(page.page * pageWidth)
			v.add("index", errors.New("it speaks of events that are not there"), first, min(first+pageWidth-1, v.last()))
		}
	}
	return nil
}
