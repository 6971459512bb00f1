package eventlog

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
)

// stored is an event as it lies in a block's text.
type stored struct {
	session string
	bytes   []byte
}

// storedInTime returns the corpus as stored events in the order of their
// times, and its size as JSON.
func storedInTime(b *testing.B, byDefault int) ([]stored, int64) {
	events, size := corpusInTime(b, perFile(b, byDefault))
	out := make([]stored, len(events))
	for i, e := range events {
		e.Salt = make([]byte, saltSize)
		if _, err := rand.Read(e.GetSalt()); err != nil {
			b.Fatal(err)
		}
		e.Received = timestamppb.New(start0.Add(time.Duration(i) * time.Millisecond))
		bytes, err := event.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		out[i], events[i] = stored{e.GetSession(), bytes}, nil
	}
	return out, size
}

// bySession sorts each window of about that many bytes by session, and by
// order of arrival within one.
func bySession(events []stored, window int) []stored {
	out := slices.Clone(events)
	start, size := 0, 0
	sort := func(end int) {
		slices.SortStableFunc(out[start:end], func(a, b stored) int { return cmp.Compare(a.session, b.session) })
		start, size = end, 0
	}
	for i, e := range out {
		if size += len(e.bytes); size > window {
			sort(i)
			size = len(e.bytes)
		}
	}
	sort(len(out))
	return out
}

// compressed returns what the texts of blocks of the size take with the
// encoder, and how fast it is in MB/s.
func compressed(events []stored, size int, enc *zstd.Encoder) (total int, speed float64) {
	var text, out []byte
	in, began := 0, time.Now()
	flush := func() {
		out = enc.EncodeAll(text, out[:0])
		total, in, text = total+len(out), in+len(text), text[:0]
	}
	for _, e := range events {
		if len(text) > 0 && len(text)+len(e.bytes) > size {
			flush()
		}
		text = append(text, e.bytes...)
	}
	flush()
	return total, float64(in) / 1e6 / time.Since(began).Seconds()
}

// What the order of events within blocks, the size of blocks and the level of
// zstd do to the size of texts, as a share of the JSON that was published
// (docs/decisions/0010, 0011, 0013). AFTERIMAGE_BENCH_EVENTS=1000000 takes the whole corpus.
func BenchmarkOrder(b *testing.B) {
	events, raw := storedInTime(b, 30)
	total := 0
	for _, e := range events {
		total += len(e.bytes)
	}
	b.Logf("%d events: %d MB of JSON, %d MB stored before compression (%.3f)", len(events), raw/1e6, total/1e6, float64(total)/float64(raw))
	for _, order := range []struct {
		name   string
		window int
	}{{"arrival", 0}, {"session-4MiB", 4 << 20}, {"session-16MiB", 16 << 20}, {"session-64MiB", 64 << 20}, {"session-all", 1 << 40}} {
		ordered := events
		if order.window > 0 {
			ordered = bySession(events, order.window)
		}
		for _, size := range []int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20} {
			for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression, zstd.SpeedBestCompression} {
				b.Run(fmt.Sprintf("order=%s/block=%dKiB/level=%v", order.name, size>>10, level), func(b *testing.B) {
					enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(max(2*size, 512<<10)),
						zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
					if err != nil {
						b.Fatal(err)
					}
					defer enc.Close()
					for b.Loop() {
						n, speed := compressed(ordered, size, enc)
						b.ReportMetric(float64(n)/float64(raw), "of-JSON")
						b.ReportMetric(speed, "MB/s")
					}
				})
			}
		}
	}
}

// What a store takes on disk, part by part, when the corpus comes in the order
// of its times: each keyspace, what Pebble adds, and all of it as a share of
// the JSON; as first written, and once merged for good. Beside it the bytes that
// were given to the disk for each that is stored in the end.
func BenchmarkStoreSize(b *testing.B) {
	for _, merged := range []bool{false, true} {
		b.Run(fmt.Sprintf("merged=%v", merged), func(b *testing.B) {
			for b.Loop() {
				storeSize(b, merged)
			}
		})
	}
}

func storeSize(b *testing.B, merged bool) {
	b.Helper()
	events, raw := corpusInTime(b, perFile(b, 500))
	n := len(events)
	cfg := config(b)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := open(b, cfg)
	for batch := range slices.Chunk(events, batchOfBench) {
		appendBatch(b, l, batch)
	}
	if merged {
		now = now.Add(48 * time.Hour)
		began := time.Now()
		steps := merge(b, l)
		b.Logf("merged in %d steps and %v", steps, time.Since(began).Round(time.Millisecond))
	}
	if err := l.db.Flush(); err != nil {
		b.Fatal(err)
	}
	m := atRest(l.db)
	tables, given := int64(m.Total().TablesSize), m.WAL.BytesWritten
	for _, level := range m.Levels {
		given += level.TableBytesFlushed + level.TableBytesCompacted + level.TableBytesIngested
	}
	sum, parts := partsOf(b, l.db, raw)
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d events, %d bytes of JSON%s\nsum %.4f, tables %.4f, files %.4f of JSON; %.2f bytes given to the disk for each in the tables", n, raw, parts,
		float64(sum)/float64(raw), float64(tables)/float64(raw), float64(dirSize(b, cfg.Dir))/float64(raw), float64(given)/float64(tables))
	b.ReportMetric(float64(tables)/float64(raw), "of-JSON")
	b.ReportMetric(float64(given)/float64(tables), "written/stored")
}

// atRest waits until Pebble has had nothing to do for a second, and returns
// its figures.
func atRest(db *pebble.DB) *pebble.Metrics {
	m, idle := db.Metrics(), 0
	for range time.Tick(50 * time.Millisecond) {
		before := m.Compact.Count
		m = db.Metrics()
		if idle++; m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0 || m.Compact.Count != before {
			idle = 0
		}
		if idle == 20 {
			break
		}
	}
	return m
}

// partsOf returns what the keys and values of each keyspace take.
func partsOf(b *testing.B, db *pebble.DB, raw int64) (sum int64, parts string) {
	b.Helper()
	keys, values, entries := map[byte]int64{}, map[byte]int64{}, map[byte]int64{}
	it, err := db.NewIter(&pebble.IterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		space := it.Key()[0]
		entries[space]++
		keys[space] += int64(len(it.Key()))
		values[space] += int64(len(it.Value()))
	}
	if err := it.Close(); err != nil {
		b.Fatal(err)
	}
	var out strings.Builder
	for _, space := range []byte{spaceText, spaceMeta, spaceFilter, spaceSketch, spaceHeader, spaceIndex, spaceID, spaceLocation, spaceBundle, spaceTile, spaceCheckpoint} {
		size := keys[space] + values[space]
		sum += size
		fmt.Fprintf(&out, "\n%c %8d entries %11d bytes in keys %11d in values %7.4f of JSON", space, entries[space], keys[space], values[space], float64(size)/float64(raw))
	}
	return sum, out.String()
}

func dirSize(b *testing.B, dir string) (total int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}
