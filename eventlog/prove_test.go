package eventlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// slices32 is hashes as others take them.
func slices32(hashes [][32]byte) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// included has an implementation nobody here wrote check a proof.
func included(p Proof) error {
	leaf := rfc6962.DefaultHasher.HashLeaf(p.Commitment[:])
	return proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(p.Seq), uint64(p.Checkpoint.Size), leaf, slices32(p.Hashes), p.Checkpoint.Root[:])
}

// consistent does the same between two checkpoints.
func consistent(hashes [][32]byte, from, to Checkpoint) error {
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from.Size), uint64(to.Size), slices32(hashes), from.Root[:], to.Root[:])
}

// Whoever holds an event's commitment must be able to see that the log holds
// it, and whoever holds an old checkpoint that the log only grew since, by
// programs that nobody here wrote, at every shape of the tree.
func TestProofsVerifyElsewhere(t *testing.T) {
	l := open(t, config(t))
	var heads []Checkpoint
	for from := 0; from < 700; {
		to := from + []int{1, 1, 2, 3, 120, 128, 1, 1, 254, 300}[len(heads)%10]
		add(t, l, "a", from, to)
		c, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		heads, from = append(heads, c), to
	}
	for i, to := range heads {
		for seq := event.Seq(0); seq < to.Size; seq += 1 + to.Size/64 {
			p, err := l.Prove(t.Context(), "a", seq, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := included(p); err != nil {
				t.Errorf("event %d in %d: %v", seq, to.Size, err)
			}
			p.Commitment[3] ^= 1
			if err := included(p); err == nil {
				t.Errorf("event %d in %d: another commitment is proven too", seq, to.Size)
			}
		}
		for _, from := range heads[:i+1] {
			hashes, err := l.ProveConsistency(t.Context(), from.Size, to.Size)
			if err != nil {
				t.Fatal(err)
			}
			if err := consistent(hashes, from, to); err != nil {
				t.Errorf("%d with %d: %v", from.Size, to.Size, err)
			}
		}
		kept, err := l.Kept(t.Context(), to.Size)
		if err != nil || kept.Root != to.Root || string(kept.Note) != string(to.Note) {
			t.Errorf("checkpoint over %d: got %+v, %v", to.Size, kept, err)
		}
	}
}

func TestProofsThatAreNone(t *testing.T) {
	l := open(t, config(t))
	if hashes, err := l.ProveConsistency(t.Context(), 0, 0); err != nil || len(hashes) != 0 {
		t.Errorf("of nothing with nothing: got %x, %v", hashes, err)
	}
	if _, err := l.Prove(t.Context(), "a", 0, l.Newest()); !errors.Is(err, ErrNotFound) {
		t.Errorf("an event of an empty log: got %v, want ErrNotFound", err)
	}
	add(t, l, "a", 0, 5)
	early, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, "b", 0, 5)
	for _, c := range []struct {
		what   string
		tenant event.Tenant
		seq    event.Seq
		in     Checkpoint
	}{
		{"another tenant's event", "b", 1, l.Newest()}, // Invariant 8.
		{"a tenant that is not there", "c", 1, l.Newest()},
		{"a position beyond the end", "a", 10, l.Newest()},
		{"an event that came after the checkpoint", "b", 6, early},
	} {
		if _, err := l.Prove(t.Context(), c.tenant, c.seq, c.in); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", c.what, err)
		}
	}
	for _, c := range [][2]event.Seq{{6, 5}, {3, 11}, {0, 11}, {11, 11}} {
		if _, err := l.ProveConsistency(t.Context(), c[0], c[1]); !errors.Is(err, ErrNotFound) {
			t.Errorf("consistency of %d with %d: got %v, want ErrNotFound", c[0], c[1], err)
		}
	}
	if _, err := l.Kept(t.Context(), 7); !errors.Is(err, ErrNotFound) {
		t.Errorf("a checkpoint that was not kept: got %v, want ErrNotFound", err)
	}
}

// What was forgotten was there, and that can still be shown.
func TestProveForgotten(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "a", 0, 300)
	before, err := l.Prove(t.Context(), "a", 280, l.Newest())
	if err != nil {
		t.Fatal(err)
	}
	page, err := l.page(1)
	if err != nil || l.Close() != nil {
		t.Fatal(err)
	}
	page[280-pageWidth] = location{}
	put(t, cfg, locationKey(1), encodePage(page))
	l = open(t, cfg)
	if _, err := l.Read(t.Context(), "a", 280); !errors.Is(err, ErrErased) {
		t.Fatalf("read: got %v, want ErrErased", err)
	}
	p, err := l.Prove(t.Context(), "a", 280, l.Newest())
	if err != nil || p.Commitment != before.Commitment {
		t.Fatalf("got commitment %x, %v, want %x", p.Commitment, err, before.Commitment)
	}
	if err := included(p); err != nil {
		t.Error(err)
	}
}

