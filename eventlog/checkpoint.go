package eventlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A Checkpoint is a signed tree head.
type Checkpoint struct {
	Size event.Seq
	Root [32]byte
	Note []byte // the signed note, C2SP tlog-checkpoint
	Key  string // what the log signs notes with, as C2SP signed-note spells it
}

func (s *store) checkpointOf(cp tree.Checkpoint) Checkpoint {
	return Checkpoint{event.Seq(cp.Size), cp.Root, slices.Clone(cp.Note), s.vkey}
}

// Checkpoint returns a signed tree head over everything appended so far, and
// keeps it for good, in the log and beside the keys.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return Checkpoint{}, err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return Checkpoint{}, ErrClosed
	}
	cp := l.newest.Load()
	if cp.Size == 0 {
		return l.checkpointOf(*cp), nil
	}
	if err := l.db.Set(checkpointKey(event.Seq(cp.Size)), cp.Note, pebble.Sync); err != nil {
		return Checkpoint{}, fmt.Errorf("keep checkpoint: %w", err)
	}
	l.failed = l.renewAnchor()
	return l.checkpointOf(*cp), l.failed
}

// Newest returns the signed tree head over everything appended so far.
func (l *Log) Newest() Checkpoint { return l.checkpointOf(*l.newest.Load()) }

// Tile returns the Merkle tile or entry bundle at the path below /tlog/, e.g.
// `tile/0/x001/234` or `tile/entries/067.p/12` (C2SP tlog-tiles), or
// ErrNotFound.
func (l *Log) Tile(path string) ([]byte, error) {
	p, err := tree.ParsePath(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if p.Level > 0 {
		return l.upperTile(p)
	}
	bundle, err := l.bundle(p.Index)
	if err != nil {
		return nil, err
	}
	if len(bundle) < p.Width*tree.HashSize {
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	bundle = bundle[:p.Width*tree.HashSize]
	if p.Entries {
		return tree.Entries(bundle), nil
	}
	return tree.AppendHashes(nil, tree.LeafHashes(bundle)), nil
}

func (l *Log) upperTile(p tree.Path) ([]byte, error) {
	if p.Level > 7 {
		return nil, fmt.Errorf("%s: %w", p, ErrNotFound)
	}
	hashes, err := l.tile(p.Level, p.Index)
	if err != nil {
		return nil, err
	}
	if len(hashes) < p.Width {
		return nil, fmt.Errorf("%s: %w", p, ErrNotFound)
	}
	return tree.AppendHashes(nil, hashes[:p.Width]), nil
}
