package eventlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

type termHash = [termHashSize]byte

// hash returns a term's name in the bucket's index.
func (b *bucket) hash(field Field, value string) (termHash, error) {
	sum, err := b.index.Sum([]byte(string(field)+"\x00"+value), termHashSize)
	if err != nil {
		return termHash{}, err
	}
	return termHash(sum), nil
}

// postings returns the seqs of the items by term, ascending.
func (b *bucket) postings(items []block.Item) (map[termHash][]event.Seq, error) {
	type term struct {
		field Field
		value string
	}
	names := map[term]termHash{} // Most terms repeat.
	out := map[termHash][]event.Seq{}
	var failed error
	for _, it := range items {
		terms(it.Event, func(field Field, value string) {
			name, ok := names[term{field, value}]
			if !ok {
				var err error
				if name, err = b.hash(field, value); err != nil {
					failed = err
				}
				names[term{field, value}] = name
			}
			seqs := out[name]
			if n := len(seqs); n == 0 || seqs[n-1] != event.Seq(it.Seq) {
				out[name] = append(seqs, event.Seq(it.Seq))
			}
		})
	}
	return out, failed
}

// encodePosting writes the seqs after the first, which stands in the key, each
// as its distance from the one before.
func encodePosting(seqs []event.Seq) []byte {
	var b []byte
	for i := 1; i < len(seqs); i++ {
		b = binary.AppendUvarint(b, uint64(seqs[i]-seqs[i-1]))
	}
	return b
}

// appendPosting appends the seqs of a posting to seqs.
func appendPosting(seqs []event.Seq, first event.Seq, b []byte) ([]event.Seq, error) {
	seqs = append(seqs, first)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 || d == 0 {
			return nil, fmt.Errorf("%w: malformed index entry", ErrTampered)
		}
		first += event.Seq(d)
		seqs, b = append(seqs, first), b[n:]
	}
	return seqs, nil
}

// find returns the seqs in the bucket of the events that have one of the
// values, ascending. Two values in 2^64 share a name: callers look at the
// event.
func (d disk) find(b *bucket, t Term) ([]event.Seq, error) {
	prefixes, err := b.prefixes(t)
	if err != nil {
		return nil, err
	}
	var seqs []event.Seq
	err = d.eachOf(prefixes, func(k, v []byte) error {
		_, _, first, err := parseTermKey(k)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTampered, err)
		}
		seqs, err = appendPosting(seqs, first, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
}

// prefixes returns where the entries of a term's values stand in the bucket's
// index, in the order of the keys.
func (b *bucket) prefixes(t Term) ([][]byte, error) {
	prefixes := make([][]byte, len(t.Values))
	for i, v := range t.Values {
		hash, err := b.hash(t.Field, v)
		if err != nil {
			return nil, err
		}
		prefixes[i] = termPrefix(b.indexID, hash[:])
	}
	slices.SortFunc(prefixes, bytes.Compare)
	return slices.CompactFunc(prefixes, bytes.Equal), nil
}

// intersect returns what stands in both, which ascend.
func intersect(a, b []event.Seq) []event.Seq {
	var out []event.Seq
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case b[0] < a[0]:
			b = b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return out
}
