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
// adds at least tableBytes of one kind of them to a bucket, these are written once,
// as a table that Pebble takes over as it is; less would make too many small tables
// (docs/decisions/0015). They are durable before the batch that makes them a
// block's is committed: what a crash in between leaves is removed by
// dropOrphans.

// tableBytes is the size from which sections are written as tables, in bytes.
const tableBytes = 512 << 10

// tablesDir is where tables are made, below the data directory.
const tablesDir = "new"

// sectionSpaces are the keyspaces of the sections of blocks, ascending.
var sectionSpaces = [...]byte{spaceFilter, spaceSketch, spaceMeta, spaceText}

// sections are what is stored of a block beside its header, as sectionSpaces.
func sections(b *block.Sealed) [len(sectionSpaces)][]byte {
	return [...][]byte{b.Filter, b.Sketch, b.Meta, b.Text}
}

// kinds returns the sections of a group's blocks, kind by kind.
func (g *group) kinds() []kind {
	of := make([]kind, len(sectionSpaces))
	for i, space := range sectionSpaces {
		of[i].space = space
		for _, s := range g.sealed {
			section := sections(s.block)[i]
			of[i].ids, of[i].sections = append(of[i].ids, s.id), append(of[i].sections, section)
			of[i].size += len(section)
		}
	}
	return of
}

// kind is one kind of sections of some blocks, whose numbers ascend.
type kind struct {
	space    byte
	ids      []block.ID
	sections [][]byte
	size     int // of all, in bytes
}

// storeBlocks adds the blocks of groups to a batch, but for large sections, which
// are durable on return. The numbers of the blocks of a group ascend without a gap.
func (l *Log) storeBlocks(b *pebble.Batch, groups []*group) error {
	var large []kind
	for _, g := range groups {
		for _, s := range g.sealed {
			set(b, headerKey(s.id), s.block.Header.Append(nil))
		}
		for _, k := range g.kinds() {
			if k.size >= l.cfg.tableBytes {
				large = append(large, k)
				continue
			}
			for i, id := range k.ids {
				set(b, key8(k.space, uint64(id)), k.sections[i])
			}
		}
	}
	if len(large) == 0 {
		return nil
	}
	var paths []string
	for _, k := range large {
		path := l.cfg.FS.PathJoin(l.cfg.Dir, tablesDir, fmt.Sprintf("%c%d", k.space, k.ids[0]))
		paths = append(paths, path)
		if err := l.writeTable(path, k); err != nil {
			return errors.Join(fmt.Errorf("write table: %w", noSpace(err)), l.removeTables(paths))
		}
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

func (l *Log) writeTable(path string, k kind) error {
	file, err := l.cfg.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), dbOptions(l.cfg).MakeWriterOptions(0, l.db.TableFormat()))
	for i, id := range k.ids {
		if err := w.Set(key8(k.space, uint64(id)), k.sections[i]); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close() // It syncs the file.
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
		if !slices.ContainsFunc(g.kinds(), func(k kind) bool { return k.size >= l.cfg.tableBytes }) {
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
	blocks := []block.ID{first - 1, last + 1} // What is between these is nobody's.
	l.mu.RLock()
	for id := range l.headers {
		if first <= id && id <= last {
			blocks = append(blocks, id)
		}
	}
	l.mu.RUnlock()
	slices.Sort(blocks)
	b := l.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	for i, id := range blocks[1:] {
		if before := blocks[i]; before+1 < id {
			removeSections(b, before+1, id-1)
		}
	}
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
	return l.dropBeyond(l.state.block)
}

// dropBeyond removes the sections of blocks beyond the last number given out.
func (l *Log) dropBeyond(last block.ID) error {
	for _, space := range sectionSpaces {
		first, end := key8(space, uint64(last)+1), key1(space+1)
		found, err := l.has(first, end)
		if err == nil && found {
			err = l.db.DeleteRange(first, end, pebble.NoSync)
		}
		if err != nil {
			return fmt.Errorf("remove sections without a block: %w", err)
		}
	}
	return nil
}
