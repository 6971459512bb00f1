package eventlog

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Redacted, classified events to durable, a thousand at a time, on a real disk.
func BenchmarkAppend(b *testing.B) {
	events, size := corpusInTime(b, perFile(b, 1_000))
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
