package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/afterimage/afterimage/eventlog"
)

// tlogCheckpoint serves the published checkpoint, C2SP tlog-tiles.
func (s *Server) tlogCheckpoint(w http.ResponseWriter, r *http.Request) {
	c, err := s.cfg.Checkpoint(r.Context())
	if err != nil {
		s.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=1")
	_, _ = w.Write(c.Note)
}

// tlogTile serves tiles and entry bundles, which never change.
func (s *Server) tlogTile(w http.ResponseWriter, r *http.Request) {
	tile, err := s.cfg.Log.Tile(strings.TrimPrefix(r.URL.Path, "/tlog/"))
	if errors.Is(err, eventlog.ErrNotFound) {
		text(w, http.StatusNotFound, "not found") // It may be there soon: not to be cached.
		return
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	_, _ = w.Write(tile) //nolint:gosec // Hashes, and nosniff is set: no browser takes them for a page.
}

// failed answers with the status of an error.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	st, request := statusOf(err)
	if request != "" {
		s.log.ErrorContext(r.Context(), "call failed", "method", "tlog", "request", request, "err", err)
	}
	writeStatus(w, r, st)
}
