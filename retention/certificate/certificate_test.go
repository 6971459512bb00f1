package certificate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An erasure that was deferred in part says so until all of it is done; then it says
// that, and what it said before still verifies.
func TestErasure(t *testing.T) {
	r := newRig(t, nil)
	seqs := r.add(40, "reported")
	mine := []event.Seq{seqs[3], seqs[4], seqs[5], seqs[20]}
	until := timestamppb.New(morning.Add(240 * time.Hour))
	r.asked("erasure-1", mine, &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_HELD, Holds: []string{"hold-1"}, Events: 1},
		&pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_PROMISED, Class: "flagged", Until: until, Events: 1})
	before := r.log.Newest()
	r.now = r.now.Add(time.Minute)
	r.erase("erasure-1", "run-1", mine[:2]...)
	_, v := r.build("erasure-1")
	want := Stated{
		Scope: "PERSON", Actor: "privacy-2", Reason: "GDPR Art. 17, ticket <41> & \"more\"",
		Policies: []Policy{{policy.Default().Version(), new(uint64)}}, Requested: morning, Outstanding: []Outstanding{EventsOwed},
	}
	if diff := cmp.Diff(want, v.Stated); diff != "" {
		t.Errorf("deferred in part (-want +got):\n%s", diff)
	}
	deferred := until.AsTime()
	remains := Remains{
		Owed: 2, Exports: []string{"export-9"}, KEK: "local", KeysDestroyed: true, Elsewhere: elsewhere(true),
		Deferred: []Deferral{{Cause: "HELD", Holds: []string{"hold-1"}, Events: 1}, {Cause: "PROMISED", Class: "flagged", Until: &deferred, Events: 1}},
	}
	if diff := cmp.Diff(remains, v.Remains); diff != "" {
		t.Errorf("what remains (-want +got):\n%s", diff)
	}
	r.add(5, "reported") // Others go on.
	r.now = r.now.Add(time.Hour)
	r.erase("erasure-1", "run-2", mine[2:]...)
	r.completed("erasure-1", len(mine))
	last := r.log.Size()
	r.add(5, "reported")
	c, v := r.build("erasure-1")
	want.Outstanding, want.Complete, want.Done = nil, true, &r.now
	if diff := cmp.Diff(want, v.Stated); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	remains.Deferred, remains.Owed = nil, 0
	if diff := cmp.Diff(remains, v.Remains); diff != "" {
		t.Errorf("what remains (-want +got):\n%s", diff)
	}
	if v.Kind != Erasure || v.Before.Size != uint64(before.Size) || !bytes.Equal(v.Before.Root, before.Root[:]) || v.After.Size != uint64(last) {
		t.Errorf("kind %s, before %d, after %d: want an erasure, %d, %d", v.Kind, v.Before.Size, v.After.Size, before.Size, last)
	}
	if len(v.Epochs) != 2 || v.Epochs[0].Number != 2 || v.Epochs[1].Number != 3 {
		t.Errorf("epochs %+v: want 2 and 3", v.Epochs)
	}
	deleted := Deleted{
		Events: 4, ByClass: []ClassDay{{"reported", "2026-11-20", 4}},
		Positions: []Range{{uint64(mine[0]), uint64(mine[2])}, {uint64(mine[3]), uint64(mine[3])}},
		Digest:    digestOf(t, r.log, mine), Proof: v.Deleted.Proof, Commitments: v.Deleted.Commitments,
	}
	if diff := cmp.Diff(deleted, v.Deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	again, _ := r.build("erasure-1")
	if !bytes.Equal(again.JSON(), c.JSON()) || !bytes.Equal(again.HTML(), c.HTML()) {
		t.Error("built again of the same log at the same time, it is another")
	}
}

// digestOf recomputes the digest from what the log publishes.
func digestOf(t testing.TB, log *eventlog.Log, seqs []event.Seq) []byte {
	t.Helper()
	h := sha256.New()
	size := log.Size()
	for _, seq := range seqs {
		path := tlog.Tile{H: 8, L: -1, N: int64(seq) / 256, W: int(min(256, size-seq/256*256))}.Path()
		bundle, err := log.Tile("tile/entries/" + strings.TrimPrefix(path, "tile/8/data/"))
		if err != nil {
			t.Fatal(err)
		}
		var number [8]byte
		binary.BigEndian.PutUint64(number[:], uint64(seq))
		h.Write(number[:])
		h.Write(bundle[int(seq%256)*34+2:][:32])
	}
	return h.Sum(nil)
}

