package eventlog

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/afterimage/afterimage/event"
)

// crash is what a power failure at some instant leaves behind.
type crash struct {
	files   *vfs.MemFS
	keysDir string
	acked   int64 // events whose append had returned
}

// crasher photographs the disk before operations picked at random.
type crasher struct {
	t     testing.TB
	files *vfs.MemFS
	keys  string
	acked atomic.Int64
	armed atomic.Bool

	mu      sync.Mutex
	rng     *rand.Rand
	every   int // operations between photographs, at most
	wait    int // operations until the next photograph
	crashes []crash
}

// MaybeError is called by errorfs before each operation.
func (c *crasher) MaybeError(op errorfs.Op) error {
	if !c.armed.Load() || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wait--; c.wait > 0 {
		return nil
	}
	c.wait = 1 + c.rng.IntN(c.every)
	acked := c.acked.Load() // Before the copies: what was acknowledged by then must be in them.
	keys := filepath.Join(c.t.TempDir(), "keys")
	copyDir(c.t, c.keys, keys)
	clone := c.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	c.crashes = append(c.crashes, crash{clone, keys, acked})
	return nil
}

func (*crasher) String() string { return "crasher" }

// Invariant 1: after a power failure at any instant everything acknowledged is
// there, once and unchanged; the log verifies; and what is delivered again is
// absorbed.
func TestCrashByPowerFailure(t *testing.T) {
	points := 0
	for seed := range rounds(t) {
		cfg := config(t)
		files := vfs.NewCrashableMem()
		c := &crasher{t: t, files: files, keys: cfg.KeysDir, rng: rand.New(rand.NewPCG(seed, 1)), wait: 1}
		cfg.FS = errorfs.Wrap(files, c)
		cfg.tableBytes, c.every = tableBytes, 8
		if seed%2 == 0 { // All blocks are small here.
			cfg.tableBytes, c.every = 1, 80 // A table takes many operations.
		}
		l := open(t, cfg)
		c.armed.Store(true)
		total := 0
		for total < 300 {
			n := 1 + c.rng.IntN(60)
			add(t, l, "acme", total, total+n)
			total += n
			c.acked.Store(int64(total))
		}
		c.armed.Store(false)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		points += len(c.crashes)
		for i, cr := range c.crashes {
			recovered(t, cfg, cr, total)
			if t.Failed() {
				t.Fatalf("seed %d, crash %d of %d", seed, i, len(c.crashes))
			}
		}
	}
	t.Logf("%d crashes", points)
	if points < 10 {
		t.Errorf("%d crashes are too few to tell", points)
	}
}

// rounds is how many seeds to run: few, or as many as `make crash` asks for.
func rounds(t *testing.T) uint64 {
	t.Helper()
	asked := os.Getenv("AFTERIMAGE_CRASH_ROUNDS")
	if asked == "" {
		return 2
	}
	n, err := strconv.ParseUint(asked, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// recovered opens what a crash left and checks all of it.
func recovered(t *testing.T, cfg Config, cr crash, total int) {
	t.Helper()
	cfg.FS, cfg.KeysDir = cr.files, cr.keysDir
	l, err := Open(t.Context(), cfg)
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	if got := l.Size(); int64(got) < cr.acked {
		t.Errorf("%d events are there, %d were acknowledged", got, cr.acked)
	}
	for n := range int(l.Size()) {
		e, err := l.Read(t.Context(), "acme", event.Seq(n))
		if err != nil {
			t.Errorf("read %d: %v", n, err)
			return
		}
		same(t, e, n)
	}
	size := l.Size()
	for i, r := range add(t, l, "acme", 0, total) {
		want := Result{Appended, event.Seq(i)}
		if event.Seq(i) < size {
			want.Outcome = Duplicate
		}
		if r != want {
			t.Errorf("redelivered event %d: got %v, want %v", i, r, want)
		}
	}
	check(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
