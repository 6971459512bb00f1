package retention_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// A store is the real one, in a directory, in a time of its own. It can be made to
// crash at any instant of what it does.
type store struct {
	testing.TB
	root string // of all its copies
	dir  string // where it is now
	made int    // directories

	mu     sync.Mutex
	now    time.Time
	up     time.Duration
	armed  int    // steps until it crashes; 0: it does not
	image  string // what the crash left
	cancel context.CancelFunc

	log      *eventlog.Log
	policies *retention.Policies
	keeper   *retention.Keeper
	promote  func(context.Context) error
}

func newStore(t testing.TB, began time.Time) *store {
	s := &store{TB: t, root: t.TempDir(), now: began, up: time.Hour}
	s.dir = s.fresh()
	s.open()
	t.Cleanup(func() {
		if err := s.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *store) fresh() string {
	s.made++
	return filepath.Join(s.root, fmt.Sprintf("store-%d", s.made))
}

func (s *store) config(dir string) eventlog.Config {
	return eventlog.Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, CacheBytes: 32 << 20, FS: unsynced{vfs.Default},
		Now: s.clock, Origin: "example.com/year",
	}
}

// pass has time go by.
func (s *store) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.up = s.now.Add(d), s.up+d
}

// clock tells the time. It is asked all over, so that it is a step at which the
// store may crash.
func (s *store) clock() time.Time {
	s.step()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *store) uptime() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

func (s *store) progress(eventlog.ForgetProgress) { s.step() }

// step is an instant at which the store may crash.
func (s *store) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed == 0 {
		return
	}
	if s.armed--; s.armed == 0 {
		s.image = s.copy()
		s.cancel()
	}
}

// crashing runs something that crashes after some steps, if it has so many, and
// then opens what that left. It reports whether it did.
func (s *store) crashing(steps int, do func(context.Context) error) (crashed bool, err error) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	s.mu.Lock()
	s.armed, s.cancel, s.image = steps, cancel, ""
	s.mu.Unlock()
	err = do(ctx)
	s.mu.Lock()
	s.armed = 0
	image := s.image
	s.mu.Unlock()
	if image == "" {
		return false, err
	}
	s.swap(image)
	return true, nil
}

// crash is one while nothing happens.
func (s *store) crash() {
	s.Helper()
	s.swap(s.copy())
}

// restart is an orderly one.
func (s *store) restart() {
	s.Helper()
	s.close()
	s.open()
}

func (s *store) swap(image string) {
	s.Helper()
	s.close()
	if err := os.RemoveAll(s.dir); err != nil {
		s.Fatal(err)
	}
	s.dir = image
	s.open()
}

func (s *store) close() {
	s.Helper()
	if err := s.log.Close(); err != nil {
		s.Fatal(err)
	}
}

// open opens what is there, as serve does.
func (s *store) open() {
	s.Helper()
	ctx := s.Context()
	var err error
	if s.log, err = eventlog.Open(ctx, s.config(s.dir)); err != nil {
		s.Fatal(err)
	}
	if err = s.log.Resume(ctx, s.progress); err != nil {
		s.Fatal(err)
	}
	if s.policies, err = retention.Open(ctx, s.log, nil); err != nil {
		s.Fatal(err)
	}
	s.policies.Now = s.clock
	engine := query.New(query.Config{Log: s.log})
	s.keeper, err = retention.NewKeeper(ctx, retention.KeeperConfig{
		Log: s.log, Policies: s.policies, Now: s.clock, Uptime: s.uptime,
		Select: func(ctx context.Context, t event.Tenant, c retention.Scope) (iter.Seq2[event.Seq, error], error) {
			r := query.EvidenceRequest{Filter: c.GetFilter(), Text: c.GetText(), Sessions: c.GetSessions(), Users: c.GetUsers(), From: c.From, Before: c.Before, Unsure: c.Unsure}
			if c.GetSince() != nil {
				r.Since = c.GetSince().AsTime()
			}
			if c.GetUntil() != nil {
				r.Until = c.GetUntil().AsTime()
			}
			return engine.Evidence(ctx, t, r)
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	if s.promote, err = s.policies.Promotion(ctx); err != nil {
		s.Fatal(err)
	}
}

// restore puts a backup in the place of the data; the keys stay.
func (s *store) restore(backup string) eventlog.Restored {
	s.Helper()
	s.close()
	cfg := s.config(s.dir)
	if err := os.RemoveAll(cfg.Dir); err != nil {
		s.Fatal(err)
	}
	restored, err := eventlog.Restore(s.Context(), cfg, backup, func(eventlog.BackupProgress) {})
	if err != nil {
		s.Fatal(err)
	}
	s.open()
	return restored
}

// copy copies data and keys as they are on disk at one instant: it begins again
// where something changed meanwhile.
func (s *store) copy() string {
	for {
		to := s.fresh()
		before := s.listing(s.dir)
		err := os.CopyFS(to, os.DirFS(s.dir))
		if err == nil && cmp.Equal(before, s.listing(s.dir)) {
			s.own(to)
			return to
		}
		if err := os.RemoveAll(to); err != nil {
			s.Error(err)
			return ""
		}
	}
}

// own makes what was copied the store's alone.
func (s *store) own(dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		s.Error(err)
	}
}

// listing says what there is of a directory.
func (s *store) listing(dir string) map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out[path] = fmt.Sprint(info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		out["error"] = err.Error() // It changed while it was looked at.
		out[s.fresh()] = ""        // and so is not the same as any other
	}
	return out
}
