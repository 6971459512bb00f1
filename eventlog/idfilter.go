package eventlog

import "encoding/binary"

// An idFilter tells of most event ids that are new that they are, without a
// look at the disk: a Bloom filter in which each id sets four bits of one
// 64-byte line. Ids come as values of a PRF, so their bits are as good as
// hashes. Not safe for concurrent use.
type idFilter struct {
	lines [][8]uint64 // a power of two of them
}

// The filter is made when the log is opened, for twice the ids there are. It
// serves a few times as many; beyond that it lets more look-ups through.
const (
	idsPerLine = 40      // one new id in about 70 is then looked up in vain
	minLines   = 1 << 16 // 4 MiB, for 2.6 million ids
	maxLines   = 1 << 19 // 32 MiB, for 20 million ids
)

func newIDFilter(ids int) *idFilter {
	lines := minLines
	for lines < maxLines && lines*idsPerLine < 2*ids {
		lines *= 2
	}
	return &idFilter{lines: make([][8]uint64, lines)}
}

// bits calls visit for each bit of the id, which is the tenant's number and
// its hash, until visit returns false.
func (f *idFilter) bits(t tenantID, hash []byte, visit func(word *uint64, bit uint64) bool) {
	h := binary.BigEndian.Uint64(hash) + uint64(t)*0x9e3779b97f4a7c15 // tenants' hashes are independent already
	line := &f.lines[h&uint64(len(f.lines)-1)]
	places := binary.BigEndian.Uint64(hash[8:])
	for range 4 {
		if !visit(&line[places>>6&7], 1<<(places&63)) {
			return
		}
		places >>= 9
	}
}

// add makes mayHave true of the id for ever.
func (f *idFilter) add(t tenantID, hash []byte) {
	f.bits(t, hash, func(word *uint64, bit uint64) bool { *word |= bit; return true })
}

// mayHave reports false only if the id was never added.
func (f *idFilter) mayHave(t tenantID, hash []byte) bool {
	all := true
	f.bits(t, hash, func(word *uint64, bit uint64) bool { all = *word&bit != 0; return all })
	return all
}
