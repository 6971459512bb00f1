package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterimage/afterimage/eventlog/block"
)

// The sections of blocks are nearly all that is stored. Through the write-ahead
// log they would be written twice, and again by compactions. So where a step
// adds at least tableBytes of them to a bucket, they are written once, as tables
// that Pebble takes over as they are; fewer would make too many small tables
// (docs/decisions/0015). They are durable before the batch that makes them a
// block's is committed: what a crash in between leaves is removed by
// dropOrphans.

// tableBytes is the size from which sections are written as tables, in bytes.
const tableBytes = 512 << 10

// tablesDir is where tables are made, below the data directory.
const tablesDir = "new"

// sectionSpaces are the keyspaces of the sections of blocks, ascending.
var sectionSpaces = [...]byte{spaceFilter, spaceMeta, spaceText}

// sections are what is stored of a block beside its header, as sectionSpaces.
func sections(b *block.Sealed) [len(sectionSpaces)][]byte {
	return [...][]byte{b.Filter, b.Meta, b.Text}
}

// size returns the bytes that the sections of the blocks of a group take.
func (g *group) size() (n int) {
	for _, s := range g.sealed {
		for _, section := range sections(s.block) {
			n += len(section)
		}
	}
	return n
}

// storeBlocks adds the blocks of groups to a batch: all of small groups, the
// headers of large ones, whose sections are durable on return. The numbers of
// the blocks of a group ascend without a gap.
func (l *Log) storeBlocks(b *pebble.Batch, groups []*group) error {
	for _, g := range groups {
		for _, s := range g.sealed {
			set(b, headerKey(s.id), s.block.Header.Append(nil))
		}
	}
	var paths []string
	for _, g := range groups {
		if g.size() >= l.cfg.tableBytes {
			tables, err := l.writeTables(g.sealed)
			paths = append(paths, tables...)
			if err != nil {
				return errors.Join(fmt.Errorf("write tables: %w", noSpace(err)), l.removeTables(paths))
			}
			continue
		}
		for _, s := range g.sealed {
			for i, section := range sections(s.block) {
				set(b, key8(sectionSpaces[i], uint64(s.id)), section)
			}
		}
	}
	if len(paths) == 0 {
		return nil
	}
	if err := l.db.Ingest(context.Background(), paths); err != nil {
		return errors.Join(fmt.Errorf("take over tables: %w", noSpace(err)), l.removeTables(paths))
	}
	return nil
}

// noSpace makes an error that says that there is no space left an ErrDiskFull.
func noSpace(err error) error {
	if vfs.IsNoSpaceError(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}

// writeTables writes the sections of blocks, a table of each kind, and returns
// the tables that there are, even with an error.
func (l *Log) writeTables(blocks []sealed) (paths []string, err error) {
	options := dbOptions(l.cfg).MakeWriterOptions(0, l.db.TableFormat())
	for i, space := range sectionSpaces {
		path := l.cfg.FS.PathJoin(l.cfg.Dir, tablesDir, fmt.Sprintf("%c%d", space, blocks[0].id))
		file, err := l.cfg.FS.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return paths, err
		}
		paths = append(paths, path)
		w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), options)
		for _, s := range blocks {
			if err := w.Set(key8(space, uint64(s.id)), sections(s.block)[i]); err != nil {
				return paths, errors.Join(err, w.Close())
			}
		}
		if err := w.Close(); err != nil { // It syncs the file.
			return paths, err
		}
	}
	return paths, nil
}

// removeTables removes tables that Pebble has not taken over.
func (l *Log) removeTables(paths []string) (err error) {
	for _, path := range paths {
		if e := l.cfg.FS.Remove(path); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// removeBlocks removes blocks in a batch. Neighbours go as a range: tables of
// which nothing is left are then dropped unread.
func removeBlocks(b *pebble.Batch, ids []block.ID) {
	ids = slices.Sorted(slices.Values(ids))
	for len(ids) > 0 {
		run := 1
		for run < len(ids) && ids[run] == ids[0]+block.ID(run) {
			run++
		}
		removeBetween(b, spaceHeader, ids[0], ids[run-1])
		removeSections(b, ids[0], ids[run-1])
		ids = ids[run:]
	}
}

// removeSections removes the sections of the blocks from first to last.
func removeSections(b *pebble.Batch, first, last block.ID) {
	for _, space := range sectionSpaces {
		removeBetween(b, space, first, last)
	}
}

func removeBetween(b *pebble.Batch, space byte, first, last block.ID) {
	if err := b.DeleteRange(key8(space, uint64(first)), key8(space, uint64(last)+1), nil); err != nil {
		panic("internal error: add to batch: " + err.Error())
	}
}

// A rewriting notes which blocks it is about to write, durably; the batch that
// makes them blocks removes the note. An append need not: its numbers are not
// given out before it is committed.

// noteTables notes the blocks of groups whose sections are about to be written
// as tables. What the rewriting before left behind goes.
func (l *Log) noteTables(groups []*group) error {
	if err := l.dropNoted(); err != nil {
		return err
	}
	var first, last block.ID
	for _, g := range groups {
		if g.size() < l.cfg.tableBytes {
			continue
		}
		if first == 0 {
			first = g.sealed[0].id
		}
		last = g.sealed[len(g.sealed)-1].id
	}
	if first == 0 {
		return nil
	}
	note := binary.BigEndian.AppendUint64(nil, uint64(first))
	return l.db.Set(key1(spaceTables), binary.BigEndian.AppendUint64(note, uint64(last)), pebble.Sync)
}

// dropNoted removes the sections that a rewriting wrote which was not committed.
func (l *Log) dropNoted() error {
	note, err := l.get(key1(spaceTables))
	if err != nil || note == nil {
		return err
	}
	if len(note) != 16 {
		return fmt.Errorf("%w: the note of tables has %d bytes", ErrTampered, len(note))
	}
	first, last := block.ID(binary.BigEndian.Uint64(note)), block.ID(binary.BigEndian.Uint64(note[8:]))
	l.mu.RLock()
	defer l.mu.RUnlock()
	for id := range l.headers {
		if first <= id && id <= last {
			return fmt.Errorf("%w: block %d is noted as one that was never finished", ErrTampered, id)
		}
	}
	b := l.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	removeSections(b, first, last)
	remove(b, key1(spaceTables))
	return b.Commit(pebble.NoSync) // If it is lost, it is done again.
}

// dropOrphans removes what a crash left of tables: files that Pebble had not
// taken over, and sections without a block.
func (l *Log) dropOrphans() error {
	names, err := l.cfg.FS.List(l.cfg.FS.PathJoin(l.cfg.Dir, tablesDir))
	if err != nil {
		return fmt.Errorf("look for tables: %w", err)
	}
	for i, name := range names {
		names[i] = l.cfg.FS.PathJoin(l.cfg.Dir, tablesDir, name)
	}
	if err := errors.Join(l.removeTables(names), l.dropNoted()); err != nil {
		return err
	}
	for _, space := range sectionSpaces {
		rest := [2][]byte{key8(space, uint64(l.state.block)+1), key1(space + 1)}
		found, err := l.has(rest[0], rest[1])
		if err != nil {
			return err
		}
		if found {
			if err := l.db.DeleteRange(rest[0], rest[1], pebble.NoSync); err != nil {
				return fmt.Errorf("remove sections without a block: %w", err)
			}
		}
	}
	return nil
}
