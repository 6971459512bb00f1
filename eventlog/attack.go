package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// Attacked is what somebody tried, and what it led to.
type Attacked struct {
	Secrets int // wrapped secrets that were tried with the keys of now
	Blocks  int // blocks of what is gone
	Places  int // in files, where a wrapped secret may begin
	Opened  int // of the secrets and places
	Read    int // of the blocks
}

// Attack tries to read what is gone, as somebody would who has a copy of the data
// directory from before, the key directory of now and the log of now, open: from
// what Pebble says is in the copy, and from every byte of its files. It is how tests
// show invariant 4 to those outside; on a copy from before anything of gone went,
// nothing may be opened or read. The copy stays as it is.
func (l *Log) Attack(ctx context.Context, dir string, gone *roaring64.Bitmap) (a Attacked, err error) {
	cfg := l.cfg
	cfg.Dir, cfg.CacheBytes = dir, 1<<20
	db, err := openDB(cfg, true)
	if err != nil {
		return a, fmt.Errorf("attack %s: %w", dir, err)
	}
	old := disk{db}
	err = errors.Join(l.attackSecrets(&a, old), l.attackBlocks(ctx, &a, old, gone), db.Close())
	if err == nil {
		err = l.attackFiles(&a, dir)
	}
	if err != nil {
		err = fmt.Errorf("attack %s: %w", dir, err)
	}
	return a, err
}

// opens reports whether a key of now opens what may be the wrapped secret of a
// tenant or a bucket.
func (l *Log) opens(wrapped []byte, id uint32) bool {
	for _, epoch := range []*keyring.Epoch{l.ring.Current(), l.ring.Previous()} {
		if epoch == nil {
			continue
		}
		for _, use := range [][]byte{tenantUse(tenantID(id)), bucketUse(bucketID(id))} {
			if _, err := epoch.OpenSecret(wrapped, use); err == nil {
				return true
			}
		}
	}
	return false
}

// attackSecrets tries the secrets that the copy has.
func (l *Log) attackSecrets(a *Attacked, old disk) error {
	for _, space := range []byte{spaceTenant, spaceBucket} {
		err := old.each(key1(space), func(k, v []byte) error {
			if len(k) != 5 || len(v) < keyring.WrappedSize {
				return fmt.Errorf("%w: a secret is too short", ErrTampered)
			}
			a.Secrets++
			if l.opens(v[:keyring.WrappedSize], binary.BigEndian.Uint32(k[1:])) {
				a.Opened++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// allKeys is on how many blocks the keys of all buckets are tried; on others only
// that of the bucket of the same number.
const allKeys = 64

// attackBlocks tries the blocks in which the copy has what is gone, with the keys
// of the buckets of now.
func (l *Log) attackBlocks(ctx context.Context, a *Attacked, old disk, gone *roaring64.Bitmap) error {
	targets := map[block.ID]bool{}
	for it := gone.Iterator(); it.HasNext(); {
		at, err := old.locate(event.Seq(it.Next()))
		if errors.Is(err, ErrErased) || errors.Is(err, ErrNotFound) {
			continue // It was gone by then, or had not come.
		}
		if err != nil {
			return err
		}
		targets[at.block] = true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for id := range targets {
		v, err := old.get(headerKey(id))
		if err == nil && v == nil {
			continue // It was dropped whole, and is pending no more.
		}
		var h block.Header
		if err == nil {
			h, err = block.ParseHeader(v)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		a.Blocks++
		for _, b := range l.buckets {
			if a.Blocks > allKeys && uint32(b.id) != h.Bucket {
				continue
			}
			_, text := readText(old, l.codec, id, &h, b)
			_, meta := openMeta(old, id, &h, b, l.codec.OpenMeta)
			if text == nil || meta == nil {
				a.Read++
			}
		}
	}
	return nil
}

// attackFiles looks for a secret wherever a key of one stands in a file: what
// Pebble does not show any more is there too.
func (l *Log) attackFiles(a *Attacked, dir string) error {
	l.writing.Lock()
	most := max(uint32(l.state.bucket), uint32(l.state.tenant)) + 1
	l.writing.Unlock()
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // It is told which.
		if err != nil {
			return err
		}
		const between = 3 // bytes at most, of the value's length
		for ; len(b) >= 5+between+keyring.WrappedSize; b = b[1:] {
			if id := binary.BigEndian.Uint32(b[1:]); b[0] != spaceTenant && b[0] != spaceBucket || id == 0 || id > most {
				continue
			}
			for skip := range between + 1 {
				a.Places++
				if l.opens(b[5+skip:5+skip+keyring.WrappedSize], binary.BigEndian.Uint32(b[1:])) {
					a.Opened++
				}
			}
		}
		return nil
	})
}
