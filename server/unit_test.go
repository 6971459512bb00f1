package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		err    error
		code   codes.Code
		reason string
		fields []string
	}{
		{&event.ValidationError{Violations: []event.Violation{{Path: "a", Reason: "b"}, {Path: "c", Reason: "d"}}}, codes.InvalidArgument, "INVALID_EVENT", []string{"a", "c"}},
		{fmt.Errorf("search: %w", &policy.Error{Line: 1, Column: 2, Reason: "x"}), codes.InvalidArgument, "INVALID_FILTER", []string{"filter"}},
		{&query.RequestError{Field: "pageToken", Reason: "x"}, codes.InvalidArgument, "INVALID_REQUEST", []string{"pageToken"}},
		{fmt.Errorf("read: %w", eventlog.ErrNotFound), codes.NotFound, "NOT_FOUND", nil},
		{&retention.RequestError{Field: "caseId", Reason: "x"}, codes.InvalidArgument, "INVALID_REQUEST", []string{"caseId"}},
		{fmt.Errorf("%w: x", retention.ErrUnknownPerson), codes.NotFound, "UNKNOWN_PERSON", nil},
		{fmt.Errorf("hold: %w", retention.ErrNotOwner), codes.PermissionDenied, "NOT_OWNER", nil},
		{retention.ErrReleased, codes.FailedPrecondition, "RELEASED", nil},
		{retention.ErrStopped, codes.FailedPrecondition, "RETENTION_STOPPED", nil},
		{eventlog.ErrErased, codes.NotFound, "ERASED", nil},
		{event.ErrTooLarge, codes.ResourceExhausted, "TOO_LARGE", nil},
		{ErrBusy, codes.ResourceExhausted, "BUSY", nil},
		{eventlog.ErrDiskFull, codes.ResourceExhausted, "DISK_FULL", nil},
		{eventlog.ErrClosed, codes.Unavailable, "UNAVAILABLE", nil},
		{ErrUnavailable, codes.Unavailable, "UNAVAILABLE", nil},
		{eventlog.ErrTampered, codes.DataLoss, "TAMPERED", nil},
		{context.Canceled, codes.Canceled, "CANCELLED", nil},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "DEADLINE", nil},
		{errors.New("secret"), codes.Internal, "INTERNAL", nil},
	} {
		st, request := statusOf(test.err)
		if st.Code() != test.code || reasonOf(st) != test.reason {
			t.Errorf("%v: %v %s, want %v %s", test.err, st.Code(), reasonOf(st), test.code, test.reason)
		}
		if hidden := test.code == codes.Internal; hidden != (request != "") || hidden && strings.Contains(st.Message(), "secret") {
			t.Errorf("%v: request %q, message %q", test.err, request, st.Message())
		}
		if got := fmt.Sprint(fields(st)); got != fmt.Sprint(test.fields) {
			t.Errorf("%v: fields %v, want %v", test.err, got, test.fields)
		}
	}
}

func fields(st *status.Status) (names []string) {
	for _, d := range st.Details() {
		if bad, is := d.(*errdetails.BadRequest); is {
			for _, v := range bad.GetFieldViolations() {
				names = append(names, v.GetField())
			}
		}
	}
	return names
}

// A status travels in headers: however much is wrong, it stays small.
func TestStatusIsBounded(t *testing.T) {
	v := new(event.ValidationError)
	for range 5_000 {
		v.Violations = append(v.Violations, event.Violation{Path: strings.Repeat("é", 50), Reason: "is wrong"})
	}
	st, _ := statusOf(v)
	if n := len(fields(st)); n != maxViolations+1 || len(st.Message()) > maxMessage+8 {
		t.Errorf("%d violations and a message of %d bytes", n, len(st.Message()))
	}
}

