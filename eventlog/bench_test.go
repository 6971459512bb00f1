package eventlog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
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

// batchOfBench is how many events a benchmark appends at a time.
const batchOfBench = 1000

// Redacted, classified events in the order of their times to durable, on one
// core and a real disk, beside each part of that work alone on the same
// events. The ratio is what Append reaches of what the sum of its parts
// allows (docs/decisions/0010). -benchtime 5x takes the best of five of each.
func BenchmarkAppend(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	events, _ := corpusInTime(b, perFile(b, 1_000))
	size := int64(0)
	for _, e := range events {
		e.Salt = make([]byte, saltSize)
		if _, err := rand.Read(e.GetSalt()); err != nil {
			b.Fatal(err)
		}
		size += int64(proto.Size(e))
	}
	best := map[string]time.Duration{}
	keep := func(name string, took time.Duration) {
		if old, ok := best[name]; !ok || took < old {
			best[name] = took
		}
	}
	var m runtime.MemStats
	var allocs uint64
	for b.Loop() {
		p := newParts(b, events)
		for i, part := range p.all() {
			runtime.GC()
			began := time.Now()
			part.do()
			keep(fmt.Sprintf("%d %s", i, part.name), time.Since(began))
		}
		runtime.ReadMemStats(&m)
		allocs = m.Mallocs
		keep("append", appendAll(b, events))
		runtime.ReadMemStats(&m)
		allocs = m.Mallocs - allocs
	}
	speed := func(d time.Duration) float64 { return float64(size) / 1e6 / d.Seconds() }
	var sum time.Duration
	var out strings.Builder
	for _, name := range sorted(best) {
		if name != "append" {
			sum += best[name]
			fmt.Fprintf(&out, "\n%-28s %7.0f MB/s", name[2:], speed(best[name]))
		}
	}
	b.Logf("%d events, %d MB as stored%s\n%-28s %7.0f MB/s\n%-28s %7.0f MB/s: %.0f %% of it, %.1f µs and %.1f allocations an event",
		len(events), size/1e6, out.String(), "all parts", speed(sum), "append", speed(best["append"]),
		100*sum.Seconds()/best["append"].Seconds(), best["append"].Seconds()*1e6/float64(len(events)), float64(allocs)/float64(len(events)))
	b.ReportMetric(speed(best["append"]), "MB/s")
	b.ReportMetric(speed(sum), "parts-MB/s")
	b.ReportMetric(sum.Seconds()/best["append"].Seconds(), "ratio")
}

func sorted(m map[string]time.Duration) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// appendAll appends copies of the events to a new log and tells how long that
// took.
func appendAll(b *testing.B, events []*pb.Event) time.Duration {
	l := open(b, config(b))
	copies := make([]*pb.Event, len(events))
	for i, e := range events {
		copies[i] = proto.CloneOf(e)
	}
	runtime.GC()
	began := time.Now()
	for part := range slices.Chunk(copies, batchOfBench) {
		batch := make([]Prepared, len(part))
		for i, e := range part {
			var err error
			if batch[i], err = l.Prepare("acme", e); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := l.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

// parts are the parts of appending, each to be done alone on what the one
// before made. They use the libraries as the log does, and nothing else.
type parts struct {
	b      *testing.B
	events []*pb.Event
	bytes  [][]byte   // marshalled
	sums   [][32]byte // hashed
	blocks [][]int    // the events of each block
	packed [][]byte   // compressed
	sealed [][]byte   // encrypted
	enc    *zstd.Encoder
	bucket *bucket
	db     *pebble.DB
}

type part struct {
	name string
	do   func()
}

func newParts(b *testing.B, events []*pb.Event) *parts {
	p := &parts{b: b, events: events, bytes: make([][]byte, len(events)), sums: make([][32]byte, len(events))}
	enc, err := zstd.NewWriter(nil, block.EncoderOptions()...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { enc.Close() })
	p.enc = enc
	l := open(b, config(b))
	prepared, err := l.Prepare("acme", sample(0))
	if err != nil {
		b.Fatal(err)
	}
	if p.bucket, _, err = l.newBucket(1, prepared.tenant.id, "routine", 1); err != nil {
		b.Fatal(err)
	}
	cfg := config(b)
	if p.db, err = openDB(cfg.withDefaults(), false); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.db.Close() })
	return p
}

func (p *parts) all() []part {
	return []part{
		{"marshal", p.marshal}, {"SHA-256", p.hash}, {"words and filter", p.filter},
		{"zstd", p.compress}, {"AES-256-GCM", p.seal}, {"Pebble, WAL and sync", p.store},
	}
}

func (p *parts) marshal() {
	for i, e := range p.events {
		var err error
		if p.bytes[i], err = event.Marshal(e); err != nil {
			p.b.Fatal(err)
		}
	}
	for first := 0; first < len(p.events); first += batchOfBench { // as Append does: no block is of two batches
		items := make([]block.Item, 0, batchOfBench)
		for i := first; i < min(first+batchOfBench, len(p.events)); i++ {
			items = append(items, block.Item{Seq: uint64(i), Bytes: p.bytes[i], Event: p.events[i]})
		}
		for run := range cut(items) {
			var of []int
			for _, it := range run {
				of = append(of, int(it.Seq))
			}
			p.blocks = append(p.blocks, of)
		}
	}
}

func (p *parts) hash() {
	for i, b := range p.bytes {
		p.sums[i] = sha256.Sum256(b)
	}
}

func (p *parts) filter() {
	var set words.Set
	var keys []uint64
	var builder xorfilter.BinaryFuseBuilder
	for _, of := range p.blocks {
		set.Reset()
		for _, i := range of {
			event.Texts(p.events[i], set.Add)
		}
		keys = keys[:0]
		for _, w := range set.Hashes() {
			keys = append(keys, p.bucket.words.Sum(uint64(w)))
		}
		if _, err := xorfilter.BuildBinaryFuse[uint8](&builder, keys); err != nil {
			p.b.Fatal(err)
		}
	}
}

func (p *parts) compress() {
	var text []byte
	for _, of := range p.blocks {
		text = text[:0]
		for _, i := range of {
			text = append(text, p.bytes[i]...)
		}
		p.packed = append(p.packed, p.enc.EncodeAll(text, nil))
	}
}

func (p *parts) seal() {
	for _, packed := range p.packed {
		sealed, err := p.bucket.blocks.Seal(packed, nil)
		if err != nil {
			p.b.Fatal(err)
		}
		p.sealed = append(p.sealed, sealed)
	}
}

func (p *parts) store() {
	for first := 0; first < len(p.sealed); {
		batch, end := p.db.NewBatch(), first
		for ; end < len(p.sealed) && p.blocks[end][0]/batchOfBench == p.blocks[first][0]/batchOfBench; end++ {
			set(batch, textKey(block.ID(end)), p.sealed[end])
		}
		if err := batch.Commit(pebble.Sync); err != nil {
			p.b.Fatal(err)
		}
		first = end
	}
}
