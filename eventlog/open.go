package eventlog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// Open opens the log in cfg.Dir, and makes it and its keys where there are
// none. It refuses, and changes nothing, where data and keys are not each
// other's, where the data is of a newer format, or where another process has
// the log open; the errors say what to do.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cfg = cfg.withDefaults()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fresh, err := isFresh(cfg)
	if err != nil {
		return nil, err
	}
	ring, held, err := holdRing(cfg, fresh)
	if err != nil {
		return nil, err
	}
	db, err := openDB(cfg, false)
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	l, err := start(cfg, db, ring, fresh)
	if err != nil {
		return nil, errors.Join(err, db.Close(), held.Close())
	}
	l.held = held
	return l, nil
}

func (c Config) withDefaults() Config {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // The default that Config documents.
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 256 << 20
	}
	if c.tableBytes == 0 {
		c.tableBytes = tableBytes
	}
	if c.portionBytes == 0 {
		c.portionBytes = rewriteBytes
	}
	if c.MinFree == 0 {
		c.MinFree = 256 << 20
	}
	if c.Fatal == nil {
		c.Fatal = func(err error) { panic(err) }
	}
	return c
}

// isFresh reports whether the data directory holds no store yet.
func isFresh(cfg Config) (bool, error) {
	if err := checkRestored(cfg); err != nil {
		return false, err
	}
	desc, err := pebble.Peek(cfg.Dir, cfg.FS)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at data directory %s: %w", cfg.Dir, err)
	}
	return !desc.Exists, nil
}

// holdRing opens the keys and holds them: before they are read, so that they are
// those of now, or as soon as they are there.
func holdRing(cfg Config, fresh bool) (_ *keyring.Ring, held io.Closer, err error) {
	held = io.NopCloser(nil)
	hold := func() {
		if held, err = keyring.Hold(cfg.KeysDir); err != nil {
			held, err = io.NopCloser(nil), fmt.Errorf("open keys: %w", err)
		}
	}
	early, err := keyring.Used(cfg.KeysDir)
	if err != nil {
		return nil, nil, fmt.Errorf("open keys: %w", err)
	}
	early = early && !cfg.restoring // Then Restore holds them.
	if early {
		hold()
	}
	var ring *keyring.Ring
	if err == nil {
		ring, err = openRing(cfg, fresh)
	}
	if err == nil && !early && !cfg.restoring {
		hold()
	}
	if err != nil {
		return nil, nil, errors.Join(err, held.Close())
	}
	return ring, held, nil
}

