package redaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// spelling is a sealer that hides nothing, and seals differently each time.
type spelling struct {
	calls int
	err   error
}

func (s *spelling) Seal(id, typ, token, value string) ([]byte, error) {
	s.calls++
	return fmt.Appendf(nil, "%s %s %s %s", id, typ, token, value), s.err
}

func commented(text string, earlier ...*pb.Sealed) *pb.Event {
	return &pb.Event{Id: "e", Capture: &pb.Capture{Escrow: earlier}, Body: &pb.Event_Report{Report: &pb.Report{Comment: text}}}
}

func tokenOf(t *testing.T, value string) string {
	t.Helper()
	token, err := pseudonym(value)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Each original of a chosen type is sealed once, for its place, and what the
// publisher sealed is left as it is.
func TestEscrow(t *testing.T) {
	s := &spelling{}
	r := newRedactor(t, Config{Escrow: []string{"EMAIL", "JWT"}, Sealer: s, Operators: map[string]Operator{"JWT": Mask}})
	alice, bob := tokenOf(t, "alice@example.com"), tokenOf(t, "bob@example.com")
	earlier := &pb.Sealed{Type: "EMAIL", Token: bob, Ciphertext: []byte("by the publisher")}
	e := commented("alice@example.com, Alice@example.com, bob@example.com, DE89 3704 0044 0532 0130 00", earlier)
	if _, err := r.Event(t.Context(), e, pseudonym); err != nil {
		t.Fatal(err)
	}
	want := []*pb.Sealed{earlier, {Type: "EMAIL", Token: alice, Ciphertext: []byte("e EMAIL " + alice + " alice@example.com")}}
	if diff := cmp.Diff(want, e.Capture.Escrow, protocmp.Transform()); diff != "" || s.calls != 1 {
		t.Errorf("sealed %d times (-want +got):\n%s", s.calls, diff)
	}
	if _, err := r.Event(t.Context(), e, pseudonym); err != nil || s.calls != 1 {
		t.Errorf("a second pass seals %d times, %v", s.calls-1, err)
	}
}

// An event holds no more originals than events may, the publisher's included;
// what is not sealed is replaced all the same.
func TestEscrowIsBounded(t *testing.T) {
	r := newRedactor(t, Config{Escrow: []string{"EMAIL"}, Sealer: &spelling{}})
	var earlier []*pb.Sealed
	for i := range maxSealed - 2 {
		earlier = append(earlier, &pb.Sealed{Type: "EMAIL", Token: fmt.Sprint(i), Ciphertext: []byte("x")})
	}
	e := commented("a@example.com b@example.com c@example.com d@example.com", earlier...)
	if _, err := r.Event(t.Context(), e, pseudonym); err != nil {
		t.Fatal(err)
	}
	if got := len(e.Capture.Escrow); got != maxSealed || strings.Contains(e.GetReport().Comment, "@") {
		t.Errorf("%d originals are sealed of %q", got, e.GetReport().Comment)
	}
}

// Invariant 3: what cannot be sealed does not pass, nor does a type without a
// key for it.
func TestEscrowFails(t *testing.T) {
	r := newRedactor(t, Config{Escrow: []string{"EMAIL"}, Sealer: &spelling{err: errors.New("no entropy")}})
	if _, err := r.Event(t.Context(), commented("alice@example.com"), pseudonym); !errors.Is(err, ErrEscrow) {
		t.Errorf("got %v, want ErrEscrow", err)
	}
	if _, err := r.Event(t.Context(), commented("nothing"), pseudonym); err != nil {
		t.Errorf("the next event: %v", err)
	}
	if _, err := New(Config{Escrow: []string{"EMAIL"}}); err == nil {
		t.Error("escrow without a key is accepted")
	}
}
