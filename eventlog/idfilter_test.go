package eventlog

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// An id that was added is never called new, and few that were not are taken
// for known.
func TestIDFilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	id := func() []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rng.Uint64()), rng.Uint64())
	}
	f := newIDFilter(0)
	const n = minLines * idsPerLine / 4
	var ids [][]byte
	for range n {
		ids = append(ids, id())
		f.add(1, ids[len(ids)-1])
	}
	for _, id := range ids {
		if !f.mayHave(1, id) {
			t.Fatal("an id that was added is called new")
		}
	}
	wrong := 0
	for range n {
		if f.mayHave(1, id()) {
			wrong++
		}
	}
	if wrong > n/70 {
		t.Errorf("%d of %d new ids are taken for known, want at most one in 70", wrong, n)
	}
}
