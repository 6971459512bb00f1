package eventlog

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// Invariant 4: somebody who has a copy of the data from before, the key
// directory of now and the data of now, all open, reads nothing of what was
// forgotten: not through Pebble, with the epoch forged, and not from any byte of
// any file.
func TestForgottenIsGoneFromOldCopies(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 600, 40)
	if err := l.db.Flush(); err != nil { // So that there are SSTs as well as a WAL.
		t.Fatal(err)
	}
	add(t, l, "acme", 600, 700)
	erased := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	dropped := seqs(t, l, "acme", Selection{Terms: []Term{{FieldClass, []string{"flagged"}}}, Order: LogOrder})
	old := cfg
	old.Dir = filepath.Join(t.TempDir(), "copy")
	copyDir(t, cfg.Dir, old.Dir)

	forget(t, l, erasure("acme", "r1", erased...))
	expiry := erasure("acme", "r2")
	for _, b := range l.Buckets() {
		if b.Class == "flagged" {
			expiry.Buckets = append(expiry.Buckets, b.ID)
		}
	}
	forget(t, l, expiry)
	verified(t, l)

	if _, err := Open(t.Context(), old); err == nil {
		t.Fatal("the old copy opened")
	}
	gone := map[uint64]bool{}
	for _, seq := range append(erased, dropped...) {
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

// attackRecords tries every key of now on every record of a copy that has to do
// with what is gone.
func attackRecords(t *testing.T, l *Log, old disk, gone map[uint64]bool) {
	secrets, blocks := 0, 0
	for _, space := range []byte{spaceTenant, spaceBucket} {
		err := old.each(key1(space), func(k, v []byte) error {
			id := binary.BigEndian.Uint32(k[1:])
			for _, use := range [][]byte{tenantUse(tenantID(id)), bucketUse(bucketID(id))} {
				if _, err := l.ring.Current().OpenSecret(v[:keyring.WrappedSize], use); err == nil {
					t.Errorf("the secret of %c%d opens", space, id)
				}
			}
			secrets++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Where the old locations lead for what is gone.
	targets := map[block.ID]bool{}
	for seq := range gone {
		at, err := old.locate(event.Seq(seq))
		if err != nil {
			t.Fatal(err)
		}
		targets[at.block] = true
	}
	for id := range targets {
		v, err := old.get(headerKey(id))
		if err != nil {
			t.Fatal(err)
		}
		h, err := block.ParseHeader(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range l.buckets {
			if text, err := readText(old, l.codec, id, &h, b); err == nil {
				t.Errorf("block %d of the old copy opens with a key of now: %d events", id, text.Len())
			}
			if _, err := openMeta(old, id, &h, b, l.codec.OpenMeta); err == nil {
				t.Errorf("the meta section of block %d opens with a key of now", id)
			}
		}
		blocks++
	}
	// What the old index says of the session, it says to nobody.
	for _, b := range l.buckets {
		hash, err := b.hash(FieldSession, "session-4")
		if err != nil {
			t.Fatal(err)
		}
		err = old.each(key1(spaceIndex), func(k, _ []byte) error {
			if _, name, _, err := parseTermKey(k); err == nil && name == hash {
				t.Errorf("the old index answers with the key of bucket %d", b.id)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if secrets < 4 || blocks < 10 {
		t.Fatalf("%d secrets and %d blocks were tried: too few to tell", secrets, blocks)
	}
}

// attackFiles looks for a wrapped secret at every byte of every file: what
// Pebble does not show any more, or not yet, is there too.
func attackFiles(t *testing.T, l *Log, dir string) {
	var uses [][]byte
	for id := range l.tenants {
		uses = append(uses, tenantUse(id))
	}
	for id := range l.state.bucket {
		uses = append(uses, bucketUse(id+1))
	}
	const most = 256 << 10 // of each file: what is small is all looked at
	tried := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for b = b[:min(len(b), most)]; len(b) >= keyring.WrappedSize; b = b[1:] {
			if bytes.Count(b[:keyring.WrappedSize], []byte{0}) > keyring.WrappedSize/2 {
				continue // No ciphertext: what Pebble fills its files up with.
			}
			for _, use := range uses {
				if _, err := l.ring.Current().OpenSecret(b[:keyring.WrappedSize], use); err == nil {
					t.Errorf("%s holds a secret that opens", filepath.Base(path))
				}
				tried++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tried < 100_000 {
		t.Fatalf("%d places were tried: too few to tell", tried)
	}
	t.Logf("%d places tried", tried)
}

// An attack on a copy that nothing was forgotten since reads all of it; once
// something was, it reads nothing.
func TestAttack(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 600, 40)
	erased := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	gone := roaring64.New()
	for _, seq := range erased {
		gone.Add(uint64(seq))
	}
	dir := filepath.Join(t.TempDir(), "copy")
	copyDir(t, cfg.Dir, dir)
	a, err := l.Attack(t.Context(), dir, gone)
	if err != nil || a.Read < a.Blocks || a.Blocks == 0 || a.Opened <= a.Secrets || a.Places == 0 {
		t.Errorf("before: got %+v, %v, want all of it read", a, err)
	}
	forget(t, l, erasure("acme", "r1", erased...))
	a, err = l.Attack(t.Context(), dir, gone)
	if err != nil || a.Read+a.Opened > 0 || a.Blocks == 0 || a.Secrets == 0 || a.Places == 0 {
		t.Errorf("after: got %+v, %v, want nothing read", a, err)
	}
}
