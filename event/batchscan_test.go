package event_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestScanRequest(t *testing.T) {
	good, err := proto.Marshal(&pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{{}, {Source: new(pb.Source)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := event.ScanRequest(good, event.Limits{}); got != 3 || err != nil {
		t.Errorf("got %d nested messages and %v, want 3", got, err)
	}
	if got, err := event.ScanRequest(nil, event.Limits{}); got != 0 || err != nil {
		t.Errorf("empty: got %d nested messages and %v, want none", got, err)
	}
	half := field(2, field(20, field(9, bytes.Repeat([]byte("x"), 1<<20-100))))
	for _, test := range []struct {
		in    []byte
		want  string
		large bool // it is ErrTooLarge
	}{
		{varint(1, 1), "tenant: has wire type 0, want 2", false},
		{[]byte{0x0a, 9}, "tenant: is cut off", false},
		{field(1, nil), "tenant: is given twice", false},
		{varint(2, 1), "events: has wire type 0, want 2", false},
		{field(3, nil), "has unknown field 3", false},
		{[]byte{0xff}, "is malformed protobuf", false},
		{[]byte{0x12, 9}, "events[2]: is cut off", false},
		{field(2, varint(99, 1)), "events[2]: has unknown field 99", false},
		{field(2, field(1, []byte("\xff"))), "events[2].id: is not valid UTF-8", false},
		{field(2, make([]byte, 1<<20+1)), "events[2] has 1048577 bytes", true},
		{bytes.Repeat(field(2, nil), 4095), "batch has more than 4096 events", true},
		{bytes.Repeat(half, 5), "batch has 5242", true},
		{bytes.Repeat(field(2, field(20, bytes.Repeat(field(7, nil), 60_000))), 9), "batch has more than 524288 nested", true},
	} {
		_, err := event.ScanRequest(slices.Concat(good, test.in), event.Limits{})
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || errors.Is(err, event.ErrTooLarge) != test.large {
			t.Errorf("%.20x: got %v, want %s", test.in, err, test.want)
		}
	}
	if _, err := event.ScanRequest(field(1, []byte("\xff")), event.Limits{}); err == nil || err.Error() != "tenant: is not valid UTF-8" {
		t.Errorf("tenant: got %v, want it not valid", err)
	}
}

// What the scan accepts must be what protobuf accepts, and hold no more
// messages than it says.
func FuzzScanRequest(f *testing.F) {
	good, err := proto.Marshal(&pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{interaction()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x12, 0, 0x12, 2, 0x0a, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		elements, err := event.ScanRequest(body, event.Limits{})
		if err != nil {
			return
		}
		r := new(pb.PublishEventsRequest)
		if err := proto.Unmarshal(body, r); err != nil {
			t.Fatalf("protobuf refuses what was accepted: %v", err)
		}
		if elements < len(r.GetEvents()) {
			t.Errorf("%d nested messages in %d events", elements, len(r.GetEvents()))
		}
	})
}

func TestJSONBatch(t *testing.T) {
	line := []byte(`{"interaction":{"deltas":[` + strings.Repeat("{},", 29_999) + `{}]}}`)
	var b event.JSONBatch
	for n := range 18 { // of 30,001 messages each
		_, err := b.Decode(line, event.Limits{})
		if want := n == 17; errors.Is(err, event.ErrTooLarge) != want {
			t.Errorf("event %d: got %v, want ErrTooLarge: %v", n, err, want)
		}
	}
}
