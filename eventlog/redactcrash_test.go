package eventlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// syncCrasher photographs the disk before and after everything that is made
// durable: before each sync, and before what follows it.
type syncCrasher struct {
	t     testing.TB
	files *vfs.MemFS
	keys  string
	armed atomic.Bool
	done  atomic.Bool // Redact has returned

	mu     sync.Mutex
	rng    *rand.Rand
	every  int // of the places, photographed
	places int
	synced bool
	photos []syncPhoto
}

type syncPhoto struct {
	files *vfs.MemFS
	keys  string
	done  bool
}

// MaybeError is called by errorfs before each operation.
func (c *syncCrasher) MaybeError(op errorfs.Op) error {
	if !c.armed.Load() || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	if sync || c.synced {
		if c.places++; c.places%c.every == 0 {
			c.photograph()
		}
	}
	c.synced = sync
	return nil
}

func (*syncCrasher) String() string { return "sync crasher" }

// photograph is called with mu held.
func (c *syncCrasher) photograph() {
	var keys string
	for range 100 {
		keys = filepath.Join(c.t.TempDir(), "keys")
		if os.CopyFS(keys, os.DirFS(c.keys)) == nil { // Else a file was just replaced.
			break
		}
	}
	copyDir(c.t, keys, keys+".copy") // which nobody else may read
	unsynced := []int{0, 100, c.rng.IntN(101)}[len(c.photos)%3]
	clone := c.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: c.rng})
	c.photos = append(c.photos, syncPhoto{clone, keys + ".copy", c.done.Load()})
}

