package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// ErrBusy says that another backup, into the same directory or of the same log,
// is under way.
var ErrBusy = errors.New("another backup is under way")

// A Backup is a finished backup.
type Backup struct {
	Dir    string // of its own, below the one that was asked for
	Size   event.Seq
	Epoch  uint64
	Bytes  int64 // of all its files
	Copied int64 // of those that were written now; the others are links to an earlier backup's
}

// BackupProgress is how far a backup, or a restore, has come.
type BackupProgress struct {
	Step        string // copy; of a restore: check, copy, forget or verify
	Done, Total int64  // bytes; blocks or events where something is forgotten or verified
}

// Backup copies the log, as it is at one instant, into a directory of its own
// below dir, which is made if absent, and calls progress now and then. Appends
// go on meanwhile. What an earlier complete backup of the log in dir has is
// linked, not copied. It is durable on return; after a crash or an error there is
// nothing that passes for a backup, and the next one removes what there is.
//
// With the data it holds the keys of its epoch, wrapped by the KEK, and not the
// KEK: until that is rotated, the two open it. What is forgotten later is kept
// on record beside the keys, and forgotten again by [Restore].
//
// Errors: ErrBusy, ErrDiskFull, ErrClosed, or what the disks said.
func (l *Log) Backup(ctx context.Context, dir string, progress func(BackupProgress)) (_ Backup, err error) {
	if !l.backup.TryLock() {
		return Backup{}, fmt.Errorf("back up into %s: %w", dir, ErrBusy)
	}
	defer l.backup.Unlock()
	b := &backingUp{fs: l.cfg.FS, root: dir, minFree: l.cfg.MinFree, progress: progress}
	defer func() {
		err = errors.Join(err, removeCheckpoint(l.cfg))
		if err != nil {
			err = fmt.Errorf("back up into %s: %w", dir, err)
		}
	}()
	keys, err := l.freeze(ctx)
	if err != nil {
		return Backup{}, err
	}
	if b.manifest, err = l.describe(checkpointDir(l.cfg)); err != nil {
		return Backup{}, err
	}
	b.manifest.Time = l.cfg.Now().UTC()
	return b.run(ctx, checkpointDir(l.cfg), keys)
}

// checkpointDir is where Pebble puts what is backed up, beside the data: mostly
// links.
func checkpointDir(cfg Config) string { return cfg.Dir + ".backup" }

// removeCheckpoint removes what a backup, or one that a crash ended, has beside
// the data.
func removeCheckpoint(cfg Config) error {
	if err := cfg.FS.RemoveAll(checkpointDir(cfg)); err != nil {
		return fmt.Errorf("remove %s: %w", checkpointDir(cfg), err)
	}
	return nil
}

// freeze makes a copy of data and keys at one instant, in one epoch: whoever
// changes epochs holds rewriting.
func (l *Log) freeze(ctx context.Context) (keyring.Copy, error) {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := errors.Join(ctx.Err(), l.Ready(), removeCheckpoint(l.cfg)); err != nil {
		return keyring.Copy{}, err
	}
	if err := l.db.Checkpoint(checkpointDir(l.cfg), pebble.WithFlushedWAL()); err != nil {
		return keyring.Copy{}, fmt.Errorf("take a checkpoint of the data: %w", err)
	}
	return l.ring.Copy()
}

// describe says what a copy of the data holds, by looking at the copy.
func (l *Log) describe(dir string) (m manifest, err error) {
	cfg := l.cfg
	cfg.Dir, cfg.CacheBytes = dir, 1<<20
	db, err := openDB(cfg, true)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	d := disk{db}
	st, err := d.readState()
	if err != nil {
		return m, err
	}
	note, err := d.get(key1(spaceCheckpoint))
	if err != nil {
		return m, err
	}
	return manifest{
		Format: manifestFormat, Store: l.ring.Store().String(), Epoch: st.epoch, Size: uint64(st.size),
		Bucket: uint32(st.bucket), Checkpoint: string(note),
	}, nil
}

// backingUp is a backup under way.
type backingUp struct {
	fs       vfs.FS
	root     string // where backups are
	dir      string // where this one is
	minFree  uint64
	manifest manifest
	progress func(BackupProgress)

	earlier map[string]earlierFile // files of complete backups, by name
	total   int64
	done    int64
	copied  int64
}

// earlierFile is a file of an earlier backup.
type earlierFile struct {
	path string
	manifestFile
}

// run makes the backup of the copy at from. Until the manifest is in place, which
// is the last step, it is none.
func (b *backingUp) run(ctx context.Context, from string, keys keyring.Copy) (_ Backup, err error) {
	if err := makeDir(b.fs, b.root); err != nil {
		return Backup{}, err
	}
	lock, err := lock(b.fs, b.fs.PathJoin(b.root, "LOCK"))
	if err != nil {
		return Backup{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := b.look(); err != nil {
		return Backup{}, err
	}
	defer func() {
		if err != nil && b.dir != "" {
			err = errors.Join(err, b.fs.RemoveAll(b.dir))
		}
	}()
	for _, step := range []func() error{
		b.makeDirs,
		func() error { return b.copyLog(ctx, from) },
		func() error { return b.writeKeys(keys) },
		// The entries of what was written; those of root and dir are durable.
		func() error { return syncDir(b.fs, b.fs.PathJoin(b.dir, logPart)) },
		func() error { return syncDir(b.fs, b.fs.PathJoin(b.dir, keysPart)) },
		ctx.Err,
		func() error { return writeManifest(b.fs, b.dir, b.manifest) },
	} {
		if err := step(); err != nil {
			return Backup{}, err
		}
	}
	return Backup{Dir: b.dir, Size: event.Seq(b.manifest.Size), Epoch: b.manifest.Epoch, Bytes: b.manifest.bytes(), Copied: b.copied}, nil
}

// lock takes a lock that other processes honour.
func lock(files vfs.FS, name string) (interface{ Close() error }, error) {
	l, err := files.Lock(name)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("%s: %w", name, ErrBusy)
	}
	return l, err
}

// look removes what interrupted backups left, and notes what complete ones have.
func (b *backingUp) look() error {
	names, err := b.fs.List(b.root)
	if err != nil {
		return err
	}
	slices.Sort(names) // By time: later ones win.
	b.earlier = map[string]earlierFile{}
	for _, name := range names {
		if !backupName.MatchString(name) {
			continue
		}
		dir := b.fs.PathJoin(b.root, name)
		m, err := readManifest(b.fs, dir)
		if errors.Is(err, errIncomplete) {
			if err := b.fs.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove an interrupted backup: %w", err)
			}
			continue
		}
		if err != nil || m.Store != b.manifest.Store {
			continue // It is of no use here, and not ours to remove.
		}
		for _, f := range m.Files {
			b.earlier[f.Name] = earlierFile{b.fs.PathJoin(dir, f.Name), f}
		}
	}
	return nil
}

