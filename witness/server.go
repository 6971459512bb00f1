package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// ServerConfig says how to be a witness.
type ServerConfig struct {
	Dir    string          // where it is kept what was cosigned; made if absent
	Signer note.Signer     // of cosignatures, such as fnote.NewSignerForCosignatureV1 makes
	Logs   []note.Verifier // those witnessed, by the names that are their origins; at least one

	FS     vfs.FS       // where Dir is; nil: the operating system's
	Logger *slog.Logger // nil: discard
	Fatal  func(error)  // called when the disk failed; must not return; nil: panic
}

// A Server is a witness: an http.Handler of add-checkpoint, C2SP tlog-witness.
type Server struct {
	cfg   ServerConfig
	log   *slog.Logger
	mux   *http.ServeMux
	logs  map[string][]note.Verifier // by origin
	state *state

	// cosigning is held from looking at what was cosigned last until the next
	// is on disk: two requests must not both follow from the same checkpoint.
	cosigning sync.Mutex
}

// Open opens the witness's state. Only one process can have it: two would
// cosign two histories.
func Open(cfg ServerConfig) (*Server, error) {
	if cfg.Signer == nil || len(cfg.Logs) == 0 || cfg.Dir == "" {
		return nil, errors.New("witness configuration: Dir, Signer or Logs is missing")
	}
	s := &Server{cfg: cfg, log: discard(cfg.Logger), mux: http.NewServeMux(), logs: map[string][]note.Verifier{}}
	for _, l := range cfg.Logs {
		s.logs[l.Name()] = append(s.logs[l.Name()], l)
	}
	var err error
	if s.state, err = openState(cfg); err != nil {
		return nil, err
	}
	s.mux.HandleFunc("POST /add-checkpoint", s.addCheckpoint)
	return s, nil
}

func discard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// Close closes the state; requests must have ended.
func (s *Server) Close() error { return s.state.close() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// A refusal is why a checkpoint is not cosigned.
type refusal struct {
	code   int // of HTTP
	size   int64
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code, -1, fmt.Sprintf(format, args...)}
}

const requestTimeout = 10 * time.Second // to send a request

func (s *Server) addCheckpoint(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout)) //nolint:forbidigo // No evidence.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "the request is too large or came too slowly", http.StatusBadRequest)
		return
	}
	lines, origin, err := s.cosign(r.Context(), body)
	if refused, is := errors.AsType[*refusal](err); is {
		s.log.WarnContext(r.Context(), "checkpoint refused", "origin", origin, "status", refused.code, "reason", refused.reason)
		if refused.size >= 0 {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(refused.code)
			fmt.Fprintf(w, "%d\n", refused.size)
			return
		}
		http.Error(w, refused.reason, refused.code)
		return
	}
	if err != nil {
		s.log.ErrorContext(r.Context(), "checkpoint not cosigned", "origin", origin, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(lines)
}

// cosign returns the witness's signature lines for the checkpoint of a
// request, or a *refusal. The origin is "" until its log's signature is found
// good.
func (s *Server) cosign(ctx context.Context, body []byte) (lines []byte, origin string, err error) {
	r, err := parseRequest(body)
	if err != nil {
		return nil, "", refuse(http.StatusBadRequest, "%v", err)
	}
	n, cp, err := s.open(r.checkpoint)
	if err != nil {
		return nil, "", err
	}
	if r.old > cp.Size {
		return nil, cp.Origin, refuse(http.StatusBadRequest, "the old size %d is above the checkpoint's, %d", r.old, cp.Size)
	}
	s.cosigning.Lock()
	defer s.cosigning.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, cp.Origin, err
	}
	last, err := s.state.last(cp.Origin)
	if err != nil {
		return nil, cp.Origin, err
	}
	if err := follows(r, cp, last); err != nil {
		return nil, cp.Origin, err
	}
	// What is signed is what the log said, and nothing that came with it.
	signed, err := note.Sign(&note.Note{Text: n.Text}, s.cfg.Signer)
	if err != nil {
		return nil, cp.Origin, fmt.Errorf("cosign: %w", err)
	}
	kept, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return nil, cp.Origin, fmt.Errorf("keep checkpoint: %w", err)
	}
	// Until it is on disk nobody has the signature; after it whatever comes must
	// follow from this, even if a crash now means that nobody gets to know.
	if err := s.state.save(cp.Origin, kept); err != nil {
		return nil, cp.Origin, err
	}
	s.log.InfoContext(ctx, "checkpoint cosigned", "origin", cp.Origin, "size", cp.Size)
	return signed[len(n.Text)+1:], cp.Origin, nil
}

// open opens a checkpoint of a known log.
func (s *Server) open(signed []byte) (*note.Note, log.Checkpoint, error) {
	origin, _, _ := strings.Cut(string(signed[:min(len(signed), 1<<10)]), "\n")
	keys := s.logs[origin]
	if keys == nil {
		return nil, log.Checkpoint{}, refuse(http.StatusNotFound, "the log is not known here")
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		if _, is := errors.AsType[*note.UnverifiedNoteError](err); is {
			return nil, log.Checkpoint{}, refuse(http.StatusForbidden, "no key that is known here signed it")
		}
		if _, is := errors.AsType[*note.InvalidSignatureError](err); is {
			return nil, log.Checkpoint{}, refuse(http.StatusForbidden, "a signature is wrong")
		}
		return nil, log.Checkpoint{}, refuse(http.StatusBadRequest, "the checkpoint is no signed note")
	}
	var cp log.Checkpoint
	if _, err := cp.Unmarshal([]byte(n.Text)); err != nil || cp.Origin != origin || len(cp.Hash) != rfc6962.DefaultHasher.Size() || cp.Size >= 1<<63 {
		return nil, log.Checkpoint{}, refuse(http.StatusBadRequest, "the note is no checkpoint")
	}
	return n, cp, nil
}

// follows checks that a checkpoint follows from the last one.
func follows(r request, cp, last log.Checkpoint) error {
	if r.old != last.Size {
		return &refusal{http.StatusConflict, int64(last.Size), fmt.Sprintf("the old size is %d, the last cosigned %d", r.old, last.Size)}
	}
	root := last.Hash
	if root == nil { // It was never cosigned; then its tree was empty.
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, r.old, cp.Size, r.proof, root, cp.Hash)
	switch {
	case err != nil && r.old == cp.Size && len(r.proof) == 0:
		return &refusal{http.StatusConflict, int64(last.Size), "another root of the same size was cosigned"}
	case err != nil:
		return refuse(http.StatusUnprocessableEntity, "the proof does not show that the log only grew")
	}
	return nil
}
