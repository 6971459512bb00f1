package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Restored is a log that was restored.
type Restored struct {
	Checkpoint           // over what it has now: the backup, and what the restore itself put on record
	Backup     event.Seq // events of the backup
	Lost       event.Seq // events that the keys had seen beside these
	Forgotten  int       // events that were forgotten after the backup, and are again
	Epoch      uint64    // of the keys, from now on
	Beside     []string  // under which names something is kept beside the keys, and outlived the log
}

// Restore puts a backup in the place of the log in cfg.Dir, which must hold
// nothing, and of the keys in cfg.KeysDir, which must hold the KEK, and should
// hold all that the lost store had there. Then it forgets again all that was
// forgotten since the backup, as the records beside the keys say, in an epoch of
// keys that never was, and verifies the log. Only then can the log be opened. What
// KeepBeside kept stays as it is.
//
// Nothing is changed before the whole backup was checked. A crash or an error
// after that leaves a log that does not open: call Restore again, which begins
// anew. What the keys in cfg.KeysDir opened before, and the backup does not have,
// is lost when it returns nil.
func Restore(ctx context.Context, cfg Config, backup string, progress func(BackupProgress)) (_ Restored, err error) {
	cfg = cfg.withDefaults()
	cfg.restoring, cfg.Rekey = true, nil
	r := &restoring{ctx: ctx, cfg: cfg, from: backup, progress: progress}
	if r.manifest, err = readManifest(cfg.FS, backup); err != nil {
		return Restored{}, fmt.Errorf("restore: %w%s", err, among(cfg.FS, backup))
	}
	defer func() { err = errors.Join(err, r.unlock()) }()
	for _, step := range []func() error{r.target, r.keys, r.check, r.mark, r.copy, r.install, r.replay, r.unmark} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return Restored{}, fmt.Errorf("restore: %w", err)
		}
	}
	return r.restored, nil
}

// among says which backup to name instead of the directory that it is in.
func among(files vfs.FS, dir string) string {
	names, err := files.List(dir)
	if err != nil {
		return ""
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		if _, err := readManifest(files, files.PathJoin(dir, name)); err == nil && backupName.MatchString(name) {
			return fmt.Sprintf("; it holds backups: name one of them, the newest is %s", name)
		}
	}
	return ""
}

// restoring is a Restore under way.
type restoring struct {
	ctx      context.Context //nolint:containedctx // It lives as long as one call.
	cfg      Config
	from     string
	manifest manifest
	progress func(BackupProgress)

	again     bool // an earlier attempt did not end
	lock      io.Closer
	held      io.Closer // the keys
	copied    keyring.Copy
	anchor    []byte     // the backup's; nil: it has no events
	seen      []byte     // the newest anchor of the lost store
	forgotten *forgotten // since the backup
	restored  Restored
}

// markFile is beside the data while it is being restored. It holds the newest
// anchor of the store that was lost.
func markFile(cfg Config) string { return cfg.Dir + ".restoring" }

// checkRestored refuses a log whose restore did not end.
func checkRestored(cfg Config) error {
	if cfg.restoring {
		return nil
	}
	_, err := cfg.FS.Stat(markFile(cfg))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", markFile(cfg), err)
	}
	return fmt.Errorf("%s was being restored from a backup, and that did not end: run afterimage restore again", cfg.Dir)
}

