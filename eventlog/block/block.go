package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An Item is an event to put into a block.
type Item struct {
	Seq   uint64
	Bytes []byte    // as stored for ever
	Event *pb.Event // what Bytes decode to
}

// Keys are the keys of a bucket that its blocks are made with.
type Keys struct {
	Block keyring.AEAD   // wraps blocks' keys
	Words keyring.Hasher // of words, in filters
	Texts keyring.Hasher // of whole texts, in sketches
}

// A Sealed block is ready to be stored.
type Sealed struct {
	Header Header
	Meta   []byte // encrypted
	Text   []byte // encrypted
	Filter []byte // encrypted
	Sketch []byte // encrypted
}

// A Codec compresses, seals and opens blocks. Safe for concurrent use.
type Codec struct {
	enc     *zstd.Encoder
	dense   *zstd.Encoder
	dec     *zstd.Decoder
	streams sync.Pool // of *zstd.Decoder, for the beginnings of sections
	buffers sync.Pool // of *[]byte, for sections of blocks as they are first written
	large   sync.Pool // likewise, of merged blocks
	makers  sync.Pool // of *filterMaker
	names   maphash.Seed
}

// EncoderOptions are those of the compressor of sections.
func EncoderOptions() []zstd.EOption {
	return []zstd.EOption{
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(2 * TargetSize),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
	}
}

func denseOptions() []zstd.EOption {
	return []zstd.EOption{
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(2 * DenseSize),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
	}
}

// NewCodec returns a codec. Close it after use.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, EncoderOptions()...)
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	dense, err := zstd.NewWriter(nil, denseOptions()...)
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxSection))
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &Codec{enc: enc, dense: dense, dec: dec, names: maphash.MakeSeed()}, nil
}

// Close releases what the codec holds.
func (c *Codec) Close() error {
	c.dec.Close()
	return errors.Join(c.enc.Close(), c.dense.Close())
}

// Seal makes block id of a bucket from items, at least one, whose seqs ascend
// strictly.
func (c *Codec) Seal(id ID, bucket uint32, keys Keys, items []Item) (*Sealed, error) {
	return c.seal(c.enc, id, bucket, keys, items, false)
}

// SealDense is Seal with a compressor that takes three times as long and leaves
// less: for blocks of up to DenseSize that are merged from others while nobody
// waits (docs/decisions/0010).
func (c *Codec) SealDense(id ID, bucket uint32, keys Keys, items []Item) (*Sealed, error) {
	return c.seal(c.dense, id, bucket, keys, items, true)
}

func (c *Codec) seal(enc *zstd.Encoder, id ID, bucket uint32, keys Keys, items []Item, merged bool) (*Sealed, error) {
	text := c.encodeText(items)
	defer c.reuse(text)
	meta := EncodeMeta(items)
	h := Header{
		Bucket: bucket, Count: uint32(len(items)), Merged: merged,
		FirstSeq: items[0].Seq, LastSeq: items[len(items)-1].Seq,
		MetaSize: uint32(len(meta)), TextSize: uint32(len(text)),
		Filtered: true, Sketched: true,
	}
	if len(meta) > maxSection || len(text) > maxSection {
		return nil, fmt.Errorf("seal block %d: a section is over %d bytes", id, maxSection)
	}
	h.MinTime, h.MaxTime = timeRange(items)
	aead, wrapped, err := keys.Block.NewKey(h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("seal block %d: %w", id, err)
	}
	h.Key = wrapped
	s := &Sealed{Header: h}
	packed := enc.EncodeAll(meta, c.buffer(len(text)))
	if s.Meta, err = aead.Seal(packed, h.use(id, metaSection)); err != nil {
		return nil, fmt.Errorf("seal block %d: %w", id, err)
	}
	packed = enc.EncodeAll(text, packed[:0])
	defer c.reuse(packed)
	if s.Text, err = aead.Seal(packed, h.use(id, textSection)); err != nil {
		return nil, fmt.Errorf("seal block %d: %w", id, err)
	}
	if err := c.sealWords(id, s, aead, keys, items); err != nil {
		return nil, fmt.Errorf("seal block %d: %w", id, err)
	}
	return s, nil
}

// sealWords adds the sections that are made of words. What is said is gone through
// once for both.
func (c *Codec) sealWords(id ID, s *Sealed, aead keyring.AEAD, keys Keys, items []Item) (err error) {
	m := c.filterMaker()
	defer c.makers.Put(m)
	m.words.Grams = s.Header.Merged // as the filter wants them
	sketches := m.sketcher.sketchesOf(items, keys.Texts, &m.words)
	if s.Sketch, err = aead.Seal(sketches.encode(), s.Header.use(id, sketchSection)); err != nil {
		return err
	}
	s.Filter, err = m.sealFilter(id, s.Header, aead, keys.Words, items)
	return err
}

