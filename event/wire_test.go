package event_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// marshal returns an encoded EventBatch.
func marshal(t testing.TB, events ...*pb.Event) []byte {
	t.Helper()
	b, err := proto.Marshal(&pb.EventBatch{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// squeeze compresses as another publisher might.
func squeeze(t testing.TB, plain io.Reader, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// field returns a length-delimited protobuf field.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// varint returns a varint field.
func varint(number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
}

func TestBatchRoundTrip(t *testing.T) {
	events := append(others(), interaction())
	body, contentType, encoding, err := event.EncodeBatch(events)
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.Decode(contentType, encoding, body, event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeFormats(t *testing.T) {
	batch, line := marshal(t, interaction()), []byte(contract)
	for _, test := range []struct {
		contentType, encoding string
		body                  []byte
		want                  string
	}{
		{"application/protobuf", "", batch, ""},
		{"application/json; charset=UTF-8", "", line, ""},
		{"Application/JSON;charset=utf-8", "", line, ""},
		{"application/protobuf", "zstd", squeeze(t, bytes.NewReader(batch)), ""},
		{"application/json", "", line, ""},
		{"application/json", "zstd", squeeze(t, bytes.NewReader(line)), ""},
		{"", "", line, "Content-Type: is missing: want application/protobuf or application/json"},
		{"text/plain", "", line, "Content-Type: is unknown: want application/protobuf or application/json"},
		{"application/json; charset=latin1", "", line, "Content-Type: is unknown: want application/protobuf or application/json, with no parameter but charset=utf-8"},
		{"application/json; charset", "", line, "Content-Type: is unknown: want application/protobuf or application/json, with no parameter but charset=utf-8"},
		{"application/json", "gzip", line, "Content-Encoding: is unknown: want zstd or none"},
		{"application/protobuf", "zstd", batch, "body: is not valid zstd"},
		{"application/protobuf", "zstd", squeeze(t, bytes.NewReader(batch))[:100], "body: is not valid zstd"},
		{"application/protobuf", "", nil, "events: is empty"},
		{"application/protobuf", "", line, "has unknown field 15"},
		{"application/json", "", batch, "is malformed JSON (at byte 1)"},
		{"application/protobuf", "", batch[:len(batch)-1], "events[0]: is cut off"},
	} {
		got := ""
		if _, err := event.Decode(test.contentType, test.encoding, test.body, event.Limits{}); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q %q: got %q, want %q", test.contentType, test.encoding, got, test.want)
		}
	}
}

// What the protobuf decoder would drop or cut must be refused, with its path.
func TestDecodeProtobufErrors(t *testing.T) {
	bodyOf := func(content ...[]byte) []byte { return field(20, slices.Concat(content...)) }
	for _, test := range []struct {
		in   []byte // an event
		want string
	}{
		{varint(99, 1), "has unknown field 99"},
		{varint(1<<29-1, 1), "has unknown field 536870911"},
		{bodyOf(field(1, varint(77, 1))), "interaction.model: has unknown field 77"},
		{bodyOf(field(3, nil), field(3, field(2, field(9, nil)))), "interaction.input[1].parts[0]: has unknown field 9"},
		{field(2, varint(3, 1)), "time: has unknown field 3"},
		{slices.Concat(field(1, []byte("a")), field(1, []byte("b"))), "id: is given twice"},
		{slices.Concat(field(20, nil), field(20, nil)), "interaction: is given twice"},
		{slices.Concat(field(20, nil), field(21, nil)), "verdict: is a second choice: only one can be given"},
		{bodyOf(field(3, field(2, slices.Concat(field(1, nil), field(5, nil))))),
			"interaction.input[0].parts[0].blob: is a second choice: only one can be given"},
		{field(4, nil), "turn: has wire type 2, want 0"},
		{varint(1, 1), "id: has wire type 0, want 2"},
		{varint(4, 1<<32), "turn: does not fit into 32 bits"},
		{field(21, varint(7, 1<<32+1)), "verdict.action: does not fit into 32 bits"},
		{field(1, []byte("a\xff")), "id: is not valid UTF-8"},
		{bodyOf(field(2, field(6, []byte("\xff")))), "interaction.parameters.stop[0]: is not valid UTF-8"},
		{[]byte{0x0a, 5, 'a'}, "id: is cut off"},
		{[]byte{0x20, 0xff}, "turn: is cut off or too long"},
		{[]byte{0xff}, "is malformed protobuf"},
		{bodyOf([]byte{0x0a}), "interaction.model: is cut off"},
	} {
		got := "decoded"
		if _, err := event.Unmarshal(test.in); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%x: got %q, want %q", test.in, got, test.want)
		}
		want := "events[1]: " + test.want
		if path, reason, ok := strings.Cut(test.want, ": "); ok && !strings.HasPrefix(test.want, "has ") && !strings.HasPrefix(test.want, "is ") {
			want = "events[1]." + path + ": " + reason
		}
		batch := slices.Concat(marshal(t, interaction()), field(1, test.in))
		if _, err := event.Decode(event.ContentTypeProtobuf, "", batch, event.Limits{}); err == nil || err.Error() != want {
			t.Errorf("%x: in a batch: got %v, want %s", test.in, err, want)
		}
	}
}

// Every way to cut a message off must be an error, never a panic and never a
// shorter event.
func TestDecodeTruncated(t *testing.T) {
	stored, err := event.Marshal(interaction())
	if err != nil {
		t.Fatal(err)
	}
	batch := field(1, stored)
	body, contentType, encoding, err := event.EncodeBatch([]*pb.Event{interaction()})
	if err != nil {
		t.Fatal(err)
	}
	for n := range batch {
		if _, err := event.Decode(event.ContentTypeProtobuf, "", batch[:n], event.Limits{}); err == nil {
			t.Errorf("the first %d of %d bytes decode", n, len(batch))
		}
	}
	for n := range body {
		if _, err := event.Decode(contentType, encoding, body[:n], event.Limits{}); err == nil {
			t.Errorf("the first %d of %d compressed bytes decode", n, len(body))
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	large := with(interaction(), func(e *pb.Event) { e.GetInteraction().Retrieved[0].Text = strings.Repeat("x", 2<<20) })
	hollow := &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Deltas: make([]*pb.Delta, 60_000)}}}
	crowded := &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Deltas: make([]*pb.Delta, 70_000)}}}
	for _, test := range []struct {
		name   string
		events []*pb.Event
		want   string // part of the error
		large  bool   // it is ErrTooLarge
	}{
		{"event of 2 MiB", []*pb.Event{interaction(), large}, "events[1] has 2097", true},
		{"batch of 6 MiB", []*pb.Event{large, large, large}, "the limit is 4194304", true},
		{"4097 events", slices.Repeat([]*pb.Event{{}}, 4097), "batch has more than 4096 events", true},
		{"70,000 empty messages", []*pb.Event{crowded}, "events[0].interaction.deltas[65535]: has more than 65536 nested", false},
		{"540,000 empty messages", slices.Repeat([]*pb.Event{hollow}, 9), "batch has more than 524288 nested", true},
	} {
		plain := marshal(t, test.events...)
		for encoding, body := range map[string][]byte{"": plain, "zstd": squeeze(t, bytes.NewReader(plain))} {
			_, err := event.Decode(event.ContentTypeProtobuf, encoding, body, event.Limits{})
			switch {
			case err == nil:
				t.Errorf("%s %s: decoded", test.name, encoding)
			case errors.Is(err, event.ErrTooLarge) != test.large:
				t.Errorf("%s %s: got %v, want ErrTooLarge: %v", test.name, encoding, err, test.large)
			case encoding == "" && !strings.Contains(err.Error(), test.want):
				t.Errorf("%s: got %v, want %s", test.name, err, test.want)
			}
		}
	}
	if _, err := event.Decode(event.ContentTypeProtobuf, "", marshal(t, large), event.Limits{EventBytes: 3 << 20}); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// zeros reads n zero bytes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// Invariant 9: a few kilobytes that would become a hundred megabytes must be
// refused within the memory of one batch.
func TestDecodeBombs(t *testing.T) {
	const bomb = 128 << 20
	noise := rand.NewChaCha8([32]byte{})
	claim := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0} // content size 2^40, single segment
	for name, body := range map[string][]byte{
		"zeros":      squeeze(t, io.LimitReader(zeros{}, bomb)),
		"many":       bytes.Repeat(squeeze(t, io.LimitReader(zeros{}, 1<<20)), 64),
		"window":     squeeze(t, io.LimitReader(noise, 1<<20), zstd.WithWindowSize(16<<20)),
		"claim":      claim,
		"claim-more": append(claim, make([]byte, 100)...),
	} {
		for _, contentType := range []string{event.ContentTypeProtobuf, event.ContentTypeJSON} {
			var err error
			got := allocated(func() { _, err = event.Decode(contentType, "zstd", body, event.Limits{}) })
			if !errors.Is(err, event.ErrTooLarge) {
				t.Errorf("%s: got %v, want ErrTooLarge", name, err)
			}
			// A batch, and the tables that a decompressor makes once.
			if limit := uint64(10 << 20); got > limit {
				t.Errorf("%s (%d bytes): allocated %d bytes, want at most %d", name, len(body), got, limit)
			}
		}
	}
}

