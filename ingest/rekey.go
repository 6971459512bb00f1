package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats-server/v2/server"
)

// A change of keys carries what is in the stream's files over into new ones,
// under the new key alone, and gives the old ones up. Beside the LOCK, the
// directory holds:
//
//	jetstream  the files of the NATS server
//	next       a copy that is not complete: to be thrown away
//	fresh      a copy that is complete and durable, under the new key: it takes
//	           the place of jetstream
//
// That next is renamed to fresh is the moment at which the key has changed.
// What a crash leaves, the next start settles: one way or the other everything
// that was acknowledged is there, once.
const (
	nextDir  = "next"
	freshDir = "fresh"
)

// rekeyTimeout bounds a change of keys; it takes seconds for each GiB that
// waits in the stream.
const rekeyTimeout = 10 * time.Minute

// errSwitching is what connections within the process get while the server's
// key changes. They try again.
var errSwitching = errors.New("the embedded NATS server is changing its key")

// Rekey changes the key of the stream's files from old to fresh. It stops the
// server, carries every stream over into new files, and starts the server
// again where it listened; clients reconnect. When it returns nil, nothing in
// the directory is encrypted with old or with a key that old had wrapped: a
// copy of the directory made before cannot be opened with fresh.
//
// After an error the server serves on with the old key, and Rekey can be
// called again; where the server cannot be started again, Run returns
// ErrStreamFailed. With fresh in force already Rekey does nothing. ErrWrongKey
// if old is not the key in force.
func (s *Server) Rekey(ctx context.Context, fresh, old string) error {
	s.switching.Lock()
	defer s.switching.Unlock()
	switch ns := s.nats.Load(); {
	case fresh == "":
		return errors.New("change the stream's key: the new key is missing")
	case s.cfg.Key == fresh:
		return nil
	case s.cfg.Key != old:
		return fmt.Errorf("change the stream's key: %w: the old one is not the one in force", ErrWrongKey)
	case s.closed || ns == nil || !ns.Running():
		return errors.New("change the stream's key: the NATS server is stopped")
	default:
		s.nats.Store(nil)
		stop(ns)
	}
	err := s.changeKey(ctx, fresh, old)
	if again := s.restart(context.WithoutCancel(ctx)); again != nil {
		offer(s.log.failed, again)
		err = errors.Join(err, s.failure(again))
	}
	return err
}

// changeKey carries the streams over. From the moment that the copy is
// complete there is no way back.
func (s *Server) changeKey(ctx context.Context, fresh, old string) error {
	ctx, cancel := context.WithTimeout(ctx, rekeyTimeout)
	defer cancel()
	if err := s.copyUnder(ctx, fresh, old); err != nil {
		return fmt.Errorf("change the stream's key, nothing is changed yet: %w", errors.Join(err, discard(s.cfg.Dir)))
	}
	s.cfg.Key, s.cfg.OldKey = fresh, ""
	s.cfg.Logger.InfoContext(ctx, "stream files are under another key")
	return nil
}

// restart settles what changeKey left and starts the server again.
func (s *Server) restart(ctx context.Context) error {
	if err := settleFiles(s.cfg.Dir); err != nil {
		return err
	}
	opts, err := serverOptions(s.cfg)
	if err != nil {
		return err
	}
	return s.start(ctx, opts)
}

// settleKey ends what a crash in the middle of a change of keys left, before
// the server starts: after it, Key opens the files or no key given does.
func (s *Server) settleKey(ctx context.Context) error {
	if err := settleFiles(s.cfg.Dir); err != nil {
		return err
	}
	if s.cfg.OldKey == "" || s.cfg.OldKey == s.cfg.Key {
		return nil
	}
	ns, err := startNATS(ctx, privateOptions(s.cfg.Dir, s.cfg.Key), s.cfg.Dir, newServerLog(slog.New(slog.DiscardHandler)))
	if err == nil {
		stop(ns)
		return nil
	}
	if !errors.Is(err, ErrWrongKey) {
		return err
	}
	if err := s.changeKey(ctx, s.cfg.Key, s.cfg.OldKey); err != nil {
		return err
	}
	return settleFiles(s.cfg.Dir)
}

