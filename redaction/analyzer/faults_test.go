package analyzer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// canary stands in every text, and servers here put it wherever they can:
// no error may hold it.
const canary = "canary-4711"

// A fault is a server that answers in a way it should not.
type fault struct {
	name   string
	answer http.HandlerFunc
	config Config
	want   error
	also   error // what it wraps besides
}

// body answers 200 with s, in which %s is the canary.
func body(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.ReplaceAll(s, "%s", canary))
	}
}

func status(code int, s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		body(s)(w, r)
	}
}

// raw answers with bytes that need not be HTTP, and closes the connection.
func raw(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(s, "%s", canary))
		_ = conn.Close()
	}
}

// hang sends s and then nothing, until the client has gone.
func hang(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The server notices that the client has gone once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		if s != "" {
			_, _ = io.WriteString(w, s)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

// endless never stops answering.
func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "[")
	for {
		if _, err := io.WriteString(w, strings.Repeat(" ", 4096)); err != nil {
			return
		}
	}
}

const short = 50 * time.Millisecond

func faults() []fault {
	return []fault{
		{"no answer", hang(""), Config{Timeout: short}, ErrUnavailable, context.DeadlineExceeded},
		{"hang in the body", hang("[["), Config{Timeout: short}, ErrUnavailable, context.DeadlineExceeded},
		{"400", status(400, `{"error": "Failed to parse /analyze request: %s"}`), Config{}, ErrUnavailable, nil},
		{"404", status(404, "%s"), Config{}, ErrUnavailable, nil},
		{"413", status(413, "%s"), Config{}, ErrUnavailable, nil},
		{"422", status(422, `{"error": "%s"}`), Config{}, ErrUnavailable, nil},
		{"500", status(500, `{"error": "%s"}`), Config{}, ErrUnavailable, nil},
		{"500 of a proxy", status(500, "<html>%s"), Config{}, ErrUnavailable, nil},
		{"503", status(503, `{"error": "%s"}`), Config{}, ErrUnavailable, nil},
		{"204", status(204, ""), Config{}, ErrUnavailable, nil},
		{"201", status(201, "[[],[]]"), Config{}, ErrUnavailable, nil},
		{"206", status(206, "[]"), Config{}, ErrUnavailable, nil},
		{"huge error", status(500, strings.Repeat("%s", 100_000)), Config{}, ErrUnavailable, nil},
		{"closed at once", raw(""), Config{}, ErrUnavailable, nil},
		{"not HTTP", raw("%s\r\n\r\n"), Config{}, ErrUnavailable, nil},
		{"status is text", raw("HTTP/1.1 %s\r\n\r\n"), Config{}, ErrUnavailable, nil},
		{"header is text", raw("HTTP/1.1 200 OK\r\n%s\r\n\r\n"), Config{}, ErrUnavailable, nil},
		{"length is text", raw("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"), Config{}, ErrUnavailable, nil},
		{"encoding is text", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"), Config{}, ErrUnavailable, nil},
		{"not gzip", raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n%s"), Config{}, ErrUnavailable, nil},
		{"endless header", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("%s", 10_000)), Config{}, ErrUnavailable, nil},
		{"cut short", raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"), Config{}, ErrUnavailable, nil},
		{"bad chunk", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n"), Config{}, ErrUnavailable, nil},
		{"endless body", endless, Config{MaxBytes: 1 << 20}, ErrMalformed, nil},
		{"nothing", body(""), Config{}, ErrMalformed, nil},
		{"a page", body("<html>%s</html>"), Config{}, ErrMalformed, nil},
		{"a string", body(`"%s"`), Config{}, ErrMalformed, nil},
		{"an error with 200", body(`{"error": "%s"}`), Config{}, ErrMalformed, nil},
		{"null", body("null"), Config{}, ErrMalformed, nil},
		{"the text as type", body(`[[{"entity_type":"%s","start":0,"end":1,"score":1}]]`), Config{}, ErrMalformed, nil},
		{"the text as offset", body(`[[{"entity_type":"PERSON","start":"%s","end":1,"score":1}]]`), Config{}, ErrMalformed, nil},
		{"the text as field", body(`[[{"entity_type":"PERSON","%s":0,"end":1,"score":1}]]`), Config{}, ErrMalformed, nil},
	}
}

// TestFaults: whatever the server does, the answer is an error of ours without
// a word of the text, and the next call finds a client as good as new.
func TestFaults(t *testing.T) {
	for _, f := range faults() {
		for _, batch := range []Batch{BatchAuto, BatchList, BatchSingle} {
			t.Run(fmt.Sprintf("%s, batch %d", f.name, batch), func(t *testing.T) {
				config := f.config
				config.Batch = batch
				c := serve(t, f.answer, config)
				for _, texts := range [][]string{{canary}, {canary, canary}} {
					checkFault(t, f, c, texts)
				}
			})
		}
	}
}

func checkFault(t *testing.T, f fault, c *Client, texts []string) {
	t.Helper()
	got, err := c.Analyze(t.Context(), texts)
	if got != nil || !errors.Is(err, f.want) {
		t.Errorf("got %v, %v, want %v", got, err, f.want)
	}
	if f.also != nil && !errors.Is(err, f.also) {
		t.Errorf("got %v, which is no %v", err, f.also)
	}
	if errors.Is(err, ErrUnavailable) && errors.Is(err, ErrMalformed) {
		t.Errorf("%v: both unavailable and malformed", err)
	}
	if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
		t.Errorf("the error quotes the text: %v", err)
	}
}

// TestAnswerSize: MaxBytes are accepted, a byte more is not cut off.
func TestAnswerSize(t *testing.T) {
	for n, want := range map[int]error{100: nil, 101: ErrMalformed} {
		answer := "[]" + strings.Repeat(" ", n-2)
		_, err := serve(t, body(answer), Config{MaxBytes: 100}).Analyze(t.Context(), []string{"a"})
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v, want %v", n, err, want)
		}
	}
}

// A held transport answers each request when release yields.
type held struct {
	underWay atomic.Int64
	release  chan struct{}
}

func (h *held) RoundTrip(*http.Request) (*http.Response, error) {
	h.underWay.Add(1)
	defer h.underWay.Add(-1)
	<-h.release
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("[]"))}, nil
}