// The most that a batch within the limits can cost.
func TestDecodeAmplification(t *testing.T) {
	part := field(2, nil)
	message := field(3, bytes.Repeat(part, 4096))
	one := field(1, field(20, bytes.Repeat(message, 15)))
	batch := bytes.Repeat(one, 8)
	var err error
	got := allocated(func() { _, err = event.Decode(event.ContentTypeProtobuf, "", batch, event.Limits{}) })
	if err != nil {
		t.Fatal(err)
	}
	if limit := uint64(96 << 20); got > limit {
		t.Errorf("%d bytes became %d in memory, want at most %d", len(batch), got, limit)
	}
}

func TestStored(t *testing.T) {
	for _, e := range append(others(), interaction()) {
		b, err := event.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := event.Marshal(got)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: Marshal(Unmarshal(b)) is not b (%v)", event.KindOf(e), err)
		}
	}
	if _, err := event.Marshal(&pb.Event{Seq: new(uint64)}); err == nil || err.Error() != "seq: is never stored" {
		t.Errorf("with a seq: got %v, want it refused", err)
	}
}

// What was within the limits before it was redacted and completed must be
// readable afterwards.
func TestStoredHasNoLimits(t *testing.T) {
	e := &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Deltas: make([]*pb.Delta, event.MaxElements)}}}
	b, err := event.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event.Unmarshal(b); err != nil {
		t.Error(err)
	}
}
