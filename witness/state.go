package witness

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/transparency-dev/formats/log"
)

// state is what a witness cosigned last of each log, in a Pebble store, which
// no two processes have open at a time:
//
//	key        value
//	00         magic, format version (1)
//	o origin   the checkpoint, a signed note
type state struct{ db *pebble.DB }

const stateMagic = "afterimage witness\n\x01"

var (
	magicKey    = []byte{0x00}
	originSpace = []byte{'o'}
)

func originKey(origin string) []byte { return append(originSpace[:1:1], origin...) }

func openState(cfg ServerConfig) (*state, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { panic(err) }
	}
	if err := makeDir(cfg.FS, cfg.Dir); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	db, err := pebble.Open(cfg.Dir, &pebble.Options{
		FS: cfg.FS, FormatMajorVersion: pebble.FormatNewest, MemTableSize: 1 << 20,
		Logger: stateLogger{cfg.Fatal},
	})
	if err != nil {
		if strings.Contains(err.Error(), "resource temporarily unavailable") || strings.Contains(err.Error(), "lock held by current process") {
			return nil, fmt.Errorf("open %s: another witness has it: two would cosign two histories; stop it first", cfg.Dir)
		}
		return nil, fmt.Errorf("open %s: %w", cfg.Dir, err)
	}
	s := &state{db}
	if err := s.identify(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", cfg.Dir, err), db.Close())
	}
	return s, nil
}

// makeDir makes a directory that is still there after a power failure: a
// witness that comes back without its state would cosign another history.
func makeDir(files vfs.FS, dir string) error {
	if _, err := files.Stat(dir); err == nil {
		return nil
	}
	parent := files.PathDir(dir)
	if parent != dir {
		if err := makeDir(files, parent); err != nil {
			return err
		}
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := files.OpenDir(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// identify checks that the store is a witness's, or marks a new one.
func (s *state) identify() error {
	v, err := s.get(magicKey)
	switch {
	case err != nil:
		return err
	case v == "":
		return s.db.Set(magicKey, []byte(stateMagic), pebble.Sync)
	case v != stateMagic:
		return errors.New("it is not the state of a witness, or that of a newer version")
	}
	return nil
}

// get returns a value, "" if there is none.
func (s *state) get(key []byte) (string, error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read state: %w", err)
	}
	return string(v), closer.Close()
}

// last returns what was cosigned last, the zero checkpoint if nothing was.
func (s *state) last(origin string) (cp log.Checkpoint, err error) {
	v, err := s.get(originKey(origin))
	if err != nil || v == "" {
		return log.Checkpoint{}, err
	}
	text, _, _ := strings.Cut(v, "\n\n")
	if _, err := cp.Unmarshal([]byte(text + "\n")); err != nil || cp.Origin != origin {
		return log.Checkpoint{}, fmt.Errorf("the state is damaged: what is kept of %q is no checkpoint of it", origin)
	}
	return cp, nil
}

// save durably replaces what was cosigned last.
func (s *state) save(origin string, checkpoint []byte) error {
	if err := s.db.Set(originKey(origin), checkpoint, pebble.Sync); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

func (s *state) close() error { return s.db.Close() }

// stateLogger passes on what Pebble cannot go on after.
type stateLogger struct{ fatal func(error) }

func (stateLogger) Infof(string, ...any)  {}
func (stateLogger) Errorf(string, ...any) {}

func (l stateLogger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf("storage failed, the state must be opened anew: "+format, args...))
}