// TestConcurrencyIsBounded: single texts are asked about four at a time.
func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &held{release: make(chan struct{})}
		c := client(t, Config{URL: "https://x", Batch: BatchSingle, Client: &http.Client{Transport: h}})
		const texts = 20
		done := make(chan error, 1)
		go func() {
			_, err := c.Analyze(t.Context(), slices.Repeat([]string{"a"}, texts))
			done <- err
		}()
		for i := range texts {
			synctest.Wait() // all that can begin have begun
			if n := h.underWay.Load(); n != int64(min(concurrency, texts-i)) {
				t.Errorf("%d answered: %d under way", i, n)
			}
			h.release <- struct{}{}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestTimeoutBoundsTheCall: the requests of a call share its time, whatever
// number they are.
func TestTimeoutBoundsTheCall(t *testing.T) {
	c := serve(t, hang(""), Config{Timeout: short, Batch: BatchSingle})
	start := time.Now()
	_, err := c.Analyze(t.Context(), strings.Split(strings.Repeat("a ", 400), " "))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	// A hundred turns of four requests would take five seconds.
	if d := time.Since(start); d < short || d > 80*short {
		t.Errorf("took %v", d)
	}
}

// TestFallback: only what looks like the analyser's own refusal of a list is
// followed by single texts. There are no other second tries.
func TestFallback(t *testing.T) {
	const object = `{"error": "x"}`
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		falls  bool
	}{
		{"400", status(400, object), true},
		{"422", status(422, object), true},
		{"500", status(500, object), true},
		{"500 without a word", status(500, ""), false},
		{"500 of a proxy", status(500, "<html>"), false},
		{"500 with other JSON", status(500, `{"error": 7}`), false},
		{"404", status(404, object), false},
		{"429", status(429, object), false},
		{"503", status(503, object), false},
		{"flat list", body("[]"), false},
		{"connection lost", raw(""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &presidio{broken: func(w http.ResponseWriter, r *http.Request, texts []string) bool {
				if len(texts) > 1 {
					c.answer(w, r)
				}
				return len(texts) > 1
			}}
			_, err := serve(t, p, Config{}).Analyze(t.Context(), []string{"a", "b"})
			want := 1
			if c.falls {
				want = 3
			}
			if p.count() != want || (err == nil) != c.falls {
				t.Errorf("%d requests, want %d; %v", p.count(), want, err)
			}
		})
	}
}

