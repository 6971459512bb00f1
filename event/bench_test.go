package event_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// sample returns lines of JSON and their average length: from the corpus, 200
// of each file, or where there is none the one interaction of these tests.
func sample(b *testing.B) (lines [][]byte, size int64) {
	b.Helper()
	for _, line := range corpus(b, 200) {
		lines = append(lines, bytes.Clone(line))
		size += int64(len(line))
	}
	if len(lines) == 0 {
		line, err := event.MarshalJSON(interaction())
		if err != nil {
			b.Fatal(err)
		}
		lines, size = [][]byte{line}, int64(len(line))
	}
	return lines, size / int64(len(lines))
}

// events returns the sample decoded.
func events(b *testing.B) (events []*pb.Event, size int64) {
	b.Helper()
	lines, size := sample(b)
	for _, line := range lines {
		e, err := event.DecodeJSON(line, event.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	return events, size
}

func benchmarkLines(b *testing.B, decode func([]byte) error) {
	lines, size := sample(b)
	b.SetBytes(size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := decode(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	benchmarkLines(b, func(line []byte) error {
		_, err := event.DecodeJSON(line, event.Limits{})
		return err
	})
}

// BenchmarkProtojson is what DecodeJSON is measured against.
func BenchmarkProtojson(b *testing.B) {
	benchmarkLines(b, func(line []byte) error { return protojson.Unmarshal(line, new(pb.Event)) })
}

// The benchmarks of batches count bytes of JSON, one batch of 100 events an
// operation, so that all figures compare.

func BenchmarkEncodeBatch(b *testing.B) {
	events, size := events(b)
	b.SetBytes(100 * size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, _, err := event.EncodeBatch(hundred(events, i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	events, size := events(b)
	var bodies [][]byte
	for i := range len(events)/100 + 1 {
		body, _, _, err := event.EncodeBatch(hundred(events, i))
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	b.SetBytes(100 * size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		body := bodies[i%len(bodies)]
		if _, err := event.Decode(event.ContentTypeProtobuf, event.ContentEncodingZstd, body, event.Limits{}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// hundred returns the i-th hundred of events, from the start again at the end.
func hundred(events []*pb.Event, i int) []*pb.Event {
	part := make([]*pb.Event, 100)
	for j := range part {
		part[j] = events[(100*i+j)%len(events)]
	}
	return part
}

func BenchmarkValidateCorpus(b *testing.B) {
	events, size := events(b)
	b.SetBytes(size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := event.Validate(events[i%len(events)], now); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	events, size := events(b)
	stored := make([][]byte, len(events))
	for i, e := range events {
		var err error
		if stored[i], err = event.Marshal(e); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := event.Unmarshal(stored[i%len(stored)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