// Of an event that was redacted the proof is still that of its leaf; with the
// ledger events that it names, each proven likewise, anybody can follow what the
// event is now.
func TestProveRedacted(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 60, 20)
	before := map[event.Seq]Proof{}
	for seq := range event.Seq(6) {
		before[seq] = proven(t, l, seq)
	}
	half := redaction("acme", "r0", 3, 4)
	half.Apply = func(_ context.Context, e *pb.Event) error { e.User = "[USER:half]"; return nil }
	redact(t, l, half)
	redact(t, l, redaction("acme", "r1", 4, 5))
	ledger := of(l, "acme", LedgerClass)
	for range 2 {
		for seq, redactions := range map[event.Seq]int{2: 0, 3: 1, 4: 2, 5: 1} {
			p := proven(t, l, seq)
			if p.Commitment != before[seq].Commitment || len(p.Redactions) != redactions || (p.Current == p.Commitment) != (redactions == 0) {
				t.Errorf("event %d: got %x, now %x, by %v; want %x and %d redactions", seq, p.Commitment, p.Current, p.Redactions, before[seq].Commitment, redactions)
			}
			var said []*pb.Event
			for _, at := range p.Redactions {
				proven(t, l, at)
				e, err := l.Read(t.Context(), "acme", at)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, e)
			}
			slices.Reverse(said)
			got, err := FollowRedactions(p.Commitment, seq, said...)
			if err != nil || got != p.Current {
				t.Errorf("event %d: followed to %x, %v, want %x", seq, got, err, p.Current)
			}
			if redactions == 0 {
				continue
			}
			if got, err := FollowRedactions(p.Commitment, seq, said[1:]...); redactions == 2 && (err != nil || got == p.Current) || redactions == 1 && got == p.Current {
				t.Errorf("event %d: without the last ledger event: followed to %x, %v", seq, got, err)
			}
			if _, err := FollowRedactions(before[2].Commitment, seq, said...); !errors.Is(err, ErrTampered) {
				t.Errorf("event %d: from another leaf: got %v, want ErrTampered", seq, err)
			}
			said[0].GetRedacted().Events[0].New[0] ^= 1
			said[0].GetRedacted().Events[len(said[0].GetRedacted().GetEvents())-1].New[0] ^= 1
			if got, err := FollowRedactions(p.Commitment, seq, said...); err == nil && got == p.Current {
				t.Errorf("event %d: a changed ledger event leads there too", seq)
			}
		}
		// Once more when what the ledger said was handed on.
		now = now.Add(24 * time.Hour)
		expiry := erasure("acme", "r2")
		expiry.Buckets, ledger = ledger, nil
		forget(t, l, expiry)
	}
	forget(t, l, erasure("acme", "r3", 4))
	if p, err := l.Prove(t.Context(), "acme", 4, l.Newest()); err != nil || p.Current != before[4].Commitment || p.Redactions != nil {
		t.Errorf("of an erased one: got %x by %v, %v", p.Current, p.Redactions, err)
	}
}

// proven proves an event elsewhere, and compares what it is now with what is read.
func proven(t *testing.T, l *Log, seq event.Seq) Proof {
	t.Helper()
	p, err := l.Prove(t.Context(), "acme", seq, l.Newest())
	if err != nil {
		t.Fatal(err)
	}
	if err := included(p); err != nil {
		t.Errorf("event %d: %v", seq, err)
	}
	e, err := l.Read(t.Context(), "acme", seq)
	if err != nil {
		t.Fatal(err)
	}
	e.Seq = nil
	if b, err := event.Marshal(e); err != nil || sha256.Sum256(b) != p.Current {
		t.Errorf("event %d hashes to %x, the proof says %x, %v", seq, sha256.Sum256(b), p.Current, err)
	}
	return p
}

// Invariant 5: a proof that does not prove anything is not given out.
func TestProveTampered(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "a", 0, 700)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{bundleKey(0), bundleKey(1), tileKey(1, 0)} {
		tampered := open(t, cfg)
		value, err := tampered.get(key)
		if err != nil || tampered.Close() != nil {
			t.Fatal(err)
		}
		value[17] ^= 1
		put(t, cfg, key, value)
		// Opening looks at the right edge only.
		if tampered, err = Open(t.Context(), cfg); err == nil {
			_, err = tampered.Prove(t.Context(), "a", 1, tampered.Newest())
			if err == nil {
				_, err = tampered.ProveConsistency(t.Context(), 300, 650)
			}
			if closing := tampered.Close(); closing != nil {
				t.Fatal(closing)
			}
		}
		if !errors.Is(err, ErrTampered) {
			t.Errorf("key %x: got %v, want ErrTampered", key, err)
		}
		value[17] ^= 1
		put(t, cfg, key, value)
	}
}

// A proof takes as long in a long log as in a short one, or nearly.
func BenchmarkProve(b *testing.B) {
	l := open(b, config(b))
	for from := 0; from < 70_000; from += 10_000 {
		add(b, l, "a", from, from+10_000)
	}
	random := rand.New(rand.NewPCG(1, 2))
	newest := l.Newest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Prove(b.Context(), "a", event.Seq(random.Uint64N(uint64(newest.Size))), newest); err != nil {
			b.Fatal(err)
		}
		if _, err := l.ProveConsistency(b.Context(), event.Seq(random.Uint64N(uint64(newest.Size))), newest.Size); err != nil {
			b.Fatal(err)
		}
	}
}
