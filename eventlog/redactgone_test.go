package eventlog

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Invariant 4: somebody who has a copy of the data from before, the key directory
// of now and the data of now, all open, reads nothing of what a redacted event
// was.
func TestRedactedIsGoneFromOldCopies(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 600, 40)
	if err := l.db.Flush(); err != nil { // So that there are SSTs as well as a WAL.
		t.Fatal(err)
	}
	add(t, l, "acme", 600, 700)
	chosen := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	old := cfg
	old.Dir = filepath.Join(t.TempDir(), "copy")
	copyDir(t, cfg.Dir, old.Dir)
	redact(t, l, redaction("acme", "r1", chosen...))
	check(t, l)
	if _, err := Open(t.Context(), old); err == nil {
		t.Fatal("the old copy opened")
	}
	gone := map[uint64]bool{}
	for _, seq := range chosen {
		gone[uint64(seq)] = true
	}
	withDB(t, old, func(db *pebble.DB) {
		attackRecords(t, l, disk{db}, gone)
		st, err := disk{db}.readState()
		if err != nil {
			t.Fatal(err)
		}
		st.epoch = l.ring.Current().Number()
		if err := db.Set(key1(spaceState), st.encode(), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := Open(t.Context(), old); err == nil {
		t.Fatal("the old copy opened when its epoch was forged")
	}
	attackFiles(t, l, old.Dir)
}

// Nor does a copy open that has the event in the bucket it was in before it was
// promoted.
func TestPromotedThenRedacted(t *testing.T) {
	l := bits(t, config(t), 60, 10)
	copies := []Config{copyNow(t, l)}
	for _, class := range []string{"flagged", "reported"} {
		if err := l.Promote(t.Context(), "acme", []event.Seq{7}, class); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copyNow(t, l))
	}
	if !opensOld(t, l, copies[2], 7) {
		t.Fatal("the newest copy does not open: the test tests nothing")
	}
	redact(t, l, redaction("acme", "r1", 7))
	for i, old := range copies {
		if opensOld(t, l, old, 7) {
			t.Errorf("copy %d of a redacted event opens with a key of now", i)
		}
	}
	hidden(t, l, 60, func(n int) bool { return n == 7 })
	check(t, l)
}

// An event can be redacted again, promoted, merged and erased when it is redacted,
// in any order; the log verifies and is rebuilt at every step.
func TestWhatComesAfterRedaction(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 200, 10)
	redacted := map[int]bool{}
	settled := func(step string) {
		t.Helper()
		check(t, l)
		for n := range 200 {
			e, err := l.Read(t.Context(), "acme", event.Seq(n))
			if errors.Is(err, ErrErased) && n%7 == 5 && strings.HasPrefix(step, "erased") {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", step, err)
			}
			if redacted[n] {
				sameHidden(t, e, n)
			} else {
				same(t, e, n)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		keys, vals := values(t, cfg, "rldn")
		if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if again, made := values(t, cfg, "rldn"); !slices.EqualFunc(keys, again, bytes.Equal) || !slices.EqualFunc(vals, made, bytes.Equal) {
			t.Fatalf("%s: a rebuild made something else", step)
		}
		if all := dirFindings(t, cfg); len(all) > 0 {
			t.Fatalf("%s: the directory: %+v", step, all)
		}
		l = open(t, cfg)
	}
	some := func(d, rest int) (out []event.Seq) {
		for n := rest; n < 200; n += d {
			out = append(out, event.Seq(n))
		}
		return out
	}
	half := redaction("acme", "r0", some(3, 0)...)
	half.Apply = func(_ context.Context, e *pb.Event) error { // Not all that there is.
		e.User = "[USER:half]"
		return nil
	}
	redact(t, l, half)
	for i, seq := range some(3, 0) {
		if e, err := l.Read(t.Context(), "acme", seq); err != nil || e.GetUser() != "[USER:half]" {
			t.Fatalf("%d: got %v, %v", i, e.GetUser(), err)
		}
	}
	check(t, l)
	whole := redaction("acme", "r1", some(3, 0)...)
	whole.Apply = func(ctx context.Context, e *pb.Event) error {
		n, err := l.Lookup(ctx, "acme", e.GetId())
		e.User = sample(int(n)).GetUser()
		return errors.Join(err, hide(ctx, e))
	}
	redact(t, l, whole)
	for _, seq := range some(3, 0) {
		redacted[int(seq)] = true
	}
	settled("redacted twice")
	if err := l.Promote(t.Context(), "acme", some(4, 0), "reported"); err != nil {
		t.Fatal(err)
	}
	settled("promoted")
	now = now.Add(26 * time.Hour)
	if merge(t, l) == 0 {
		t.Fatal("nothing was merged")
	}
	settled("merged")
	redact(t, l, redaction("acme", "r2", some(2, 1)...))
	for _, seq := range some(2, 1) {
		redacted[int(seq)] = true
	}
	settled("merged, then redacted")
	forget(t, l, erasure("acme", "r3", some(7, 5)...))
	settled("erased")
	if n := redact(t, l, redaction("acme", "r4", some(1, 0)...)); n == 0 {
		t.Error("nothing was left to redact")
	}
	for n := range 200 {
		redacted[n] = true
	}
	settled("erased, then all redacted")
	for _, r := range verified(t, l) {
		for seq := r.First; seq <= r.Last; seq++ {
			if _, yes, err := l.replaced(seq); yes || err != nil {
				t.Errorf("there is a commitment left of event %d, which is erased, %v", seq, err)
			}
		}
	}
	expiry := erasure("acme", "r5")
	expiry.Buckets = of(l, "acme", "reported")
	forget(t, l, expiry)
	check(t, l)
}

// When the ledger events go that say what was redacted, they hand it on for the
// events that stay: with their bucket, singly, and where an event was redacted
// twice and one of them stays.
func TestRedactionsAreHandedOn(t *testing.T) {
	for _, singly := range []bool{true, false} {
		cfg := config(t)
		now := cfg.Now()
		cfg.Now = func() time.Time { return now }
		l := bits(t, cfg, 60, 10)
		half := redaction("acme", "r0", 3, 4, 5, 6)
		half.Apply = func(_ context.Context, e *pb.Event) error { e.User = "[USER:half]"; return nil }
		redact(t, l, half)
		first := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Redacted)}}}})
		ledger := of(l, "acme", LedgerClass)
		now = now.Add(24 * time.Hour)
		redact(t, l, redaction("acme", "r1", 4, 5, 7))
		what := erasure("acme", "r2", 5)
		if singly {
			what.Seqs = append(what.Seqs, first...)
		} else {
			what.Buckets = ledger
		}
		forget(t, l, what)
		check(t, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		keys, vals := values(t, cfg, "r")
		if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
			t.Fatal(err)
		}
		if again, made := values(t, cfg, "r"); !slices.EqualFunc(keys, again, bytes.Equal) || !slices.EqualFunc(vals, made, bytes.Equal) {
			t.Fatal("a rebuild made something else")
		}
		l = open(t, cfg)
		check(t, l)
		for _, seq := range []event.Seq{3, 4, 6, 7} {
			if _, yes, err := l.replaced(seq); !yes || err != nil {
				t.Errorf("singly %v: event %d is not known as redacted, %v", singly, seq, err)
			}
		}
		if _, err := l.Read(t.Context(), "acme", first[0]); !errors.Is(err, ErrErased) {
			t.Errorf("singly %v: the first ledger event: got %v, want ErrErased", singly, err)
		}
		// And again: what was handed on is handed on.
		if singly {
			continue
		}
		now = now.Add(24 * time.Hour)
		again := erasure("acme", "r3")
		for _, b := range l.Buckets() {
			if b.Tenant == "acme" && b.Class == LedgerClass && b.Day.Before(now.Add(-24*time.Hour)) {
				again.Buckets = append(again.Buckets, b.ID)
			}
		}
		if len(again.Buckets) == 0 {
			t.Fatal("no ledger bucket is left")
		}
		forget(t, l, again)
		check(t, l)
		// Nothing is handed on of events that go too.
		last := erasure("acme", "r4")
		for _, b := range l.Buckets() {
			if b.Tenant == "acme" {
				last.Buckets = append(last.Buckets, b.ID)
			}
		}
		forget(t, l, last)
		check(t, l)
		if at := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Redacted)}}}}); at != nil {
			t.Errorf("redactions of nothing are on record at %v", at)
		}
	}
}

