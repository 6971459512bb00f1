package server

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/afterimage/afterimage/event"
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

// maxStamps is how many time-stamps are listed.
const maxStamps = 1000

// tlogStamps lists the sizes of checkpoints that have time-stamps, the newest
// first, one a line.
func (s *Server) tlogStamps(w http.ResponseWriter, r *http.Request) {
	sizes, err := s.cfg.Log.Stamps(r.Context(), maxStamps)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=1")
	for _, size := range sizes {
		_, _ = fmt.Fprintln(w, size)
	}
}

// tlogStamp serves a time-stamp, <size>.tsr, or the checkpoint that it is of,
// <size>.checkpoint.
func (s *Server) tlogStamp(w http.ResponseWriter, r *http.Request) {
	name, kind, _ := strings.Cut(r.PathValue("name"), ".")
	size, err := strconv.ParseUint(name, 10, 64)
	if err != nil || strconv.FormatUint(size, 10) != name || kind != "tsr" && kind != "checkpoint" {
		text(w, http.StatusNotFound, "not found")
		return
	}
	answer, err := s.cfg.Log.Stamp(r.Context(), event.Seq(size))
	media := "application/timestamp-reply"
	if err == nil && kind == "checkpoint" {
		var c eventlog.Checkpoint
		c, err = s.cfg.Log.Signed(r.Context(), event.Seq(size))
		answer, media = c.Note, "text/plain; charset=utf-8"
	}
	if errors.Is(err, eventlog.ErrNotFound) {
		text(w, http.StatusNotFound, "not found")
		return
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	_, _ = w.Write(answer)
}

// failed answers with the status of an error.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	st, request := statusOf(err)
	if request != "" {
		s.log.ErrorContext(r.Context(), "call failed", "method", "tlog", "request", request, "err", err)
	}
	writeStatus(w, r, st)
}
