package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/event"
)

// Why a witness did not cosign; metrics and logs say these.
const (
	reasonUnreachable = "unreachable" // no answer, or one that says to come later
	reasonUnknown     = "unknown"     // it does not know the log or its key: 403, 404
	reasonRefused     = "refused"     // it does not take what we sent: 400, others
	reasonForked      = "forked"      // what it saw before is not the beginning of this log: 409, 422
	reasonAhead       = "ahead"       // it saw a larger log: this one was cut back
	reasonMalformed   = "malformed"   // its answer is none
)

// A failure is why a witness did not cosign.
type failure struct {
	reason string
	err    error
}

func (f *failure) Error() string { return f.reason + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(reason, format string, args ...any) *failure {
	return &failure{reason, fmt.Errorf(format, args...)}
}

// cosign asks one witness to cosign c.at, from the size it is known to have
// cosigned last, or, where it says another, from that.
func (c *Client) cosign(ctx context.Context, w *asked) (Cosignature, error) {
	for range 3 {
		if w.known > uint64(c.at.Size) {
			known := w.known
			w.known = 0 // It is asked anew: it may have meant another log.
			return Cosignature{}, fail(reasonAhead, "it saw this log with %d events, there are %d: the log was cut back, or an old copy of it is served", known, c.at.Size)
		}
		hashes, err := c.cfg.Log.ProveConsistency(ctx, event.Seq(w.known), c.at.Size)
		if err != nil {
			return Cosignature{}, err
		}
		r := request{old: w.known, checkpoint: c.at.Note}
		for i := range hashes {
			r.proof = append(r.proof, hashes[i][:])
		}
		code, kind, answer, err := c.post(ctx, w, r.encode())
		if err != nil {
			return Cosignature{}, err
		}
		if code == http.StatusOK {
			s, err := c.signature(w, answer)
			if err == nil {
				w.known = uint64(c.at.Size)
			}
			return s, err
		}
		if code != http.StatusConflict {
			return Cosignature{}, refused(code, answer)
		}
		size, err := conflict(kind, answer)
		if err != nil {
			return Cosignature{}, err
		}
		if size == w.known {
			return Cosignature{}, fail(reasonForked, "it cosigned another root over %d events", size)
		}
		w.known = size
	}
	return Cosignature{}, fail(reasonMalformed, "it says another size each time")
}

// post sends a request and returns status, media type and body of the answer.
func (c *Client) post(ctx context.Context, w *asked, body []byte) (code int, kind string, answer []byte, err error) {
	url := strings.TrimRight(w.URL, "/") + "/add-checkpoint"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, fail(reasonUnreachable, "%w", err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := c.http.Do(r)
	if err != nil {
		return 0, "", nil, fail(reasonUnreachable, "%w", err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return 0, "", nil, fail(reasonUnreachable, "read the answer: %w", err)
	}
	if len(answer) > maxResponse {
		return 0, "", nil, fail(reasonMalformed, "its answer has more than %d bytes", maxResponse)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), answer, nil
}

// signature returns the witness's cosignature of c.at in its answer, which may
// hold others.
func (c *Client) signature(w *asked, answer []byte) (Cosignature, error) {
	n, err := note.Open(append(bytes.Clone(c.at.Note), answer...), note.VerifierList(w.Key))
	if err != nil {
		return Cosignature{}, fail(reasonMalformed, "its cosignature: %w", err)
	}
	s := n.Sigs[0] // Open found one, or it would be an error.
	at, err := fnote.CoSigV1Timestamp(s)
	if err != nil {
		return Cosignature{}, fail(reasonMalformed, "its cosignature: %w", err)
	}
	return Cosignature{w.Name, at.UTC(), "— " + s.Name + " " + s.Base64 + "\n"}, nil
}

// conflict returns the size that a witness cosigned last, as it says.
func conflict(kind string, answer []byte) (uint64, error) {
	text, ok := strings.CutSuffix(string(answer), "\n")
	media, _, err := mime.ParseMediaType(kind)
	if err != nil || media != "text/x.tlog.size" || !ok {
		return 0, fail(reasonMalformed, "it says 409 Conflict, but no size")
	}
	size, err := parseSize(text)
	if err != nil {
		return 0, fail(reasonMalformed, "%w", err)
	}
	return size, nil
}

func refused(code int, answer []byte) error {
	said := fmt.Errorf("%d %s: %.100q", code, http.StatusText(code), answer)
	switch {
	case code == http.StatusForbidden, code == http.StatusNotFound:
		return &failure{reasonUnknown, errors.Join(said, errors.New("is the log's verifier key configured there?"))}
	case code == http.StatusUnprocessableEntity:
		return &failure{reasonForked, said}
	case code == http.StatusTooManyRequests, code >= 500:
		return &failure{reasonUnreachable, said}
	}
	return &failure{reasonRefused, said}
}