func TestListen(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0", "[::ffff:192.0.2.1]:0"} {
		if l, err := Listen(t.Context(), addr); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: listener %v, error %v, want ErrNotLoopback", addr, l, err)
		} else if !strings.Contains(err.Error(), "access control does not exist yet") {
			t.Errorf("%s: error %q does not say why", addr, err)
		}
	}
	for _, addr := range []string{"", "8080", "127.0.0.1", "host.invalid:0", "127.0.0.1:no-such-port"} {
		if _, err := Listen(t.Context(), addr); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one line", addr, err)
		}
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err = Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("port taken: error %v, want what to do", err)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			speed float64
			want  time.Duration
		}{{0, 0}, {1, 90 * time.Second}, {2, 45 * time.Second}, {0.5, 3 * time.Minute}} {
			p, err := newPace(test.speed, nil)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for _, offset := range []uint64{0, 30_000, 30_000, 90_000} {
				if err := p.wait(t.Context(), offset); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Since(began); got != test.want {
				t.Errorf("speed %v: %v, want %v", test.speed, got, test.want)
			}
		}
	})
}

// A frame that is due in a thousand years ends with its reader or the server.
func TestPaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draining := make(chan struct{})
		p, _ := newPace(1e-300, draining)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the reader's", err)
		}
		close(draining)
		if err := p.wait(t.Context(), 1<<63); !errors.Is(err, ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	})
}

// Every route of the gateway is in the description that its parameters are
// checked against.
func TestParametersOfEveryRoute(t *testing.T) {
	all, err := parametersOf(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	// What the gateway knows nothing of.
	maps.DeleteFunc(all, func(request string, _ map[string][]string) bool {
		return !strings.Contains(request, " /v1/") || strings.HasSuffix(request, ":download")
	})
	seen := 0
	for request := range all {
		method, path, _ := strings.Cut(strings.ReplaceAll(request, "{session}", "b/c"), " ")
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "1")
		mux := runtime.NewServeMux(runtime.WithMiddlewares(func(runtime.HandlerFunc) runtime.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request, _ map[string]string) {
				pattern, _ := runtime.HTTPPattern(r.Context())
				if _, is := all[method+" "+route(pattern)]; !is {
					t.Errorf("%s: no %q in the description", request, method+" "+route(pattern))
				}
				seen++
			}
		}))
		if err := registerRoutes(mux, nil); err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequestWithContext(t.Context(), method, path, nil)
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	if seen != len(all) {
		t.Errorf("%d routes, %d descriptions", seen, len(all))
	}
}

// Whatever a publish request holds, it is events or an error that says what is
// wrong, and what was read is what the event package reads.
func FuzzDecodeEvents(f *testing.F) {
	for _, seed := range []string{
		`{"events":[{"id":"a","time":"2026-11-20T11:00:00Z","report":{"session":"s","category":"c"}}]}`,
		`{"events":[]}`, `{"events":null}`, `{}`, `[]`, `{"events":[{"id":1},{"x":2}]}`, `{"tenant":"t"}`, `{"events":[`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		events, err := decodeEvents(raw)
		if err == nil {
			if n := bytes.Count(raw, []byte("{")); len(events) >= max(n, 1) {
				t.Errorf("%d events from %d objects", len(events), n)
			}
			return
		}
		v, invalid := errors.AsType[*event.ValidationError](err)
		if events != nil || !invalid && !errors.Is(err, event.ErrTooLarge) || invalid && len(v.Violations) == 0 {
			t.Errorf("%d events and error %v", len(events), err)
		}
	})
}

// A piece of a stream reaches the reader while the stream goes on: a replay is
// shown at its pace. What is written last needs no flush of its own.
func TestStreamedPiecesArriveAtOnce(t *testing.T) {
	s := &Server{}
	seen := make(chan struct{})
	web := httptest.NewServer(s.bound(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, piece := range []string{"first,", "second\n"} {
			_, _ = io.WriteString(w, piece)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
		select {
		case <-seen:
		case <-r.Context().Done(): // the test failed
		}
		_, _ = io.WriteString(w, "last\n")
		_ = http.NewResponseController(w).Flush()
	})))
	defer web.Close()
	response, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	if got, err := lines.ReadString('\n'); got != "first,second\n" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	close(seen)
	if got, err := io.ReadAll(lines); string(got) != "last\n" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
}