// openRing opens the keys, or makes them if the data directory is fresh too.
// Nothing is made for data that is there already, nor data for keys that have
// seen some: either would hide that the wrong directory was named.
func openRing(cfg Config, fresh bool) (*keyring.Ring, error) {
	ring, err := keyring.OpenWith(cfg.KeysDir, cfg.Keys)
	if errors.Is(err, keyring.ErrNoKeys) && fresh {
		ring, err = keyring.CreateWith(cfg.KeysDir, cfg.Keys)
	}
	if errors.Is(err, keyring.ErrNoKeys) {
		return nil, fmt.Errorf("open keys: %w; the data in %s needs the keys it was written with: name their directory with --keys, or put back what is missing in it from a copy", err, cfg.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	if anchor, err := ring.Anchor(); err != nil {
		return nil, err
	} else if fresh && anchor != nil {
		return nil, fmt.Errorf("open keys: %s holds the keys of a store that is not in %s: name its directory with --data, or another one with --keys", cfg.KeysDir, cfg.Dir)
	}
	return ring, nil
}

// openDB opens Pebble.
func openDB(cfg Config, readOnly bool) (*pebble.DB, error) {
	if !readOnly {
		if err := makeDir(cfg.FS, cfg.FS.PathJoin(cfg.Dir, tablesDir)); err != nil {
			return nil, fmt.Errorf("make data directory: %w", err)
		}
	}
	blocks := pebble.NewCache(cfg.CacheBytes / 16 * 3)
	defer blocks.Unref()
	opts := dbOptions(cfg)
	opts.Cache, opts.ReadOnly, opts.ErrorIfNotExists = blocks, readOnly, readOnly
	db, err := pebble.Open(cfg.Dir, opts)
	if err != nil {
		return nil, openError(cfg.Dir, err)
	}
	return db, nil
}

// dbOptions returns what the database and the tables that are made for it have
// in common. The values are ciphertext: compressing them is a waste.
func dbOptions(cfg Config) *pebble.Options {
	opts := &pebble.Options{
		FS:                    cfg.FS,
		MemTableSize:          64 << 20,
		FormatMajorVersion:    pebble.FormatNewest,
		Logger:                pebbleLogger{cfg.Logger, cfg.Fatal},
		L0CompactionThreshold: 4,
		// Whoever reads is told; the process need not end for it.
		EventListener: &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {
			cfg.Logger.Error("a stored file is damaged: run afterimage verify")
		}},
	}
	opts.Experimental.SpanPolicyFunc = apart
	for i := range opts.Levels {
		opts.Levels[i].Compression = func() *block.CompressionProfile { return block.NoCompression }
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// apart keeps the sections of blocks in tables of their own: a table of the
// index that is compacted then overlaps none of them, and they stay where they
// are.
func apart(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	for _, space := range sectionSpaces {
		if bytes.Compare(start, key1(space)) < 0 {
			return policy, key1(space), nil
		}
		if start[0] == space {
			return policy, key1(space + 1), nil
		}
	}
	return policy, nil, nil
}

// makeDir makes a directory that is still there after a power failure: each
// directory that gets a new entry is synced.
func makeDir(files vfs.FS, dir string) error {
	var grown []string
	for d := dir; ; d = files.PathDir(d) {
		if _, err := files.Stat(d); err == nil || d == files.PathDir(d) {
			break
		}
		grown = append(grown, files.PathDir(d))
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range grown {
		f, err := files.OpenDir(d)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func openError(dir string, err error) error {
	switch {
	case strings.Contains(err.Error(), "object size mismatch"), strings.Contains(err.Error(), "unknown to the objstorage provider"):
		return fmt.Errorf("open %s: %w: a file is missing or cut short: change nothing, and restore a backup elsewhere: %w", dir, errMissing, err)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("open %s: %w: %w", dir, ErrTampered, err)
	case strings.Contains(err.Error(), "resource temporarily unavailable"), strings.Contains(err.Error(), "lock held by current process"):
		return fmt.Errorf("open %s: another process has it open: stop it, or ask it over its address", dir)
	}
	return fmt.Errorf("open %s: %w", dir, err)
}

// pebbleLogger passes on what Pebble cannot go on after, and errors. What else
// Pebble has to say is of no use to an operator.
type pebbleLogger struct {
	log   *slog.Logger
	fatal func(error)
}

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("storage error", "err", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf("storage failed, the log must be opened anew: "+format, args...))
}

// start reads the store's state and makes it ready for appends.
func start(cfg Config, db *pebble.DB, ring *keyring.Ring, fresh bool) (*Log, error) {
	s, err := newStore(db, ring, cfg)
	if err != nil {
		return nil, err
	}
	signer, err := ring.Signer(cfg.origin(ring))
	if err != nil {
		return nil, err
	}
	l := &Log{store: s, cfg: cfg, log: cfg.Logger, signer: signer, changed: make(chan struct{}), done: make(chan struct{})}
	if err := s.identify(ring.Store(), false); err != nil {
		return nil, err
	}
	if err := l.writable(); err != nil {
		return nil, err
	}
	if l.state, err = s.readState(); err != nil {
		return nil, err
	}
	if err := errors.Join(ring.Use(l.state.epoch), ring.Tidy()); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	if err := l.openStreamed(); err != nil {
		return nil, err
	}
	if err := s.load(func(err error) error { return err }); err != nil {
		return nil, fmt.Errorf("open log: %w: run afterimage verify", err)
	}
	if err := s.checkRebuilt(); err != nil {
		return nil, err
	}
	if err := l.closeBuckets(); err != nil {
		return nil, err
	}
	if err := errors.Join(removeCheckpoint(cfg), l.checkForgotten()); err != nil {
		return nil, err
	}
	if err := s.checkState(l.state); err != nil {
		return nil, fmt.Errorf("open log: %w: run afterimage verify", err)
	}
	if err := l.dropOrphans(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if l.edge, err = tree.LoadEdge(uint64(l.state.size), s.bundle, s.tile); err != nil {
		return nil, fmt.Errorf("load tree: %w: %w", ErrTampered, err)
	}
	if err := l.checkStart(); err != nil {
		return nil, err
	}
	if err := l.fillIDs(); err != nil {
		return nil, err
	}
	l.size.Store(uint64(l.state.size))
	l.log.Info("log opened", "events", l.state.size, "epoch", l.state.epoch, "new", fresh)
	return l, nil
}

// checkRebuilt reports whether a Rebuild was not finished.
func (d disk) checkRebuilt() error {
	unfinished, err := d.has(key1(spaceRebuild), key1(spaceRebuild+1))
	if err == nil && unfinished {
		err = fmt.Errorf("%w: its indexes were being rebuilt: run afterimage rebuild again", ErrTampered)
	}
	return err
}

// closeBuckets makes sure that nothing is appended to buckets that are being
// forgotten, or of which events are.
func (l *Log) closeBuckets() error {
	p, err := l.pending()
	if err != nil {
		return err
	}
	for _, r := range p.rekey {
		p.drop = append(p.drop, r.bucket)
	}
	for _, id := range p.drop {
		b := l.buckets[id]
		if b == nil {
			return fmt.Errorf("%w: bucket %d, of which events are being forgotten, is not there: run afterimage verify", ErrTampered, id)
		}
		b.closed = true
	}
	return nil
}

// origin returns the log's name in checkpoints.
func (c Config) origin(ring *keyring.Ring) string {
	return cmp.Or(c.Origin, "afterimage.invalid/"+ring.Store().String())
}

// identify checks that the data is the store's, or marks new data as such and
// data of an older format as of this one.
func (s *store) identify(want keyring.StoreID, readOnly bool) error {
	v, err := s.get(key1(spaceStore))
	if err != nil {
		return err
	}
	if v == nil {
		b := s.db.NewBatch()
		set(b, key1(spaceStore), encodeStore(want))
		set(b, key1(spaceState), state{epoch: 1}.encode())
		return b.Commit(pebble.Sync)
	}
	got, version, err := decodeStore(v)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("open keys: %w: %s holds those of store %s, the data is of store %s", keyring.ErrWrongKeys, s.ring.Dir(), want, got)
	}
	if version < formatVersion && !readOnly {
		return s.db.Set(key1(spaceStore), encodeStore(want), pebble.Sync)
	}
	return nil
}

func (d disk) readState() (state, error) {
	v, err := d.get(key1(spaceState))
	if err != nil {
		return state{}, err
	}
	return decodeState(v)
}

// checkStart compares the tree with the newest checkpoint, and both with the
// anchor beside the keys: a log that is shorter than it was is not appended to.
func (l *Log) checkStart() error {
	cp, err := l.newestCheckpoint()
	if err != nil {
		return err
	}
	if cp.Size != l.edge.Size() || cp.Root != l.edge.Root() {
		return fmt.Errorf("open log: %w: the tree of %d events is not that of the newest checkpoint (%d events): run afterimage verify", ErrTampered, l.edge.Size(), cp.Size)
	}
	l.newest.Store(&cp)
	anchor, err := l.anchor()
	if err != nil {
		return fmt.Errorf("the file anchor in %s: %w: put it back from a copy of the key directory", l.cfg.KeysDir, err)
	}
	if anchor.Size == 0 && cp.Size > 0 {
		l.log.Warn("there is no anchor beside the keys: whether the log is as long as it was cannot be told", "dir", l.cfg.KeysDir)
	}
	if anchor.Size > cp.Size {
		return fmt.Errorf("open log: %w: it has %d events and had %d when the keys last saw it: run afterimage verify, or restore the newer copy", ErrTampered, cp.Size, anchor.Size)
	}
	return nil
}

// fillIDs makes the filter of event ids.
func (l *Log) fillIDs() error {
	l.ids = newIDFilter(int(l.state.size))
	return l.each(key1(spaceID), func(k, _ []byte) error {
		if len(k) != 1+4+idHashSize {
			return fmt.Errorf("%w: the key of an id has %d bytes", ErrTampered, len(k))
		}
		l.ids.add(tenantID(binary.BigEndian.Uint32(k[1:])), k[5:])
		return nil
	})
}

// newestCheckpoint returns the checkpoint of the last append; for an empty log
// it signs one.
func (l *Log) newestCheckpoint() (tree.Checkpoint, error) {
	v, err := l.get(key1(spaceCheckpoint))
	if err != nil {
		return tree.Checkpoint{}, err
	}
	if v == nil {
		return tree.Sign(0, l.edge.Root(), l.signer)
	}
	return l.openNote(v)
}

// anchor returns the checkpoint beside the keys, the zero one if there is none.
func (l *Log) anchor() (tree.Checkpoint, error) {
	v, err := l.ring.Anchor()
	if err != nil || v == nil {
		return tree.Checkpoint{}, err
	}
	return l.openNote(v)
}

// openNote opens a checkpoint that the log signed.
func (s *store) openNote(signed []byte) (tree.Checkpoint, error) {
	verifier, err := note.NewVerifier(s.vkey)
	if err != nil {
		return tree.Checkpoint{}, fmt.Errorf("make verifier: %w", err)
	}
	cp, err := tree.Open(signed, verifier)
	if err != nil {
		return cp, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return cp, nil
}

// Close ends appends and follows, waits for the append under way, renews the
// anchor and closes the files. Readers must have ended.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.closed = true
	close(l.done)
	return errors.Join(l.failed, l.renewAnchor(), l.db.Close(), l.codec.Close(), l.held.Close())
}

// renewAnchor keeps the newest checkpoint beside the keys. An empty log leaves
// no anchor: it can be thrown away.
func (l *Log) renewAnchor() error {
	cp := l.newest.Load()
	if cp.Size == 0 {
		return nil
	}
	return l.ring.SaveAnchor(cp.Note)
}