// target makes sure that there is nothing in the data directory, but for what an
// earlier attempt left.
func (r *restoring) target() error {
	files := r.cfg.FS
	if err := makeDir(files, files.PathDir(r.cfg.Dir)); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	var err error
	if r.lock, err = lock(files, markFile(r.cfg)+".lock"); err != nil {
		return err
	}
	if r.seen, err = readSmall(files, markFile(r.cfg)); err == nil {
		r.again = true
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	names, err := files.List(r.cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at data directory %s: %w", r.cfg.Dir, err)
	}
	if len(names) > 0 {
		return fmt.Errorf("there is something in %s: name an empty directory with --data, or move that away", r.cfg.Dir)
	}
	return nil
}

func (r *restoring) unlock() (err error) {
	if r.held != nil {
		err = r.held.Close()
	}
	if r.lock == nil {
		return err
	}
	return errors.Join(err, r.cfg.FS.Remove(markFile(r.cfg)+".lock"), r.lock.Close())
}

// keys makes sure that the KEK opens the backup's keys, that what is in the key
// directory is the same store's, and that all that was forgotten is on record.
func (r *restoring) keys() error {
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{epochPart, &r.copied.Epoch}, {signingPart, &r.copied.Signing}, {anchorPart, &r.anchor}} {
		b, err := readSmall(r.cfg.FS, r.cfg.FS.PathJoin(r.from, f.name))
		if err != nil {
			return fmt.Errorf("read %s of the backup: %w", f.name, err)
		}
		if !slices.Contains(r.manifest.Files, manifestFile{f.name, int64(len(b)), sumOf(b)}) {
			return damaged(f.name)
		}
		*f.to = b
	}
	if len(r.anchor) == 0 {
		r.anchor = nil
	}
	dir := r.cfg.KeysDir
	if _, err := os.Stat(dir); err == nil {
		if r.held, err = keyring.Hold(dir); err != nil {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) { // A KMS has the KEK; install makes it.
		return fmt.Errorf("look for keys: %w", err)
	}
	store, epoch, err := keyring.Seen(dir)
	if err != nil && !errors.Is(err, keyring.ErrNoKeys) {
		return err
	}
	if err == nil && store.String() != r.manifest.Store {
		return fmt.Errorf("%w: %s holds those of store %s, the backup is of store %s", keyring.ErrWrongKeys, dir, store, r.manifest.Store)
	}
	ring, err := keyring.OpenCopy(dir, r.cfg.Keys, r.copied)
	if errors.Is(err, keyring.ErrNoKeys) {
		return fmt.Errorf("%w: a backup does not hold the KEK: put it back from where it is kept apart", err)
	}
	if errors.Is(err, keyring.ErrWrongKeys) {
		return fmt.Errorf("open the keys of the backup, %s: %w; if the KEK was rotated after the backup, only the one from before opens it", r.cfg.FS.PathJoin(r.from, epochPart), err)
	}
	if err != nil {
		return fmt.Errorf("open the keys of the backup: %w", err)
	}
	if ring.Store().String() != r.manifest.Store || ring.Current().Number() != r.manifest.Epoch {
		return fmt.Errorf("%w: the keys in the backup are not those of its data", ErrTampered)
	}
	if r.restored.Beside, err = ring.CheckBeside(); err != nil { // Now whoever restores may have another copy of it.
		return err
	}
	if err := r.since(ring, epoch); err != nil {
		return err
	}
	return r.compare(ring)
}

// since reads what was forgotten since the backup. Where the keys have seen a
// later epoch, what each one in between forgot must be on record.
func (r *restoring) since(ring *keyring.Ring, epoch uint64) (err error) {
	epochs, err := ring.ForgottenEpochs()
	if err != nil {
		return err
	}
	for n := r.manifest.Epoch + 1; n <= epoch; n++ {
		if !slices.Contains(epochs, n) {
			return fmt.Errorf("%s was used in epoch %d, the backup is of epoch %d, and what epoch %d forgot is not on record: put forgotten/%d back from a copy of the key directory, or take a newer backup",
				ring.Dir(), epoch, r.manifest.Epoch, n, n)
		}
	}
	r.forgotten, err = forgottenSince(ring, r.manifest.Epoch, fork{event.Seq(r.manifest.Size), bucketID(r.manifest.Bucket)})
	return err
}

// compare finds out how many events the backup lacks.
func (r *restoring) compare(ring *keyring.Ring) error {
	vkey, err := ring.VerifierKey(r.cfg.origin(ring))
	if err != nil {
		return err
	}
	if !r.again {
		if r.seen, err = ring.Anchor(); err != nil {
			return err
		}
	}
	r.restored.Backup = event.Seq(r.manifest.Size)
	if len(r.seen) == 0 {
		return nil
	}
	cp, err := (&store{vkey: vkey}).openNote(r.seen)
	if err != nil {
		return fmt.Errorf("the anchor in %s: %w: remove it if you know why", r.cfg.KeysDir, err)
	}
	r.restored.Lost = max(event.Seq(cp.Size), r.restored.Backup) - r.restored.Backup
	return nil
}

func damaged(name string) error {
	return fmt.Errorf("%w: %s of the backup is not as the manifest says: use another backup", ErrTampered, name)
}

// check reads the whole backup and compares it with the manifest.
func (r *restoring) check() error {
	return r.each("check", func(f manifestFile, tell func(int64)) (int64, string, error) {
		return readFile(r.ctx, r.cfg.FS, r.cfg.FS.PathJoin(r.from, f.Name), nil, tell)
	})
}

// each calls do for every file of the log in the backup, which returns the length
// and hash that it saw.
func (r *restoring) each(step string, do func(f manifestFile, tell func(int64)) (int64, string, error)) error {
	total, done := r.manifest.bytes(), int64(0)
	for _, f := range r.manifest.Files {
		if f.Name == epochPart || f.Name == signingPart || f.Name == anchorPart {
			continue
		}
		n, sum, err := do(f, func(n int64) { r.progress(BackupProgress{step, done + n, total}) })
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: %s of the backup is missing: use another backup", ErrTampered, f.Name)
		}
		if err != nil {
			return fmt.Errorf("%s of the backup: %w", f.Name, err)
		}
		if n != f.Size || sum != f.SHA256 {
			return damaged(f.Name)
		}
		done += n
	}
	return nil
}

