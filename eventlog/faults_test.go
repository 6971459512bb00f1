package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A fault is what a file system does instead of what it is asked for.
type fault struct {
	mu sync.Mutex
	on func(errorfs.Op) error // nil: nothing; guarded by mu
}

// set replaces what happens.
func (f *fault) set(on func(errorfs.Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = on
}

// MaybeError is called by errorfs before each operation.
func (f *fault) MaybeError(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on == nil {
		return nil
	}
	return f.on(op)
}

func (*fault) String() string { return "fault" }

// onTable is a fault that happens where a table is made.
func onTable(call func() error) func(errorfs.Op) error {
	return func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.Contains(op.Path, "/"+tablesDir+"/") {
			return call()
		}
		return nil
	}
}

// faulty opens a log that writes all sections as tables, on a disk with faults.
func faulty(t *testing.T) (*Log, Config, *fault) {
	cfg, f := config(t), new(fault)
	cfg.tableBytes, cfg.FS = 1, errorfs.Wrap(vfs.Default, f)
	now := start0.Add(24 * time.Hour)
	cfg.Now = func() time.Time { now = now.Add(time.Hour); return now }
	return open(t, cfg), cfg, f
}

// checkSamples checks that the first samples are there, and nothing else is wrong.
func checkSamples(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := range n {
		e, err := l.Read(t.Context(), "acme", event.Seq(i))
		if err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
		same(t, e, i)
	}
	check(t, l)
}

// A sync that fails, of whichever file, acknowledges nothing. What had been
// acknowledged is there when the log is opened again. The process ends where
// Pebble cannot know any more what is on the disk.
func TestFailedSync(t *testing.T) {
	const where, dir = "AFTERIMAGE_TEST_FAILED_SYNC", "AFTERIMAGE_TEST_DIR"
	if part := os.Getenv(where); part != "" {
		appendUntilSyncFails(t, part, os.Getenv(dir))
		return
	}
	for part, name := range map[string]string{"/[0-9]+\\.log$": "log", "/MANIFEST-[0-9]+$": "manifest", "/" + tablesDir + "/[a-z][0-9]+$": "table"} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			root := filepath.Dir(cfg.Dir)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFailedSync$")
			cmd.Env = append(os.Environ(), where+"="+part, dir+"="+root)
			said, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != exitOfFailedSync {
				t.Fatalf("got exit code %d, error %v: %s", code, err, said)
			}
			if said := string(said); !strings.Contains(said, "a sync failed") || !regexp.MustCompile("(?m)"+strings.TrimSuffix(part, "$")+":").MatchString(said) {
				t.Errorf("what went wrong is not said: %s", said)
			}
			text, err := os.ReadFile(filepath.Join(root, "acked"))
			if err != nil {
				t.Fatal(err)
			}
			acked, err := strconv.Atoi(string(text))
			if err != nil || acked < 100 {
				t.Fatalf("%d events were acknowledged, error %v", acked, err)
			}
			l := open(t, cfg)
			if int(l.Size()) < acked {
				t.Errorf("%d events are there, %d were acknowledged", l.Size(), acked)
			}
			checkSamples(t, l, int(l.Size()))
			add(t, l, "acme", acked, acked+50)
			checkSamples(t, l, acked+50)
		})
	}
}

const exitOfFailedSync = 7

