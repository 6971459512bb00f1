package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// bits is a log whose events came in many small appends.
func bits(t testing.TB, cfg Config, events, each int) *Log {
	t.Helper()
	l := open(t, cfg)
	for n := 0; n < events; n += each {
		add(t, l, "acme", n, min(n+each, events))
	}
	return l
}

// answers is what a log says to many questions.
func answers(t testing.TB, l *Log) map[string]any {
	t.Helper()
	out := map[string]any{"checkpoint": string(l.Newest().Note)}
	for name, sel := range map[string]Selection{
		"all":     {},
		"oldest":  {Order: OldestFirst},
		"log":     {Order: LogOrder},
		"session": {Terms: []Term{{FieldSession, []string{"session-3"}}}},
		"two":     {Terms: []Term{{FieldSession, []string{"session-0", "session-5"}}, {FieldCategory, []string{"self_harm"}}}},
		"reports": {Terms: []Term{{FieldKind, []string{"report"}}}},
		"time":    {Since: start0.Add(100 * time.Second), Until: start0.Add(333 * time.Second)},
		"id":      {Terms: []Term{{FieldID, []string{"event-000007", "event-000008"}}}},
	} {
		out[name] = seqs(t, l, "acme", sel)
	}
	for seq := range l.Size() {
		e, err := l.Read(t.Context(), "acme", seq)
		if err != nil {
			out[fmt.Sprint("event ", seq)] = errors.Is(err, ErrErased)
			continue
		}
		e.Seq = nil
		b, err := event.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprint("event ", seq)] = string(b)
	}
	return out
}

// merge merges until there is nothing left to merge.
func merge(t testing.TB, l *Log) (steps int) {
	t.Helper()
	for {
		more, err := l.Merge(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return steps
		}
		steps++
	}
}

func blocks(l *Log) (n int) {
	for _, b := range l.Buckets() {
		n += b.Blocks
	}
	return n
}

// Merging leaves everything as it was, but for the number of blocks.
func TestMergeChangesNoAnswer(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 900, 7)
	want, many := answers(t, l), blocks(l)
	if merge(t, l) == 0 {
		t.Fatal("nothing was merged while the day went on")
	}
	fewer := blocks(l)
	if diff := cmp.Diff(want, answers(t, l)); diff != "" {
		t.Fatalf("small blocks merged (-want +got):\n%s", diff)
	}
	check(t, l)
	now = now.Add(26 * time.Hour)
	if merge(t, l) == 0 {
		t.Fatal("nothing was merged when the day was over")
	}
	if got := blocks(l); got != 3 || fewer >= many/4 {
		t.Fatalf("%d blocks, merged into %d and %d: want fewer than a quarter, then one for each of 3 classes", many, fewer, got)
	}
	if diff := cmp.Diff(want, answers(t, l)); diff != "" {
		t.Fatalf("merged (-want +got):\n%s", diff)
	}
	check(t, l)
	add(t, l, "acme", 900, 950)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	check(t, l)
	if got := seqs(t, l, "acme", Selection{}); len(got) != 950 {
		t.Fatalf("%d events after reopening, want 950", len(got))
	}
}

