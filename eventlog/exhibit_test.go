package eventlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What is handed over of an event is what is stored of it, and hashes to what it
// is committed to now, however often it was redacted; and what is gone is not
// handed over.
func TestExhibit(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "a", 0, 300)
	add(t, l, "b", 300, 310)
	for _, id := range []string{"first", "second"} {
		what := redaction("a", id, 7)
		what.Apply = func(_ context.Context, e *pb.Event) error { e.Session += "x"; return nil }
		redact(t, l, what)
	}
	forget(t, l, erasure("a", "request", 8))
	in, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []event.Seq{0, 7, 255, 256} {
		x, err := l.Exhibit(t.Context(), "a", seq, in)
		if err != nil {
			t.Fatal(err)
		}
		now, err := l.Committed(t.Context(), "a", seq)
		if err != nil || now != x.Current || sha256.Sum256(x.Stored) != now {
			t.Errorf("event %d: stored bytes hash to %x, it is committed to %x, its proof says %x; error %v", seq, sha256.Sum256(x.Stored), now, x.Current, err)
		}
		if redacted := seq == 7; redacted != (x.Current != x.Commitment) || redacted != (len(x.Redactions) == 2) {
			t.Errorf("event %d: leaf %x, now %x, redactions %v", seq, x.Commitment, x.Current, x.Redactions)
		}
		want, err := l.Read(t.Context(), "a", seq)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.Unmarshal(x.Stored)
		if err != nil {
			t.Fatal(err)
		}
		if want.Seq = nil; !proto.Equal(got, want) {
			t.Errorf("event %d: stored is %v, read %v", seq, got, want)
		}
		var p proof.TLogProof
		if err := p.Unmarshal(x.Text()); err != nil {
			t.Fatal(err)
		}
		head := log.Checkpoint{Origin: l.Origin(), Size: uint64(in.Size), Hash: in.Root[:]}
		if err := CheckProof(p, x.Commitment, head); err != nil {
			t.Errorf("event %d: %v", seq, err)
		}
		if p.Index++; CheckProof(p, x.Commitment, head) == nil {
			t.Errorf("event %d: proven as another", seq)
		}
	}
	for seq, want := range map[event.Seq]error{8: ErrErased, 300: ErrNotFound, in.Size: ErrNotFound} {
		if _, err := l.Exhibit(t.Context(), "a", seq, in); !errors.Is(err, want) {
			t.Errorf("event %d: got error %v, want %v", seq, err, want)
		}
		if _, err := l.Committed(t.Context(), "a", seq); !errors.Is(err, want) {
			t.Errorf("event %d: got error %v, want %v", seq, err, want)
		}
	}
}

// The checkpoint that covers an event is the first that does, and stays it: what
// was proven in it can be made again.
func TestCovering(t *testing.T) {
	l := open(t, config(t))
	var kept []Checkpoint
	for i := range 3 {
		add(t, l, "a", 10*i, 10*i+10)
		c, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, c)
	}
	for seq := range event.Seq(30) {
		got, err := l.Covering(t.Context(), seq, false)
		if err != nil || got.Size > kept[seq/10].Size || got.Size <= seq {
			t.Errorf("event %d: got a checkpoint over %d, error %v", seq, got.Size, err)
		}
		if _, err := l.Covering(t.Context(), seq, true); !errors.Is(err, ErrNotFound) {
			t.Errorf("event %d, published: got error %v, want ErrNotFound", seq, err)
		}
	}
	if err := l.Publish(t.Context(), kept[1].Note); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Covering(t.Context(), 3, true); err != nil || got.Size != kept[1].Size {
		t.Errorf("published: got %d, error %v, want %d", got.Size, err, kept[1].Size)
	}
	if _, err := l.Covering(t.Context(), kept[2].Size, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("beyond the end: got error %v, want ErrNotFound", err)
	}
}