func timeRange(items []Item) (earliest, latest int64) {
	earliest, latest = math.MaxInt64, math.MinInt64
	for _, it := range items {
		t := it.Event.GetTime().AsTime().UnixNano()
		earliest, latest = min(earliest, t), max(latest, t)
	}
	return earliest, latest
}

// OpenMeta opens the meta section of block id. keyring.ErrOpen where it was
// changed, ErrCorrupt where it is malformed.
func (c *Codec) OpenMeta(id ID, h Header, key keyring.AEAD, sealed []byte) (*Meta, error) {
	return c.openMeta(id, h, key, sealed, allColumns)
}

// A Moment is an event's place in both orders.
type Moment struct {
	Seq  uint64
	Time int64 // of the event, in Unix nanoseconds
}

// OpenMoments returns the moments of the events of block id, from its meta
// section; errors as of OpenMeta, at a fraction of its cost.
func (c *Codec) OpenMoments(id ID, h Header, key keyring.AEAD, sealed []byte) ([]Moment, error) {
	m, err := c.openMeta(id, h, key, sealed, columnTime)
	if err != nil {
		return nil, err
	}
	out := make([]Moment, m.Len())
	for i := range out {
		out[i] = Moment{m.Seq(i), m.Time(i)}
	}
	return out, nil
}

// openMeta decodes the columns up to number last.
func (c *Codec) openMeta(id ID, h Header, key keyring.AEAD, sealed []byte, last uint64) (*Meta, error) {
	b, err := c.open(id, h, key, sealed, metaSection)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	defer c.reuse(b) // What is decoded has no part of it.
	m, err := decodeMeta(b, last)
	if err != nil {
		return nil, fmt.Errorf("open meta of block %d: %w", id, err)
	}
	if m.Len() != int(h.Count) || m.Seq(0) != h.FirstSeq || m.Seq(m.Len()-1) != h.LastSeq {
		return nil, fmt.Errorf("open meta of block %d: %w: it is not of its header", id, ErrCorrupt)
	}
	return m, nil
}

// CheckMeta reports whether the meta section of block id is the one that items
// make; errors as of OpenMeta.
func (c *Codec) CheckMeta(id ID, h Header, key keyring.AEAD, sealed []byte, items []Item) error {
	b, err := c.open(id, h, key, sealed, metaSection)
	if err != nil {
		return fmt.Errorf("open meta of block %d: %w", id, err)
	}
	defer c.reuse(b)
	if !bytes.Equal(b, EncodeMeta(items)) {
		return fmt.Errorf("meta of block %d: %w: it is not what its events make", id, ErrCorrupt)
	}
	return nil
}

// OpenText opens the text section of block id; errors as of OpenMeta. Give it
// back to Recycle, or leave it to the garbage collector.
func (c *Codec) OpenText(id ID, h Header, key keyring.AEAD, sealed []byte) (*Text, error) {
	b, err := c.open(id, h, key, sealed, textSection)
	if err != nil {
		return nil, fmt.Errorf("open text of block %d: %w", id, err)
	}
	t, err := decodeText(b, int(h.Count), len(b))
	if err != nil {
		return nil, fmt.Errorf("open text of block %d: %w", id, err)
	}
	return t, nil
}

// OpenTextTo opens the text section of block id as far as the event with the index
// to at least, which takes less the sooner it comes: for whoever wants one event. It
// has those that Opened says. Errors as of OpenMeta.
func (c *Codec) OpenTextTo(id ID, h Header, key keyring.AEAD, sealed []byte, to int) (*Text, error) {
	if int(h.TextSize) <= TargetSize {
		return c.OpenText(id, h, key, sealed)
	}
	compressed, err := c.decrypt(id, h, key, sealed, textSection)
	if err != nil {
		return nil, fmt.Errorf("open text of block %d: %w", id, err)
	}
	t, err := c.beginning(compressed, int(h.TextSize), int(h.Count), to)
	if err != nil {
		return nil, fmt.Errorf("open text of block %d: %w", id, err)
	}
	return t, nil
}

// step is how much is decompressed at a time: what a zstd block has at most.
const step = 128 << 10

// beginning decompresses a text section as far as event to.
func (c *Codec) beginning(compressed []byte, size, count, to int) (*Text, error) {
	dec, ok := c.streams.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxSection)); err != nil {
			return nil, fmt.Errorf("make decompressor: %w", err)
		}
	}
	defer c.streams.Put(dec)
	if err := dec.Reset(bytes.NewReader(compressed)); err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", ErrCorrupt, err)
	}
	whole := c.buffer(size + spare)[:size]
	for have := 0; ; {
		n, err := io.ReadFull(dec, whole[have:min(have+step, size)])
		if have += n; err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", ErrCorrupt, err)
		}
		t, err := decodeText(whole, count, have)
		switch {
		case err != nil && have < size: // The lengths are not all there yet.
		case err != nil:
			return nil, err
		case t.opened > to || have == size:
			return t, nil
		}
	}
}

