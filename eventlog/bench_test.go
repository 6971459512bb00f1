package eventlog

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// corpus returns about n events of the shared corpus, some of every file, and
// their size as JSON.
func corpus(b *testing.B, n int) (events []*pb.Event, size int64) {
	b.Helper()
	dir := os.Getenv("AFTERIMAGE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "corpus", "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		b.Skip("the shared corpus is not here")
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		d, err := zstd.NewReader(f)
		if err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(d)
		lines.Buffer(nil, 4<<20)
		for i := 0; i < n/len(files) && lines.Scan(); i++ {
			e, err := event.DecodeJSON(lines.Bytes(), event.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			e.Class, e.PolicyVersion = "routine", "v1"
			events, size = append(events, e), size+int64(len(lines.Bytes()))
		}
		d.Close()
		f.Close()
	}
	return events, size
}

// Redacted, classified events to durable, a thousand at a time, on a real disk.
func BenchmarkAppend(b *testing.B) {
	events, size := corpus(b, 20_000)
	b.SetBytes(size)
	b.ReportAllocs()
	appended := 0
	for b.Loop() {
		b.StopTimer()
		l := open(b, config(b))
		copies := make([]*pb.Event, len(events))
		for i, e := range events {
			copies[i] = proto.CloneOf(e)
		}
		b.StartTimer()
		for start := 0; start < len(copies); start += 1000 {
			var batch []Prepared
			for _, e := range copies[start:min(start+1000, len(copies))] {
				p, err := l.Prepare("acme", e)
				if err != nil {
					b.Fatal(err)
				}
				batch = append(batch, p)
			}
			if _, err := l.Append(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
		appended += len(copies)
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(appended)/b.Elapsed().Seconds(), "events/s")
}