// A scan that is under way when events move meets each of them once, and can
// read them.
func TestScanWhileEventsMove(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	for _, sel := range []Selection{
		{},
		{Order: LogOrder, Terms: []Term{{FieldKind, []string{"interaction"}}}},
	} {
		cfg.Dir, cfg.KeysDir = t.TempDir(), t.TempDir()
		l := bits(t, cfg, 600, 10)
		want := seqs(t, l, "acme", sel)
		var got []event.Seq
		for e, err := range l.Scan(t.Context(), "acme", sel) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, e.Seq); len(got)%100 == 50 {
				now = now.Add(26 * time.Hour)
				merge(t, l)
				if err := l.Promote(t.Context(), "acme", want[:len(got)], "held"); err != nil {
					t.Fatal(err)
				}
			}
			full, err := e.Event()
			if err != nil {
				t.Fatalf("event %d: %v", e.Seq, err)
			}
			same(t, full, int(e.Seq))
			if m, err := e.Meta(); err != nil || m.GetId() != full.GetId() {
				t.Fatalf("meta of event %d: got %v, %v", e.Seq, m.GetId(), err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		check(t, l)
	}
}

// Promoted events are in the other class's buckets, of the same days, and
// nowhere else; no answer changes but what is asked by class.
func TestPromote(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 400, 20)
	want := answers(t, l)
	chosen := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	for range 2 { // Again is no change.
		if err := l.Promote(t.Context(), "acme", chosen, "reported"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, answers(t, l)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		check(t, l)
	}
	reported := seqs(t, l, "acme", Selection{Terms: []Term{{FieldClass, []string{"reported"}}}, Order: LogOrder})
	for n := range event.Seq(400) {
		if want := sample(int(n)).GetClass() == "reported" || slices.Contains(chosen, n); slices.Contains(reported, n) != want {
			t.Errorf("event %d is reported: %v, want %v", n, !want, want)
		}
	}
	if err := l.Promote(t.Context(), "acme", []event.Seq{400}, "held"); !errors.Is(err, ErrNotFound) {
		t.Errorf("promote beyond the end: got %v, want ErrNotFound", err)
	}
	add(t, l, "umbrella", 0, 10)
	if err := l.Promote(t.Context(), "umbrella", []event.Seq{7}, "held"); !errors.Is(err, ErrNotFound) {
		t.Errorf("promote another tenant's: got %v, want ErrNotFound", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, open(t, cfg))
}

// erasure is a request to forget events.
func erasure(tenant event.Tenant, id string, seqs ...event.Seq) Forgetting {
	return Forgetting{Tenant: tenant, Seqs: seqs, Ledger: &pb.Event{
		Id: id, Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "request " + id}},
	}}
}

func forget(t testing.TB, l *Log, what ...Forgetting) {
	t.Helper()
	if err := l.Forget(context.Background(), what, func(ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
}

// verified returns what verification says is forgotten, and fails on findings.
func verified(t testing.TB, l *Log) []Range {
	t.Helper()
	v, err := l.Verify(context.Background(), func(f Finding) { t.Errorf("finding: %+v", f) }, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return v.Forgotten
}

// What is forgotten is read by nobody, found by no scan and stored no second
// time; all else is as it was; and the log still verifies, by itself and by its
// directory.
func TestForgetEvents(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 400, 20)
	add(t, l, "umbrella", 0, 30)
	chosen := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	forget(t, l, erasure("acme", "r1", chosen...), erasure("umbrella", "r2", 405, 406, 407))
	gone := slices.Concat(chosen, []event.Seq{405, 406, 407})
	for reopened := range 2 {
		for n := range event.Seq(430) {
			tenant, number := event.Tenant("acme"), int(n)
			if n >= 400 {
				tenant, number = "umbrella", int(n)-400
			}
			e, err := l.Read(t.Context(), tenant, n)
			if slices.Contains(gone, n) {
				if !errors.Is(err, ErrErased) {
					t.Fatalf("read %d, which was forgotten: got %v, want ErrErased", n, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, e, number)
		}
		if got := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}}); got != nil {
			t.Fatalf("the session that was forgotten has events %v", got)
		}
		var singles []Range
		for _, s := range chosen {
			singles = append(singles, Range{s, s})
		}
		if diff := cmp.Diff(append(singles, Range{405, 407}), verified(t, l)); diff != "" {
			t.Fatalf("forgotten as recorded (-want +got):\n%s", diff)
		}
		for _, r := range add(t, l, "acme", 0, 400) {
			if r.Outcome != Duplicate {
				t.Fatalf("published again: got %+v, want a duplicate", r)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if all := dirFindings(t, cfg); len(all) > 0 {
			t.Fatalf("verify the directory: %+v", all)
		}
		if l = open(t, cfg); l.ring.Current().Number() != 2 || l.OldStreamKey() != "" {
			t.Fatalf("reopened %d: epoch %d, old stream key %q", reopened, l.ring.Current().Number(), l.OldStreamKey())
		}
	}
	// What was recorded is not recorded twice, and nothing is no epoch.
	forget(t, l, erasure("acme", "r3", chosen...))
	if l.ring.Current().Number() != 2 {
		t.Error("forgetting nothing began an epoch")
	}
	for name, f := range map[string]Forgetting{
		"beyond the end":   erasure("acme", "r4", 10_000),
		"another tenant's": erasure("umbrella", "r5", 0),
		"no tenant":        erasure("nobody", "r6", 0),
		"no bucket":        {Tenant: "acme", Buckets: []BucketID{9999}, Ledger: erasure("acme", "r7").Ledger},
	} {
		if err := l.Forget(t.Context(), []Forgetting{f}, func(ForgetProgress) {}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	add(t, l, "acme", 400, 410)
	verified(t, l)
}

// A bucket goes whole. What its own ledger events recorded as forgotten stays on
// record.
func TestForgetBuckets(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 200, 20)
	forget(t, l, erasure("acme", "r1", 3, 4, 5, 150)) // A ledger bucket of this day records it.
	now = now.Add(24 * time.Hour)
	add(t, l, "acme", 200, 260)
	var old []BucketID
	for _, b := range l.Buckets() {
		if b.Tenant == "acme" && b.Day.Before(now.Add(-24*time.Hour)) {
			old = append(old, b.ID)
		}
	}
	if len(old) < 4 { // Three classes and the ledger.
		t.Fatalf("%d buckets of the first day, want at least 4", len(old))
	}
	expired := erasure("acme", "expiry")
	expired.Ledger.GetForgotten().Cause, expired.Buckets = pb.Forgotten_EXPIRED, old
	forget(t, l, expired)
	for reopened := range 2 {
		if got := len(seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{"interaction", "report"}}}})); got != 60 {
			t.Fatalf("%d events are left, want 60", got)
		}
		var events int
		for _, r := range verified(t, l) {
			events += int(r.Last - r.First + 1)
		}
		if want := 200 + 1; events != want { // And the ledger event of the first request.
			t.Fatalf("%d events are forgotten as recorded, want %d", events, want)
		}
		if _, err := l.Read(t.Context(), "acme", 10); !errors.Is(err, ErrErased) {
			t.Fatalf("read an expired event: got %v, want ErrErased", err)
		}
		for n := 200; n < 260; n++ {
			e, err := l.ReadID(t.Context(), "acme", sample(n).GetId())
			if err != nil {
				t.Fatal(err)
			}
			same(t, e, n)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if reopened == 0 {
			if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
				t.Fatal(err)
			}
			if all := dirFindings(t, cfg); len(all) > 0 {
				t.Fatalf("after rebuilding: %+v", all)
			}
		}
		l = open(t, cfg)
	}
}

