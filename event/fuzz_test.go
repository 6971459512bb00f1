package event_test

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// checkStored holds that what was decoded has one stored form, which reads
// back as itself.
func checkStored(t *testing.T, e *pb.Event) {
	t.Helper()
	if e.Seq != nil {
		return
	}
	b, err := event.Marshal(e)
	if err != nil {
		t.Fatalf("decoded, but does not encode: %v", err)
	}
	again, err := event.Unmarshal(b)
	if err != nil {
		t.Fatalf("encoded, but does not decode: %v", err)
	}
	c, err := event.Marshal(again)
	if err != nil || !bytes.Equal(b, c) {
		t.Fatalf("two stored forms: %x and %x (%v)", b, c, err)
	}
	_ = event.Validate(e, now)
}

func FuzzDecodeJSON(f *testing.F) {
	for _, in := range variants {
		f.Add([]byte(in))
	}
	f.Add([]byte(contract))
	for _, e := range append(others(), interaction()) {
		b, err := event.MarshalJSON(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		differential(t, line)
		e, err := event.DecodeJSON(line, event.Limits{})
		if err != nil {
			return
		}
		checkStored(t, e)
		b, err := event.MarshalJSON(e)
		if err != nil {
			return // times that JSON cannot write; validation refuses them
		}
		again, err := event.DecodeJSON(b, event.Limits{EventBytes: 16 << 20})
		if err != nil || !proto.Equal(e, again) {
			t.Fatalf("%s decodes to something else (%v)", b, err)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	for _, e := range append(others(), interaction()) {
		b, err := event.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := event.Unmarshal(b)
		if want := proto.Unmarshal(b, new(pb.Event)); err == nil && want != nil {
			t.Fatalf("decoded, want %v", want)
		}
		if err == nil {
			checkStored(t, e)
		}
	})
}

func FuzzDecodeProtobuf(f *testing.F) {
	f.Add(marshal(f, interaction()))
	f.Add(marshal(f, others()...))
	f.Add(marshal(f, nil, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := event.Decode(event.ContentTypeProtobuf, "", body, event.Limits{})
		if err != nil {
			return
		}
		for _, e := range events {
			checkStored(t, e)
		}
		again, contentType, encoding, err := event.EncodeBatch(events)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.Decode(contentType, encoding, again, event.Limits{BatchBytes: 16 << 20})
		if err != nil || !proto.Equal(&pb.EventBatch{Events: events}, &pb.EventBatch{Events: got}) {
			t.Fatalf("encoded and decoded it is something else (%v)", err)
		}
	})
}

func FuzzDecodeZstd(f *testing.F) {
	f.Add(squeeze(f, bytes.NewReader(marshal(f, interaction()))))
	f.Add(squeeze(f, bytes.NewReader(marshal(f, others()...)), zstd.WithEncoderCRC(false)))
	body, _, _, err := event.EncodeBatch(others())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	limits := event.Limits{BatchBytes: 64 << 10}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := event.Decode(event.ContentTypeProtobuf, event.ContentEncodingZstd, body, limits)
		if err != nil {
			return
		}
		if size := proto.Size(&pb.EventBatch{Events: events}); size > limits.BatchBytes {
			t.Fatalf("decoded %d bytes, want at most %d", size, limits.BatchBytes)
		}
	})
}
