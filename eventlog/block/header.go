package block

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/eventlog/keyring"
)

// ErrCorrupt reports a part of a block that is not of the form this package
// writes.
var ErrCorrupt = errors.New("malformed block")

// ID numbers blocks, from 1. Numbers are never used again.
type ID uint64

// TargetSize is the size of the text, in bytes before compression, at which a
// block is full. A single larger event gets a block of its own.
const TargetSize = 256 << 10

// DenseSize is the size of the text at which a block that is made from others
// is full.
const DenseSize = 1 << 20

// maxSection bounds what a section may decompress to, in bytes.
const maxSection = 64 << 20

// The first byte of a header.
const (
	plain    = 1 // of a block without a filter
	filtered = 2 // of one with a filter
	merged   = 3 // likewise, and merged
	sketched = 8 // added: it has sketches
)

const (
	fixedSize  = 53
	headerSize = fixedSize + keyring.WrappedSize
)

// A Header says what a block is.
type Header struct {
	Bucket   uint32
	Count    uint32 // events, at least 1
	FirstSeq uint64
	LastSeq  uint64
	MinTime  int64  // Unix nanoseconds
	MaxTime  int64  // Unix nanoseconds
	MetaSize uint32 // bytes before compression
	TextSize uint32 // bytes before compression
	Dict     uint32 // 0
	Filtered bool   // it has a filter; version 1 had none
	Merged   bool   // it was merged from others, ordered as it is to stay; it has a filter
	Sketched bool   // it has sketches, and a filter; older blocks had none
	Key      []byte // wrapped, keyring.WrappedSize bytes
}

func (h *Header) appendFixed(b []byte) []byte {
	version := byte(plain)
	switch {
	case h.Merged:
		version = merged
	case h.Filtered:
		version = filtered
	}
	if h.Sketched {
		version |= sketched
	}
	b = append(b, version)
	b = binary.BigEndian.AppendUint32(b, h.Bucket)
	b = binary.BigEndian.AppendUint32(b, h.Count)
	b = binary.BigEndian.AppendUint64(b, h.FirstSeq)
	b = binary.BigEndian.AppendUint64(b, h.LastSeq)
	b = binary.BigEndian.AppendUint64(b, uint64(h.MinTime))
	b = binary.BigEndian.AppendUint64(b, uint64(h.MaxTime))
	b = binary.BigEndian.AppendUint32(b, h.MetaSize)
	b = binary.BigEndian.AppendUint32(b, h.TextSize)
	return binary.BigEndian.AppendUint32(b, h.Dict)
}

// Append appends the header's stored form to b.
func (h *Header) Append(b []byte) []byte { return append(h.appendFixed(b), h.Key...) }

// ParseHeader is the inverse of Append. The header shares no memory with b.
// ErrCorrupt where b has another form.
func ParseHeader(b []byte) (Header, error) {
	if len(b) != headerSize {
		return Header{}, fmt.Errorf("%w: header has %d bytes: want %d", ErrCorrupt, len(b), headerSize)
	}
	version := b[0] &^ sketched
	if version < plain || version > merged || b[0] == plain|sketched {
		return Header{}, fmt.Errorf("%w: header version %d is not known here: use the version of afterimage that wrote it", ErrCorrupt, b[0])
	}
	h := Header{
		Bucket:   binary.BigEndian.Uint32(b[1:]),
		Count:    binary.BigEndian.Uint32(b[5:]),
		FirstSeq: binary.BigEndian.Uint64(b[9:]),
		LastSeq:  binary.BigEndian.Uint64(b[17:]),
		MinTime:  int64(binary.BigEndian.Uint64(b[25:])),
		MaxTime:  int64(binary.BigEndian.Uint64(b[33:])),
		MetaSize: binary.BigEndian.Uint32(b[41:]),
		TextSize: binary.BigEndian.Uint32(b[45:]),
		Dict:     binary.BigEndian.Uint32(b[49:]),
		Filtered: version >= filtered,
		Merged:   version == merged,
		Sketched: b[0] != version,
		Key:      append([]byte(nil), b[fixedSize:]...),
	}
	if h.Count == 0 || h.FirstSeq > h.LastSeq || h.LastSeq-h.FirstSeq < uint64(h.Count)-1 ||
		h.MetaSize > maxSection || h.TextSize > maxSection || h.Dict != 0 {
		return Header{}, fmt.Errorf("%w: header contradicts itself", ErrCorrupt)
	}
	return h, nil
}

// The sections' letters in associated data.
const (
	metaSection   = 'm'
	textSection   = 't'
	filterSection = 'f'
	sketchSection = 's'
	blockKey      = 'k'
)

// Rewrap returns the header with the block's key wrapped by another key of its
// bucket. keyring.ErrOpen where the first is not what wraps it.
func (h *Header) Rewrap(id ID, from, to keyring.AEAD) (*Header, error) {
	key, err := from.Rewrap(h.Key, h.use(id, blockKey), to)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", id, err)
	}
	out := *h
	out.Key = key
	return &out, nil
}

// use returns the associated data of one part of a block.
func (h *Header) use(id ID, part byte) []byte {
	b := append(make([]byte, 0, 96), "afterimage/block"...)
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	if part == blockKey { // made before the sections' sizes are known
		return append(binary.BigEndian.AppendUint32(b, h.Bucket), part)
	}
	return append(h.appendFixed(b), part)
}
