package eventlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
)

// keys returns what the bucket's blocks are made with.
func (b *bucket) keys() block.Keys {
	return block.Keys{Block: b.blocks, Words: b.words, Texts: b.texts}
}

// filter returns the filter of a block as d has it, which has one.
func (s *store) filter(d disk, id block.ID, h *block.Header, b *bucket, stats *Stats) (*block.Filter, error) {
	e, err := s.filters.get(id, func(block.ID) (*block.Filter, error) {
		f, err := openFilter(d, s.codec, id, h, b)
		if err == nil {
			stats.opened(f)
		}
		return f, err
	})
	if err != nil {
		return nil, err
	}
	s.filters.done(e)
	return e.section, nil
}

func openFilter(d disk, codec *block.Codec, id block.ID, h *block.Header, b *bucket) (*block.Filter, error) {
	v, closer, err := d.reader.Get(filterKey(id))
	if err != nil {
		return nil, blockError(id, err)
	}
	f, err := codec.OpenFilter(id, *h, b.blocks, v)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return f, errors.Join(err, closer.Close())
}

// wanted is what a scan wants of texts, as filters know it.
type wanted struct {
	words           [][]uint64 // of each list one
	pairs, prefixes []uint64   // all
}

// wanted returns what a selection wants of texts as the filters of a tenant know
// it.
func (t *tenant) wanted(sel Selection) (w wanted) {
	for _, anyOf := range sel.Words {
		w.words = append(w.words, t.wordKeys(anyOf))
	}
	w.pairs, w.prefixes = t.wordKeys(sel.Pairs), t.wordKeys(sel.Prefixes)
	return w
}

func (t *tenant) wordKeys(hashes []words.Hash) (keys []uint64) {
	for _, h := range hashes {
		keys = append(keys, t.words.Sum(uint64(h)))
	}
	return keys
}

// any reports whether anything is wanted.
func (w *wanted) any() bool { return len(w.words)+len(w.pairs)+len(w.prefixes) > 0 }

// mayBeIn reports false only if no text of a block has all that is wanted.
func (w *wanted) mayBeIn(f *block.Filter) bool {
	for _, anyOf := range w.words {
		if !slices.ContainsFunc(anyOf, f.MayHave) {
			return false
		}
	}
	for _, pair := range w.pairs {
		if !f.MayHavePair(pair) {
			return false
		}
	}
	for _, prefix := range w.prefixes {
		if !f.MayHavePrefix(prefix) {
			return false
		}
	}
	return true
}

// mayHave reports false only if no event of the block has what the scan wants of
// texts.
func (sc *scan) mayHave(u unit) (bool, error) {
	if !sc.wanted.any() || !u.header.Filtered {
		return true, nil
	}
	f, err := sc.store.filter(sc.disk, u.id, u.header, u.bucket, sc.sel.Stats)
	if err != nil {
		return false, err
	}
	if !sc.wanted.mayBeIn(f) {
		sc.sel.Stats.filtered()
		return false, nil
	}
	return true, nil
}
