package eventlog

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/FastFilter/xorfilter"
	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// batchOfBench is how many events the benchmark appends at a time.
const batchOfBench = 1000

// Redacted, classified events in the order of their times to durable, on one
// core and a real disk, beside each part of that work alone on the same
// events. The ratio is what Append reaches of what the sum of its parts
// allows (docs/decisions/0010), by the clock and, for busy machines, of the
// processor's time. Events are decoded while the clock stands still, batch by
// batch. -benchtime 5x takes the best of five of each.
func BenchmarkAppend(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	events, _ := storedInTime(b, 1_000)
	size := 0
	for _, e := range events {
		size += len(e.bytes)
	}
	names := append(partNames[:], "append")
	best := make([]spent, len(names))
	var mallocs uint64
	for b.Loop() {
		var took []spent
		took, mallocs = measure(b, events)
		for i, s := range took {
			best[i] = best[i].least(s)
		}
	}
	mb := float64(size) / 1e6
	var sum spent
	var out strings.Builder
	last := len(best) - 1
	for i, s := range best[:last] {
		sum = spent{sum.clock + s.clock, sum.processor + s.processor}
		fmt.Fprintf(&out, "\n%-24s %s", names[i], s.speed(mb))
	}
	clock := sum.clock.Seconds() / best[last].clock.Seconds()
	b.Logf("%d events, %.0f MB as stored; MB/s by the clock and of the processor%s\n%-24s %s\n%-24s %s\n%.0f %% and %.0f %% of that; %.1f µs and %.1f allocations an event",
		len(events), mb, out.String(), "all of these", sum.speed(mb), "append", best[last].speed(mb), 100*clock,
		100*sum.processor.Seconds()/best[last].processor.Seconds(), best[last].processor.Seconds()*1e6/float64(len(events)), float64(mallocs)/float64(len(events)))
	b.ReportMetric(mb/best[last].clock.Seconds(), "MB/s")
	b.ReportMetric(mb/sum.clock.Seconds(), "parts-MB/s")
	b.ReportMetric(clock, "ratio")
}

// spent is what something took.
type spent struct{ clock, processor time.Duration }

func (s spent) least(o spent) spent {
	if s == (spent{}) {
		return o
	}
	return spent{min(s.clock, o.clock), min(s.processor, o.processor)}
}

