package eventlog

import (
	"encoding/base64"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// noise is an event of the sequence with so many bytes of text that does not
// compress.
func noise(random *rand.Rand, n, size int) *pb.Event {
	raw := make([]byte, size/4*3)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	e := sample(n)
	e.Body = &pb.Event_Interaction{Interaction: &pb.Interaction{Output: []*pb.Message{{Role: "assistant",
		Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: base64.StdEncoding.EncodeToString(raw)}}}}}}}
	return e
}

func addNoise(t *testing.T, l *Log, random *rand.Rand, from, to, size int) {
	t.Helper()
	for n := from; n < to; n += 16 {
		var batch []Prepared
		for i := n; i < min(n+16, to); i++ {
			p, err := l.Prepare("acme", noise(random, i, size))
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, p)
		}
		if _, err := l.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

// Invariant 9: once it is on disk, nothing keeps a sealed block in memory.
func TestSealedBlocksAreNotKept(t *testing.T) {
	l := open(t, config(t))
	sealed := appendAndForget(t, l)
	for range 100 { // finalizers and pools of others may take more than one
		if runtime.GC(); sealed.Value() == nil {
			return
		}
	}
	t.Error("a sealed block is still referred to")
}

// appendAndForget appends one event and returns where its block was sealed.
func appendAndForget(t *testing.T, l *Log) weak.Pointer[block.Sealed] {
	t.Helper()
	p, err := l.Prepare("acme", sample(0))
	if err != nil {
		t.Fatal(err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	a, err := l.append([]Prepared{p})
	if err != nil {
		t.Fatal(err)
	}
	return weak.Make(a.groups[0].sealed[0].block)
}

// Sections of blocks are recycled when the cache is full: no reader may see
// another block's bytes in them. (With -race any use after recycling shows.)
func TestReadersDoNotShareRecycledSections(t *testing.T) {
	cfg := config(t)
	cfg.CacheBytes = 1 << 20 // one or two text sections
	l, random := open(t, cfg), rand.New(rand.NewPCG(3, 4))
	const size, events = 64 << 10, 64
	addNoise(t, l, random, 0, events, size)
	want := make([]string, events)
	for seq := range want {
		want[seq] = output(t, l, event.Seq(seq))
	}
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			for i := range 200 {
				seq := (i*7 + reader*13) % events
				if got := output(t, l, event.Seq(seq)); got != want[seq] {
					t.Errorf("event %d: got another text", seq)
					return
				}
			}
		})
	}
	readers.Wait()
	check(t, l)
}

func output(t *testing.T, l *Log, seq event.Seq) string {
	e, err := l.Read(t.Context(), "acme", seq)
	if err != nil {
		t.Error(err)
		return ""
	}
	return e.GetInteraction().GetOutput()[0].GetParts()[0].GetText()
}

// Small blocks, as quiet hours leave them, take little of the cache.
func TestSmallBlocksTakeLittleOfTheCache(t *testing.T) {
	cfg := config(t)
	cfg.CacheBytes = 16 << 20
	l := open(t, cfg)
	const blocks = 200
	for n := range blocks {
		add(t, l, "acme", n, n+1)
	}
	for seq := range event.Seq(blocks) {
		if _, err := l.Read(t.Context(), "acme", seq); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.texts.order.Len(); got < blocks {
		t.Errorf("%d of %d small sections are kept in 5 MiB", got, blocks)
	}
}
