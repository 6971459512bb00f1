package block

import (
	"encoding/binary"
	"fmt"
)

// reader takes values off the front of b. The first thing that is malformed
// sets err, after which every value is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	r.b = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count is a number of things that take at least one byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("count")
		return 0
	}
	return int(n)
}

// take is the next n bytes.
func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail("length")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.count()
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// stringColumn is a string for each event. Few are distinct.
type stringColumn struct {
	dict []string // the distinct ones, "" first; all are parts of one string
	at   []uint32 // each event's place in dict; nil: all are ""
}

// value returns the i-th string.
func (c stringColumn) value(i int) string {
	if c.at == nil {
		return ""
	}
	return c.dict[c.at[i]]
}

// strings reads n strings written by appendStrings.
func (r *reader) strings(n int) stringColumn {
	dict := r.dictionary()
	at := make([]uint32, n)
	for i := range at {
		place := r.uvarint()
		if place >= uint64(len(dict)) {
			r.fail("dictionary")
			return stringColumn{}
		}
		at[i] = uint32(place)
	}
	if len(dict) == 1 {
		return stringColumn{}
	}
	return stringColumn{dict, at}
}

// appendStrings writes the distinct strings in order of appearance, then each
// string as its place among them, "" being place 0 and not written.
func appendStrings(b []byte, all []string) []byte {
	places := make(map[string]uint64, 8)
	at := make([]uint64, len(all))
	var dict []string
	for i, s := range all {
		switch {
		case s == "":
		case i > 0 && s == all[i-1]: // most often: a look-up less
			at[i] = at[i-1]
		default:
			place, ok := places[s]
			if !ok {
				dict = append(dict, s)
				place = uint64(len(dict))
				places[s] = place
			}
			at[i] = place
		}
	}
	b = binary.AppendUvarint(b, uint64(len(dict)))
	for _, s := range dict {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return appendUvarints(b, at)
}

// uvarints reads n numbers written by appendUvarints.
func (r *reader) uvarints(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.uvarint()
	}
	return out
}

func appendUvarints(b []byte, all []uint64) []byte {
	for _, v := range all {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// deltas reads n numbers written by appendDeltas.
func (r *reader) deltas(n int) []int64 {
	out := make([]int64, n)
	last := int64(0)
	for i := range out {
		last += r.varint()
		out[i] = last
	}
	return out
}

// appendDeltas writes each number as its difference from the one before.
func appendDeltas(b []byte, all []int64) []byte {
	last := int64(0)
	for _, v := range all {
		b = binary.AppendVarint(b, v-last)
		last = v
	}
	return b
}