// appendUntilSyncFails is the process whose disk fails.
func appendUntilSyncFails(t *testing.T, part, dir string) {
	f, file := new(fault), regexp.MustCompile(part)
	fail := func(err error) {
		fmt.Println(err)
		os.Exit(exitOfFailedSync)
	}
	cfg := Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, tableBytes: 1,
		FS: errorfs.Wrap(vfs.Default, f), Fatal: fail,
		Now: func() time.Time { return start0.Add(24 * time.Hour) },
	}
	l := open(t, cfg)
	for n := 0; n < 1000; n += 10 {
		if n == 200 {
			f.set(func(op errorfs.Op) error {
				switch op.Kind {
				case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
					if file.MatchString(op.Path) {
						return fmt.Errorf("a sync failed of %s: %w", op.Path, syscall.EIO)
					}
				}
				return nil
			})
		}
		var batch []Prepared
		for i := n; i < n+10; i++ {
			p, err := l.Prepare("acme", sample(i))
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, p)
		}
		if _, err := l.Append(t.Context(), batch); err != nil {
			fail(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "acked"), []byte(strconv.Itoa(n+10)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that cannot be read fails the reads that need it, and no other; they
// are not called tampering, and succeed when it can be read again.
func TestReadFails(t *testing.T) {
	l, cfg, _ := faulty(t)
	const n = 30
	for i := 0; i < n; i += 10 {
		add(t, l, "acme", i, i+10)
	}
	if err := l.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) < 3 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	some := 0 // tables whose loss concerns some events and not others
	for _, table := range tables {
		f := new(fault)
		cfg.FS, cfg.CacheBytes = errorfs.Wrap(vfs.Default, f), 1
		l := open(t, cfg)
		f.set(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsRead && op.Path == table {
				return syscall.EIO
			}
			return nil
		})
		failed := 0
		for i := range n {
			e, err := l.Read(t.Context(), "acme", event.Seq(i))
			switch {
			case err == nil:
				same(t, e, i)
			case !errors.Is(err, syscall.EIO) || errors.Is(err, ErrTampered):
				t.Errorf("%s cannot be read: event %d: got %v, want what the disk said", filepath.Base(table), i, err)
			default:
				failed++
			}
		}
		if 0 < failed && failed < n {
			some++
		}
		f.set(nil)
		for i := range n {
			// A read that meets another of the same table, which began when it could
			// not be read, gets what that one got.
			_, err := l.Read(t.Context(), "acme", event.Seq(i))
			if err != nil {
				_, err = l.Read(t.Context(), "acme", event.Seq(i))
			}
			if err != nil {
				t.Errorf("%s can be read again: event %d: %v", filepath.Base(table), i, err)
			}
		}
		checkSamples(t, l, n)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if some == 0 {
		t.Error("no table's loss concerned some events only")
	}
}

// A disk without room for a table fails the append, and nothing but it.
func TestAppendWithoutRoom(t *testing.T) {
	l, _, f := faulty(t)
	add(t, l, "acme", 0, 50)
	p, err := l.Prepare("acme", sample(50))
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	f.set(onTable(func() error {
		if made++; made == len(sectionSpaces) {
			return syscall.ENOSPC
		}
		return nil
	}))
	if _, err := l.Append(t.Context(), []Prepared{p}); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("append: got %v, want ErrDiskFull", err)
	}
	if sections, files := stray(t, l); l.Size() != 50 || sections != 0 || files != 0 {
		t.Errorf("after an append that failed: %d events, %d sections and %d files of nobody's", l.Size(), sections, files)
	}
	f.set(nil)
	if r := add(t, l, "acme", 50, 60); r[0] != (Result{Appended, 50}) {
		t.Errorf("append: got %v", r[0])
	}
	checkSamples(t, l, 60)
}

// A disk that has no room while events are merged or forgotten delays it; with
// room it goes on.
func TestRewriteWithoutRoom(t *testing.T) {
	l, _, f := faulty(t)
	for n := 0; n < 200; n += 10 {
		add(t, l, "acme", n, n+10)
	}
	room := 0 // tables that there is room for
	f.set(onTable(func() error {
		if room--; room < 0 {
			return syscall.ENOSPC
		}
		return nil
	}))
	if _, err := l.Merge(t.Context()); !errors.Is(err, ErrDiskFull) {
		t.Errorf("merge: got %v, want ErrDiskFull", err)
	}
	checkSamples(t, l, 200)
	forgetting := Forgetting{Tenant: "acme", Seqs: []event.Seq{7, 77}, Ledger: &pb.Event{
		Id: "forgetting", Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}
	room = len(sectionSpaces) // for the ledger event
	err := l.Forget(t.Context(), []Forgetting{forgetting}, func(ForgetProgress) {})
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "it is on record") {
		t.Fatalf("forget: got %v, want ErrDiskFull and that it is on record", err)
	}
	f.set(nil)
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	if merge(t, l) == 0 {
		t.Error("nothing was merged")
	}
	for i := range 200 {
		e, err := l.Read(t.Context(), "acme", event.Seq(i))
		if i == 7 || i == 77 {
			if !errors.Is(err, ErrErased) {
				t.Errorf("read %d: got %v, want ErrErased", i, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
		same(t, e, i)
	}
	check(t, l)
}

// A clock that jumps a year forward and then to the day before the first event
// changes nothing of what is kept: bucket and order are of their own time.
func TestClockJumps(t *testing.T) {
	cfg := config(t)
	now := start0.Add(24 * time.Hour)
	cfg.Now = func() time.Time { return now }
	l := open(t, cfg)
	n := 0
	for _, jump := range []time.Duration{0, 365 * 24 * time.Hour, -366 * 24 * time.Hour, 24 * time.Hour, time.Minute} {
		now = now.Add(jump)
		for range 3 {
			add(t, l, "acme", n, n+20)
			n += 20
		}
		if _, err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		merge(t, l)
		checkSamples(t, l, n)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, cfg)
		checkSamples(t, l, n)
	}
	days := map[time.Time]bool{}
	for _, b := range l.Buckets() {
		days[b.Day] = true
	}
	if len(days) != 3 {
		t.Errorf("events are of %d days, want 3", len(days))
	}
}

// Keys from before an epoch began open nothing, say so, and change nothing.
func TestKeysOfTheEpochBefore(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "acme", 0, 50)
	old := cfg
	old.KeysDir = filepath.Join(t.TempDir(), "keys")
	copyDir(t, cfg.KeysDir, old.KeysDir)
	err := l.Forget(t.Context(), []Forgetting{{Tenant: "acme", Seqs: []event.Seq{49}, Ledger: &pb.Event{
		Id: "forgetting", Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}}, func(ForgetProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), old); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("got %v, want ErrWrongKeys", err)
	}
	l = open(t, cfg)
	for i := range 49 {
		if _, err := l.Read(t.Context(), "acme", event.Seq(i)); err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
	}
	check(t, l)
}