// settleFiles puts a complete copy in its place and throws an incomplete one away.
// Whatever a crash leaves of it, doing it again does the rest.
func settleFiles(dir string) error {
	if err := discard(dir); err != nil {
		return err
	}
	fresh, store := filepath.Join(dir, freshDir), filepath.Join(dir, server.JetStreamStoreDir)
	if _, err := os.Stat(fresh); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(fresh, server.JetStreamStoreDir)); err == nil {
		if err := os.RemoveAll(store); err != nil {
			return fmt.Errorf("remove the stream's files under the old key: %w", err)
		}
		if err := os.Rename(filepath.Join(fresh, server.JetStreamStoreDir), store); err != nil {
			return fmt.Errorf("put the stream's files under the new key in place: %w", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the stream's files under the new key: %w", err)
	}
	if err := errors.Join(syncDir(fresh), syncDir(dir), os.RemoveAll(fresh), syncDir(dir)); err != nil {
		return fmt.Errorf("put the stream's files under the new key in place: %w", err)
	}
	return nil
}

// discard removes an incomplete copy.
func discard(dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, nextDir)); err != nil {
		return fmt.Errorf("remove an incomplete copy of the stream's files: %w", err)
	}
	return nil
}

// copyUnder makes fresh, a durable copy under another key, out of what is
// there. The server must be stopped.
func (s *Server) copyUnder(ctx context.Context, key, old string) error {
	next := filepath.Join(s.cfg.Dir, nextDir)
	if err := os.MkdirAll(filepath.Join(next, server.JetStreamStoreDir), 0o700); err != nil {
		return err
	}
	want, err := s.carry(ctx, next, key, old)
	if err != nil {
		return err
	}
	if err := checkCopy(ctx, next, key, want, s.cfg.Logger); err != nil {
		return err
	}
	if err := syncTree(next); err != nil {
		return fmt.Errorf("sync the copy of the stream: %w", err)
	}
	if err := os.Rename(next, filepath.Join(s.cfg.Dir, freshDir)); err != nil {
		return err
	}
	return syncDir(s.cfg.Dir)
}

// carry copies every stream from the directory into next, and returns what
// the streams are.
func (s *Server) carry(ctx context.Context, next, key, old string) (map[string]streamState, error) {
	from, err := startNATS(ctx, privateOptions(s.cfg.Dir, old), s.cfg.Dir, newServerLog(s.cfg.Logger))
	if err != nil {
		return nil, err
	}
	defer stop(from)
	streams, err := streamStates(from)
	if err != nil {
		return nil, err
	}
	if err := s.roomFor(streams); err != nil {
		return nil, err
	}
	opts := privateOptions(next, key)
	opts.SyncAlways = false // the whole copy is synced before it counts
	to, err := startNATS(ctx, opts, next, newServerLog(s.cfg.Logger))
	if err != nil {
		return nil, err
	}
	defer stop(to)
	for name := range streams {
		if err := carryStream(ctx, from, to, name); err != nil {
			return nil, fmt.Errorf("copy stream %s: %w", name, err)
		}
	}
	return streams, nil
}

// roomFor refuses a copy that would fill the disk.
func (s *Server) roomFor(streams map[string]streamState) error {
	need := min(minFree, s.cfg.MinFree)
	for _, state := range streams {
		need += state.Bytes
	}
	usage, err := vfs.Default.GetDiskUsage(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look at the stream directory's disk: %w", err)
	}
	if usage.AvailBytes < need {
		return fmt.Errorf("disk of %s has %d MiB free and the copy needs %d MiB: make room and try again", s.cfg.Dir, usage.AvailBytes>>20, need>>20)
	}
	return nil
}

// checkCopy opens the copy with its key alone and compares what is in it.
func checkCopy(ctx context.Context, dir, key string, want map[string]streamState, logger *slog.Logger) error {
	ns, err := startNATS(ctx, privateOptions(dir, key), dir, newServerLog(logger))
	if err != nil {
		return fmt.Errorf("open the copy of the stream: %w", err)
	}
	defer stop(ns)
	got, err := streamStates(ns)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("the copy has %d streams, want %d", len(got), len(want))
	}
	for name, state := range want {
		if !state.equal(got[name]) {
			return fmt.Errorf("the copy of stream %s holds %+v, want %+v", name, got[name], state)
		}
	}
	return nil
}

// syncTree makes every file and directory below dir durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDir(path)
	})
}

// syncDir makes a directory's entries durable; a file's content likewise.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
