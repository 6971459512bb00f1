package escrow_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/escrow"
)

// add adds all, each a type, a token and an original.
func add(t *testing.T, g *escrow.Gathered, all ...[3]string) {
	t.Helper()
	for _, a := range all {
		if err := g.Add(a[0], a[1], a[2]); err != nil {
			t.Fatal(err)
		}
	}
}

// An event carries each original once, and the store adds nothing to what the
// publisher sealed, not even with another key.
func TestGather(t *testing.T) {
	publisher, store := newKeys(t), newKeys(t)
	g := publisher.sealer.Gather("e1", nil)
	add(t, g, [3]string{"EMAIL", "a", "alice@example.com"}, [3]string{"PHONE", "b", "+49 30 1"}, [3]string{"EMAIL", "a", "ALICE@example.com"})
	first := g.Sealed()
	g = store.sealer.Gather("e1", first)
	add(t, g, [3]string{"PHONE", "b", "+49 30 1"}, [3]string{"EMAIL", "b", "bob@example.com"})
	got := g.Sealed()
	want := []struct {
		by              keys
		typ, token, txt string
	}{{publisher, "EMAIL", "a", "alice@example.com"}, {publisher, "PHONE", "b", "+49 30 1"}, {store, "EMAIL", "b", "bob@example.com"}}
	if len(got) != len(want) || len(first) != 2 {
		t.Fatalf("got %d and %d sealed originals, want 2 and %d", len(first), len(got), len(want))
	}
	for i, w := range want {
		text, err := w.by.opener.Open(escrow.Context{EventID: "e1", Type: w.typ, Token: w.token}, got[i].GetCiphertext())
		if err != nil || text != w.txt || got[i].GetType() != w.typ || got[i].GetToken() != w.token {
			t.Errorf("%d: got %q, %v, want %q", i, text, err, w.txt)
		}
	}
	e := &pb.Event{Id: "e1", Time: timestamppb.Now(), Capture: &pb.Capture{Escrow: got},
		Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "c"}}}
	if err := event.Validate(e, time.Now()); err != nil {
		t.Errorf("the event is not valid: %v", err)
	}
}

// What is gathered for one event must not be written over by another that
// began with the same.
func TestGatherKeepsWhatIsThere(t *testing.T) {
	k := newKeys(t)
	have := append(make([]*pb.Sealed, 0, 8), &pb.Sealed{Type: "EMAIL", Token: "a", Ciphertext: []byte{1}})
	one, two := k.sealer.Gather("e1", have), k.sealer.Gather("e1", have)
	add(t, one, [3]string{"EMAIL", "b", "b"})
	add(t, two, [3]string{"EMAIL", "c", "c"})
	if one.Sealed()[1].GetToken() != "b" || two.Sealed()[1].GetToken() != "c" || len(have) != 1 {
		t.Errorf("got %v and %v", one.Sealed(), two.Sealed())
	}
}

func TestGatherIsBounded(t *testing.T) {
	k := newKeys(t)
	have := make([]*pb.Sealed, event.MaxEscrow-1)
	for i := range have {
		have[i] = &pb.Sealed{Type: "EMAIL", Token: fmt.Sprint(i), Ciphertext: []byte{1}}
	}
	g := k.sealer.Gather("e1", have)
	add(t, g, [3]string{"EMAIL", "last", "x"})
	if err := g.Add("EMAIL", "more", "x"); !errors.Is(err, escrow.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	add(t, g, [3]string{"EMAIL", "last", "x"}, [3]string{"EMAIL", "0", "x"}) // are there
	if got := len(g.Sealed()); got != event.MaxEscrow {
		t.Errorf("got %d, want %d", got, event.MaxEscrow)
	}
}

// What cannot be sealed adds nothing.
func TestGatherFails(t *testing.T) {
	k := newKeys(t)
	g := k.sealer.Gather("e1", nil)
	for range 2 {
		if err := g.Add("EMAIL", "a", "\xff"); !errors.Is(err, escrow.ErrValue) {
			t.Errorf("got %v, want ErrValue", err)
		}
	}
	add(t, g, [3]string{"EMAIL", "a", "a"})
	if got := g.Sealed(); len(got) != 1 || proto.Size(got[0]) != 95+2 {
		t.Errorf("got %v", got)
	}
}
