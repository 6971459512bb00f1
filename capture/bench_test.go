package capture_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/capture"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// BenchmarkPublish counts acknowledged events of 2 KB, one an operation, over
// a server in this process without encryption and without syncing always.
func BenchmarkPublish(b *testing.B) {
	r := newRig(b)
	r.stream()
	p, err := capture.New(r.js, capture.Config{Tenant: "acme", Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("All happy families are alike. ", 70)
	b.SetBytes(int64(proto.Size(interaction(0, text))))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := p.Publish(b.Context(), interaction(i, text), nil); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if err := p.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPublishBatch is what one event at a time costs.
func BenchmarkPublishBatch(b *testing.B) {
	r := newRig(b)
	r.stream()
	p, err := capture.New(r.js, capture.Config{Tenant: "acme", Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("All happy families are alike. ", 70)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := p.PublishBatch(b.Context(), []*pb.Event{interaction(i, text)}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
