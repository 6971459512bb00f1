package block

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/FastFilter/xorfilter"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// The filter section of a block as it was first written: byte version (1), byte
// log2 of the length of a segment, uint32 segments, uint64 seed, then the
// fingerprints of a binary fuse filter, one byte each (see fuse). A key is the
// bucket's keyed hash of a word's hash; the words are those of every text of the
// block's events, see event.Texts.
//
// Of a merged block: byte version (2), then three filters as appendFuse writes
// them: of the words, with 8 bits a fingerprint; of the pairs of words that follow
// one another in a text, with 2; and of the beginnings of words, with 4. Keys of
// pairs and beginnings are made likewise of words.Pair and words.PrefixOf
// (docs/decisions/0018).
const (
	filterVersion = 1
	gramVersion   = 2
	filterFixed   = 14

	wordBits   = 8
	pairBits   = 2
	prefixBits = 4
)

// maxSegment bounds the log2 of a segment's length: what the library makes.
const maxSegment = 18

// A Filter tells of most words that they are in none of a block's texts. Safe
// for concurrent use.
type Filter struct {
	words, pairs, prefixes fuse
	grams                  bool // it has pairs and prefixes
	size                   int
}

// MayHave reports false only if no text of the block has the word, given as
// the bucket's keyed hash.
func (f *Filter) MayHave(key uint64) bool { return f.words.mayHave(key) }

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
	words   words.Set
	keys    [3][]uint64 // of words, pairs and prefixes
	builder xorfilter.BinaryFuseBuilder
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
	if !grams {
		fuse, err := xorfilter.BuildBinaryFuse[uint8](&m.builder, m.keys[0])
		if err != nil {
			return nil, fmt.Errorf("make filter: %w", err)
		}
		b = append(make([]byte, 0, filterFixed+len(fuse.Fingerprints)), filterVersion, byte(bits.Len32(fuse.SegmentLength)-1))
		b = binary.BigEndian.AppendUint32(b, fuse.SegmentCount)
		b = binary.BigEndian.AppendUint64(b, fuse.Seed)
		return append(b, fuse.Fingerprints...), nil
	}
	b = append(b, gramVersion)
	for i, width := range []uint{wordBits, pairBits, prefixBits} {
		if b, err = appendFuse(b, &m.builder, m.keys[i], width); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// decodeFilter is the inverse of encode. ErrCorrupt where b has another form.
func decodeFilter(b []byte) (*Filter, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: filter is empty", ErrCorrupt)
	}
	f := &Filter{size: len(b)}
	r := reader{b: b[1:]}
	switch b[0] {
	case filterVersion:
		return f, f.decodeWords(b)
	case gramVersion:
		f.words, f.pairs, f.prefixes, f.grams = r.fuse(), r.fuse(), r.fuse(), true
	default:
		return nil, fmt.Errorf("%w: filter version %d is not known here", ErrCorrupt, b[0])
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.b) > 0 {
		return nil, fmt.Errorf("%w: filter has trailing bytes", ErrCorrupt)
	}
	return f, nil
}

// decodeWords decodes a filter of version 1.
func (f *Filter) decodeWords(b []byte) error {
	if len(b) < filterFixed {
		return fmt.Errorf("%w: filter has %d bytes", ErrCorrupt, len(b))
	}
	length, count := b[1], binary.BigEndian.Uint32(b[2:])
	fingerprints := b[filterFixed:]
	if length > maxSegment || count == 0 || (uint64(count)+2)<<length != uint64(len(fingerprints)) {
		return fmt.Errorf("%w: filter contradicts itself", ErrCorrupt)
	}
	f.words = fuse{bits: wordBits, seed: binary.BigEndian.Uint64(b[6:]), segment: 1 << length, segments: count, packed: fingerprints}
	return nil
}

// SealFilter makes the filter section of block id, which has the header h and
// the items.
func (c *Codec) SealFilter(id ID, h Header, keys Keys, items []Item) ([]byte, error) {
	aead, err := keys.Block.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("seal filter of block %d: %w", id, err)
	}
	return c.sealFilter(id, h, aead, keys.Words, items)
}

func (c *Codec) sealFilter(id ID, h Header, aead keyring.AEAD, hasher keyring.Hasher, items []Item) ([]byte, error) {
	m := c.filterMaker()
	defer c.makers.Put(m)
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