func (s spent) speed(mb float64) string {
	return fmt.Sprintf("%7.0f %7.0f", mb/s.clock.Seconds(), mb/s.processor.Seconds())
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure tells how long each part takes, and append, which comes last.
func measure(b *testing.B, events []stored) (took []spent, mallocs uint64) {
	p := newParts(b)
	l := open(b, config(b))
	took = make([]spent, len(partNames)+1)
	timed := func(i int, do func()) {
		began, before := time.Now(), processorTime(b)
		do()
		took[i].clock += time.Since(began)
		took[i].processor += processorTime(b) - before
	}
	var before, after runtime.MemStats
	for len(events) > 0 {
		n := min(batchOfBench, len(events))
		batch := decoded(b, events[:n])
		p.cut(batch, events[:n])
		for i, do := range p.parts(batch, events[:n]) {
			timed(i, do)
		}
		batch = decoded(b, events[:n])
		runtime.ReadMemStats(&before)
		timed(len(partNames), func() { appendBatch(b, l, batch) })
		runtime.ReadMemStats(&after)
		mallocs += after.Mallocs - before.Mallocs
		events = events[n:]
	}
	p.close()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return took, mallocs
}

// decoded returns events as they come to be appended.
func decoded(b *testing.B, events []stored) []*pb.Event {
	b.Helper()
	out := make([]*pb.Event, len(events))
	for i, e := range events {
		out[i] = new(pb.Event)
		if err := proto.Unmarshal(e.bytes, out[i]); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

func appendBatch(b *testing.B, l *Log, events []*pb.Event) {
	b.Helper()
	batch := make([]Prepared, len(events))
	for i, e := range events {
		var err error
		if batch[i], err = l.Prepare("acme", e); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.Append(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
}

// parts does the parts of appending with the libraries as the log does, and
// nothing else.
type parts struct {
	b       *testing.B
	enc     *zstd.Encoder
	bucket  *bucket
	db      *pebble.DB
	set     words.Set
	builder xorfilter.BinaryFuseBuilder
	keys    []uint64

	blocks [][]int  // the events of each block of the batch
	texts  [][]byte // of the blocks
	packed [][]byte // compressed
	sealed [][]byte // encrypted
	number block.ID // of blocks stored
}

var partNames = [...]string{"marshal", "SHA-256", "words and filter", "zstd", "AES-256-GCM", "Pebble, WAL and sync"}

func newParts(b *testing.B) *parts {
	p := &parts{b: b}
	var err error
	if p.enc, err = zstd.NewWriter(nil, block.EncoderOptions()...); err != nil {
		b.Fatal(err)
	}
	l := open(b, config(b))
	if p.bucket, _, err = newBucket(l.ring.Current(), 1, owner(b, l), "routine", 1, 1); err != nil {
		b.Fatal(err)
	}
	cfg := config(b)
	if p.db, err = openDB(cfg.withDefaults(), false); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *parts) close() {
	if err := p.enc.Close(); err != nil {
		p.b.Fatal(err)
	}
	if err := p.db.Close(); err != nil {
		p.b.Fatal(err)
	}
}

// cut makes the blocks of a batch as Append does.
func (p *parts) cut(batch []*pb.Event, events []stored) {
	p.blocks, p.texts, p.packed, p.sealed = nil, nil, nil, nil
	items := make([]block.Item, len(batch))
	for i, e := range batch {
		items[i] = block.Item{Seq: uint64(i), Bytes: events[i].bytes, Event: e}
	}
	for run := range cut(items, block.TargetSize) {
		var of []int
		var text []byte
		for _, it := range run {
			of, text = append(of, int(it.Seq)), append(text, it.Bytes...)
		}
		p.blocks, p.texts = append(p.blocks, of), append(p.texts, text)
	}
}

// parts are the functions that partNames names.
func (p *parts) parts(batch []*pb.Event, events []stored) [len(partNames)]func() {
	return [...]func(){
		func() {
			for _, e := range batch {
				if _, err := event.Marshal(e); err != nil {
					p.b.Fatal(err)
				}
			}
		},
		func() {
			for _, e := range events {
				sha256.Sum256(e.bytes)
			}
		},
		func() {
			for _, of := range p.blocks {
				p.filter(batch, of)
			}
		},
		func() {
			for _, text := range p.texts {
				p.packed = append(p.packed, p.enc.EncodeAll(text, nil))
			}
		},
		func() {
			for _, packed := range p.packed {
				sealed, err := p.bucket.blocks.Seal(packed, nil)
				if err != nil {
					p.b.Fatal(err)
				}
				p.sealed = append(p.sealed, sealed)
			}
		},
		p.store,
	}
}

func (p *parts) filter(batch []*pb.Event, of []int) {
	p.set.Reset()
	for _, i := range of {
		event.Texts(batch[i], p.set.Add)
	}
	p.keys = p.keys[:0]
	for _, w := range p.set.Hashes() {
		p.keys = append(p.keys, p.bucket.words.Sum(uint64(w)))
	}
	if _, err := xorfilter.BuildBinaryFuse[uint8](&p.builder, p.keys); err != nil {
		p.b.Fatal(err)
	}
}

func (p *parts) store() {
	batch := p.db.NewBatch()
	for _, sealed := range p.sealed {
		p.number++
		set(batch, textKey(p.number), sealed)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		p.b.Fatal(err)
	}
	if err := batch.Close(); err != nil {
		p.b.Fatal(err)
	}
}