// A backup that was made after a redaction is restored with it; of one that was
// made before, what was redacted since is forgotten, for it has the old content.
func TestRestoreRedacted(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 20)
	dir := t.TempDir()
	none := backUp(t, l, dir)
	half := redaction("acme", "r0", 3, 4, 5)
	half.Apply = func(_ context.Context, e *pb.Event) error { e.User = "[USER:half]"; return nil }
	redact(t, l, half)
	once := backUp(t, l, dir)
	redact(t, l, redaction("acme", "r1", 5, 6))
	twice := backUp(t, l, dir)
	forget(t, l, erasure("acme", "r2", 6))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from Backup
		gone []event.Seq
	}{
		{none, []event.Seq{3, 4, 5, 6}},
		{once, []event.Seq{5, 6}},
		{twice, []event.Seq{6}},
	} {
		to := lost(t, cfg)
		if r := restore(t, to, c.from.Dir); r.Forgotten != len(c.gone) {
			t.Errorf("restored %+v, want %d events forgotten", r, len(c.gone))
		}
		l := open(t, to)
		check(t, l)
		for n := range event.Seq(100) {
			_, err := l.Read(t.Context(), "acme", n)
			if want := slices.Contains(c.gone, n); errors.Is(err, ErrErased) != want {
				t.Errorf("backup of %d events: event %d: got %v, want that it is forgotten: %v", c.from.Size, n, err, want)
			}
		}
		// Once more, from the same backup: the record of the restore knows.
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		again := lost(t, to)
		if r := restore(t, again, c.from.Dir); r.Forgotten != len(c.gone) {
			t.Errorf("restored again %+v, want %d events forgotten", r, len(c.gone))
		}
		check(t, open(t, again))
	}
}

