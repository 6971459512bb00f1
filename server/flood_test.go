package server_test

import (
	"bytes"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// field returns a length-delimited protobuf field.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// rawRequest returns a publish request for acme that is sent with rest behind
// its tenant.
func rawRequest(rest []byte) *pb.PublishEventsRequest {
	r := &pb.PublishEventsRequest{Tenant: "acme"}
	r.ProtoReflect().SetUnknown(rest)
	return r
}

// hollow returns an event with n messages of 4,000 empty parts each.
func hollow(n int) []byte {
	message := field(3, bytes.Repeat(field(2, nil), 4_000)) // interaction.input
	return field(20, bytes.Repeat(message, n))
}

// Invariant 9: two million empty messages take 4 MB on the wire and would take
// 180 in memory. They must be refused before they do, however many come at
// once, and with a status that says what is wrong.
func TestFloodOverGRPC(t *testing.T) {
	s := start(t, nil)
	client := pb.NewEventServiceClient(s.conn)
	const clients = 40
	const limit = 32 << 20 // bytes a request: client and server have it several times
	for _, test := range []struct {
		name string
		rest []byte
		code codes.Code
		want string // the reason and the start of the message
	}{
		{"one event", field(2, hollow(500)), codes.ResourceExhausted, "TOO_LARGE events[0] has"},
		{"parts of one event", field(2, hollow(100)), codes.InvalidArgument, "INVALID_EVENT events[0].interaction.input[16].parts[1518]: has more than 65536"},
		{"two million in many events", bytes.Repeat(field(2, hollow(16)), 31), codes.ResourceExhausted, "TOO_LARGE batch has more than 524288 nested"},
		{"events", bytes.Repeat(field(2, nil), 2_000_000), codes.ResourceExhausted, "TOO_LARGE batch has more than 4096 events"},
		{"fields of the request", bytes.Repeat(field(3, nil), 2_000_000), codes.InvalidArgument, "INVALID_EVENT has unknown field 3"},
	} {
		request := rawRequest(test.rest)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				_, err := client.PublishEvents(t.Context(), request)
				st := status.Convert(err)
				if got := reason(st) + " " + st.Message(); st.Code() != test.code || !strings.HasPrefix(got, test.want) {
					t.Errorf("%s: %v %.200s, want %v %s", test.name, st.Code(), got, test.code, test.want)
				}
			})
		}
		all.Wait()
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / clients; got > limit {
			t.Errorf("%s: a request of %d bytes took %d in memory, want at most %d", test.name, len(test.rest), got, limit)
		}
	}
}

// reason returns the reason in the ErrorInfo of a status.
func reason(st *status.Status) string {
	for _, d := range st.Details() {
		if info, is := d.(*errdetails.ErrorInfo); is && info.GetDomain() == "afterimage" {
			return info.GetReason()
		}
	}
	return "no reason"
}

// What is malformed has its path over gRPC too, and is the sender's fault.
func TestMalformedOverGRPC(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		rest []byte
		want string
	}{
		{field(2, field(99, nil)), "events[0]: has unknown field 99"},
		{append(field(2, nil), field(2, field(1, []byte("\xff")))...), "events[1].id: is not valid UTF-8"},
		{field(1, []byte("other")), "tenant: is given twice"},
		{[]byte{0x12, 5, 0}, "events[0]: is cut off"},
		{[]byte{0xff}, "is malformed protobuf"},
	} {
		_, err := pb.NewEventServiceClient(s.conn).PublishEvents(t.Context(), rawRequest(test.rest))
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || reason(st) != "INVALID_EVENT" || st.Message() != test.want {
			t.Errorf("got %v %s %s, want InvalidArgument INVALID_EVENT %s", st.Code(), reason(st), st.Message(), test.want)
		}
	}
}

// Over HTTP the same number of messages may be in one request.
func TestFloodOverHTTP(t *testing.T) {
	s := start(t, nil)
	message := `{"parts":[` + strings.Repeat("{},", 3_999) + `{}]}`
	one := `{"interaction":{"input":[` + strings.Repeat(message+",", 15) + message + `]}}`
	for n, want := range map[int]int{2: http.StatusBadRequest, 9: http.StatusRequestEntityTooLarge} {
		body := events(strings.Split(strings.Repeat(one+"\n", n-1)+one, "\n")...)
		code, got := s.do("POST", "/v1/tenants/acme/events:publish", body)
		if code != want || want == 413 && !strings.Contains(got, "batch has more than 524288 nested messages") {
			t.Errorf("%d events of 64,016 messages: %d %.300s, want %d", n, code, got, want)
		}
	}
}
