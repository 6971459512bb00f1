package eventlog

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/afterimage/afterimage/event"
)

// A camera photographs a disk, and a key directory, before operations picked at
// random: what a power failure would have left.
type camera struct {
	t     *testing.T
	files *vfs.MemFS
	rng   *rand.Rand
	every int // operations between two photographs, at most

	mu     sync.Mutex
	keys   string // "": off
	wait   int
	facts  any // what the test knows to be true by now
	photos []shot
}

type shot struct {
	files *vfs.MemFS
	keys  string
	facts any
	where string
}

func newCamera(t *testing.T, seed uint64, every int) *camera {
	return &camera{t: t, files: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 4)), every: every}
}

// aim begins to photograph, or ends it where keys is "".
func (c *camera) aim(keys string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// know notes what is true from now on.
func (c *camera) know(facts any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.facts = facts
}

// MaybeError is called by errorfs before each operation.
func (c *camera) MaybeError(op errorfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == "" || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	if c.wait--; c.wait > 0 {
		return nil
	}
	c.wait = 1 + c.rng.IntN(c.every)
	keys := filepath.Join(c.t.TempDir(), "keys")
	copyKeys(c.t, c.keys, keys)
	clone := c.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	c.photos = append(c.photos, shot{clone, keys, c.facts, op.Path})
	return nil
}

func (*camera) String() string { return "camera" }

// copyKeys copies a key directory that may be written to meanwhile.
func copyKeys(t testing.TB, from, to string) {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		if err == nil && d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		var b []byte
		if err == nil {
			b, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) { // It was renamed.
			return nil
		}
		return errors.Join(err, os.WriteFile(filepath.Join(to, rel), b, 0o600))
	})
	if err != nil {
		t.Error(err)
	}
}

// complete returns the directories below dir that pass for backups.
func complete(t *testing.T, files vfs.FS, dir string) (whole, others []string) {
	names, err := files.List(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		path := files.PathJoin(dir, name)
		if _, err := readManifest(files, path); err == nil {
			whole = append(whole, path)
		} else if backupName.MatchString(name) {
			others = append(others, path)
		}
	}
	return whole, others
}

// Whatever a power failure interrupts while backups are made: what passes for a
// backup can be restored, all that had returned do, the log is whole, and the next
// backup removes what is none.
func TestCrashDuringBackup(t *testing.T) {
	points, cut := 0, 0
	for seed := range rounds(t) {
		c := newCamera(t, seed, 12)
		cfg := config(t)
		cfg.Dir, cfg.FS = "data/log", errorfs.Wrap(c.files, c)
		l := open(t, cfg)
		total := 0
		more := func() {
			for range 3 {
				add(t, l, "acme", total, total+20)
				total += 20
			}
		}
		more()
		c.know([2]int{0, total})
		c.aim(cfg.KeysDir)
		for n := range 4 {
			backUp(t, l, "backups")
			c.know([2]int{n + 1, total})
			more()
			merge(t, l)
			forget(t, l, erasure("acme", "r"+string(rune('0'+n)), l.Size()-5))
			c.know([2]int{n + 1, total})
		}
		c.aim("")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for i, p := range c.photos {
			cut += backupsRecovered(t, cfg, p)
			if t.Failed() {
				t.Fatalf("seed %d, crash %d of %d, before %s", seed, i, len(c.photos), p.where)
			}
		}
		points += len(c.photos)
	}
	t.Logf("%d crashes, %d of them in the midst of a backup", points, cut)
	if cut < 5 {
		t.Errorf("%d crashes in the midst of a backup are too few to tell", cut)
	}
}