// makeDirs makes the directories of this backup, under a name that is free.
func (b *backingUp) makeDirs() error {
	name := fmt.Sprintf("%s-%d", b.manifest.Time.Format("20060102T150405Z"), b.manifest.Size)
	for n := 1; b.dir == ""; n++ {
		dir := b.fs.PathJoin(b.root, name)
		if n > 1 {
			dir += fmt.Sprintf("-%d", n)
		}
		if _, err := b.fs.Stat(dir); err != nil {
			b.dir = dir
		}
	}
	for _, part := range []string{logPart, keysPart} {
		if err := makeDir(b.fs, b.fs.PathJoin(b.dir, part)); err != nil {
			return err
		}
	}
	return nil
}

// copyLog links or copies every file at from.
func (b *backingUp) copyLog(ctx context.Context, from string) error {
	names, err := b.fs.List(from)
	if err != nil {
		return err
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool { return name == "LOCK" })
	sizes := make([]int64, len(names))
	fresh := uint64(0) // bytes to be written, as far as can be told
	for i, name := range names {
		info, err := b.fs.Stat(b.fs.PathJoin(from, name))
		if err != nil {
			return err
		}
		sizes[i] = info.Size()
		b.total += sizes[i]
		if !b.has(name, sizes[i]) {
			fresh += uint64(sizes[i])
		}
	}
	if err := haveRoom(b.fs, b.root, fresh+b.minFree); err != nil {
		return err
	}
	for i, name := range names {
		if err := b.file(ctx, b.fs.PathJoin(from, name), name, sizes[i]); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether an earlier backup seems to have a file. Only tables and
// blobs stay what they are.
func (b *backingUp) has(name string, size int64) bool {
	if !strings.HasSuffix(name, ".sst") && !strings.HasSuffix(name, ".blob") {
		return false
	}
	f, ok := b.earlier[logPart+"/"+name]
	return ok && f.Size == size
}

// file links or copies one file of the log. Names come again after a restore, so
// that it is the content which says whether a file is the same.
func (b *backingUp) file(ctx context.Context, from, name string, size int64) error {
	in := logPart + "/" + name
	to := b.fs.PathJoin(b.dir, in)
	before := b.done
	tell := func(n int64) {
		b.done = before + min(n, size)
		b.progress(BackupProgress{"copy", b.done, b.total})
	}
	if b.has(name, size) {
		_, sum, err := readFile(ctx, b.fs, from, nil, tell)
		if err != nil {
			return err
		}
		old := b.earlier[in]
		if sum == old.SHA256 && b.fs.Link(old.path, to) == nil {
			b.manifest.Files = append(b.manifest.Files, manifestFile{in, size, sum})
			return nil
		}
	}
	n, sum, err := copyFile(ctx, b.fs, from, to, tell)
	if err != nil {
		return err
	}
	b.copied += n
	b.manifest.Files = append(b.manifest.Files, manifestFile{in, n, sum})
	return nil
}

// writeKeys writes the keys, wrapped, and the newest checkpoint.
func (b *backingUp) writeKeys(keys keyring.Copy) error {
	for _, f := range []struct {
		name    string
		content []byte
	}{{epochPart, keys.Epoch}, {signingPart, keys.Signing}, {anchorPart, []byte(b.manifest.Checkpoint)}} {
		// First the hash: Pebble's file systems may use what they write as they like.
		b.manifest.Files = append(b.manifest.Files, manifestFile{f.name, int64(len(f.content)), sumOf(f.content)})
		if err := writeFile(b.fs, b.fs.PathJoin(b.dir, f.name), f.content); err != nil {
			return err
		}
		b.copied += int64(len(f.content))
	}
	return nil
}

// haveRoom reports, with ErrDiskFull, whether a disk has less free space than
// that.
func haveRoom(files vfs.FS, dir string, want uint64) error {
	usage, err := files.GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask for free disk space: %w", err)
	}
	if usage.AvailBytes < want {
		return fmt.Errorf("%w: where %s is, %d MiB are free and %d MiB are needed: make room", ErrDiskFull, dir, usage.AvailBytes>>20, want>>20)
	}
	return nil
}

// copyFile copies a file durably, but for its entry in the directory, and returns
// how long it is and its hash.
func copyFile(ctx context.Context, files vfs.FS, from, to string, progress func(int64)) (n int64, sum string, err error) {
	out, err := files.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, "", err
	}
	n, sum, err = readFile(ctx, files, from, out, progress)
	return n, sum, errors.Join(err, out.Sync(), out.Close())
}
