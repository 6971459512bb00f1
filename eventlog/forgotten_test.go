package eventlog

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// String says what is on record as forgotten, by cause.
func (f *forgotten) String() (s string) {
	for _, cause := range []pb.Forgotten_Cause{pb.Forgotten_CAUSE_UNSPECIFIED, pb.Forgotten_EXPIRED, pb.Forgotten_ERASED, pb.Forgotten_REDACTED} {
		if p, ok := f.parts[cause]; ok {
			s += cause.String() + p.positions.String() + p.quarantines.String()
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(f.redacted)) {
		s += fmt.Sprintf(" %d:%x", seq, f.redacted[seq])
	}
	return s
}

// Records say the same after encoding; what is cut off or added is refused; and
// what lies behind a fork is left out.
func TestForgottenRecord(t *testing.T) {
	f := newForgotten()
	f.fork = &fork{size: 1 << 40, bucket: 7}
	f.part(pb.Forgotten_ERASED).positions.AddMany([]uint64{0, 5, 99, 100, 1 << 33, 1 << 41})
	f.part(pb.Forgotten_EXPIRED).positions.AddRange(100, 70_000)
	f.part(pb.Forgotten_EXPIRED).quarantines.AddMany([]uint64{3, 7, 8})
	for _, redacted := range []bool{false, true} {
		if redacted {
			f.redacted = map[event.Seq]commitmentStart{0: {1}, 7: {2, 3}, 1 << 39: {0, 0, 0, 0, 0, 0, 0, 9}}
		}
		forgottenRecord(t, f)
	}
	for before, want := range map[fork]string{
		{math.MaxUint64, math.MaxUint32}: f.String(),
		{100, 7}:                         "EXPIRED{}{3,7}ERASED{0,5,99}{} 0:0100000000000000 7:0203000000000000",
		{102, 2}:                         "EXPIRED{100,101}{}ERASED{0,5,99,100}{} 0:0100000000000000 7:0203000000000000",
		{0, 0}:                           "EXPIRED{}{}ERASED{}{}",
	} {
		all := newForgotten()
		all.add(f, before)
		if all.String() != want {
			t.Errorf("before %+v: got %v, want %s", before, all, want)
		}
	}
	later := newForgotten()
	later.redacted[7] = commitmentStart{4}
	f.add(later, fork{math.MaxUint64, math.MaxUint32})
	if f.redacted[7] != (commitmentStart{4}) || len(f.redacted) != 3 {
		t.Errorf("with a later record: got %v", f.redacted)
	}
}

// forgottenRecord encodes and decodes a record.
func forgottenRecord(t *testing.T, f *forgotten) {
	t.Helper()
	b, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeForgotten(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != f.String() || *got.fork != *f.fork {
		t.Fatalf("got %v, want %v", got, f)
	}
	for n := range b {
		if _, err := decodeForgotten(b[:n]); !errors.Is(err, keyring.ErrWrongKeys) {
			t.Fatalf("the first %d of %d bytes: got %v, want ErrWrongKeys", n, len(b), err)
		}
	}
	if _, err := decodeForgotten(append(b, 0)); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("a byte more: got %v, want ErrWrongKeys", err)
	}
}

// Each epoch that forgets leaves a record with all that it made unreadable: single
// events, the events of whole buckets, and those that their ledger events had
// recorded; a bucket of quarantined messages by its number.
func TestForgottenOnRecord(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 20)
	add(t, l, "umbrella", 0, 13)
	forget(t, l, erasure("acme", "r1", 3, 4), erasure("umbrella", "r2", 101))
	entry := &pb.Quarantined{Time: timestamppb.New(start0), Reason: "id: is missing", StreamSequence: 4, Payload: []byte("payload")}
	if err := l.Quarantine(t.Context(), "umbrella", []*pb.Quarantined{entry}); err != nil {
		t.Fatal(err)
	}
	var buckets []BucketID
	var quarantined BucketID
	for _, b := range l.Buckets() {
		if b.Tenant == "umbrella" && b.Class != "routine" {
			buckets = append(buckets, b.ID)
		}
		if b.Class == quarantineClass {
			quarantined = b.ID
		}
	}
	if quarantined == 0 {
		t.Fatal("there is no bucket of quarantined messages")
	}
	expired := Forgetting{Tenant: "umbrella", Buckets: buckets, Ledger: erasure("umbrella", "expiry").Ledger}
	expired.Ledger.GetForgotten().Cause = pb.Forgotten_EXPIRED
	note := seqs(t, l, "umbrella", Selection{Terms: []Term{{FieldClass, []string{LedgerClass}}}})
	forget(t, l, expired)
	epochs, err := l.ring.ForgottenEpochs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{2, 3}, epochs); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	first, err := readForgotten(l.ring, 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := "ERASED{3,4,101}{}"; first.String() != want || first.fork != nil {
		t.Errorf("epoch 2: got %v, want %s", first, want)
	}
	second, err := readForgotten(l.ring, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := newForgotten()
	for n := range event.Seq(13) { // Of umbrella: flagged and reported ones, and what had been erased.
		if class := sample(int(n)).GetClass(); class != "routine" || n == 1 {
			want.part(pb.Forgotten_EXPIRED).positions.Add(uint64(n) + 100)
		}
	}
	want.part(pb.Forgotten_EXPIRED).positions.Add(uint64(note[0]))
	want.part(pb.Forgotten_EXPIRED).quarantines.Add(uint64(quarantined))
	if second.String() != want.String() {
		t.Errorf("epoch 3: got %v, want %v", second, want)
	}
}