// backupsRecovered checks a photograph, and returns how many interrupted backups
// it had.
func backupsRecovered(t *testing.T, cfg Config, p shot) int {
	cfg.FS, cfg.KeysDir = p.files, p.keys
	facts := p.facts.([2]int)
	whole, cut := complete(t, p.files, "backups")
	if len(whole) < facts[0] {
		t.Errorf("%d backups, %d had been made", len(whole), facts[0])
	}
	for n, dir := range whole {
		m, err := readManifest(p.files, dir)
		if err != nil {
			t.Fatal(err)
		}
		r := &restoring{ctx: t.Context(), cfg: cfg, from: dir, manifest: m, progress: func(BackupProgress) {}}
		if err := r.check(); err != nil {
			t.Errorf("%s passes for a backup: %v", dir, err)
		}
		if n < len(whole)-1 {
			continue
		}
		to := cfg
		to.Dir, to.KeysDir = "elsewhere/log", filepath.Join(t.TempDir(), "keys")
		copyKeys(t, p.keys, to.KeysDir)
		if got := restore(t, to, dir); uint64(got.Backup) != m.Size {
			t.Errorf("restored %+v of %d events", got, m.Size)
		}
	}
	l, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := l.Resume(t.Context(), func(ForgetProgress) {}); err != nil {
		t.Error(err)
	}
	for _, f := range findings(t, l) {
		t.Errorf("finding: %+v", f)
	}
	if got := len(seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{"interaction", "report"}}}})); got < facts[1]-5 {
		t.Errorf("%d events, %d had been appended", got, facts[1])
	}
	b := backUp(t, l, "backups")
	if again, left := complete(t, p.files, "backups"); len(left) > 0 || len(again) != len(whole)+1 || again[len(again)-1] != b.Dir && !slices.Contains(again, b.Dir) {
		t.Errorf("after another backup there are %v and %v", again, left)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return len(cut)
}

// Whatever a power failure interrupts while a backup is restored: the log opens
// when the restore is done, and not before; restoring again ends it; and at no
// instant can an event be read that was forgotten.
func TestCrashDuringRestore(t *testing.T) {
	points, open0 := 0, 0
	for seed := range rounds(t) {
		c := newCamera(t, seed, 12)
		cfg := config(t)
		cfg.Dir, cfg.FS = "data/log", errorfs.Wrap(c.files, c)
		l := bits(t, cfg, 200, 20)
		b := backUp(t, l, "backups")
		add(t, l, "acme", 200, 220)
		forget(t, l, erasure("acme", "r1", 3, 100, 210))
		had := l.Size()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		to := lost(t, cfg)
		to.Dir = "elsewhere/log"
		c.know(false)
		c.aim(to.KeysDir)
		r := restore(t, to, b.Dir)
		c.aim("")
		if r.Lost != had-b.Size || r.Forgotten != 2 {
			t.Fatalf("restored %+v", r)
		}
		c.photos = append(c.photos, shot{c.files.CrashClone(vfs.CrashCloneCfg{}), to.KeysDir, true, "the end"})
		for i, p := range c.photos {
			if restoreRecovered(t, to, p, b, r.Lost) {
				open0++
			}
			if t.Failed() {
				t.Fatalf("seed %d, crash %d of %d, before %s", seed, i, len(c.photos), p.where)
			}
		}
		points += len(c.photos)
	}
	t.Logf("%d crashes, %d of them after the end", points, open0)
	if points < 20 || open0 == points {
		t.Errorf("%d crashes, %d of them after the end, are too few to tell", points, open0)
	}
}

// restoreRecovered checks a photograph, and reports whether the log opened.
func restoreRecovered(t *testing.T, cfg Config, p shot, b Backup, missing event.Seq) bool {
	cfg.FS, cfg.KeysDir = p.files, p.keys
	l, err := Open(t.Context(), cfg)
	opened := err == nil
	if !opened {
		if done := p.facts.(bool); done {
			t.Errorf("the restore was done: %v", err)
		}
		r, err := Restore(t.Context(), cfg, b.Dir, func(BackupProgress) {})
		if err != nil {
			t.Errorf("restore again: %v", err)
			return false
		}
		if r.Backup != b.Size || r.Lost != missing || r.Forgotten != 2 {
			t.Errorf("restored again: %+v, %d events lost before", r, missing)
		}
		if l, err = Open(t.Context(), cfg); err != nil {
			t.Errorf("open after restoring again: %v", err)
			return false
		}
	}
	for n := range b.Size {
		e, err := l.Read(t.Context(), "acme", n)
		if n == 3 || n == 100 {
			if !errors.Is(err, ErrErased) {
				t.Errorf("event %d, which was forgotten: got %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("event %d: %v", n, err)
			break
		}
		same(t, e, int(n))
	}
	for _, f := range findings(t, l) {
		t.Errorf("finding: %+v", f)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return opened
}