// A copy of the data from before opens with no key that is left, and the keys
// say why.
func TestOldCopyDoesNotOpen(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old := cfg
	old.Dir = t.TempDir()
	copyDir(t, cfg.Dir, old.Dir)
	oldKeys := t.TempDir()
	copyDir(t, cfg.KeysDir, oldKeys)
	l = open(t, cfg)
	forget(t, l, erasure("acme", "r1", 7))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), old); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("old data, new keys: got %v, want ErrWrongKeys", err)
	}
	newer := cfg
	newer.KeysDir = oldKeys
	if _, err := Open(t.Context(), newer); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("new data, old keys: got %v, want ErrWrongKeys", err)
	}
	check(t, open(t, cfg))
}

// While the stream's key cannot be changed, the old one is not destroyed; Resume
// makes up for it.
func TestForgetWaitsForTheStream(t *testing.T) {
	cfg := config(t)
	broken := errors.New("the stream is stuck")
	var calls [][2]string
	cfg.Rekey = func(_ context.Context, fresh, old string) error {
		calls = append(calls, [2]string{fresh, old})
		return broken
	}
	l := bits(t, cfg, 100, 20)
	before := l.StreamKey()
	if err := l.Forget(t.Context(), []Forgetting{erasure("acme", "r1", 7)}, func(ForgetProgress) {}); !errors.Is(err, broken) {
		t.Fatalf("got %v, want that the stream is stuck", err)
	}
	if l.OldStreamKey() != before || l.StreamKey() == before {
		t.Fatal("the old stream key is not at hand")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	if l.OldStreamKey() != before {
		t.Fatal("the old stream key is not at hand after reopening")
	}
	broken = nil
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	// Once for the key that the start used, before the stream was drained, and once
	// more for one under which nothing of it ever was.
	if l.OldStreamKey() != "" || len(calls) != 3 || calls[1][1] != before || calls[2] != [2]string{l.StreamKey(), calls[1][0]} {
		t.Fatalf("after Resume: old key %q, calls %v", l.OldStreamKey(), calls)
	}
	verified(t, l)
}

// The stream's key changes when what is forgotten may be in its files, and only
// then: publishers wait meanwhile. What was there before the key last changed is
// not, unless it was published again.
func TestForgetLeavesTheStreamAlone(t *testing.T) {
	cfg := config(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	calls := 0
	var during func()
	cfg.Rekey = func(context.Context, string, string) error {
		if calls++; during != nil {
			during()
		}
		return nil
	}
	l := bits(t, cfg, 100, 20)
	changed := func(what string, want bool, do func()) {
		t.Helper()
		before, key := calls, l.StreamKey()
		do()
		if got := calls > before; got != want || got != (l.StreamKey() != key) {
			t.Errorf("%s: the stream's key changed: %t (%d calls), want %t", what, got, calls-before, want)
		}
		if l.OldStreamKey() != "" {
			t.Errorf("%s: the old key is still there", what)
		}
	}
	erase := func(request string, seqs ...event.Seq) func() {
		return func() { t.Helper(); forget(t, l, erasure("acme", request, seqs...)) }
	}
	changed("what came since the store was made", true, erase("r1", 7))
	changed("what was there when the key changed", false, erase("r2", 8))
	add(t, l, "acme", 100, 110)
	changed("what was, beside what came since", true, erase("r3", 9, 104))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	changed("after a restart", false, erase("r4", 10, 105))

	again := func() { // Its publisher sends the one at 50 again.
		p, err := l.Prepare("acme", sample(50))
		if err != nil {
			t.Fatal(err)
		}
		results, err := l.Append(t.Context(), []Prepared{p})
		if err != nil || results[0].Outcome != Duplicate {
			t.Fatal(results, err)
		}
	}
	again()
	changed("what was before what was published again", false, erase("r5", 11))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	changed("what was published again", true, erase("r6", 50))
	changed("rotated", true, func() {
		if err := l.RotateStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	during = again // after the stream was drained
	changed("rotated while something is published again", true, func() {
		if err := l.RotateStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	during = nil
	changed("what that was of", true, erase("r7", 51))

	quarantined := func() BucketID {
		t.Helper()
		if err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{{Time: timestamppb.New(now), Payload: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		for _, b := range l.Buckets() {
			if b.Class == quarantineClass {
				return b.ID
			}
		}
		panic("no bucket")
	}
	dropped := func(id BucketID, request string) func() {
		f := erasure("acme", request)
		f.Buckets = []BucketID{id}
		return func() { t.Helper(); forget(t, l, f) }
	}
	changed("a quarantined message of today", true, dropped(quarantined(), "r8"))
	id := quarantined()
	now = now.Add(4 * 24 * time.Hour)
	if err := l.RotateStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed("one of before the key changed", false, dropped(id, "r9"))
	now = now.Add(365 * 24 * time.Hour)
	if err := l.RotateStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-365 * 24 * time.Hour)
	id = quarantined()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	changed("one of after a clock that was ahead", true, dropped(id, "r10"))
	verified(t, l)
}

// copyDir copies data or keys, which nobody else may read.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	if err == nil {
		err = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				err = os.Chmod(path, 0o600)
			}
			return err
		})
	}
	if err != nil {
		t.Error(err)
	}
}

// What is pending says the same after encoding; what is cut off or added is
// refused.
func TestPendingRecord(t *testing.T) {
	p := &pending{ledger: []event.Seq{1, 1 << 40}, drop: []bucketID{3}, rekey: []rekeyed{{4, 0}, {5, 600}}}
	b := p.encode()
	got, err := decodePending(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got, cmp.AllowUnexported(pending{}, rekeyed{})); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for n := range b {
		if p, err := decodePending(b[:n]); !errors.Is(err, ErrTampered) {
			t.Errorf("the first %d of %d bytes: got %+v, %v, want ErrTampered", n, len(b), p, err)
		}
	}
	if _, err := decodePending(append(b, 0)); !errors.Is(err, ErrTampered) {
		t.Errorf("a byte more: got %v, want ErrTampered", err)
	}
}

// A bucket of quarantined messages goes like any other, although it has no
// events.
func TestForgetQuarantine(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 40, 20)
	entry := &pb.Quarantined{Time: timestamppb.New(start0), Reason: "id: is missing", StreamSequence: 4, Payload: []byte("payload")}
	if err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{entry}); err != nil {
		t.Fatal(err)
	}
	expiry := erasure("acme", "expiry")
	for _, b := range l.Buckets() {
		if b.Class == quarantineClass {
			expiry.Buckets = append(expiry.Buckets, b.ID)
		}
	}
	forget(t, l, expiry)
	for e, err := range l.QuarantineList(t.Context(), "acme", "") {
		t.Errorf("got %v, %v, want an empty quarantine", e, err)
	}
	if l.ring.Current().Number() != 2 {
		t.Error("its key was not destroyed")
	}
	if got := verified(t, l); got != nil {
		t.Errorf("forgotten events %v, want none", got)
	}
}

