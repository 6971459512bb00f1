package eventlog

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A statement is believed as one of its kind and sum, spelled as it was signed; it is
// no checkpoint, and no checkpoint is a statement.
func TestStatement(t *testing.T) {
	l := bits(t, config(t), 40, 20)
	verifier, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a document"))
	signed, err := l.SignStatement("certificate/v1", sum)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckStatement(signed, verifier, "certificate/v1", sum); err != nil {
		t.Fatal(err)
	}
	if err := CheckStatement(signed, verifier, "certificate/v2", sum); !errors.Is(err, ErrTampered) {
		t.Errorf("as one of another kind: got %v, want ErrTampered", err)
	}
	if err := CheckStatement(signed, verifier, "certificate/v1", sha256.Sum256(nil)); !errors.Is(err, ErrTampered) {
		t.Errorf("as one of another document: got %v, want ErrTampered", err)
	}
	if err := CheckStatement(l.Newest().Note, verifier, "certificate/v1", sum); !errors.Is(err, ErrTampered) {
		t.Errorf("a checkpoint: got %v, want ErrTampered", err)
	}
	if _, err := tree.Open(signed, verifier); err == nil {
		t.Error("a statement is taken for a checkpoint")
	}
	// Nor where its first line is all that is compared: its second is no size.
	text, _, _ := strings.Cut(string(signed), "\n\n")
	second := strings.Split(text, "\n")[1]
	if raw, err := base64.StdEncoding.DecodeString(second); err != nil || len(raw) != sha256.Size || !strings.HasSuffix(second, "=") {
		t.Errorf("the second line is %q: want a SHA-256 in base64, which is never a number", second)
	}
	for i := range signed {
		for bit := range 8 {
			changed := []byte(string(signed))
			changed[i] ^= 1 << bit
			if CheckStatement(changed, verifier, "certificate/v1", sum) == nil {
				t.Fatalf("bit %d of byte %d was changed, and it is believed", bit, i)
			}
		}
	}
	for _, changed := range []string{string(signed) + "\n", string(signed) + string(signed[strings.Index(string(signed), "— "):]), string(signed[:len(signed)-1])} {
		if CheckStatement([]byte(changed), verifier, "certificate/v1", sum) == nil {
			t.Errorf("%q is believed", changed)
		}
	}
}

// A checkpoint over any beginning of the log is the one that was signed when the log
// was that long, and any commitments are proven in it.
func TestCheckpointOver(t *testing.T) {
	l := open(t, config(t))
	then := map[event.Seq]Checkpoint{0: l.Newest()}
	for n := range 300 {
		add(t, l, "acme", n, n+1)
		then[l.Size()] = l.Newest()
	}
	verifier, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range then {
		got, err := l.CheckpointOver(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("over %d events (-want +got):\n%s", size, diff)
		}
		if _, err := tree.Open(got.Note, verifier); err != nil {
			t.Fatal(err)
		}
		for _, some := range [][]uint64{{0}, {uint64(size) - 1}, {0, uint64(size) / 2}} {
			positions := roaring64.BitmapOf(some...)
			if size == 0 || positions.Maximum() >= uint64(size) {
				continue
			}
			var leaves []tlog.Hash
			err := l.Leaves(t.Context(), positions, func(_ event.Seq, c [32]byte) error {
				leaves = append(leaves, tree.LeafHash(c[:]))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			plain, err := l.ProveLeaves(t.Context(), positions, got)
			if err != nil {
				t.Fatal(err)
			}
			var proof []tlog.Hash
			for _, h := range plain {
				proof = append(proof, h)
			}
			if root, err := tree.SubsetRoot(uint64(size), positions.ToArray(), leaves, proof); err != nil || root != got.Root {
				t.Fatalf("over %d events, those at %v: got root %v, %v", size, some, root, err)
			}
		}
	}
	if _, err := l.CheckpointOver(t.Context(), 301); !errors.Is(err, ErrNotFound) {
		t.Errorf("beyond the end: got %v, want ErrNotFound", err)
	}
}

// What a ledger event says was forgotten is told by position, also of whole blocks,
// whose events lie scattered.
func TestForgets(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := bits(t, cfg, 400, 20)
	merge(t, l)
	flagged := seqs(t, l, "acme", Selection{Terms: []Term{{FieldClass, []string{"flagged"}}}, Order: LogOrder})
	alone := seqs(t, l, "acme", Selection{Terms: []Term{{FieldSession, []string{"session-4"}}}, Order: LogOrder})
	what := erasure("acme", "r1", alone...)
	for _, b := range l.Buckets() {
		if b.Class == "flagged" {
			what.Buckets = append(what.Buckets, b.ID)
		}
	}
	forget(t, l, what)
	want := roaring64.New()
	for _, seq := range append(flagged, alone...) {
		want.Add(uint64(seq))
	}
	got := roaring64.New()
	for entry, err := range l.Scan(t.Context(), "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Forgotten)}}}}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		one, err := l.Forgets(t.Context(), e.GetForgotten())
		if err != nil {
			t.Fatal(err)
		}
		got.Or(one)
		for _, change := range []int32{-1, 1} {
			lie := e.GetForgotten()
			lie.Blocks[0].Events = uint32(int32(lie.Blocks[0].Events) + change)
			if _, err := l.Forgets(t.Context(), lie); !errors.Is(err, ErrTampered) {
				t.Errorf("a block of %+d events: got %v, want ErrTampered", change, err)
			}
			lie.Blocks[0].Events = uint32(int32(lie.Blocks[0].Events) - change)
		}
	}
	if !got.Equals(want) {
		t.Errorf("got %v, want %v", got.ToArray(), want.ToArray())
	}
}

// What went is counted on record once, however many ledger events it takes to say
// which it was.
func TestForgottenIsCountedOnce(t *testing.T) {
	l := bits(t, config(t), 20, 20)
	gone := roaring64.New()
	for n := range uint64(event.MaxPositions + 3) {
		gone.Add(2 * n)
	}
	what := erasure("acme", "r1")
	what.Ledger.GetForgotten().Kept = []*pb.ClassDay{{Class: "flagged", Events: gone.GetCardinality()}}
	what.Ledger.GetForgotten().Quarantined = []string{"q-1"}
	f := &forgetting{l: l, pending: &pending{}}
	if err := f.record(what, concern{tenant: l.named("acme"), gone: gone}); err != nil {
		t.Fatal(err)
	}
	var counted []int
	for _, p := range f.events {
		e, err := event.Unmarshal(p.bytes)
		if err != nil {
			t.Fatal(err)
		}
		counted = append(counted, len(e.GetForgotten().GetPositions()), len(e.GetForgotten().GetKept()), len(e.GetForgotten().GetQuarantined()))
	}
	if want := []int{event.MaxPositions, 1, 1, 3, 0, 0}; !slices.Equal(counted, want) {
		t.Errorf("got positions, counts and quarantined %v, want %v", counted, want)
	}
}
