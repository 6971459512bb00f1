package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func backUp(t testing.TB, l *Log, dir string) Backup {
	t.Helper()
	b, err := l.Backup(context.Background(), dir, func(BackupProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lost is cfg with a data directory that holds nothing, and with a copy of the
// keys, so that several restores can be tried.
func lost(t testing.TB, cfg Config) Config {
	t.Helper()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	copyDir(t, cfg.KeysDir, keys)
	cfg.Dir, cfg.KeysDir = filepath.Join(dir, "data", "log"), keys
	return cfg
}

func restore(t testing.TB, cfg Config, from string) Restored {
	t.Helper()
	r, err := Restore(context.Background(), cfg, from, func(BackupProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refused is the error of a restore that must fail and change nothing.
func refused(t testing.TB, cfg Config, from string) error {
	t.Helper()
	before := contents(t, cfg.KeysDir)
	_, err := Restore(context.Background(), cfg, from, func(BackupProgress) {})
	if err == nil {
		t.Fatalf("%s was restored", from)
	}
	if diff := cmp.Diff(before, contents(t, cfg.KeysDir)); diff != "" {
		t.Errorf("%v: the key directory was changed (-before +after):\n%s", err, diff)
	}
	if _, stat := os.Stat(markFile(cfg)); stat == nil {
		t.Errorf("%v: the data directory was begun", err)
	}
	return err
}

// contents is the content of every file below dir.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "in-use" { // which is empty, and only there to be locked
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kek leaves only the KEK in a key directory, as after a fire.
func kek(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "kek.json" {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A backup made while events are appended and merged has every event up to its
// size, and the restored log is whole, with nothing but the KEK beside it.
func TestBackupWhileServing(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 200, 10)
	dir := filepath.Join(t.TempDir(), "a", "backups")
	ctx, stop := context.WithCancel(t.Context())
	appended := make(chan int, 1<<10)
	var work sync.WaitGroup
	work.Go(func() {
		defer close(appended)
		for n := 200; ctx.Err() == nil && n < 20_000; n += 20 {
			add(t, l, "acme", n, n+20)
			appended <- n + 20
		}
	})
	work.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.Merge(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	var backups []Backup
	for len(backups) < 4 {
		for range 5 {
			<-appended
		}
		least := l.Size()
		b := backUp(t, l, dir)
		if b.Size < least {
			t.Errorf("the backup has %d events, %d had been appended before", b.Size, least)
		}
		backups = append(backups, b)
	}
	stop()
	for range appended { // Until the publisher has ended.
	}
	work.Wait()
	if backups[3].Size == backups[0].Size {
		t.Fatal("nothing was appended between the backups")
	}
	if _, err := os.Stat(checkpointDir(cfg)); err == nil {
		t.Error("a checkpoint was left beside the data")
	}
	for _, b := range backups {
		to := lost(t, cfg)
		kek(t, to.KeysDir)
		r := restore(t, to, b.Dir)
		if r.Backup != b.Size || r.Lost != 0 || r.Forgotten != 0 || r.Epoch != 2 {
			t.Fatalf("restored %+v of %+v", r, b)
		}
		l := open(t, to)
		for n := range b.Size {
			e, err := l.Read(t.Context(), "acme", n)
			if err != nil {
				t.Fatal(err)
			}
			same(t, e, int(n))
		}
		check(t, l)
		note, err := l.Read(t.Context(), event.System, b.Size)
		if err != nil || note.GetRestored().GetSize() != uint64(b.Size) || note.GetRestored().GetEpoch() != 1 {
			t.Fatalf("the restore on record: got %v, %v", note, err)
		}
		add(t, l, "acme", int(b.Size), int(b.Size)+50)
		check(t, l)
	}
}

// A second backup of the same log copies what is new, and links the rest; it does
// not need the first one to be restored.
func TestBackupIncremental(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 20_000, 1000)
	if err := l.Close(); err != nil { // So that what there is comes to be in tables.
		t.Fatal(err)
	}
	l = open(t, cfg)
	dir := t.TempDir()
	first := backUp(t, l, dir)
	add(t, l, "acme", 20_000, 20_010)
	second := backUp(t, l, dir)
	t.Logf("first: %d bytes, %d copied; second: %d bytes, %d copied", first.Bytes, first.Copied, second.Bytes, second.Copied)
	if first.Copied != first.Bytes || second.Copied > second.Bytes/10 || second.Dir == first.Dir {
		t.Fatalf("the second backup copied %d of %d bytes, the first %d of %d: want less than a tenth", second.Copied, second.Bytes, first.Copied, first.Bytes)
	}
	links := 0
	for _, name := range glob(t, filepath.Join(second.Dir, "log", "*.sst")) {
		now, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if old, err := os.Stat(filepath.Join(first.Dir, "log", filepath.Base(name))); err == nil && os.SameFile(old, now) {
			links++
		}
	}
	if links == 0 {
		t.Fatal("the backups have no file together")
	}
	if err := os.RemoveAll(first.Dir); err != nil {
		t.Fatal(err)
	}
	to := lost(t, cfg)
	if r := restore(t, to, second.Dir); r.Backup != 20_010 {
		t.Fatalf("restored %+v", r)
	}
	check(t, open(t, to))
}

// After a restore, names of files come again with another content of the same
// length: it is not taken for the one that an earlier backup has.
func TestBackupComparesContent(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 3000, 100)
	if err := l.Close(); err != nil { // So that there are tables.
		t.Fatal(err)
	}
	l = open(t, cfg)
	dir := t.TempDir()
	first := backUp(t, l, dir)
	m, err := readManifest(l.cfg.FS, first.Dir)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for i, f := range m.Files { // A past in which the tables were others.
		if strings.HasSuffix(f.Name, ".sst") {
			other := bytes.Repeat([]byte{1}, int(f.Size))
			must(os.WriteFile(filepath.Join(first.Dir, f.Name), other, 0o600))
			m.Files[i].SHA256 = sumOf(other)
			tables++
		}
	}
	if tables == 0 {
		t.Fatal("the backup has no tables")
	}
	must(writeManifest(l.cfg.FS, first.Dir, m))
	second := backUp(t, l, dir)
	if second.Copied != second.Bytes {
		t.Errorf("copied %d of %d bytes, though an earlier backup has none of them", second.Copied, second.Bytes)
	}
	to := lost(t, cfg)
	restore(t, to, second.Dir)
	check(t, open(t, to))
}

// Invariant 4, across a restore: what was forgotten after the backup is forgotten
// again, with its cause; all else is there; and until then nothing opens.
func TestRestoreForgetsAgain(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 400, 20)
	add(t, l, "umbrella", 0, 30)
	forget(t, l, erasure("acme", "before", 1, 2)) // The backup knows of it.
	dir := t.TempDir()
	b := backUp(t, l, dir)
	var routine []BucketID
	for _, bucket := range l.Buckets() {
		if bucket.Tenant == "umbrella" && bucket.Class == "routine" {
			routine = append(routine, bucket.ID)
		}
	}
	umbrella := seqs(t, l, "umbrella", Selection{Terms: []Term{{FieldClass, []string{"routine"}}}, Order: LogOrder})
	add(t, l, "acme", 400, 420)
	late := seqs(t, l, "acme", Selection{Terms: []Term{{FieldID, []string{sample(410).GetId()}}}})
	forget(t, l, erasure("acme", "r1", slices.Concat([]event.Seq{7, 8, 100}, late)...))
	expired := Forgetting{Tenant: "umbrella", Buckets: routine, Ledger: erasure("umbrella", "expiry").Ledger}
	expired.Ledger.GetForgotten().Cause = pb.Forgotten_EXPIRED
	forget(t, l, expired, erasure("acme", "r2", 9))
	had := l.Size()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	byHand := lost(t, cfg)
	copyDir(t, filepath.Join(b.Dir, "log"), byHand.Dir)
	if _, err := Open(t.Context(), byHand); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("old data put in place by hand, new keys: got %v, want ErrWrongKeys", err)
	}
	for _, name := range []string{"epoch.json", "anchor"} {
		if err := os.WriteFile(filepath.Join(byHand.KeysDir, name), []byte(read(t, filepath.Join(b.Dir, "keys", name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), byHand); !errors.Is(err, keyring.ErrWrongKeys) || !strings.Contains(err.Error(), "afterimage restore") {
		t.Errorf("old data and its keys put in place by hand: got %v, want ErrWrongKeys and what to do", err)
	}

	to := lost(t, cfg)
	r := restore(t, to, b.Dir)
	if r.Backup != b.Size || r.Lost != had-b.Size || r.Forgotten != 4+len(umbrella) || r.Epoch != 5 {
		t.Fatalf("restored %+v, of %d of %d events", r, b.Size, had)
	}
	l = open(t, to)
	gone := slices.Concat([]event.Seq{1, 2, 7, 8, 9, 100}, umbrella)
	for n := range event.Seq(430) {
		tenant, number := event.Tenant("acme"), int(n)
		if n >= 400 {
			tenant, number = "umbrella", int(n)-400
		}
		e, err := l.Read(t.Context(), tenant, n)
		if slices.Contains(gone, n) {
			if !errors.Is(err, ErrErased) {
				t.Fatalf("event %d, which was forgotten: got %v, want ErrErased", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, e, number)
	}
	if forgotten := verified(t, l); len(forgotten) == 0 {
		t.Error("verification knows of nothing that was forgotten")
	}
	causes := map[string]int{}
	for _, tenant := range []event.Tenant{"acme", "umbrella"} {
		for _, seq := range seqs(t, l, tenant, Selection{Terms: []Term{{FieldKind, []string{"forgotten"}}}}) {
			e, err := l.Read(t.Context(), tenant, seq)
			if err != nil {
				t.Fatal(err)
			}
			causes[fmt.Sprint(tenant, " ", e.GetForgotten().GetCause(), " ", e.GetForgotten().GetRequest())]++
		}
	}
	want := map[string]int{"acme ERASED request before": 1, "acme ERASED restore": 1, "umbrella EXPIRED restore": 1}
	if diff := cmp.Diff(want, causes); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// What the keys opened before does not open any more.
	old := to
	old.Dir = cfg.Dir
	if _, err := Open(t.Context(), old); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("the data from before the restore: got %v, want ErrWrongKeys", err)
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A position that was given anew after a restore is another event than before:
// what is forgotten of the one is not forgotten of the other.
func TestRestoreTwice(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 20)
	dir := t.TempDir()
	small := backUp(t, l, dir)
	add(t, l, "acme", 100, 200)
	large := backUp(t, l, dir)
	forget(t, l, erasure("acme", "r1", 50, 150)) // Epoch 2.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	second := lost(t, cfg)
	restore(t, second, small.Dir) // Epoch 3.
	l = open(t, second)
	add(t, l, "acme", 1000, 1100)
	anew := seqs(t, l, "acme", Selection{Order: LogOrder})[120]
	forget(t, l, erasure("acme", "r2", 60, anew)) // Epoch 4.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	third := lost(t, second)
	if r := restore(t, third, large.Dir); r.Epoch != 5 || r.Forgotten != 3 {
		t.Fatalf("restored %+v, want epoch 5 and 3 events forgotten", r)
	}
	l = open(t, third)
	for n := range event.Seq(200) {
		_, err := l.Read(t.Context(), "acme", n)
		if want := slices.Contains([]event.Seq{50, 60, 150}, n); errors.Is(err, ErrErased) != want {
			t.Errorf("event %d: got %v, want that it is forgotten: %v", n, err, want)
		}
	}
	check(t, l)
}

// What is not a whole backup of this store, or would not be safe, is refused
// before anything is changed.
func TestRestoreRefuses(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 300, 20)
	b := backUp(t, l, t.TempDir())
	forget(t, l, erasure("acme", "r1", 7))
	forget(t, l, erasure("acme", "r2", 8))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	flip := func(name string) {
		content := []byte(read(t, name))
		content[len(content)/2] ^= 1
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	for name := range contents(t, b.Dir) {
		rel, err := filepath.Rel(b.Dir, name)
		if err != nil || rel == manifestPart {
			continue
		}
		if info, err := os.Stat(name); err != nil || info.Size() == 0 { // A marker of Pebble's, which is all name.
			continue
		}
		files++
		bad := filepath.Join(t.TempDir(), "backup")
		copyDir(t, b.Dir, bad)
		flip(filepath.Join(bad, rel))
		if err := refused(t, lost(t, cfg), bad); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), filepath.ToSlash(rel)) {
			t.Errorf("%s is damaged: got %v, want ErrTampered and its name", rel, err)
		}
		if err := os.Remove(filepath.Join(bad, rel)); err != nil {
			t.Fatal(err)
		}
		if err := refused(t, lost(t, cfg), bad); !strings.Contains(err.Error(), filepath.ToSlash(rel)) {
			t.Errorf("%s is missing: got %v, want its name", rel, err)
		}
	}
	if files < 6 {
		t.Fatalf("the backup has %d files: want data and keys", files)
	}

	for name, c := range map[string]struct {
		change func(to *Config, from *string)
		is     error
		says   string
	}{
		"no manifest": {func(_ *Config, from *string) { must(os.Remove(filepath.Join(*from, manifestPart))) }, errIncomplete, "no complete backup"},
		"a manifest that names a file outside": {func(_ *Config, from *string) {
			name := filepath.Join(*from, manifestPart)
			must(os.WriteFile(name, bytes.Replace([]byte(read(t, name)), []byte(`"log/`), []byte(`"log/../../`), 1), 0o600))
		}, ErrTampered, "names a file"},
		"a newer manifest": {func(_ *Config, from *string) {
			name := filepath.Join(*from, manifestPart)
			must(os.WriteFile(name, bytes.Replace([]byte(read(t, name)), []byte(`"format": 1`), []byte(`"format": 2`), 1), 0o600))
		}, nil, "newer version"},
		"something is there": {func(to *Config, _ *string) {
			must(os.MkdirAll(to.Dir, 0o700))
			must(os.WriteFile(filepath.Join(to.Dir, "x"), nil, 0o600))
		}, nil, "there is something in"},
		"no KEK":          {func(to *Config, _ *string) { must(os.Remove(filepath.Join(to.KeysDir, "kek.json"))) }, keyring.ErrNoKeys, "does not hold the KEK"},
		"another store's": {func(to *Config, _ *string) { to.KeysDir = foreign(t) }, keyring.ErrWrongKeys, "store"},
		"another KEK": {func(to *Config, _ *string) {
			to.KeysDir = foreign(t)
			kek(t, to.KeysDir)
		}, keyring.ErrWrongKeys, "KEK"},
		"a record is missing": {func(to *Config, _ *string) { must(os.Remove(filepath.Join(to.KeysDir, "forgotten", "2"))) }, nil, "forgotten/2"},
		"a record is changed": {func(to *Config, _ *string) { flip(filepath.Join(to.KeysDir, "forgotten", "3")) }, keyring.ErrWrongKeys, filepath.Join("forgotten", "3")},
		"a record is another's": {func(to *Config, _ *string) {
			must(os.Rename(filepath.Join(to.KeysDir, "forgotten", "3"), filepath.Join(to.KeysDir, "forgotten", "2")))
			must(os.Link(filepath.Join(to.KeysDir, "forgotten", "2"), filepath.Join(to.KeysDir, "forgotten", "3")))
		}, keyring.ErrWrongKeys, filepath.Join("forgotten", "2")},
	} {
		to, from := lost(t, cfg), filepath.Join(t.TempDir(), "backup")
		copyDir(t, b.Dir, from)
		c.change(&to, &from)
		if err := refused(t, to, from); c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v and %q", name, err, c.is, c.says)
		}
	}
	if r := restore(t, lost(t, cfg), b.Dir); r.Forgotten != 2 {
		t.Errorf("nothing wrong: restored %+v", r)
	}
}

// foreign is the key directory of another store.
func foreign(t testing.TB) string {
	t.Helper()
	cfg := config(t)
	if err := bits(t, cfg, 1, 1).Close(); err != nil {
		t.Fatal(err)
	}
	return cfg.KeysDir
}

// One backup at a time; one that is given up leaves nothing.
func TestBackupGivenUp(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 300, 20)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Backup(ctx, dir, func(BackupProgress) {
		if _, err := l.Backup(t.Context(), dir, func(BackupProgress) {}); !errors.Is(err, ErrBusy) {
			t.Errorf("a second backup: got %v, want ErrBusy", err)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was given up", err)
	}
	if names := glob(t, filepath.Join(dir, "2*")); len(names) > 0 {
		t.Errorf("%v was left", names)
	}
	other := config(t)
	if b := backUp(t, bits(t, other, 20, 20), dir); b.Size != 20 { // Of another store, beside.
		t.Errorf("got %+v", b)
	}
	if b := backUp(t, l, dir); b.Size != 300 {
		t.Errorf("got %+v", b)
	}
	full := l.cfg.MinFree
	l.cfg.MinFree = 1 << 62
	if _, err := l.Backup(t.Context(), dir, func(BackupProgress) {}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("no room: got %v, want ErrDiskFull", err)
	}
	l.cfg.MinFree = full
	if names := glob(t, filepath.Join(dir, "2*")); len(names) != 2 {
		t.Errorf("there are %v, want two backups", names)
	}
}
