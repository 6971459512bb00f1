package eventlog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Sealing is random: what is delivered again is sealed again, to other bytes,
// and must be a duplicate all the same. The first ones are kept. What was
// sealed, and the rest of the event, are compared as ever.
func TestSealedAnewIsADuplicate(t *testing.T) {
	sealed := func(ciphertext, token, rule string) *pb.Event {
		e := sample(1)
		e.Id = "sealed"
		e.Capture = &pb.Capture{Rule: rule, Content: pb.Capture_REDACTED,
			Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 1, Detector: "email", Version: 1, Operator: pb.Redaction_PSEUDONYM}},
			Escrow:     []*pb.Sealed{{Type: "EMAIL", Token: token, Ciphertext: []byte(ciphertext)}}}
		return e
	}
	const token, rule = "k7m2qa5d3hx4", "all"
	l := open(t, config(t))
	want := []Outcome{Appended, Duplicate, Conflict, Conflict}
	for i, e := range []*pb.Event{
		sealed("first", token, rule), sealed("again, and longer", token, rule),
		sealed("first", "bcdefghijklm", rule), sealed("first", token, "other"),
	} {
		p, err := l.Prepare("acme", e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Append(t.Context(), []Prepared{p})
		if err != nil || got[0].Outcome != want[i] || got[0].Seq != 0 {
			t.Fatalf("event %d: got %+v, %v, want %v of 0", i, got, err, want[i])
		}
	}
	e, err := l.Read(t.Context(), "acme", 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sealed("first", token, rule).Capture, e.Capture, protocmp.Transform()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	check(t, l)
}
