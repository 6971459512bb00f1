package eventlog

import (
	"encoding/binary"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// formatVersion is the version of the whole keyspace.
const formatVersion = 4

// oldestFormat is the oldest version that this program can use. Opening a log
// for writing makes it one of formatVersion.
const oldestFormat = 1

// The keyspaces, by first byte of the key. The table in the package comment
// says what stands in each.
const (
	spaceStore      = 0x00
	spaceState      = 0x01
	spacePending    = 0x02
	spaceRebuild    = 0x03
	spaceTables     = 0x04
	spaceStreamed   = 0x05
	spaceTenant     = 't'
	spaceBucket     = 'b'
	spaceHeader     = 'h'
	spaceMeta       = 'm'
	spaceText       = 'x'
	spaceFilter     = 'f'
	spaceSketch     = 'k'
	spaceLocation   = 'l'
	spaceID         = 'd'
	spaceIndex      = 'i'
	spaceBundle     = 'e'
	spaceRedacted   = 'r'
	spaceCursor     = 'v'
	spaceProjection = 'y'
	spaceTile       = 'n'
	spaceCheckpoint = 'c'
	spacePublished  = 'w'
	spaceStamp      = 's'
	spaceQuarantine = 'q'
	spacePayload    = 'p'
)

// Sizes of the truncated PRF values in keys, in bytes.
const (
	idHashSize   = 16 // of event ids: a collision would be a false duplicate
	termHashSize = 8  // of terms: a collision only costs a look at the event
)

type (
	tenantID uint32 // from 1
	bucketID uint32 // from 1
	indexID  uint32 // of a bucket's index: the bucket's number, or one given out like it
)

const pageWidth = 256 // positions in a location page

func key1(space byte) []byte { return []byte{space} }

func key4(space byte, a uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{space}, a)
}

func key8(space byte, a uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, a)
}

func tenantKey(id tenantID) []byte         { return key4(spaceTenant, uint32(id)) }
func bucketKey(id bucketID) []byte         { return key4(spaceBucket, uint32(id)) }
func headerKey(id block.ID) []byte         { return key8(spaceHeader, uint64(id)) }
func metaKey(id block.ID) []byte           { return key8(spaceMeta, uint64(id)) }
func textKey(id block.ID) []byte           { return key8(spaceText, uint64(id)) }
func sketchKey(id block.ID) []byte         { return key8(spaceSketch, uint64(id)) }
func filterKey(id block.ID) []byte         { return key8(spaceFilter, uint64(id)) }
func locationKey(page uint64) []byte       { return key8(spaceLocation, page) }
func bundleKey(index uint64) []byte        { return key8(spaceBundle, index) }
func redactedKey(bundle uint64) []byte     { return key8(spaceRedacted, bundle) }
func checkpointKey(size event.Seq) []byte  { return key8(spaceCheckpoint, uint64(size)) }
func publishedKey(size event.Seq) []byte   { return key8(spacePublished, uint64(size)) }
func stampKey(size event.Seq) []byte       { return key8(spaceStamp, uint64(size)) }
func idKey(t tenantID, hash []byte) []byte { return append(key4(spaceID, uint32(t)), hash...) }

func tileKey(level int, index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceTile, byte(level)}, index)
}

func indexPrefix(n indexID) []byte { return key4(spaceIndex, uint32(n)) }

func termPrefix(n indexID, hash []byte) []byte { return append(indexPrefix(n), hash...) }

func termKey(n indexID, hash []byte, first event.Seq) []byte {
	return binary.BigEndian.AppendUint64(termPrefix(n, hash), uint64(first))
}

// parseTermKey returns the parts of a key of the index.
func parseTermKey(k []byte) (n indexID, hash [termHashSize]byte, first event.Seq, err error) {
	if len(k) != 1+4+termHashSize+8 {
		return 0, hash, 0, fmt.Errorf("index key has %d bytes", len(k))
	}
	copy(hash[:], k[5:])
	return indexID(binary.BigEndian.Uint32(k[1:])), hash, event.Seq(binary.BigEndian.Uint64(k[5+termHashSize:])), nil
}

func quarantineKey(space byte, t tenantID, id []byte) []byte {
	return append(key4(space, uint32(t)), id...)
}

// prefixEnd returns the first key after all keys with the prefix.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

const storeMagic = "afterimage log\n"

func encodeStore(id keyring.StoreID) []byte {
	b := binary.BigEndian.AppendUint32([]byte(storeMagic), formatVersion)
	return append(b, id[:]...)
}

// decodeStore returns the id of the store, or why this program cannot use it.
func decodeStore(b []byte) (id keyring.StoreID, version uint32, err error) {
	if len(b) < len(storeMagic)+4 || string(b[:len(storeMagic)]) != storeMagic {
		return id, 0, fmt.Errorf("%w: the store's header is malformed", ErrTampered)
	}
	rest := b[len(storeMagic):]
	if version = binary.BigEndian.Uint32(rest); version < oldestFormat || version > formatVersion {
		return id, version, fmt.Errorf("the data is of format %d, this program knows formats %d to %d: use the version of afterimage that wrote it", version, oldestFormat, formatVersion)
	}
	if len(rest) != 4+len(id) {
		return id, version, fmt.Errorf("%w: the store's header is malformed", ErrTampered)
	}
	return keyring.StoreID(rest[4:]), version, nil
}

// state is what numbers have been given out, and the epoch whose key wraps the
// secrets of tenants and buckets.
type state struct {
	size   event.Seq // positions assigned
	block  block.ID  // last number given, 0 for none
	bucket bucketID  // last number given
	tenant tenantID  // last number given
	epoch  uint64    // from 1
}

func (s state) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.size))
	b = binary.BigEndian.AppendUint64(b, uint64(s.block))
	b = binary.BigEndian.AppendUint32(b, uint32(s.bucket))
	b = binary.BigEndian.AppendUint32(b, uint32(s.tenant))
	return binary.BigEndian.AppendUint64(b, s.epoch)
}

func decodeState(b []byte) (state, error) {
	if len(b) == 24 { // of format 1, which knew one epoch
		b = binary.BigEndian.AppendUint64(b, 1)
	}
	if len(b) != 32 {
		return state{}, fmt.Errorf("%w: the state record is malformed", ErrTampered)
	}
	return state{
		epoch:  binary.BigEndian.Uint64(b[24:]),
		size:   event.Seq(binary.BigEndian.Uint64(b)),
		block:  block.ID(binary.BigEndian.Uint64(b[8:])),
		bucket: bucketID(binary.BigEndian.Uint32(b[16:])),
		tenant: tenantID(binary.BigEndian.Uint32(b[20:])),
	}, nil
}
