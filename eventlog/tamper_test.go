package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// tamperable returns a closed log of a few hundred events of two tenants, on a
// file system of the caller's choice.
func tamperable(t *testing.T, files vfs.FS) Config {
	t.Helper()
	cfg := config(t)
	cfg.FS = files
	l := open(t, cfg)
	for from := 0; from < 300; from += 60 {
		add(t, l, "acme", from, from+60)
	}
	add(t, l, "umbrella", 0, 40)
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// values returns every stored key and value of a closed log in some spaces.
func values(t *testing.T, cfg Config, spaces string) (keys, vals [][]byte) {
	t.Helper()
	withDB(t, cfg, func(db *pebble.DB) {
		it, err := db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		for ok := it.First(); ok; ok = it.Next() {
			if bytes.IndexByte([]byte(spaces), it.Key()[0]) >= 0 {
				keys, vals = append(keys, bytes.Clone(it.Key())), append(vals, bytes.Clone(it.Value()))
			}
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return keys, vals
}

func withDB(t *testing.T, cfg Config, f func(*pebble.DB)) {
	t.Helper()
	db, err := openDB(cfg.withDefaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	f(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, cfg Config, key, value []byte) {
	t.Helper()
	withDB(t, cfg, func(db *pebble.DB) {
		err := db.Set(key, value, pebble.Sync)
		if value == nil {
			err = db.Delete(key, pebble.Sync)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func dirFindings(t *testing.T, cfg Config) (all []Finding) {
	t.Helper()
	_, err := VerifyDir(t.Context(), cfg, func(f Finding) { all = append(all, f) }, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// covers reports whether some finding names one of the seqs.
func covers(all []Finding, seqs []event.Seq) bool {
	return slices.ContainsFunc(all, func(f Finding) bool {
		return slices.ContainsFunc(seqs, func(s event.Seq) bool { return f.First <= s && s <= f.Last })
	})
}

// affected returns the seqs that one of the stored keys is about.
func affected(keys, vals [][]byte, key []byte) (seqs []event.Seq) {
	number := uint64(0)
	if len(key) >= 9 {
		number = binary.BigEndian.Uint64(key[len(key)-8:])
	}
	span := func(first, n uint64) {
		for s := first; s < first+n; s++ {
			seqs = append(seqs, event.Seq(s))
		}
	}
	switch key[0] {
	case spaceHeader, spaceMeta, spaceText, spaceFilter, spaceSketch:
		for i, k := range keys {
			if h, err := block.ParseHeader(vals[i]); err == nil && k[0] == spaceHeader && bytes.Equal(k[1:], key[1:]) {
				span(h.FirstSeq, h.LastSeq-h.FirstSeq+1)
			}
		}
	case spaceLocation, spaceBundle:
		span(number*pageWidth, pageWidth)
	case spaceTile:
		span(number*tree.Width*tree.Width, tree.Width*tree.Width)
	default:
		span(0, 340)
	}
	return seqs
}

// Invariant 5: a byte that is flipped in any block, tile, location, index or
// checkpoint is found, and the seqs are named.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("before tampering: %+v", all)
	}
	const spaces = "hmxfklencdib"
	keys, vals := values(t, cfg, spaces)
	rng := rand.New(rand.NewPCG(7, 7))
	tries := 0
	for _, space := range []byte(spaces) {
		for try := range 1 + rounds(t) {
			i := rng.IntN(len(keys))
			for keys[i][0] != space || len(vals[i]) == 0 {
				i = rng.IntN(len(keys))
			}
			seqs := affected(keys, vals, keys[i])
			flipped := bytes.Clone(vals[i])
			at := rng.IntN(len(flipped))
			flipped[at] ^= 1 << rng.IntN(8)
			put(t, cfg, keys[i], flipped)
			tries++
			all := dirFindings(t, cfg)
			if !covers(all, seqs) {
				t.Errorf("try %d: byte %d of %d of key %x: findings %+v name none of seqs %d..%d", try, at, len(flipped), keys[i], all, seqs[0], seqs[len(seqs)-1])
			}
			put(t, cfg, keys[i], vals[i])
		}
	}
	t.Logf("%d bytes flipped", tries)
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("after mending: %+v", all)
	}
}

// Invariant 5: whatever is taken away or put in another's place is found.
func TestVerifyFindsRemovalAndSwap(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	const spaces = "hmxfklendib"
	keys, vals := values(t, cfg, spaces)
	rng := rand.New(rand.NewPCG(8, 8))
	for _, space := range []byte(spaces) {
		var same []int
		for i, k := range keys {
			if k[0] == space {
				same = append(same, i)
			}
		}
		i := same[rng.IntN(len(same))]
		put(t, cfg, keys[i], nil)
		if all := dirFindings(t, cfg); len(all) == 0 {
			t.Errorf("key %x was removed and not missed", keys[i])
		}
		put(t, cfg, keys[i], vals[i])
		if len(same) < 2 {
			continue
		}
		j := i
		for bytes.Equal(vals[i], vals[j]) {
			j = same[rng.IntN(len(same))]
		}
		put(t, cfg, keys[i], vals[j])
		if all := dirFindings(t, cfg); len(all) == 0 {
			t.Errorf("key %x has the value of %x and nothing was found", keys[i], keys[j])
		}
		put(t, cfg, keys[i], vals[i])
	}
}

// Invariant 5: an older copy of the data, whole and consistent, does not pass
// for the newer one: the keys have seen more.
func TestVerifyFindsTruncation(t *testing.T) {
	cfg := tamperable(t, nil)
	old := cfg
	old.Dir = filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old.Dir, os.DirFS(cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	l := open(t, cfg)
	add(t, l, "acme", 300, 350)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := dirFindings(t, old)
	if len(all) != 1 || all[0].Part != "anchor" || all[0].First != 340 || all[0].Last != 389 {
		t.Errorf("verify: got %+v, want one finding of part anchor for seqs 340 to 389", all)
	}
	if _, err := Open(t.Context(), old); !errors.Is(err, ErrTampered) {
		t.Errorf("open: got %v, want ErrTampered", err)
	}
}

// Invariant 5: a flipped byte of a file that holds blocks is found, also where
// Pebble's own checksums notice first.
func TestVerifyFindsFlippedFileBytes(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	for n := range 60 { // Small blocks: on a bad checksum Pebble tries every bit.
		add(t, l, "acme", n, n+1)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	withDB(t, cfg, func(db *pebble.DB) {
		if err := db.Compact(context.Background(), []byte{0}, []byte{255}, false); err != nil {
			t.Fatal(err)
		}
	})
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) < len(sectionSpaces) {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for try := range 12 {
		path := tables[rng.IntN(len(tables))]
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(b)
		at := rng.IntN(dataSize(t, cfg, path)) // What follows is Pebble's own.
		flipped[at] ^= 0x40
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if all := dirFindings(t, cfg); len(all) == 0 {
			t.Errorf("try %d: byte %d of %d of %s: nothing was found", try, at, len(b), filepath.Base(path))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// dataSize returns how much of a table holds keys and values: its first bytes.
func dataSize(t *testing.T, cfg Config, path string) int {
	t.Helper()
	f, err := vfs.Default.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sstable.NewReader(t.Context(), readable, dbOptions(cfg).MakeReaderOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	layout, err := r.Layout()
	if err != nil {
		t.Fatal(err)
	}
	last := layout.Data[len(layout.Data)-1]
	return int(last.Offset + last.Length)
}

// Invariant 2: no name, id, term or text stands in any file in clear.
func TestNothingInClearOnDisk(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "acme-tenant", 0, 200)
	if _, err := l.Pseudonym("acme-tenant", "alice@example.com"); err != nil {
		t.Fatal(err)
	}
	look := func(state string) {
		files := 0
		err := filepath.WalkDir(filepath.Dir(cfg.Dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			b, err := os.ReadFile(path)
			for _, secret := range []string{"acme-tenant", "session-3", "[USER:user1]", "user1", "model-1", "openai", "self_harm",
				"event-000007", "question number", "goes on and on", "medical-triage", "something wrong", "routine", "flagged", "always", "alice"} {
				if bytes.Contains(b, []byte(secret)) || bytes.Contains([]byte(path), []byte(secret)) {
					t.Errorf("%s: %s contains %q", state, filepath.Base(path), secret)
				}
			}
			return err
		})
		if err != nil || files < 5 {
			t.Fatalf("looked at %d files: %v", files, err)
		}
	}
	look("while open")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	look("after close")
}

// Invariant 5: evidence that is removed together with everything that leads to
// it, without keys, is missed; and a rebuild does not make it look forgotten.
func TestVerifyFindsRemovalWithoutTraces(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	_, headers := values(t, cfg, "h")
	h, err := block.ParseHeader(headers[2])
	if err != nil {
		t.Fatal(err)
	}
	pages, locations := values(t, cfg, "l")
	withDB(t, cfg, func(db *pebble.DB) {
		for _, space := range []byte("hmx") {
			if err := db.Delete(key8(space, 3), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
		for i, k := range pages {
			page, err := decodePage(locations[i])
			if err != nil {
				t.Fatal(err)
			}
			for j := range page {
				if page[j].block == 3 {
					page[j] = location{}
				}
			}
			if err := db.Set(k, encodePage(page), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	})
	if all := dirFindings(t, cfg); !covers(all, []event.Seq{event.Seq(h.FirstSeq)}) {
		t.Errorf("findings %+v do not name seq %d", all, h.FirstSeq)
	}
	if err := Rebuild(t.Context(), cfg, func(Progress) {}); !errors.Is(err, ErrTampered) {
		t.Errorf("rebuild: got %v, want ErrTampered", err)
	}
}

// Invariant 5: numbers that would be given out again, trailing commitments,
// signed heads beyond the end, and keys without an anchor are found.
func TestVerifyFindsWhatDoesNotFit(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	_, st := values(t, cfg, "\x01")
	bundles, commitments := values(t, cfg, "e")
	last := len(bundles) - 1
	_, newest := values(t, cfg, "c")
	for name, change := range map[string][2][]byte{
		"a block counter set back":   {key1(spaceState), append(append(bytes.Clone(st[0][:8]), make([]byte, 8)...), st[0][16:]...)},
		"a bucket counter set back":  {key1(spaceState), append(append(bytes.Clone(st[0][:16]), make([]byte, 4)...), st[0][20:]...)},
		"a tenant counter set back":  {key1(spaceState), append(bytes.Clone(st[0][:20]), make([]byte, 4)...)},
		"a commitment too many":      {bundles[last], append(bytes.Clone(commitments[last]), make([]byte, 32)...)},
		"a head under another size":  {checkpointKey(9999), newest[0]},
		"a block that nothing names": {headerKey(999), func() []byte { _, h := values(t, cfg, "h"); return h[0] }()},
	} {
		old := func() []byte {
			keys, vals := values(t, cfg, "\x01ech")
			for i, k := range keys {
				if bytes.Equal(k, change[0]) {
					return vals[i]
				}
			}
			return nil
		}()
		put(t, cfg, change[0], change[1])
		if all := dirFindings(t, cfg); len(all) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
		put(t, cfg, change[0], old)
	}
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("after mending: %+v", all)
	}
	if err := os.Remove(filepath.Join(cfg.KeysDir, "anchor")); err != nil {
		t.Fatal(err)
	}
	if all := dirFindings(t, cfg); len(all) != 1 || all[0].Part != "anchor" {
		t.Errorf("without an anchor: got %+v, want one finding of part anchor", all)
	}
}

// Quarantined entries are acknowledged evidence too.
func TestVerifyFindsDamagedQuarantine(t *testing.T) {
	cfg := config(t)
	cfg.FS = vfs.NewMem()
	l := open(t, cfg)
	add(t, l, "acme", 0, 5)
	entry := &pb.Quarantined{Time: timestamppb.New(start0), Reason: "id: is missing", StreamSequence: 4, Payload: []byte("payload")}
	if err := l.Quarantine(t.Context(), "acme", []*pb.Quarantined{entry}); err != nil {
		t.Fatal(err)
	}
	check(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	keys, vals := values(t, cfg, "qp")
	if len(keys) != 2 {
		t.Fatalf("%d records, want 2", len(keys))
	}
	for i, k := range keys {
		for _, broken := range [][]byte{nil, append(bytes.Clone(vals[i][:len(vals[i])-1]), vals[i][len(vals[i])-1]^1)} {
			put(t, cfg, k, broken)
			if all := dirFindings(t, cfg); !slices.ContainsFunc(all, func(f Finding) bool { return f.Part == "quarantine" }) {
				t.Errorf("record %x changed to %d bytes: got %+v, want a finding of part quarantine", k, len(broken), all)
			}
			put(t, cfg, k, vals[i])
		}
	}
}

// A store whose tenant record is gone is not opened: its events would be taken
// for new ones.
func TestOpenMissesTenants(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	keys, _ := values(t, cfg, "t")
	put(t, cfg, keys[0], nil)
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
	if all := dirFindings(t, cfg); len(all) == 0 {
		t.Error("verify found nothing")
	}
}

// Records of positions that the log does not have would keep it from being
// appended to: verify must know of them first.
func TestVerifyFindsRecordsBeyondTheEnd(t *testing.T) {
	cfg := config(t)
	cfg.FS = vfs.NewMem()
	l := open(t, cfg)
	add(t, l, "acme", 0, 256) // the next event begins a page and a bundle
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("before: %+v", all)
	}
	for name, record := range map[string][2][]byte{
		"commitment": {bundleKey(1), make([]byte, 32)},
		"location":   {locationKey(1), encodePage([]location{{1, 0}})},
	} {
		put(t, cfg, record[0], record[1])
		if all := dirFindings(t, cfg); len(all) != 1 || all[0].Part != name || all[0].First != 256 {
			t.Errorf("%s: got %+v, want one finding at 256", name, all)
		}
		put(t, cfg, record[0], nil)
	}
}

// What verification says that it checked against, it did check against: the
// head in memory, which is what readers are given.
func TestVerifyChecksTheHeadItReturns(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 20)
	other := *l.newest.Load()
	other.Root[0] ^= 1
	l.newest.Store(&other)
	if all := findings(t, l); !slices.ContainsFunc(all, func(f Finding) bool { return f.Part == "checkpoint" }) {
		t.Errorf("got %+v, want a finding of part checkpoint", all)
	}
}

// An id that was made to lead to another event does not return it.
func TestReadIDMissesTheEvent(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	keys, seqs := values(t, cfg, "d")
	if bytes.Equal(seqs[0], seqs[1]) {
		t.Fatal("two ids lead to one event")
	}
	put(t, cfg, keys[0], seqs[1])
	l := open(t, cfg)
	var misled int
	for _, name := range l.Tenants() {
		for n := range int(l.Size()) {
			id := sample(n).GetId()
			e, err := l.ReadID(t.Context(), name, id)
			if err == nil && e.GetId() != id {
				t.Errorf("%s leads to %s", id, e.GetId())
			}
			if errors.Is(err, ErrTampered) {
				misled++
			}
		}
	}
	if misled != 1 {
		t.Errorf("%d ids were found to be misled, want 1", misled)
	}
}

// A file of the store that is missing or cut short is a finding, over all
// positions, and not a failure to look.
func TestVerifyFindsMissingFiles(t *testing.T) {
	cfg := tamperable(t, nil)
	withDB(t, cfg, func(db *pebble.DB) {
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	for _, table := range tables {
		content, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func() error{
			"cut short": func() error { return os.Truncate(table, int64(len(content)/2)) },
			"removed":   func() error { return os.Remove(table) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			all := dirFindings(t, cfg)
			if len(all) != 1 || all[0].Kind != Missing || all[0].Part != "store" || all[0].Last != 339 {
				t.Errorf("%s was %s: got %+v", filepath.Base(table), name, all)
			}
			if err := os.WriteFile(table, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