// mark makes sure that, from now on, nobody opens what is in the data directory.
func (r *restoring) mark() error {
	files, name := r.cfg.FS, markFile(r.cfg)
	if err := haveRoom(files, files.PathDir(r.cfg.Dir), uint64(r.manifest.bytes())+r.cfg.MinFree); err != nil {
		return err
	}
	if err := writeFile(files, name+".tmp", r.seen); err != nil {
		return err
	}
	if err := files.Rename(name+".tmp", name); err != nil {
		return err
	}
	return syncDir(files, files.PathDir(name))
}

// copy puts the data in place.
func (r *restoring) copy() error {
	files := r.cfg.FS
	if err := files.RemoveAll(r.cfg.Dir); err != nil {
		return err
	}
	if err := makeDir(files, r.cfg.Dir); err != nil {
		return err
	}
	err := r.each("copy", func(f manifestFile, tell func(int64)) (int64, string, error) {
		return copyFile(r.ctx, files, files.PathJoin(r.from, f.Name), files.PathJoin(r.cfg.Dir, files.PathBase(f.Name)), tell)
	})
	if err != nil {
		return err
	}
	return syncDir(files, r.cfg.Dir)
}

// install puts the keys in place. Before, they did not open the data; until the
// mark is gone, nobody opens it with them.
func (r *restoring) install() error {
	if err := keyring.Install(r.cfg.KeysDir, r.copied, r.anchor); err != nil || r.held != nil {
		return err
	}
	var err error
	r.held, err = keyring.Hold(r.cfg.KeysDir)
	return err
}

// replay opens the log, forgets what is to be forgotten, and verifies it.
func (r *restoring) replay() (err error) {
	l, err := Open(r.ctx, r.cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if uint64(l.Size()) != r.manifest.Size {
		return fmt.Errorf("%w: the backup has %d events, its manifest says %d", ErrTampered, l.Size(), r.manifest.Size)
	}
	l.fork = &fork{event.Seq(r.manifest.Size), bucketID(r.manifest.Bucket)}
	progress := func(p ForgetProgress) { r.progress(BackupProgress{"forget", int64(p.Done), int64(p.Planned)}) }
	if err := l.Resume(r.ctx, progress); err != nil { // It may have been pending when the backup was made.
		return err
	}
	what, err := r.forgettings(l)
	if err != nil {
		return err
	}
	if err := l.Forget(r.ctx, what, progress); err != nil {
		return err
	}
	var first *Finding
	findings := 0
	verified, err := l.Verify(r.ctx, func(f Finding) {
		if findings++; first == nil {
			first = &f
		}
	}, func(p Progress) { r.progress(BackupProgress{"verify", int64(p.Checked), int64(p.Size)}) })
	if err != nil {
		return err
	}
	if first != nil {
		return fmt.Errorf("%w: verification found %d places in the restored log that are not as they were written, first in %s, %s: take another backup", ErrTampered, findings, first.Part, first.Reason)
	}
	r.restored.Checkpoint, r.restored.Epoch = verified.Checkpoint, l.ring.Current().Number()
	return nil
}

// forgettings returns what is to be forgotten again, by tenant and cause, and the
// record of the restore itself.
func (r *restoring) forgettings(l *Log) ([]Forgetting, error) {
	note, err := r.ledger(l, &pb.Event{Body: &pb.Event_Restored{Restored: &pb.Restored{
		Size: r.manifest.Size, Epoch: r.manifest.Epoch, Lost: uint64(r.restored.Lost),
	}}})
	if err != nil {
		return nil, err
	}
	if err := r.unredacted(l); err != nil {
		return nil, err
	}
	out := []Forgetting{{Tenant: event.System, Ledger: note}}
	done := roaring64.New()
	for _, cause := range slices.Sorted(maps.Keys(r.forgotten.parts)) {
		part := r.forgotten.parts[cause]
		part.positions.AndNot(done)
		done.Or(part.positions)
		byTenant, err := l.byTenant(part)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(byTenant)) {
			f := byTenant[name]
			f.Tenant = name
			kept, err := l.counted(r.ctx, name, f.Seqs)
			if err != nil {
				return nil, err
			}
			f.Ledger, err = r.ledger(l, &pb.Event{Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: cause, Request: "restore", Kept: kept}}})
			if err != nil {
				return nil, err
			}
			r.restored.Forgotten += len(f.Seqs)
			out = append(out, *f)
		}
	}
	return out, nil
}