// spare is by how much a buffer must be longer than what is decompressed into
// it, for the decompressor to be fast.
const spare = 16

// buffer returns an empty buffer with room for n bytes.
func (c *Codec) buffer(n int) []byte {
	if n <= TargetSize/2 { // of a quiet hour: it would take up a whole block's room
		return make([]byte, 0, n)
	}
	pool, room := &c.buffers, TargetSize+TargetSize/8
	if n > room {
		pool, room = &c.large, DenseSize+DenseSize/8
	}
	if b, ok := pool.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:0]
	}
	return make([]byte, 0, max(n, room))
}

// Recycle takes back what OpenText returned: its memory goes to the next one
// that is opened. Nobody may use it, or what its Bytes returned, any more.
// Fresh memory costs more than decompressing into it.
func (c *Codec) Recycle(t *Text) {
	c.reuse(t.whole)
	*t = Text{}
}

// reuse takes back a buffer of a full block. Others are small, or of large
// events and rare.
func (c *Codec) reuse(b []byte) {
	switch {
	case TargetSize <= cap(b) && cap(b) <= TargetSize+TargetSize/8:
		c.buffers.Put(&b)
	case DenseSize <= cap(b) && cap(b) <= 2*DenseSize:
		c.large.Put(&b)
	}
}

// open decrypts and decompresses a section. reuse takes it back.
func (c *Codec) open(id ID, h Header, key keyring.AEAD, sealed []byte, part byte) ([]byte, error) {
	size := int(h.TextSize)
	if part == metaSection {
		size = int(h.MetaSize)
	}
	compressed, err := c.decrypt(id, h, key, sealed, part)
	if err != nil {
		return nil, err
	}
	b, err := c.dec.DecodeAll(compressed, c.buffer(size+spare))
	if err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", ErrCorrupt, err)
	}
	if len(b) != size {
		return nil, fmt.Errorf("%w: section has %d bytes: want %d", ErrCorrupt, len(b), size)
	}
	return b, nil
}

// decrypt opens a section and leaves it compressed.
func (*Codec) decrypt(id ID, h Header, key keyring.AEAD, sealed []byte, part byte) ([]byte, error) {
	aead, err := key.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, err
	}
	return aead.Open(sealed, h.use(id, part))
}

// encodeText returns the text section of the items, in a buffer that reuse
// takes back.
func (c *Codec) encodeText(items []Item) []byte {
	size := binary.MaxVarintLen32 * (len(items) + 1)
	for _, it := range items {
		size += len(it.Bytes)
	}
	b := binary.AppendUvarint(c.buffer(size), uint64(len(items)))
	for _, it := range items {
		b = binary.AppendUvarint(b, uint64(len(it.Bytes)))
	}
	for _, it := range items {
		b = append(b, it.Bytes...)
	}
	return b
}

// Text is an open text section. Safe for concurrent use.
type Text struct {
	whole  []byte // the section
	bytes  []byte // the events in it
	ends   []int  // where each event ends in bytes
	opened int    // events that are there
	there  int    // bytes of the section that are there
}

// decodeText decodes a section of which the first bytes are there.
func decodeText(b []byte, count, there int) (*Text, error) {
	r := reader{b: b[:there]}
	if n := r.uvarint(); n != uint64(count) {
		return nil, fmt.Errorf("%w: text of %d events: want %d", ErrCorrupt, n, count)
	}
	t := &Text{whole: b, there: there, ends: make([]int, 0, min(count, len(b)))}
	end := uint64(0)
	for range count {
		n := r.uvarint()
		if r.err != nil || n > uint64(len(b)) {
			return nil, fmt.Errorf("%w: text lengths", ErrCorrupt)
		}
		end += n
		t.ends = append(t.ends, int(end))
	}
	head := there - len(r.b)
	t.bytes = b[head:]
	if end != uint64(len(t.bytes)) {
		return nil, fmt.Errorf("%w: text has %d bytes: want %d", ErrCorrupt, len(t.bytes), end)
	}
	for t.opened < count && t.ends[t.opened] <= there-head {
		t.opened++
	}
	return t, nil
}

// Len returns the number of events.
func (t *Text) Len() int { return len(t.ends) }

// Opened returns how many of the events are there, from the first on.
func (t *Text) Opened() int { return t.opened }

// Decompressed returns how many bytes of the section were decompressed.
func (t *Text) Decompressed() int { return t.there }

// Bytes returns the stored bytes of the i-th event, which is below Opened. They
// are not to be changed.
func (t *Text) Bytes(i int) []byte {
	start := 0
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.bytes[start:t.ends[i]:t.ends[i]]
}

// Size returns the memory the section takes, in bytes.
func (t *Text) Size() int { return cap(t.whole) + 8*len(t.ends) }
