package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A machine does random things to a log — appends, merges, promotions,
// redactions, erasures, expiries, checkpoints — while a crasher photographs the disk and the
// keys. Of every photograph it knows what had been acknowledged by then.
type machine struct {
	t     *testing.T
	cfg   Config
	files *vfs.MemFS
	rng   *rand.Rand
	now   time.Time
	l     *Log

	mu      sync.Mutex // Pebble flushes and compacts beside what is done
	chance  *rand.Rand // of photographs
	every   int        // operations of the file system between them, at most
	wait    int        // until the next one
	armed   bool
	photos  []photo
	forgets int // forgettings begun
	redacts int // redactions begun
	acked   struct{ events, forgets, redacts int }

	seqs     []event.Seq   // of the n-th sample
	erased   map[int]int   // sample → which forgetting
	redacted map[int][]int // sample → which redactions, ascending

	interrupted int // forgettings
	halfway     int // redactions of which the forgetting was interrupted
}

// photo is what a power failure would have left, and what was acknowledged.
type photo struct {
	files   *vfs.MemFS
	keys    string
	events  int    // samples whose append had returned
	begun   int    // forgettings that had begun
	forgets int    // forgettings that had returned
	redacts [2]int // redactions that were durable, and that had begun
	now     time.Time
	where   string
}

// MaybeError is called by errorfs before each operation.
func (m *machine) MaybeError(op errorfs.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.armed || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	if m.wait--; m.wait <= 0 {
		m.wait = 1 + m.chance.IntN(m.every)
		m.photograph(op.Path)
	}
	return nil
}

func (*machine) String() string { return "machine" }

// photograph is called with mu held.
func (m *machine) photograph(where string) {
	keys := filepath.Join(m.t.TempDir(), "keys")
	for os.CopyFS(keys, os.DirFS(m.cfg.KeysDir)) != nil { // A file that is being replaced went meanwhile.
		keys = filepath.Join(m.t.TempDir(), "keys")
	}
	copyDir(m.t, keys, keys+".copy") // which nobody else may read
	keys += ".copy"
	clone := m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.chance.IntN(101), RNG: m.chance})
	m.photos = append(m.photos, photo{clone, keys, m.acked.events, m.forgets, m.acked.forgets, [2]int{m.acked.redacts, m.redacts}, m.now, where})
}

// step does one thing.
func (m *machine) step() {
	switch k := m.rng.IntN(12); {
	case k < 5, len(m.seqs) == 0:
		n := 1 + m.rng.IntN(40)
		for _, r := range add(m.t, m.l, "acme", len(m.seqs), len(m.seqs)+n) {
			m.seqs = append(m.seqs, r.Seq)
		}
		m.note(func() { m.acked.events = len(m.seqs) })
	case k < 6:
		if _, err := m.l.Merge(context.Background()); err != nil {
			m.t.Fatal(err)
		}
	case k < 7:
		err := m.l.Promote(context.Background(), "acme", m.some(20), "reported")
		if p, unread := m.l.pending(); err != nil && (!errors.Is(err, ErrForgetting) || p.empty()) || unread != nil {
			m.t.Fatal(err, unread)
		}
	case k < 8:
		if _, err := m.l.Checkpoint(context.Background()); err != nil {
			m.t.Fatal(err)
		}
	case k < 9:
		m.forget(m.some(5), nil)
	case k < 11:
		m.redact(m.some(30))
	default:
		m.now = m.now.Add(9 * time.Hour)
		if m.rng.IntN(3) == 0 {
			m.expire()
		}
	}
}

