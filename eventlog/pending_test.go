package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// leavePending puts forgettings on record, as before a crash.
func leavePending(t *testing.T, l *Log, what ...Forgetting) {
	t.Helper()
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if begun, err := l.begin(t.Context(), what); !begun || err != nil {
		t.Fatalf("begin: got %v, %v", begun, err)
	}
}

// of returns the buckets of a tenant's class.
func of(l *Log, tenant event.Tenant, class string) (ids []BucketID) {
	for _, b := range l.Buckets() {
		if b.Tenant == tenant && b.Class == class {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// opensOld reports whether any key that is now in the log opens what an older
// copy of it has of an event.
func opensOld(t *testing.T, l *Log, old Config, seq event.Seq) (yes bool) {
	t.Helper()
	withDB(t, old, func(db *pebble.DB) { yes = opens(t, l, disk{db}, seq) })
	return yes
}

// opens reports whether any key that is now in the log opens what d has of an
// event.
func opens(t *testing.T, l *Log, d disk, seq event.Seq) (yes bool) {
	t.Helper()
	at, err := d.locate(seq)
	if err != nil {
		t.Fatal(err)
	}
	record, err := d.get(headerKey(at.block))
	if err != nil {
		t.Fatal(err)
	}
	h, err := block.ParseHeader(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range l.buckets {
		text, err := readText(d, l.codec, at.block, &h, b)
		yes = yes || err == nil && text.Len() > 0
	}
	return yes
}

// copyNow copies the data of an open log.
func copyNow(t *testing.T, l *Log) Config {
	t.Helper()
	old := l.cfg
	old.Dir, old.FS = filepath.Join(t.TempDir(), "copy"), nil
	if err := l.db.Checkpoint(old.Dir, pebble.WithFlushedWAL()); err != nil {
		t.Fatal(err)
	}
	return old
}

// Invariant 4, of an event that was promoted: no copy from before opens either,
// though it was in another bucket then.
func TestPromotedThenErased(t *testing.T) {
	t.Run("singly", func(t *testing.T) { promotedThenErased(t, false) })
	t.Run("with its bucket", func(t *testing.T) { promotedThenErased(t, true) })
}

func promotedThenErased(t *testing.T, whole bool) {
	l := bits(t, config(t), 60, 10)
	copies := []Config{copyNow(t, l)}
	for _, class := range []string{"flagged", "reported"} {
		if err := l.Promote(t.Context(), "acme", []event.Seq{7}, class); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copyNow(t, l))
	}
	for i, old := range copies {
		if !opensOld(t, l, old, 7) && i == len(copies)-1 {
			t.Fatal("the newest copy does not open: the test tests nothing")
		}
	}
	what := erasure("acme", "r1")
	if whole {
		what.Buckets = of(l, "acme", "reported")
	} else {
		what.Seqs = []event.Seq{7}
	}
	forget(t, l, what)
	if _, err := l.Read(t.Context(), "acme", 7); !errors.Is(err, ErrErased) {
		t.Fatalf("read 7: got %v, want ErrErased", err)
	}
	for i, old := range copies {
		if opensOld(t, l, old, 7) {
			t.Errorf("copy %d of a forgotten event opens with a key of now", i)
		}
	}
	check(t, l)
}

// A Forget whose ledger event has an id that is taken forgets nothing, says so, and
// leaves everything as it was.
func TestForgetWithATakenID(t *testing.T) {
	l := bits(t, config(t), 60, 10)
	forget(t, l, erasure("acme", "r1", 7))
	size := l.Size()
	err := l.Forget(t.Context(), []Forgetting{erasure("acme", "r1", 8)}, func(ForgetProgress) {})
	if err == nil || !strings.Contains(err.Error(), `"r1" of a ledger event is taken`) || l.Size() != size {
		t.Errorf("got %v and %d events, want that the id is taken and %d", err, l.Size(), size)
	}
	if err := l.Promote(t.Context(), "acme", []event.Seq{8}, "reported"); err != nil {
		t.Errorf("promote afterwards: %v", err)
	}
	check(t, l)
}

// While events are being forgotten, those of their buckets are not promoted; then
// they are, if they are still there.
func TestPromoteWaitsForForgetting(t *testing.T) {
	for _, what := range []string{"event", "bucket"} {
		t.Run(what, func(t *testing.T) {
			cfg := config(t)
			l := bits(t, cfg, 60, 10)
			f := erasure("acme", "r1")
			if what == "event" {
				f.Seqs = []event.Seq{7}
			} else {
				f.Buckets = of(l, "acme", "routine")
			}
			leavePending(t, l, f)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, cfg)
			for _, seq := range []event.Seq{7, 8} {
				if err := l.Promote(t.Context(), "acme", []event.Seq{seq}, "reported"); !errors.Is(err, ErrForgetting) {
					t.Errorf("promote %d: got %v, want ErrForgetting", seq, err)
				}
			}
			if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
				t.Fatal(err)
			}
			if err := l.Promote(t.Context(), "acme", []event.Seq{7, 8}, "reported"); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Class("acme", 7); !errors.Is(err, ErrErased) {
				t.Errorf("the erased event: got %v, want ErrErased", err)
			}
			if class, err := l.Class("acme", 8); what == "event" && (err != nil || class != "reported") {
				t.Errorf("its neighbour is kept as %q, %v: want reported", class, err)
			}
			check(t, l)
		})
	}
}

// A bucket and one of its events in one Forget, in either order: both are on
// record, and nothing is missing.
func TestForgetBucketAndItsEvent(t *testing.T) {
	for _, bucketFirst := range []bool{true, false} {
		l := bits(t, config(t), 60, 10)
		whole := erasure("acme", "whole")
		whole.Buckets = of(l, "acme", "routine")
		what := []Forgetting{whole, erasure("acme", "single", 7)}
		if !bucketFirst {
			slices.Reverse(what)
		}
		forget(t, l, what...)
		check(t, l)
		for i, f := range what {
			id := f.Ledger.GetId()
			if i > 0 {
				id += "-1"
			}
			if _, err := l.Lookup(t.Context(), "acme", id); err != nil {
				t.Errorf("bucket first %v: request %s is not on record: %v", bucketFirst, id, err)
			}
		}
	}
}

// What a ledger event recorded as forgotten stays on record when that event
// is forgotten: singly, or by restoring a backup from before its day expired.
func TestForgottenRecordsAreHandedOn(t *testing.T) {
	t.Run("singly", func(t *testing.T) {
		l := bits(t, config(t), 60, 10)
		whole := erasure("acme", "r0")
		whole.Buckets = of(l, "acme", "flagged")
		forget(t, l, erasure("acme", "r1", 7, 8), whole)
		at := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Forgotten)}}}})
		forget(t, l, erasure("acme", "r2", at...))
		check(t, l)
	})
	t.Run("restored", func(t *testing.T) {
		cfg := config(t)
		now := start0.Add(24 * time.Hour)
		cfg.Now = func() time.Time { return now }
		l := bits(t, cfg, 60, 10)
		forget(t, l, erasure("acme", "r1", 7, 8))
		expiry := erasure("acme", "r2")
		expiry.Buckets = of(l, "acme", LedgerClass)
		now = now.Add(48 * time.Hour)
		b := backUp(t, l, t.TempDir())
		forget(t, l, expiry)
		check(t, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		to := lost(t, cfg)
		restore(t, to, b.Dir)
		check(t, open(t, to))
	})
}

