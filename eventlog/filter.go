package eventlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
)

// keys returns what the bucket's blocks are made with.
func (b *bucket) keys() block.Keys { return block.Keys{Block: b.blocks, Words: b.words} }

// filter returns the filter of a block, nil if it has none: any word may be in
// it. ErrErased where the block is gone.
func (s *store) filter(id block.ID) (*block.Filter, error) {
	h, _, err := s.header(id)
	if err != nil || !h.Filtered {
		return nil, err
	}
	e, err := s.filters.get(id, s.openFilter)
	if err != nil {
		return nil, err
	}
	s.filters.done(e)
	return e.section, nil
}

func (s *store) openFilter(id block.ID) (*block.Filter, error) {
	h, b, err := s.header(id)
	if err != nil {
		return nil, err
	}
	v, closer, err := s.db.Get(filterKey(id))
	if err != nil {
		return nil, blockError(id, err)
	}
	f, err := s.codec.OpenFilter(id, *h, b.blocks, v)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return f, errors.Join(err, closer.Close())
}

// wanted are the words of a scan, as the filters of each bucket know them.
type wanted struct {
	words [][]words.Hash // of each, one
	keys  map[bucketID][][]uint64
}

// in returns the words' keys in a bucket.
func (w *wanted) in(b *bucket) [][]uint64 {
	keys, ok := w.keys[b.id]
	if !ok {
		for _, anyOf := range w.words {
			var of []uint64
			for _, h := range anyOf {
				of = append(of, b.words.Sum(uint64(h)))
			}
			keys = append(keys, of)
		}
		if w.keys == nil {
			w.keys = map[bucketID][][]uint64{}
		}
		w.keys[b.id] = keys
	}
	return keys
}

// mayHave reports false only if no event of the block has the words of the
// scan.
func (sc *scan) mayHave(id block.ID) (bool, error) {
	if len(sc.wanted.words) == 0 {
		return true, nil
	}
	_, b, err := sc.store.header(id)
	if err != nil {
		return false, err
	}
	f, err := sc.store.filter(id)
	if err != nil || f == nil {
		return f == nil, err
	}
	for _, anyOf := range sc.wanted.in(b) {
		if !slices.ContainsFunc(anyOf, f.MayHave) {
			return false, nil
		}
	}
	return true, nil
}