func TestCallerCancels(t *testing.T) {
	for _, batch := range []Batch{BatchAuto, BatchSingle} {
		ctx, cancel := context.WithCancel(t.Context())
		h := func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		}
		c := serve(t, http.HandlerFunc(h), Config{Batch: batch})
		_, err := c.Analyze(ctx, []string{"a", "b"})
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// TestServerGone: nothing listens there any more.
func TestServerGone(t *testing.T) {
	p := &presidio{names: names}
	s := httptest.NewServer(p)
	c := client(t, Config{URL: s.URL})
	if _, err := c.Analyze(t.Context(), []string{canary}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	checkFault(t, fault{want: ErrUnavailable}, c, []string{canary})
	if _, err := c.Analyze(t.Context(), []string{canary}); !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, which does not say that the connection is refused", err)
	}
}

// TestRedirects: the texts go to the configured address or nowhere.
func TestRedirects(t *testing.T) {
	elsewhere := &presidio{names: names}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		h := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/analyze", code) }
		for _, given := range []*http.Client{nil, {}} {
			c := serve(t, http.HandlerFunc(h), Config{Client: given})
			checkFault(t, fault{want: ErrUnavailable}, c, []string{canary, canary})
		}
	}
	if n := elsewhere.count(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTLS(t *testing.T) {
	p := &presidio{names: names}
	s := httptest.NewTLSServer(p)
	s.Config.ErrorLog = quiet(t)
	defer s.Close()
	trusting := client(t, Config{URL: s.URL, Client: s.Client()})
	got, err := trusting.Analyze(t.Context(), []string{"Ada Lovelace"})
	if err != nil || len(got[0]) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = client(t, Config{URL: s.URL}).Analyze(t.Context(), []string{canary})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate is not trusted") {
		t.Errorf("got %v", err)
	}
	plain := httptest.NewServer(p)
	defer plain.Close()
	_, err = client(t, Config{URL: strings.Replace(plain.URL, "http:", "https:", 1)}).Analyze(t.Context(), []string{canary})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("got %v", err)
	}
	if n := p.count(); n != 1 {
		t.Errorf("%d requests, want that of the client that trusts the server", n)
	}
}

// TestLoopbackOnly: a name that is resolved to another machine is refused
// before a byte is sent, whatever the configuration took it for.
func TestLoopbackOnly(t *testing.T) {
	transport := newTransport("http")
	defer transport.CloseIdleConnections()
	if transport.Proxy != nil {
		t.Error("plain http uses a proxy")
	}
	_, err := transport.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	if !errors.Is(err, errElsewhere) {
		t.Errorf("got %v", err)
	}
	if got := unavailable(t.Context(), err); !strings.Contains(got.Error(), errElsewhere.Error()) {
		t.Errorf("got %v", got)
	}
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:1": false, "10.0.0.1:1": false, "[fe80::1%eth0]:1": false, "localhost:1": false,
	} {
		if got := loopbackOnly("tcp", address, nil) == nil; got != want {
			t.Errorf("%s: got %t", address, got)
		}
	}
}

// TestConnectionsAreReused, also after answers that are errors.
func TestConnectionsAreReused(t *testing.T) {
	conns := make(chan struct{}, 100)
	calls := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls%2 == 0 {
			refuse(w, http.StatusServiceUnavailable, strings.Repeat("x", 10_000))
			return
		}
		body("[]")(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	c := client(t, Config{URL: s.URL})
	for i := range 10 {
		if _, err := c.Analyze(t.Context(), []string{"a"}); (err == nil) != (i%2 == 0) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if calls != 10 || len(conns) != 1 {
		t.Errorf("%d calls over %d connections, want 10 over 1", calls, len(conns))
	}
}

// TestDeadConnection: a kept connection that the server closes instead of
// answering costs no event; one that dies on its first request is a failure
// and not tried again.
func TestDeadConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan int)
	go func() {
		conns := 0
		for {
			conn, err := l.Accept()
			if err != nil {
				served <- conns
				return
			}
			conns++
			answers := map[int]int{1: 1, 2: 1}[conns] // the third gets none
			serveRaw(conn, answers)
		}
	}()
	c := client(t, Config{URL: "http://" + l.Addr().String()})
	for i, want := range []error{nil, nil, ErrUnavailable} {
		if _, err := c.Analyze(t.Context(), []string{"a"}); !errors.Is(err, want) {
			t.Errorf("call %d: got %v, want %v", i, err, want)
		}
	}
	_ = l.Close()
	if n := <-served; n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// serveRaw answers as many requests, reads one more and closes conn on it.
func serveRaw(conn net.Conn, answers int) {
	defer conn.Close()
	for n := 0; ; n++ {
		var request []byte
		buf := make([]byte, 4096)
		for !bytes.HasSuffix(request, []byte("}")) {
			k, err := conn.Read(buf)
			if err != nil {
				return
			}
			request = append(request, buf[:k]...)
		}
		if n == answers {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
	}
}
