package export

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Invariant 9: what is exported is not held in memory, in any format.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 200 MB")
	}
	const events, size = 1500, 64 << 10
	r := newRig(t)
	r.config.CacheBytes = 4 << 20
	r.close()
	r.open()
	r.fill().run()
	noise := make([]byte, size/2)
	for range events / 100 {
		var batch []*pb.Event
		for i := range 100 {
			rand.Read(noise)
			batch = append(batch, said(rand.Text(), fmt.Sprint("s-", i%10), hex.EncodeToString(noise), "answer"))
		}
		r.add(batch...)
	}
	base := live()
	for _, format := range []pb.Exported_Format{pb.Exported_BAGIT, pb.Exported_NDJSON, pb.Exported_PARQUET} {
		request := asked()
		request.Format = format
		w := &watching{}
		handed, err := r.x.Download(t.Context(), acme, Download{Operation: gathered(t, r.x, acme, request)}, w)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MB, at most %d MB were in memory beside %d", format, handed.Bytes>>20, (w.most-base)>>20, base>>20)
		if most := uint64(64 << 20); w.most > base+most {
			t.Errorf("%s: %d MB were in memory, want at most %d", format, (w.most-base)>>20, most>>20)
		}
	}
}

// A watching writer looks, at every few megabytes, at what is in memory.
type watching struct {
	unseen int
	most   uint64
}

func (w *watching) Write(p []byte) (int, error) {
	if w.unseen += len(p); w.unseen > 4<<20 {
		w.unseen, w.most = 0, max(w.most, live())
	}
	return len(p), nil
}

// live is how much is in memory that is used.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