// A piece of a stream is the message, once, under `result`.
func TestMarshalStreamedPiece(t *testing.T) {
	m := &marshaler{}
	frame := &pb.Frame{Text: "a \"b\" <c>", Kind: pb.Frame_SHOWN}
	alone, err := m.Marshal(frame)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Marshal(map[string]any{"result": frame})
	if want := `{"result":` + string(alone) + `}`; string(got) != want || err != nil {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if !json.Valid(got) {
		t.Errorf("%s is no JSON", got)
	}
}

// Who closes the log after Close has no reader in it, and is not kept waiting
// by a request that does not notice that its connection is gone.
func TestInnerEndsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{log: discard(nil), metrics: newMetrics(), health: health.NewServer()}
		in, err := s.newInner()
		if err != nil {
			t.Fatal(err)
		}
		defer in.server.Stop()
		answer := make(chan error)
		in.methods["/slow"] = method{nil, func(_ any, ctx context.Context, _ func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			<-ctx.Done()
			return nil, <-answer
		}}
		called, closed := make(chan error, 1), make(chan error, 1)
		go func() { called <- in.Invoke(t.Context(), "/slow", nil, nil) }()
		synctest.Wait()
		go func() { closed <- in.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Fatalf("closed during a call: %v", err)
		default:
		}
		if err := in.Invoke(t.Context(), "/slow", nil, nil); status.Code(err) != codes.Unavailable {
			t.Errorf("call after Close: got %v, want Unavailable", err)
		}
		answer <- io.EOF
		if err := <-called; !errors.Is(err, io.EOF) {
			t.Errorf("call before Close: got %v, want its own error", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// A reader that has stopped reading ends its stream, and with it what it holds.
func TestSenderOfASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		out := &grpc.GenericServerStream[pb.VerifyLogRequest, pb.VerifyLogResponse]{ServerStream: stuckStream{aStream{ctx: ctx}}}
		s, began := newSender(out), time.Now()
		if err := s.send(ctx, new(pb.VerifyLogResponse)); err != nil {
			t.Fatalf("first piece, which waits in the stream: %v", err)
		}
		if err := s.send(ctx, new(pb.VerifyLogResponse)); !errors.Is(err, errSlowReader) || time.Since(began) != writeTimeout {
			t.Errorf("second piece: got %v after %v, want errSlowReader after %v", err, time.Since(began), writeTimeout)
		}
		if err := s.end(ctx); !errors.Is(err, errSlowReader) {
			t.Errorf("end: got %v, want errSlowReader", err)
		}
		leave() // as when the handler returns
	})
}

// stuckStream is a stream whose reader reads nothing.
type stuckStream struct{ aStream }

func (s stuckStream) SendMsg(any) error { <-s.ctx.Done(); return s.ctx.Err() }

// What came of sending is told by the next piece and by the end.
func TestSenderOfABrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &grpc.GenericServerStream[pb.VerifyLogRequest, pb.VerifyLogResponse]{ServerStream: brokenStream{}}
		s := newSender(out)
		if err := s.send(t.Context(), new(pb.VerifyLogResponse)); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{s.send(t.Context(), new(pb.VerifyLogResponse)), s.end(t.Context())} {
			if !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("got %v, want what the stream said", err)
			}
		}
	})
}

type brokenStream struct{ aStream }

func (brokenStream) SendMsg(any) error { return io.ErrClosedPipe }

// After a panic in what decides what is kept, memory may not be what is on record: a
// hold that is forgotten there would let its evidence expire. No call that changes
// that goes on, nor is it made where net/http would recover it.
func TestWritersEnd(t *testing.T) {
	s := &Server{log: discard(nil), metrics: newMetrics(), health: health.NewServer()}
	in, err := s.newInner()
	if err != nil {
		t.Fatal(err)
	}
	defer in.server.Stop()
	defer in.ClientConn.Close()
	writers := 0
	for _, name := range []protoreflect.FullName{"afterimage.v1.EventService", "afterimage.v1.PolicyService", "afterimage.v1.RetentionService"} {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		if err != nil {
			t.Fatal(err)
		}
		methods := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			m := methods.Get(i)
			options, _ := m.Options().(*descriptorpb.MethodOptions)
			writes := options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS
			full := fmt.Sprintf("/%s/%s", name, m.Name())
			if endsWith(full) != writes {
				t.Errorf("%s: ends with a panic: %v, want %v", full, !writes, writes)
			}
			if _, inside := in.methods[full]; inside == (writes || m.IsStreamingServer()) {
				t.Errorf("%s: is called without a connection: %v", full, inside)
			}
			if writes {
				writers++
			}
		}
	}
	if writers < 8 {
		t.Errorf("only %d methods write", writers)
	}
}
