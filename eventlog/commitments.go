package eventlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A commitment is the SHA-256 of an event's stored bytes.
type commitment = [sha256.Size]byte

// A replacement is what an event is committed to since it was redacted, in the
// place of its leaf, and the ledger event that says so. The ledger alone is to be
// believed: what is stored of it beside is made from it, and compared with it.
type replacement struct {
	commitment commitment
	ledger     event.Seq
}

// replacementSize is the size of an encoded replacement: its place in the
// bundle, the commitment, the position of the ledger event.
const replacementSize = 1 + sha256.Size + 8

// replacements are those of one bundle, by place in it.
type replacements map[uint8]replacement

func (r replacements) encode() []byte {
	b := make([]byte, 0, len(r)*replacementSize)
	for _, place := range slices.Sorted(maps.Keys(r)) {
		one := r[place]
		b = append(append(b, place), one.commitment[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(one.ledger))
	}
	return b
}

// decodeReplacements is the inverse of encode: one order is accepted.
func decodeReplacements(b []byte) (replacements, error) {
	r := replacements{}
	last := -1
	for ; len(b) >= replacementSize && int(b[0]) > last; b = b[replacementSize:] {
		last = int(b[0])
		r[b[0]] = replacement{commitment(b[1:]), event.Seq(binary.BigEndian.Uint64(b[1+sha256.Size:]))}
	}
	if len(b) > 0 || len(r) == 0 {
		return nil, fmt.Errorf("%w: malformed record of redacted events", ErrTampered)
	}
	return r, nil
}

// replacements returns those of a bundle, nil if there are none.
func (d disk) replacements(bundle uint64) (replacements, error) {
	v, err := d.get(redactedKey(bundle))
	if err != nil || v == nil {
		return nil, err
	}
	return decodeReplacements(v)
}

// replaced returns the replacement of the event at seq, if it was redacted.
func (d disk) replaced(seq event.Seq) (r replacement, yes bool, err error) {
	of, err := d.replacements(uint64(seq) / tree.Width)
	r, yes = of[uint8(seq%tree.Width)]
	return r, yes, err
}

// eachReplacement calls f for every replacement, in order.
func (d disk) eachReplacement(f func(seq event.Seq, r replacement) error) error {
	return d.each(key1(spaceRedacted), func(k, v []byte) error {
		if len(k) != 9 {
			return fmt.Errorf("%w: the key of a record of redacted events has %d bytes", ErrTampered, len(k))
		}
		of, err := decodeReplacements(v)
		if err != nil {
			return err
		}
		for _, place := range slices.Sorted(maps.Keys(of)) {
			if err := f(event.Seq(binary.BigEndian.Uint64(k[1:])*tree.Width+uint64(place)), of[place]); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeReplacements writes new replacements, and removes those of events that
// are nowhere any more, in a batch that holds no other record of them.
func (d disk) writeReplacements(b *pebble.Batch, fresh map[event.Seq]replacement, gone []event.Seq) error {
	pages := map[uint64]replacements{}
	page := func(seq event.Seq) (replacements, error) {
		n := uint64(seq) / tree.Width
		if _, ok := pages[n]; !ok {
			of, err := d.replacements(n)
			if err != nil {
				return nil, err
			}
			pages[n] = of
		}
		return pages[n], nil
	}
	for seq, r := range fresh {
		of, err := page(seq)
		if err != nil {
			return err
		}
		if of == nil {
			of = replacements{}
			pages[uint64(seq)/tree.Width] = of
		}
		of[uint8(seq%tree.Width)] = r
	}
	for _, seq := range gone {
		of, err := page(seq)
		if err != nil {
			return err
		}
		delete(of, uint8(seq%tree.Width))
	}
	for n, of := range pages {
		switch {
		case len(of) > 0:
			set(b, redactedKey(n), of.encode())
		case of != nil:
			remove(b, redactedKey(n))
		}
	}
	return nil
}

// commitments checks events against their commitments, and keeps the bundle
// that it looked at last. Not safe for concurrent use.
type commitments struct {
	disk
	// said, if not nil, are the replacements, instead of those that are stored.
	said     map[event.Seq]replacement
	index    uint64
	bundle   []byte
	replaced replacements
}

// leaf returns the commitment of the event at seq as it was appended, nil if it
// has none.
func (c *commitments) leaf(seq event.Seq) ([]byte, error) {
	if n := uint64(seq) / tree.Width; c.bundle == nil || n != c.index {
		var err error
		if c.bundle, err = c.disk.bundle(n); err != nil {
			return nil, err
		}
		if c.replaced, err = c.disk.replacements(n); c.said == nil && err != nil {
			c.bundle = nil
			return nil, err
		}
		c.index = n
	}
	start := int(seq%tree.Width) * tree.HashSize
	if start+tree.HashSize > len(c.bundle) {
		return nil, nil
	}
	return c.bundle[start : start+tree.HashSize], nil
}

// now returns what the event at seq is committed to: by its leaf, or since it
// was redacted by the ledger; nil if it has no leaf.
func (c *commitments) now(seq event.Seq) ([]byte, error) {
	leaf, err := c.leaf(seq)
	if err != nil {
		return nil, err
	}
	r, redacted := c.replaced[uint8(seq%tree.Width)]
	if c.said != nil {
		r, redacted = c.said[seq]
	}
	if redacted {
		return r.commitment[:], nil
	}
	return leaf, nil
}

// check reports whether the stored bytes are those that the event at seq is
// committed to.
func (c *commitments) check(seq event.Seq, stored []byte) error {
	want, err := c.now(seq)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(stored); !bytes.Equal(want, sum[:]) {
		return fmt.Errorf("event %d: %w: the commitment is not that of the stored event", seq, ErrTampered)
	}
	return nil
}
