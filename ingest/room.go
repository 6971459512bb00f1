package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats-server/v2/server"
)

// roomEvery is how often the disk is looked at. In between, publishers must
// not be able to write ServerConfig.MinFree bytes.
const roomEvery = 100 * time.Millisecond

// ErrStreamFailed reports that the embedded server could not write. It takes
// no message, and answers none, until it is started anew. Everything that was
// acknowledged is on disk.
var ErrStreamFailed = errors.New("the stream cannot be written")

// Run watches the disk until ctx ends, and returns nil then. While less than
// ServerConfig.MinFree bytes are free, publishers are refused with an error of
// JetStream's: a disk that is full to the last byte would stop the server for
// good. Where that happened all the same, Run returns ErrStreamFailed.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for {
		if err := s.look(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case err := <-s.log.failed:
			return s.failure(err)
		case <-ctx.Done():
			return nil
		}
	}
}

// look refuses publishers or takes them again, as there is room.
func (s *Server) look() error {
	s.switching.Lock()
	defer s.switching.Unlock()
	ns := s.nats.Load()
	if ns == nil {
		return nil // it could not be started again: failed says so
	}
	if ns.Running() && !ns.JetStreamEnabled() {
		return s.failure(errors.New("NATS has switched JetStream off"))
	}
	usage, err := vfs.Default.GetDiskUsage(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look at the stream directory's disk: %w", err)
	}
	full := usage.AvailBytes < s.cfg.MinFree
	if full == s.full.Load() {
		return nil
	}
	if err := refuse(ns, full); err != nil {
		return fmt.Errorf("refuse publishers while the disk is full (%v): %w", full, err)
	}
	s.full.Store(full)
	if full {
		s.cfg.Logger.Warn("disk nearly full, publishers are refused", "free_mib", usage.AvailBytes>>20, "min_free_mib", s.cfg.MinFree>>20)
	} else {
		s.cfg.Logger.Info("disk has room, publishers are taken again", "free_mib", usage.AvailBytes>>20)
	}
	return nil
}

// Writable tells whether messages may be removed from the stream: not while
// less than half of ServerConfig.MinFree is free, so that the disk may be full
// at any moment. NATS 2.15 notes on disk what it removes, and where it cannot
// write that, it waits for a lock that it holds itself and answers nobody any
// more.
func (s *Server) Writable() bool {
	usage, err := vfs.Default.GetDiskUsage(s.cfg.Dir)
	return err == nil && usage.AvailBytes >= s.cfg.MinFree/2
}

// refuse lowers what the account may store, which NATS checks before it takes
// a message, or lifts it again. It is nowhere on disk.
func refuse(ns *server.Server, yes bool) error {
	var limits map[string]server.JetStreamAccountLimits // nil: the server's own
	if yes {
		limits = map[string]server.JetStreamAccountLimits{"": {
			MaxStore: 0, MaxMemory: -1, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1,
			MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
		}}
	}
	return ns.GlobalAccount().UpdateJetStreamLimits(limits)
}

// failure is what Run returns, and Healthy from then on.
func (s *Server) failure(err error) error {
	err = fmt.Errorf("%w: %w: free space or mend the disk of %s and start again; nothing that was acknowledged is lost", ErrStreamFailed, err, s.cfg.Dir)
	s.failed.Store(&err)
	return err
}

// isWriteFailure tells whether a text of NATS's says that a stream or its
// consumer could not be written, after which it takes nothing.
func isWriteFailure(format string) bool {
	return strings.Contains(strings.ToLower(format), "critical write error")
}
