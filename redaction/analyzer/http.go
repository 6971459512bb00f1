package analyzer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// maxErrorBody is how much of an answer that is an error is read, so that its
// connection can be used again.
const maxErrorBody = 64 << 10

// errElsewhere says that localhost is not this machine after all.
var errElsewhere = errors.New("plain http to another machine")

// newHTTPClient returns a client that follows no redirect, made from given
// unless that is nil, and what closes its idle connections.
func newHTTPClient(given *http.Client, scheme string) (*http.Client, func()) {
	var h http.Client
	closeIdle := func() {}
	if given != nil {
		h = *given
	} else {
		t := newTransport(scheme)
		h.Transport, closeIdle = t, t.CloseIdleConnections
	}
	// 307 and 308 would send the texts again, wherever they point.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h, closeIdle
}

func newTransport(scheme string) *http.Transport {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment, // CONNECT: TLS goes through
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * concurrency,
		MaxIdleConnsPerHost:    2 * concurrency,
		IdleConnTimeout:        time.Minute,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: 64 << 10,
	}
	if scheme == "http" {
		t.Proxy = nil
		t.DialContext = (&net.Dialer{Control: loopbackOnly}).DialContext
	}
	return t
}

// loopbackOnly refuses the address that a name was resolved to if it is on
// another machine.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !ap.Addr().Unmap().IsLoopback() {
		return errElsewhere
	}
	return nil
}

// A statusError is an answer whose status is not 200. What it said is not in
// it: Presidio's errors may quote the text.
type statusError struct {
	code   int
	object bool // the body was {"error": "…"}
}

func (e *statusError) Error() string { return fmt.Sprintf("%v: status %d", ErrUnavailable, e.code) }

func (e *statusError) Unwrap() error { return ErrUnavailable }

// presidio reports whether the analyser itself refused the request, rather
// than something before it. It gives 400 for a Python TypeError and 500 for
// any other exception; 422, which its anonymizer uses, is taken as well.
func (e *statusError) presidio() bool {
	return e.object && (e.code == http.StatusBadRequest ||
		e.code == http.StatusUnprocessableEntity || e.code == http.StatusInternalServerError)
}

// post sends body to /analyze and returns the answer.
func (c *Client) post(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.analyze, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: make request", ErrUnavailable)
	}
	r.Header.Set("Content-Type", "application/json") // without it: 415
	// An empty Idempotency-Key is not sent. It tells net/http that a request
	// may be sent again if a kept connection turns out to be closed before the
	// first byte of an answer; to analyse twice does no harm.
	r.Header["Idempotency-Key"] = nil
	return c.do(r)
}

func (c *Client) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: make request", ErrUnavailable)
	}
	return c.do(r)
}

func (c *Client) do(r *http.Request) ([]byte, error) {
	r.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, unavailable(r.Context(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	// Read to its end, the body gives its connection back.
	limit := int64(c.config.MaxBytes)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, unavailable(r.Context(), err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: over %d bytes", ErrMalformed, limit)
	}
	return body, nil
}

// refusal reads an answer whose status is not 200. A body that cannot be read
// does not change that.
func refusal(resp *http.Response) *statusError {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var answer struct {
		Error *string `json:"error"`
	}
	object := err == nil && json.Unmarshal(body, &answer) == nil && answer.Error != nil
	return &statusError{code: resp.StatusCode, object: object}
}

// unavailable says why there is no answer, in fixed words: net/http quotes
// what it cannot parse, and that may be a text that the server echoed.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%w: %w", ErrUnavailable, errno)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, reason(err))
}

func reason(err error) string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not trusted"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return "it refused TLS" // how crypto/tls reports an alert
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name is not known"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "too slow"
	}
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.Is(err, errElsewhere):
		return errElsewhere.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	return "no HTTP answer"
}
