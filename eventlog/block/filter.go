package block

import (
	"encoding/binary"
	"fmt"

	"github.com/FastFilter/xorfilter"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// The filter section: byte version (2), byte number of filters (1 or 3), then each
// of them, see ribbon. The first is of the words of every text of the block's
// events, see event.Texts; of merged blocks the second is of the pairs of words that
// follow one another in a text, and the third of the beginnings of words. A key is
// the bucket's keyed hash of a word's hash, of words.Pair and of words.PrefixOf
// (docs/decisions/0018).
//
// Version 1, which is not written any more, had the words in a binary fuse filter
// (Graf, Lemire: Binary Fuse Filters, 2022; FastFilter/xorfilter): byte log2 of the
// length of a segment, uint32 segments, uint64 seed, and the fingerprints, one byte
// each.
const (
	fuseVersion   = 1
	filterVersion = 2

	wordBits   = 8
	pairBits   = 3
	prefixBits = 4
)

// The form of version 1.
const (
	fuseFixed  = 14
	maxSegment = 18 // log2 of a segment's length: what the library makes
)

// A Filter tells of most words that they are in none of a block's texts. Safe
// for concurrent use.
type Filter struct {
	fuse                   *xorfilter.BinaryFuse[uint8] // of the words, of version 1
	words, pairs, prefixes ribbon
	grams                  bool // it has pairs and prefixes
	size                   int
}

// MayHave reports false only if no text of the block has the word, given as
// the bucket's keyed hash.
func (f *Filter) MayHave(key uint64) bool {
	if f.fuse != nil {
		return f.fuse.Contains(key)
	}
	return f.words.mayHave(key)
}

// MayHavePair reports false only if in no text of the block the two words
// follow one another, given as the keyed hash of their words.Pair.
func (f *Filter) MayHavePair(key uint64) bool { return !f.grams || f.pairs.mayHave(key) }

// MayHavePrefix reports false only if no word of the block begins so, given as
// the keyed hash of its words.PrefixOf.
func (f *Filter) MayHavePrefix(key uint64) bool { return !f.grams || f.prefixes.mayHave(key) }

// Size returns the memory the filter takes, in bytes.
func (f *Filter) Size() int { return f.size + 256 }

// filterMaker is the memory that making a filter takes.
type filterMaker struct {
	words    words.Set
	sketcher sketcher
	keys     [3][]uint64 // of words, pairs and prefixes
	ribbons  ribbonMaker
}

// collect sets the keys of the items, each once; of pairs and prefixes only where
// grams are wanted.
func (m *filterMaker) collect(items []Item, hasher keyring.Hasher, grams bool) {
	defer m.words.Reset()
	m.words.Grams = grams
	for _, it := range items {
		event.Texts(it.Event, m.words.Add)
	}
	for i, hashes := range [][]words.Hash{m.words.Hashes(), m.words.Pairs(), m.words.Prefixes()} {
		m.keys[i] = m.keys[i][:0]
		for _, h := range hashes {
			m.keys[i] = append(m.keys[i], hasher.Sum(uint64(h)))
		}
	}
}

// encode returns the filter section of the items.
func (m *filterMaker) encode(items []Item, hasher keyring.Hasher, grams bool) (b []byte, err error) {
	m.collect(items, hasher, grams)
	widths := []int{wordBits, pairBits, prefixBits}
	if !grams {
		widths = widths[:1]
	}
	b = append(b, filterVersion, byte(len(widths)))
	for i, width := range widths {
		if b, err = m.ribbons.appendRibbon(b, m.keys[i], width); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// decodeFilter is the inverse of encode. ErrCorrupt where b has another form.
func decodeFilter(b []byte) (*Filter, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: filter has %d bytes", ErrCorrupt, len(b))
	}
	switch b[0] {
	case fuseVersion:
		return decodeFuse(b)
	case filterVersion:
	default:
		return nil, fmt.Errorf("%w: filter version %d is not known here", ErrCorrupt, b[0])
	}
	r := reader{b: b[2:]}
	f := &Filter{size: len(b), words: r.ribbon()}
	switch b[1] {
	case 1:
	case 3:
		f.pairs, f.prefixes, f.grams = r.ribbon(), r.ribbon(), true
	default:
		r.fail("number of filters")
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("filter has trailing bytes")
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, nil
}

// decodeFuse decodes a filter of version 1.
func decodeFuse(b []byte) (*Filter, error) {
	if len(b) < fuseFixed {
		return nil, fmt.Errorf("%w: filter has %d bytes", ErrCorrupt, len(b))
	}
	length, count := b[1], binary.BigEndian.Uint32(b[2:])
	fingerprints := b[fuseFixed:]
	if length > maxSegment || count == 0 || (uint64(count)+2)<<length != uint64(len(fingerprints)) {
		return nil, fmt.Errorf("%w: filter contradicts itself", ErrCorrupt)
	}
	return &Filter{size: len(b), fuse: &xorfilter.BinaryFuse[uint8]{
		Seed:               binary.BigEndian.Uint64(b[6:]),
		SegmentLength:      1 << length,
		SegmentLengthMask:  1<<length - 1,
		SegmentCount:       count,
		SegmentCountLength: count << length,
		Fingerprints:       fingerprints,
	}}, nil
}

// SealFilter makes the filter section of block id, which has the header h and
// the items.
func (c *Codec) SealFilter(id ID, h Header, keys Keys, items []Item) ([]byte, error) {
	aead, err := keys.Block.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("seal filter of block %d: %w", id, err)
	}
	m := c.filterMaker()
	defer c.makers.Put(m)
	return m.sealFilter(id, h, aead, keys.Words, items)
}

func (m *filterMaker) sealFilter(id ID, h Header, aead keyring.AEAD, hasher keyring.Hasher, items []Item) ([]byte, error) {
	b, err := m.encode(items, hasher, h.Merged)
	if err != nil {
		return nil, err
	}
	return aead.Seal(b, h.use(id, filterSection))
}

func (c *Codec) filterMaker() *filterMaker {
	if m, ok := c.makers.Get().(*filterMaker); ok {
		return m
	}
	return new(filterMaker)
}

// OpenFilter opens the filter section of block id, whose header says that it
// has one; errors as of OpenMeta.
func (c *Codec) OpenFilter(id ID, h Header, key keyring.AEAD, sealed []byte) (*Filter, error) {
	aead, err := key.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("open filter of block %d: %w", id, err)
	}
	b, err := aead.Open(sealed, h.use(id, filterSection))
	if err != nil {
		return nil, fmt.Errorf("open filter of block %d: %w", id, err)
	}
	f, err := decodeFilter(b)
	if err != nil {
		return nil, fmt.Errorf("open filter of block %d: %w", id, err)
	}
	return f, nil
}

// CheckFilter reports whether the filter section of block id has every word of
// its items; errors as of OpenMeta.
func (c *Codec) CheckFilter(id ID, h Header, keys Keys, sealed []byte, items []Item) error {
	f, err := c.OpenFilter(id, h, keys.Block, sealed)
	if err != nil {
		return err
	}
	m := c.filterMaker()
	defer c.makers.Put(m)
	m.collect(items, keys.Words, f.grams)
	for i, mayHave := range []func(uint64) bool{f.MayHave, f.MayHavePair, f.MayHavePrefix} {
		for _, k := range m.keys[i] {
			if !mayHave(k) {
				return fmt.Errorf("filter of block %d: %w: it misses words of its events", id, ErrCorrupt)
			}
		}
	}
	return nil
}