// A backup that was made while something was being forgotten is restored like any
// other.
func TestRestoreOfPending(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 60, 10)
	err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{{StreamSequence: 1, Time: sample(0).GetTime(), Payload: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	f := erasure("acme", "r1", 7)
	f.Buckets = of(l, "acme", quarantineClass)
	if len(f.Buckets) != 1 {
		t.Fatalf("%d buckets of quarantined messages, want 1", len(f.Buckets))
	}
	leavePending(t, l, f)
	b := backUp(t, l, t.TempDir())
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	add(t, l, "acme", 60, 70)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	to := lost(t, cfg)
	restore(t, to, b.Dir)
	l = open(t, to)
	if _, err := l.Read(t.Context(), "acme", 7); !errors.Is(err, ErrErased) {
		t.Errorf("read 7: got %v, want ErrErased", err)
	}
	check(t, l)
}

// A backup that is put in place by hand, made while something was being
// forgotten, is refused if more was forgotten since.
func TestPendingCopyByHand(t *testing.T) {
	for _, more := range []bool{false, true} {
		cfg := config(t)
		l := bits(t, cfg, 60, 10)
		leavePending(t, l, erasure("acme", "r1", 3))
		b := backUp(t, l, t.TempDir())
		if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
			t.Fatal(err)
		}
		if more {
			forget(t, l, erasure("acme", "r2", 9))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		byHand := lost(t, cfg)
		copyDir(t, filepath.Join(b.Dir, "log"), byHand.Dir)
		for _, name := range []string{"epoch.json", "anchor"} {
			if err := os.WriteFile(filepath.Join(byHand.KeysDir, name), []byte(read(t, filepath.Join(b.Dir, "keys", name))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := Open(t.Context(), byHand)
		if more {
			if !errors.Is(err, keyring.ErrWrongKeys) {
				t.Errorf("more was forgotten since: got %v, want ErrWrongKeys", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(t.Context(), "acme", 3); !errors.Is(err, ErrErased) {
			t.Errorf("read 3: got %v, want ErrErased", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