// some returns positions of a few samples.
func (m *machine) some(n int) (out []event.Seq) {
	for range min(n, len(m.seqs)) {
		out = append(out, m.seqs[m.rng.IntN(len(m.seqs))])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// expire forgets a bucket of evidence.
func (m *machine) expire() {
	var candidates []Bucket
	for _, b := range m.l.Buckets() {
		if b.Tenant == "acme" && b.Class != LedgerClass && b.Day.Before(m.now.Add(-24*time.Hour)) {
			candidates = append(candidates, b)
		}
	}
	if len(candidates) > 0 {
		m.forget(nil, []BucketID{candidates[m.rng.IntN(len(candidates))].ID})
	}
}

func (m *machine) forget(seqs []event.Seq, buckets []BucketID) {
	if len(seqs)+len(buckets) == 0 {
		return
	}
	for n, seq := range m.seqs {
		if _, done := m.erased[n]; done {
			continue
		}
		b, err := m.l.bucketAt(seq)
		if err != nil {
			m.t.Fatal(err)
		}
		if slices.Contains(seqs, seq) || slices.Contains(buckets, BucketID(b.id)) {
			m.erased[n] = m.forgets
		}
	}
	m.note(func() { m.forgets++ })
	what := Forgetting{Tenant: "acme", Seqs: seqs, Buckets: buckets, Ledger: &pb.Event{
		Id: fmt.Sprint("forgetting-", m.forgets), Time: timestamppb.New(m.now), Class: LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	interrupt := m.rng.IntN(3) == 0 // It goes on with the next one, or after a crash.
	err := m.l.Forget(ctx, []Forgetting{what}, func(ForgetProgress) {
		if interrupt {
			cancel()
		}
	})
	never := func() { // It was not begun.
		m.note(func() { m.forgets-- })
		maps.DeleteFunc(m.erased, func(_, which int) bool { return which == m.forgets })
	}
	switch {
	case err == nil:
		m.note(func() { m.acked.forgets = m.forgets })
	case errors.Is(err, ErrNotFound) && m.acked.forgets < m.forgets-1: // The one before was done first, and took the bucket.
		never()
		m.note(func() { m.acked.forgets = m.forgets })
	case !interrupt || !errors.Is(err, context.Canceled):
		m.t.Fatal(err)
	case strings.Contains(err.Error(), "it is on record"): // All before it are done.
		m.note(func() { m.acked.forgets = m.forgets - 1 })
		m.interrupted++
	default: // The one before was interrupted again.
		never()
		m.interrupted++
	}
}

// redact has the user of each event say which redaction it was.
func (m *machine) redact(seqs []event.Seq) {
	which := m.redacts
	left := map[event.Seq]bool{}
	for n, seq := range m.seqs {
		if _, done := m.erased[n]; !done && slices.Contains(seqs, seq) {
			m.redacted[n] = append(m.redacted[n], which)
			left[seq] = true
		}
	}
	m.note(func() { m.redacts++ })
	what := redaction("acme", fmt.Sprint("redaction-", which), seqs...)
	what.Apply = func(_ context.Context, e *pb.Event) error { e.User = userOf(which); return nil }
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	interrupt := m.rng.IntN(2) == 0
	done, err := m.l.Redact(ctx, what, func(p ForgetProgress) {
		if interrupt && (p.Step != "redact" || p.Done == p.Planned) {
			cancel()
		}
	})
	switch {
	case err == nil:
		if done != len(left) && m.acked.forgets == m.forgets {
			m.t.Fatalf("%d events were redacted, want %d", done, len(left))
		}
		m.note(func() { m.acked.forgets, m.acked.redacts = m.forgets, m.redacts })
	case !interrupt || !errors.Is(err, context.Canceled):
		m.t.Fatal(err)
	case strings.Contains(err.Error(), "on record"): // What was before it is done.
		m.note(func() { m.acked.forgets, m.acked.redacts = m.forgets, m.redacts })
		m.halfway++
	default: // The one before was interrupted again.
		m.note(func() { m.redacts-- })
		for n, of := range m.redacted {
			m.redacted[n] = slices.DeleteFunc(of, func(k int) bool { return k == which })
		}
	}
}

func userOf(redaction int) string { return fmt.Sprintf("[USER:redacted%d]", redaction) }

// redactedAs reports whether an event shows a redaction, which must be the last
// that was durable by a photograph, or the one that was under way.
func (m *machine) redactedAs(n int, e *pb.Event, p photo) bool {
	shown, least, inDoubt := -1, -1, -1
	for _, k := range m.redacted[n] {
		if e.GetUser() == userOf(k) {
			shown = k
		}
		if k < p.redacts[0] {
			least = k
		} else if k < p.redacts[1] {
			inDoubt = k
		}
	}
	if shown != least && (shown != inDoubt || inDoubt < 0) {
		m.t.Errorf("event %d shows redaction %d: want %d, or perhaps %d", n, shown, least, inDoubt)
	}
	return shown >= 0
}

// note changes what photographs know.
func (m *machine) note(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// Invariants 1, 4 and 5: whatever the log was doing when the power failed, what
// was acknowledged is there once, what was forgotten is not, what was being
// forgotten is gone after Resume or wholly there, each event that was being
// redacted is so or is as it was, and the log verifies, before and after.
func TestCrashAnywhere(t *testing.T) {
	points, interrupted, halfway := 0, 0, 0
	for seed := range rounds(t) {
		m := &machine{t: t, cfg: config(t), files: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 2)), chance: rand.New(rand.NewPCG(seed, 3)), now: start0.Add(24 * time.Hour), wait: 1, erased: map[int]int{}, redacted: map[int][]int{}}
		m.cfg.FS = errorfs.Wrap(m.files, m)
		m.cfg.tableBytes = []int{1, 8 << 10, tableBytes}[seed%3] // All blocks are small here.
		m.cfg.portionBytes = []int{rewriteBytes, 16 << 10}[seed%2]
		m.every = []int{120, 60, 40}[seed%3] // A table takes many operations.
		m.cfg.Now = func() time.Time { return m.now }
		m.cfg.Rekey = func(context.Context, string, string) error {
			m.note(func() { m.photograph("between the epochs") })
			return nil
		}
		m.l = open(t, m.cfg)
		m.note(func() { m.armed = true })
		for range 40 {
			m.step()
		}
		m.note(func() { m.armed = false })
		if err := m.l.Close(); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.photos {
			m.recovered(p)
			if t.Failed() {
				t.Fatalf("seed %d, crash %d of %d, before %s", seed, i, len(m.photos), p.where)
			}
		}
		points, interrupted, halfway = points+len(m.photos), interrupted+m.interrupted, halfway+m.halfway
	}
	t.Logf("%d crashes, %d forgettings and %d redactions interrupted otherwise", points, interrupted, halfway)
	if points < 20 {
		t.Errorf("%d crashes are too few to tell", points)
	}
}

// recovered opens what a crash left and checks all of it.
func (m *machine) recovered(p photo) {
	t := m.t
	cfg := m.cfg
	cfg.FS, cfg.KeysDir, cfg.Now = p.files, p.keys, func() time.Time { return p.now }
	cfg.Rekey = func(context.Context, string, string) error { return nil }
	l, err := Open(context.Background(), cfg)
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	for _, f := range findings(t, l) {
		t.Errorf("finding: %+v", f)
	}
	size := l.Size()                      // Beyond it Resume may append ledger events of its own.
	if first := m.seqs[0]; first < size { // as whoever promotes does, beside Resume
		if err := l.Promote(context.Background(), "acme", []event.Seq{first}, "reported"); err != nil && !errors.Is(err, ErrForgetting) {
			t.Errorf("promote: %v", err)
		}
	}
	if err := l.Resume(context.Background(), func(ForgetProgress) {}); err != nil {
		t.Errorf("resume: %v", err)
	}
	under := map[int]map[bool]int{} // of each forgetting under way: how many are gone
	for n, seq := range m.seqs {
		if n < p.events && seq >= size {
			t.Errorf("event %d was acknowledged and is not there", n)
			return
		}
		if seq >= size {
			break
		}
		e, err := l.Read(context.Background(), "acme", seq)
		gone := errors.Is(err, ErrErased)
		if err != nil && !gone {
			t.Errorf("read %d: %v", seq, err)
			return
		}
		which, erased := m.erased[n]
		switch {
		case erased && which < p.forgets:
			if !gone {
				t.Errorf("event %d was forgotten and is there", n)
			}
		case erased && which < p.begun:
			if under[which] == nil {
				under[which] = map[bool]int{}
			}
			under[which][gone]++
		case gone:
			t.Errorf("event %d is gone, and nobody asked for it", n)
		}
		if gone {
			continue
		}
		if m.redactedAs(n, e, p) {
			e.User = sample(n).GetUser()
		}
		same(t, e, n)
	}
	for which, of := range under {
		if len(of) > 1 {
			t.Errorf("of forgetting %d, %d events are gone and %d are not", which, of[true], of[false])
		}
	}
	for n, r := range add(t, l, "acme", 0, len(m.seqs)) {
		want := Duplicate
		if m.seqs[n] >= size {
			want = Appended
		}
		if r.Outcome != want {
			t.Errorf("redelivered event %d: got %v, want %v", n, r, want)
			return
		}
	}
	for _, f := range findings(t, l) {
		t.Errorf("finding after redelivery: %+v", f)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