// Wherever the power fails while events are redacted, in several portions, each
// event is afterwards what it was or what it was to become, reads and verifies as
// such, is found by the terms of just that, and once it was on record stays
// so; Resume then makes every older copy unreadable, and redacting again what is
// left comes to the same as if nothing had happened.
func TestCrashWhileRedacting(t *testing.T) {
	whole := map[int]int{}                        // how many events were redacted → in how many photographs
	for _, tables := range []int{1, tableBytes} { // All blocks are small here.
		cfg := config(t)
		files := vfs.NewCrashableMem()
		c := &syncCrasher{t: t, files: files, keys: cfg.KeysDir, rng: rand.New(rand.NewPCG(5, uint64(tables))), every: 1}
		if tables == 1 && rounds(t) == 2 { // A table takes many operations.
			c.every = 8
		}
		cfg.FS, cfg.tableBytes, cfg.portionBytes = errorfs.Wrap(files, c), tables, 2<<10
		cfg.Rekey = func(context.Context, string, string) error {
			if c.armed.Load() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.photograph()
			}
			return nil
		}
		l := bits(t, cfg, 100, 10)
		if err := l.db.Flush(); err != nil {
			t.Fatal(err)
		}
		chosen := []event.Seq{3, 4, 14, 24, 34, 35, 55, 64, 75, 84, 90, 94}
		want := map[int]bool{}
		for _, seq := range chosen {
			want[int(seq)] = true
		}
		steps := 0
		c.armed.Store(true)
		_, err := l.Redact(t.Context(), redaction("acme", "r1", chosen...), func(p ForgetProgress) {
			if p.Step == "redact" {
				steps++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		c.done.Store(true)
		c.mu.Lock()
		c.photograph()
		c.mu.Unlock()
		c.armed.Store(false)
		if steps < 3 {
			t.Fatalf("%d portions are too few to tell", steps)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for i, p := range c.photos {
			whole[recoveredRedacting(t, cfg, p, want)]++
			if t.Failed() {
				t.Fatalf("tables from %d bytes, photograph %d of %d", tables, i, len(c.photos))
			}
		}
	}
	t.Logf("photographs, by how many events were redacted in them: %v", whole)
	if whole[0] == 0 || whole[12] == 0 || len(whole) < 5 {
		t.Error("too few to tell")
	}
}

// recoveredRedacting opens a photograph, and returns how many events are redacted
// in it.
func recoveredRedacting(t *testing.T, cfg Config, p syncPhoto, want map[int]bool) int {
	t.Helper()
	cfg.FS, cfg.KeysDir = p.files, p.keys
	cfg.Rekey = func(context.Context, string, string) error { return nil }
	l, err := Open(t.Context(), cfg)
	if err != nil {
		t.Errorf("open: %v", err)
		return 0
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	check(t, l)
	is := map[int]bool{}
	var left []event.Seq
	for n := range want {
		e, err := l.Read(t.Context(), "acme", event.Seq(n))
		if err != nil {
			t.Errorf("read %d: %v", n, err)
			return 0
		}
		if is[n] = len(e.GetCapture().GetRedactions()) > 0; !is[n] {
			left = append(left, event.Seq(n))
		}
	}
	if p.done && len(left) > 0 {
		t.Errorf("events %v are not redacted although Redact has returned", left)
	}
	now := func(n int) bool { return is[n] }
	hidden(t, l, 100, now)
	snapshot := l.db.NewSnapshot() // what a copy from now has
	pending, err := l.pending()
	if err != nil {
		t.Error(err)
	}
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Errorf("resume: %v", err)
	}
	if p, err := l.pending(); err != nil || !p.empty() {
		t.Errorf("after Resume something is pending: %+v, %v", p, err)
	}
	hidden(t, l, 100, now)
	check(t, l)
	for n := range want {
		if !pending.empty() && is[n] && opens(t, l, disk{snapshot}, event.Seq(n)) {
			t.Errorf("event %d opens in a copy from before Resume", n)
		}
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if len(left) < len(want) && l.ring.Current().Number() < 2 {
		t.Error("events were redacted, and no epoch began")
	}
	again := redaction("acme", "again")
	for n := range want {
		again.Seqs = append(again.Seqs, event.Seq(n))
	}
	if n := redact(t, l, again); n != len(left) {
		t.Errorf("redacted again: %d events became others, want %d", n, len(left))
	}
	hidden(t, l, 100, func(n int) bool { return want[n] })
	check(t, l)
	return len(want) - len(left)
}

// While events are redacted others are appended, read, followed and scanned: each
// read gives the whole of what was or the whole of what is, and a scan under way
// meets each event once.
func TestRedactWhileServing(t *testing.T) {
	cfg := config(t)
	cfg.portionBytes = 32 << 10
	l := bits(t, cfg, 600, 20)
	var all []event.Seq
	for n := range event.Seq(600) {
		all = append(all, n)
	}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	appended := 600
	work.Go(func() {
		for ; ctx.Err() == nil; appended += 3 {
			add(t, l, "acme", appended, appended+3)
		}
	})
	work.Go(func() { serve(ctx, t, l) })
	work.Go(func() { serve(ctx, t, l) })
	if n := redact(t, l, redaction("acme", "r1", all...)); n != 600 {
		t.Errorf("%d events became others, want 600", n)
	}
	stop()
	work.Wait()
	check(t, l)
	var others int
	for e, err := range l.Scan(t.Context(), "acme", Selection{Order: LogOrder}) {
		if err != nil {
			t.Fatal(err)
		}
		full, err := e.Event()
		if err != nil {
			t.Fatal(err)
		}
		if n := numberOf(t, full); n >= 600 {
			same(t, full, n)
			others++
		} else if n >= 0 {
			sameHidden(t, full, n)
		}
	}
	if others != appended-600 || others == 0 {
		t.Errorf("%d events were appended meanwhile, and %d are there", appended-600, others)
	}
}

// serve reads, until ctx ends, events that are perhaps redacted.
func serve(ctx context.Context, t *testing.T, l *Log) {
	for ctx.Err() == nil {
		seen := map[event.Seq]bool{}
		for e, err := range l.Scan(ctx, "acme", Selection{Terms: []Term{{FieldKind, []string{"interaction", "report"}}}}) {
			if errors.Is(err, context.Canceled) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if seen[e.Seq] {
				t.Errorf("event %d came twice", e.Seq)
				return
			}
			seen[e.Seq] = true
			full, err := e.Event()
			if err != nil {
				t.Errorf("event %d: %v", e.Seq, err)
				return
			}
			n := numberOf(t, full)
			if len(full.GetCapture().GetRedactions()) > 0 {
				sameHidden(t, full, n)
			} else {
				same(t, full, n)
			}
		}
		if len(seen) < 600 && ctx.Err() == nil {
			t.Errorf("a scan met %d events of 600", len(seen))
			return
		}
	}
}

// numberOf returns which sample an event is, -1 if it is none.
func numberOf(t testing.TB, e *pb.Event) int {
	t.Helper()
	if e.GetCapture() == nil {
		return -1
	}
	return int(e.GetCapture().GetSequence()) - 1
}