// What expired goes by whole blocks, and which events they held is told; where they
// are many, the digest stands for them.
func TestExpiry(t *testing.T) {
	for _, n := range []int{300, MaxListed + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t, nil)
			var routine []event.Seq
			for range 3 { // They lie between those that stay.
				routine = append(routine, r.add(n/3+1, "routine")...)
				r.add(2, "reported")
			}
			r.now = r.now.Add(48 * time.Hour)
			r.expire("expiry-2026-11-22", "routine")
			_, v := r.build("expiry-2026-11-22")
			if v.Kind != Expiry || !v.Complete || v.Actor != "" || !v.Requested.Equal(r.now) {
				t.Errorf("got %+v", v.Stated)
			}
			events := uint64(len(routine))
			third := events / 3
			first := uint64(routine[0])
			deleted := Deleted{
				Events: events, ByClass: []ClassDay{{"routine", "2026-11-20", events}}, Blocks: v.Deleted.Blocks, Digest: digestOf(t, r.log, routine),
				Positions:   []Range{{first, first + third - 1}, {first + third + 2, first + 2*third + 1}, {first + 2*third + 4, first + 3*third + 3}},
				Commitments: v.Deleted.Commitments, Proof: v.Deleted.Proof,
			}
			if diff := cmp.Diff(deleted, v.Deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if listed := events <= MaxListed; v.Listed != listed || (len(v.Deleted.Commitments) > 0) != listed || (len(v.Deleted.Proof) > 0) != listed || v.Deleted.Blocks == 0 {
				t.Errorf("%d events, %d blocks: %d commitments are listed", events, v.Deleted.Blocks, len(v.Deleted.Commitments))
			}
		})
	}
}

// Positions that lie too scattered to be listed are left out, and the digest stands.
func TestScattered(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more events than a certificate lists")
	}
	r := newRig(t, nil)
	seqs := r.add(2*MaxListed+4, "routine")
	var every []event.Seq
	for i := 0; i < len(seqs); i += 2 {
		every = append(every, seqs[i])
	}
	r.erase("e", "e", every...)
	_, v := r.build("e")
	if v.Deleted.Positions != nil || v.Listed || v.Deleted.Events != uint64(len(every)) || !bytes.Equal(v.Deleted.Digest, digestOf(t, r.log, every)) {
		t.Errorf("got %d events, %d ranges, digest %x", v.Deleted.Events, len(v.Deleted.Positions), v.Deleted.Digest)
	}
}

// Nor is it where the stream's key need not change and that of the epoch before
// cannot be destroyed, as while its KMS is away.
func TestEpochKeyRemains(t *testing.T) {
	r := newRig(t, func(cfg *eventlog.Config) {
		cfg.Rekey = func(context.Context, string, string) error { return nil }
	})
	seqs := r.add(20, "routine")
	if err := r.log.RotateStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	what := r.forgetting("r", "r", pb.Forgotten_ERASED)
	what.Seqs = seqs[:3]
	var lock io.Closer
	err := r.log.Forget(t.Context(), []eventlog.Forgetting{what}, func(p eventlog.ForgetProgress) {
		var err error
		if p.Step != "keys" {
			return
		}
		if lock, err = vfs.Default.Lock(filepath.Join(r.cfg.KeysDir, "lock")); err != nil {
			t.Error(err)
		}
	})
	if err == nil || lock == nil {
		t.Fatalf("got %v, want that the keys are being changed by somebody else", err)
	}
	_, v := r.build("r")
	if v.Complete || v.Remains.KeysDestroyed || !cmp.Equal(v.Outstanding, []Outstanding{KeysRemain}) {
		t.Errorf("with the old key there: got %+v", v.Stated)
	}
	if err := errors.Join(lock.Close(), r.log.Resume(t.Context(), func(eventlog.ForgetProgress) {})); err != nil {
		t.Fatal(err)
	}
	if _, v = r.build("r"); !v.Complete || !v.Remains.KeysDestroyed {
		t.Errorf("with the old key gone: got %+v", v.Stated)
	}
}