// A position that was given anew after a restore is another event than before: that
// the one was redacted says nothing of the other. And what the ledger handed on
// since the backup is handed on again.
func TestRestoreTwiceRedacted(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 100, 20)
	redact(t, l, redaction("acme", "r0", 7)) // Epoch 2, in both backups.
	dir := t.TempDir()
	small := backUp(t, l, dir)
	add(t, l, "acme", 100, 200) // From position 102 on.
	large := backUp(t, l, dir)
	redact(t, l, redaction("acme", "r1", 50, 150)) // Epoch 3.
	now = now.Add(48 * time.Hour)
	expiry := erasure("acme", "r2") // Epoch 4: what r0 said is handed on.
	expiry.Buckets = of(l, "acme", LedgerClass)
	forget(t, l, expiry)
	check(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	second := lost(t, cfg)
	restore(t, second, small.Dir) // Epoch 5.
	l = open(t, second)
	check(t, l)
	e, err := l.Read(t.Context(), "acme", 7)
	if err != nil {
		t.Fatal(err)
	}
	sameHidden(t, e, 7)
	add(t, l, "acme", 1000, 1100)
	anew := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{"interaction"}}}, Order: LogOrder})
	redact(t, l, redaction("acme", "r3", 60, anew[len(anew)-20])) // Epoch 6.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	third := lost(t, second)
	if r := restore(t, third, large.Dir); r.Epoch != 7 {
		t.Fatalf("restored %+v, want epoch 7", r)
	}
	l = open(t, third)
	check(t, l)
	for _, seq := range seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{"interaction"}}}}) {
		if slices.Contains([]event.Seq{50, 60, 150}, seq) {
			t.Errorf("event %d is there as it was before it was redacted", seq)
		}
	}
	for seq := range event.Seq(200) {
		_, err := l.Read(t.Context(), "acme", seq)
		ledger := seq == 100 || seq == 101 // The first is gone, the other the system's.
		if want := slices.Contains([]event.Seq{50, 60, 150}, seq); !ledger && errors.Is(err, ErrErased) != want {
			t.Errorf("event %d: got %v, want that it is forgotten: %v", seq, err, want)
		}
	}
}

// A backup that was made while what was redacted was not forgotten yet has the new
// content, and keeps it.
func TestRestoreOfPendingRedaction(t *testing.T) {
	for _, more := range []bool{false, true} {
		cfg := config(t)
		l := bits(t, cfg, 60, 10)
		leaveRedacting(t, l, redaction("acme", "r1", 3, 4))
		b := backUp(t, l, t.TempDir())
		if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
			t.Fatal(err)
		}
		if more {
			half := redaction("acme", "r2", 4)
			half.Apply = func(_ context.Context, e *pb.Event) error { e.User = "[USER:half]"; return nil }
			redact(t, l, half)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		to := lost(t, cfg)
		restore(t, to, b.Dir)
		l = open(t, to)
		check(t, l)
		e, err := l.Read(t.Context(), "acme", 3)
		if err != nil {
			t.Fatal(err)
		}
		sameHidden(t, e, 3)
		if _, err := l.Read(t.Context(), "acme", 4); errors.Is(err, ErrErased) != more {
			t.Errorf("redacted again %v: read 4: got %v", more, err)
		}
	}
}

// leaveRedacting redacts events and stops before their old content is forgotten,
// as a crash does.
func leaveRedacting(t testing.TB, l *Log, what Redaction) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := l.Redact(ctx, what, func(p ForgetProgress) {
		if p.Step == "redact" && p.Done == p.Planned {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "on record") {
		t.Fatalf("got %v, want that it was interrupted", err)
	}
	if p, err := l.pending(); err != nil || p.empty() {
		t.Fatalf("nothing is pending, %v", err)
	}
}

// Between the redaction and the forgetting of what was, the log verifies, reads
// and finds the new content; opened anew, it goes on, and old copies close.
func TestResumeRedaction(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 10)
	old := copyNow(t, l)
	leaveRedacting(t, l, redaction("acme", "r1", 3, 14, 24, 30))
	want := func(n int) bool { return n == 3 || n == 14 || n == 24 || n == 30 }
	hidden(t, l, 100, want)
	check(t, l)
	if err := l.Promote(t.Context(), "acme", []event.Seq{3}, "reported"); !errors.Is(err, ErrForgetting) {
		t.Errorf("promote: got %v, want ErrForgetting", err)
	}
	if !opensOld(t, l, old, 3) {
		t.Error("the old copy does not open before its keys are gone: the test tests nothing")
	}
	add(t, l, "acme", 100, 120)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("the directory: %+v", all)
	}
	l = open(t, cfg)
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	if opensOld(t, l, old, 3) {
		t.Error("an old copy opens with a key of now")
	}
	hidden(t, l, 100, want)
	check(t, l)
	if err := l.Promote(t.Context(), "acme", []event.Seq{3}, "reported"); err != nil {
		t.Errorf("promote: %v", err)
	}
	check(t, l)
}