// unredacted adds to what is to be forgotten the events that were redacted since
// the backup: it has them as they were. What was redacted in it already stays.
func (r *restoring) unredacted(l *Log) error {
	c := commitments{disk: l.disk}
	for _, seq := range slices.Sorted(maps.Keys(r.forgotten.redacted)) {
		now, err := c.now(seq)
		if err != nil {
			return err
		}
		if startOf(now) != r.forgotten.redacted[seq] {
			r.forgotten.part(pb.Forgotten_REDACTED).positions.Add(uint64(seq))
		}
	}
	return nil
}

// ledger completes a ledger event.
func (r *restoring) ledger(l *Log, e *pb.Event) (*pb.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	e.Id, e.Time, e.Class = id.String(), timestamppb.New(l.cfg.Now()), LedgerClass
	return e, nil
}

// byTenant sorts what the log still has of a part by tenant.
func (l *Log) byTenant(part forgottenPart) (map[event.Tenant]*Forgetting, error) {
	out := map[event.Tenant]*Forgetting{}
	of := func(b *bucket) *Forgetting {
		l.mu.RLock()
		name := l.tenants[b.tenant].name
		l.mu.RUnlock()
		if out[name] == nil {
			out[name] = &Forgetting{}
		}
		return out[name]
	}
	for it := part.positions.Iterator(); it.HasNext(); {
		seq := event.Seq(it.Next())
		b, err := l.bucketAt(seq)
		if errors.Is(err, ErrErased) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", seq, err)
		}
		f := of(b)
		f.Seqs = append(f.Seqs, seq)
	}
	for it := part.quarantines.Iterator(); it.HasNext(); {
		id := bucketID(it.Next())
		l.mu.RLock()
		b := l.buckets[id]
		l.mu.RUnlock()
		if b != nil && b.class == quarantineClass {
			f := of(b)
			f.Buckets = append(f.Buckets, BucketID(id))
		}
	}
	return out, nil
}

// counted is how many of some events are on record as appended, by the class that
// they are kept in and the day of append. The count of the others was lost, and the
// next one leaves them out: what was never added is not to be taken away.
func (l *Log) counted(ctx context.Context, name event.Tenant, seqs []event.Seq) ([]*pb.ClassDay, error) {
	through, err := l.countedThrough(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("find the last count: %w", err)
	}
	type key struct {
		class string
		day   uint32
	}
	n := map[key]uint64{}
	for _, seq := range seqs {
		b, err := l.bucketAt(seq)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", seq, err)
		}
		if seq < through || b.class == LedgerClass {
			n[key{b.class, b.day}]++
		}
	}
	var out []*pb.ClassDay
	for _, k := range slices.SortedFunc(maps.Keys(n), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.class, b.class))
	}) {
		day := time.Unix(int64(k.day)*24*60*60, 0)
		out = append(out, &pb.ClassDay{Class: k.class, Day: timestamppb.New(day), Events: n[k]})
	}
	return out, nil
}

// countedThrough is the position before which all of a tenant's evidence was
// counted, as its ledger says.
func (l *Log) countedThrough(ctx context.Context, name event.Tenant) (event.Seq, error) {
	selection := Selection{Terms: []Term{{FieldKind, []string{string(event.Counted)}}}, Order: LogReverse}
	for entry, err := range l.Scan(ctx, name, selection) {
		if err != nil {
			return 0, err
		}
		e, err := entry.Event()
		return event.Seq(e.GetCounted().GetThrough()), err
	}
	return 0, nil
}

// note prepares a ledger event with which an epoch begins though nothing need go.
func (f *forgetting) note(w Forgetting) error {
	p, err := f.l.Prepare(w.Tenant, w.Ledger)
	if err != nil {
		return err
	}
	f.events = append(f.events, p)
	return nil
}

// unmark says that the log may be opened.
func (r *restoring) unmark() error {
	if err := r.cfg.FS.Remove(markFile(r.cfg)); err != nil {
		return err
	}
	return syncDir(r.cfg.FS, r.cfg.FS.PathDir(r.cfg.Dir))
}

// readSmall reads a file of up to a mebibyte.
func readSmall(files vfs.FS, name string) ([]byte, error) {
	const limit = 1 << 20
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s is longer than it can be", name)
	}
	return b, err
}
