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

// The filter section: byte version (1), byte log2 of the length of a segment,
// uint32 segments, uint64 seed, then the fingerprints of a binary fuse filter
// with three places a key, one byte each (Graf, Lemire: Binary Fuse Filters,
// 2022; FastFilter/xorfilter). A key is the bucket's keyed hash of a word's
// hash; the words are those of every text of the block's events, see
// event.Texts.
const (
	filterVersion = 1
	filterFixed   = 14
)

// maxSegment bounds the log2 of a segment's length: what the library makes.
const maxSegment = 18

// A Filter tells of most words that they are in none of a block's texts. Safe
// for concurrent use.
type Filter struct{ fuse xorfilter.BinaryFuse[uint8] }

// MayHave reports false only if no text of the block has the word, given as
// the bucket's keyed hash.
func (f *Filter) MayHave(key uint64) bool { return f.fuse.Contains(key) }

// Size returns the memory the filter takes, in bytes.
func (f *Filter) Size() int { return len(f.fuse.Fingerprints) + 64 }

// filterMaker is the memory that making a filter takes.
type filterMaker struct {
	words    words.Set
	sketcher sketcher
	keys     []uint64
	builder  xorfilter.BinaryFuseBuilder
}

// keysOf returns the keys of the words of the items, each once.
func (m *filterMaker) keysOf(items []Item, hasher keyring.Hasher) []uint64 {
	defer m.words.Reset()
	for _, it := range items {
		event.Texts(it.Event, m.words.Add)
	}
	m.keys = m.keys[:0]
	for _, w := range m.words.Hashes() {
		m.keys = append(m.keys, hasher.Sum(uint64(w)))
	}
	return m.keys
}

// encode returns the filter section of the items.
func (m *filterMaker) encode(items []Item, hasher keyring.Hasher) ([]byte, error) {
	fuse, err := xorfilter.BuildBinaryFuse[uint8](&m.builder, m.keysOf(items, hasher))
	if err != nil {
		return nil, fmt.Errorf("make filter: %w", err)
	}
	b := append(make([]byte, 0, filterFixed+len(fuse.Fingerprints)), filterVersion, byte(bits.Len32(fuse.SegmentLength)-1))
	b = binary.BigEndian.AppendUint32(b, fuse.SegmentCount)
	b = binary.BigEndian.AppendUint64(b, fuse.Seed)
	return append(b, fuse.Fingerprints...), nil
}

// decodeFilter is the inverse of encode. ErrCorrupt where b has another form.
func decodeFilter(b []byte) (*Filter, error) {
	if len(b) < filterFixed {
		return nil, fmt.Errorf("%w: filter has %d bytes", ErrCorrupt, len(b))
	}
	if b[0] != filterVersion {
		return nil, fmt.Errorf("%w: filter version %d is not known here", ErrCorrupt, b[0])
	}
	length, count := b[1], binary.BigEndian.Uint32(b[2:])
	fingerprints := b[filterFixed:]
	if length > maxSegment || count == 0 || (uint64(count)+2)<<length != uint64(len(fingerprints)) {
		return nil, fmt.Errorf("%w: filter contradicts itself", ErrCorrupt)
	}
	return &Filter{xorfilter.BinaryFuse[uint8]{
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
	b, err := m.encode(items, hasher)
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
	for _, k := range m.keysOf(items, keys.Words) {
		if !f.MayHave(k) {
			return fmt.Errorf("filter of block %d: %w: it misses words of its events", id, ErrCorrupt)
		}
	}
	return nil
}
