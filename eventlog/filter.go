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
func (s *store) filter(d disk, id block.ID, h *block.Header, b *bucket) (*block.Filter, error) {
	e, err := s.filters.get(id, func(block.ID) (*block.Filter, error) { return openFilter(d, s.codec, id, h, b) })
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

// wordKeys returns the words of a scan as the filters of a tenant know them: of
// each list one is enough.
func (t *tenant) wordKeys(wanted [][]words.Hash) (keys [][]uint64) {
	for _, anyOf := range wanted {
		of := make([]uint64, 0, len(anyOf))
		for _, h := range anyOf {
			of = append(of, t.words.Sum(uint64(h)))
		}
		keys = append(keys, of)
	}
	return keys
}

// mayHave reports false only if no event of the block has the words of the
// scan.
func (sc *scan) mayHave(u unit) (bool, error) {
	if len(sc.words) == 0 || !u.header.Filtered {
		return true, nil
	}
	f, err := sc.store.filter(sc.disk, u.id, u.header, u.bucket)
	if err != nil {
		return false, err
	}
	for _, anyOf := range sc.words {
		if !slices.ContainsFunc(anyOf, f.MayHave) {
			return false, nil
		}
	}
	return true, nil
}