// A message that is delivered again on another day, as after a crash at midnight,
// has one key: when it is erased no older copy can be opened with another.
func TestQuarantinedTwiceHasOneKey(t *testing.T) {
	l := open(t, config(t))
	message := func(at time.Time) *pb.Quarantined {
		return &pb.Quarantined{Time: timestamppb.New(at), Reason: "id: is missing", StreamSequence: 4, Payload: []byte("payload")}
	}
	first, again := message(start0), message(start0.Add(24*time.Hour))
	for _, e := range []*pb.Quarantined{first, again} {
		if err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{e}); err != nil {
			t.Fatal(err)
		}
	}
	if first.GetId() != again.GetId() {
		t.Errorf("the ids are %s and %s, want one", first.GetId(), again.GetId())
	}
	gone, err := l.PartQuarantine(t.Context(), "acme", []string{first.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	f := erasure("acme", "erasure")
	f.Buckets = gone
	forget(t, l, f)
	for _, b := range l.Buckets() {
		if b.Class == quarantineClass {
			t.Errorf("bucket %d of %s is there still: its key opens what an older copy has of the message", b.ID, b.Day)
		}
	}
}

// What was published again, and acknowledged, is in the stream's files also after a
// power failure: nothing delivers it another time.
func TestPublishedAgainOutlivesPowerFailure(t *testing.T) {
	cfg, files := config(t), vfs.NewCrashableMem()
	cfg.FS = files
	calls := 0
	cfg.Rekey = func(context.Context, string, string) error { calls++; return nil }
	l := bits(t, cfg, 100, 20)
	if err := l.RotateStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, l, "acme", 100, 110) // With it what the rotation noted is on disk.
	if results := add(t, l, "acme", 50, 51); results[0].Outcome != Duplicate {
		t.Fatal(results)
	}
	cfg.FS = files.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, calls = open(t, cfg), 0
	forget(t, l, erasure("acme", "r1", 50))
	if calls == 0 {
		t.Error("the files keep the key under which they have what is forgotten")
	}
}

// However many quarantined messages go, each is on record.
func TestForgetManyQuarantined(t *testing.T) {
	l := open(t, config(t))
	if err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{{Time: timestamppb.New(start0), Payload: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	f := erasure("acme", "expiry")
	for _, b := range l.Buckets() {
		f.Buckets = append(f.Buckets, b.ID)
	}
	want := 2*event.MaxQuarantined + 1
	for i := range want {
		f.Ledger.GetForgotten().Quarantined = append(f.Ledger.GetForgotten().Quarantined, fmt.Sprint(i))
	}
	forget(t, l, f)
	got := map[string]bool{}
	for entry, err := range l.Scan(t.Context(), "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Forgotten)}}}}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		said := e.GetForgotten().GetQuarantined()
		if len(said) > event.MaxQuarantined {
			t.Errorf("one ledger event has %d, the limit is %d", len(said), event.MaxQuarantined)
		}
		for _, id := range said {
			got[id] = true
		}
	}
	if len(got) != want {
		t.Errorf("%d messages are on record, want %d", len(got), want)
	}
}
