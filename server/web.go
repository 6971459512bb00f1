package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/query"
)

// Bounds of the HTTP side.
const (
	maxBody       = event.DefaultBatchBytes + 64<<10 // bytes; the rest is for the envelope
	maxHeader     = 96 << 10                         // bytes; a filter of 16 KiB, percent-encoded, fits
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	writeTimeout  = time.Minute // for one piece of an answer
	idleTimeout   = 2 * time.Minute
	flushDelay    = time.Millisecond // for a piece of a stream, to go out with those behind it
)

func (s *Server) newHTTP(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// web returns the handler of the HTTP port.
func (s *Server) web() (http.Handler, error) {
	gateway, err := s.gateway()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /openapi.json", serveOpenAPI)
	mux.HandleFunc("GET /tlog/checkpoint", s.tlogCheckpoint)
	mux.HandleFunc("GET /tlog/timestamp", s.tlogStamps)
	mux.HandleFunc("GET /tlog/timestamp/{$}", s.tlogStamps)
	mux.HandleFunc("GET /tlog/timestamp/{name}", s.tlogStamp)
	mux.HandleFunc("GET /tlog/", s.tlogTile)
	if s.cfg.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{}))
	}
	return guard(s.bound(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// http.ServeMux would redirect from paths with `//` or `..`, which
		// session ids may have.
		switch file := downloadPath.FindStringSubmatch(r.URL.Path); {
		case file != nil && r.Method == http.MethodGet:
			s.download(w, r, file[1], file[2])
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			gateway.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}))), nil
}

// healthz says that the process is alive.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") }

// readyz says whether requests can be answered, and if not, why.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.ready(); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, http.StatusOK, "ok")
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}

// text answers with one line.
func text(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, line+"\n")
}

// guard refuses requests that reached this machine's loopback by way of a
// browser: those that name another host (DNS rebinding) and those that a page
// of another site sends. There is no other authentication yet.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case !loopbackHost(r.Host):
			writeStatus(w, r, status.New(codes.PermissionDenied,
				"the Host header names another machine: only localhost is served until access control exists"))
		case crossOrigin(r):
			writeStatus(w, r, status.New(codes.PermissionDenied, "requests from pages of other sites are refused"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// loopbackHost tells whether a Host header names this machine.
func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// crossOrigin tells whether a browser says that another site's page asks.
func crossOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host
}

// bound limits what a request may send and how long it may take to send it
// and to take the answer.
func (s *Server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			if err := acceptable(r.Header); err != nil {
				st, _ := statusOf(err)
				w.Header().Set("Connection", "close")
				writeError(w, r, st, http.StatusUnsupportedMediaType)
				return
			}
			b := s.newBody(w, r)
			defer func() { b.leave() }()
			r.Body = b
		}
		patient := &patientWriter{ResponseWriter: w, clock: http.NewResponseController(w)}
		defer patient.end()
		next.ServeHTTP(patient, r)
	})
}

// acceptable checks that a body is JSON as it is. It also keeps forms of other
// sites out, which cannot say so.
func acceptable(h http.Header) error {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != event.ContentTypeJSON {
		return &query.RequestError{Field: "Content-Type", Reason: "is not application/json"}
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &query.RequestError{Field: "Content-Encoding", Reason: "is not offered over HTTP: send plain JSON"}
	}
	return nil
}

// A body is a request's, bounded in size and time.
type body struct {
	io.ReadCloser
	clock *http.ResponseController
	err   error // what the decoder found wrong with it

	// enter takes the memory that it takes to publish the whole body, raw,
	// until leave, which is called once when the request is answered.
	enter func(raw []byte) error
	leave func()
}

func (s *Server) newBody(w http.ResponseWriter, r *http.Request) *body {
	clock := http.NewResponseController(w)
	_ = clock.SetReadDeadline(deadline(bodyTimeout)) // an in-memory connection may have none
	b := &body{ReadCloser: http.MaxBytesReader(w, r.Body, maxBody), clock: clock, leave: func() {}}
	b.enter = func(raw []byte) error {
		release, err := s.webRoom.hold(len(raw))
		if err != nil {
			return err
		}
		b.leave = release
		// At most so many messages: every one begins with a brace.
		leave, err := s.webRoom.enter(r.Context(), len(raw), bytes.Count(raw, []byte("{")))
		if err != nil {
			return err
		}
		b.leave = func() { leave(); release() }
		return nil
	}
	return b
}

// Read implements io.Reader. At the end the connection's deadline is lifted:
// the answer may take longer.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.clock.SetReadDeadline(time.Time{})
	}
	if large, is := errors.AsType[*http.MaxBytesError](err); is {
		err = fmt.Errorf("body: the limit is %d bytes: %w", large.Limit, event.ErrTooLarge)
	}
	return n, err
}

// A patientWriter gives each piece of an answer its time, so that a replay may
// last while a reader that has stopped reading may not. The pieces of a stream
// that come within flushDelay go out together. Call end before the handler
// returns.
type patientWriter struct {
	http.ResponseWriter
	clock *http.ResponseController

	mu    sync.Mutex  // guards writing, and what follows
	flush *time.Timer // runs when there is something to flush; nil: nothing is
	err   error       // of a flush
}

// Write implements io.Writer.
func (w *patientWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.clock.SetWriteDeadline(deadline(writeTimeout))
	return w.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController calls: it has what was written
// sent soon, and returns what came of sending it before.
func (w *patientWriter) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flush == nil && w.err == nil {
		w.flush = time.AfterFunc(flushDelay, w.flushNow)
	}
	return w.err
}

func (w *patientWriter) flushNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flush == nil {
		return // ended meanwhile
	}
	_ = w.clock.SetWriteDeadline(deadline(writeTimeout))
	w.flush, w.err = nil, w.clock.Flush()
}

// end makes sure that nothing is flushed any more: what is left goes out when
// the handler returns.
func (w *patientWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flush != nil {
		w.flush.Stop()
		w.flush = nil
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func deadline(d time.Duration) time.Time {
	return time.Now().Add(d) //nolint:forbidigo // Deadlines of connections are no evidence.
}

// writeStatus writes a status as the gateway does.
func writeStatus(w http.ResponseWriter, r *http.Request, st *status.Status) {
	writeError(w, r, st, runtime.HTTPStatusFromCode(st.Code()))
}

func writeError(w http.ResponseWriter, r *http.Request, st *status.Status, code int) {
	err := &runtime.HTTPStatusError{HTTPStatus: code, Err: withReason(st).Err()}
	runtime.DefaultHTTPErrorHandler(r.Context(), runtime.NewServeMux(), new(marshaler), w, r, err)
}