// As long as a key is there that opens an older copy, nothing is complete.
func TestKeysRemain(t *testing.T) {
	broken := errors.New("the stream's disk is full")
	fail := false
	r := newRig(t, func(cfg *eventlog.Config) {
		cfg.Rekey = func(context.Context, string, string) error {
			if fail {
				return broken
			}
			return nil
		}
	})
	seqs := r.add(20, "routine")
	fail = true
	what := r.forgetting("r", "r", pb.Forgotten_ERASED)
	what.Seqs = seqs[:3]
	if err := r.log.Forget(t.Context(), []eventlog.Forgetting{what}, func(eventlog.ForgetProgress) {}); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	_, v := r.build("r")
	if v.Complete || v.Done != nil || v.Remains.KeysDestroyed || !cmp.Equal(v.Outstanding, []Outstanding{KeysRemain}) {
		t.Errorf("with the old key there: got %+v", v.Stated)
	}
	fail = false
	if err := r.log.Resume(t.Context(), func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	if _, v = r.build("r"); !v.Complete || !v.Remains.KeysDestroyed {
		t.Errorf("with the old key gone: got %+v", v.Stated)
	}
	// A later deletion that is under way, of what came since, takes nothing back.
	seqs = append(seqs, r.add(1, "routine")...)
	fail = true
	later := r.forgetting("later", "later", pb.Forgotten_ERASED)
	later.Seqs = seqs[20:]
	if err := r.log.Forget(t.Context(), []eventlog.Forgetting{later}, func(eventlog.ForgetProgress) {}); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	if _, v = r.build("r"); !v.Complete {
		t.Errorf("while a later one is under way: got %+v", v.Stated)
	}
	fail = false
	if err := r.log.Resume(t.Context(), func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
}

// Nothing on record is no certificate; something asked for of which nothing is
// deleted yet is one that says so.
func TestNothingDeleted(t *testing.T) {
	r := newRig(t, nil)
	seqs := r.add(10, "routine")
	r.erase("other", "other", seqs[9])
	for _, tenant := range []event.Tenant{acme, "nobody"} {
		if _, err := Build(t.Context(), r.log, tenant, "unheard-of", morning); !errors.Is(err, eventlog.ErrNotFound) || !strings.Contains(err.Error(), `"unheard-of"`) {
			t.Errorf("tenant %s: got %v, want ErrNotFound that names the request", tenant, err)
		}
	}
	r.asked("held", seqs[:2], &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_HELD, Holds: []string{"h"}, Events: 2})
	_, v := r.build("held")
	if v.Complete || v.Deleted.Events != 0 || v.Remains.Owed != 2 || len(v.Epochs) != 0 || v.Kind != Erasure {
		t.Errorf("all of it deferred: got %+v, deleted %+v, remains %+v", v.Stated, v.Deleted, v.Remains)
	}
	// Then its time passed, and no event was left to erase.
	r.expire("expiry", "routine")
	r.completed("held", 2)
	if _, v = r.build("held"); !v.Complete || v.Deleted.Events != 0 || v.Remains.Owed != 0 {
		t.Errorf("expired meanwhile: got %+v, deleted %+v", v.Stated, v.Deleted)
	}
	r.erase("restore", "restored", r.add(1, "routine")...)
	if _, v = r.build("restore"); v.Kind != Restore {
		t.Errorf("what a restore forgot is of kind %s", v.Kind)
	}
}

// A published tree head, which witnesses may have cosigned, is taken before one that
// is signed for the purpose.
func TestPublishedHead(t *testing.T) {
	r := newRig(t, nil)
	r.erase("r", "r", r.add(10, "routine")[2])
	exact, _ := r.build("r")
	r.add(3, "routine")
	published := r.log.Newest()
	if err := r.log.Publish(t.Context(), published.Note); err != nil {
		t.Fatal(err)
	}
	r.add(3, "routine")
	c, v := r.build("r")
	if v.After.Size != uint64(published.Size) || exact.Statement.After.Size >= v.After.Size || v.After.Checkpoint != string(published.Note) {
		t.Errorf("got the tree of %d events, want the published one of %d", v.After.Size, published.Size)
	}
	if again, _ := r.build("r"); !bytes.Equal(again.JSON(), c.JSON()) {
		t.Error("it is another each time")
	}
}

// A ledger event that expires hands on what it put on record: the certificate of that
// expiry has it, and the one before is not to be had any more.
func TestLedgerExpires(t *testing.T) {
	r := newRig(t, nil)
	seqs := r.add(10, "reported")
	r.erase("erasure-1", "run-1", seqs[2:4]...)
	r.add(300, "routine")
	r.expire("expiry-1", "routine")
	old, _ := r.build("erasure-1")
	r.now = r.now.Add(8 * 365 * 24 * time.Hour)
	r.expire("expiry-2", policy.Ledger)
	if _, err := Build(t.Context(), r.log, acme, "erasure-1", r.now); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	_, v := r.build("expiry-2")
	if v.Deleted.Events != 2+300+3 || len(v.Deleted.ByClass) != 1 || v.Deleted.ByClass[0].Events != 3 || !v.Complete {
		t.Errorf("got %+v", v.Deleted)
	}
	if _, err := Verify(old.JSON(), r.log.VerifierKey()); err != nil {
		t.Errorf("the certificate that was issued before: %v", err)
	}
}

// Invariant 7: of a log whose indexes and locations were made again, a certificate is
// the same.
func TestRebuilt(t *testing.T) {
	r := newRig(t, nil)
	seqs := r.add(300, "reported")
	r.add(300, "routine")
	r.erase("both", "run-1", seqs[7], seqs[70], seqs[71])
	what := r.forgetting("both", "run-2", pb.Forgotten_ERASED)
	for _, b := range r.log.Buckets() {
		if b.Class == "routine" {
			what.Buckets = append(what.Buckets, b.ID)
		}
	}
	r.forget(what)
	r.add(20, "reported")
	want, _ := r.build("both")
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := eventlog.Rebuild(t.Context(), r.cfg, func(eventlog.Progress) {}); err != nil {
		t.Fatal(err)
	}
	r.open()
	if got, _ := r.build("both"); !bytes.Equal(got.JSON(), want.JSON()) {
		t.Errorf("got %s\nwant %s", got.JSON(), want.JSON())
	}
}
