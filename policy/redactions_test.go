package policy

import (
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What redaction left on record can be asked for: which detector, by which
// operator, whether texts are raw, redacted or gone, and what is sealed.
func TestConditionsOnRedactions(t *testing.T) {
	e := &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}, Capture: &pb.Capture{
		Content: pb.Capture_REDACTED,
		Redactions: []*pb.Redaction{
			{Type: "IP_ADDRESS", Count: 2, Detector: "ipv4", Version: 3, Operator: pb.Redaction_GENERALISE},
			{Type: "EMAIL", Count: 1, Detector: "email", Version: 1, Operator: pb.Redaction_PSEUDONYM},
		},
		Escrow: []*pb.Sealed{{Type: "EMAIL", Token: "k7m2qa5d3hx4", Ciphertext: []byte("sealed")}},
	}}
	raw := &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}}
	for _, condition := range []string{
		`capture.content == "REDACTED"`,
		`capture.content == Capture.Content.REDACTED`,
		`capture.redactions.exists(r, r.detector == "ipv4" && r.version < 4 && r.operator == "GENERALISE")`,
		`capture.redactions.exists(r, r.operator == Redaction.Operator.GENERALISE && r.count == 2)`,
		`capture.escrow.exists(s, s.type == "EMAIL" && s.token == "k7m2qa5d3hx4" && size(s.ciphertext) == 6)`,
		`size(capture.escrow) == 1`,
	} {
		c := mustCompile(t, condition)
		for _, of := range []struct {
			event *pb.Event
			want  bool
		}{{e, true}, {raw, false}} {
			if got, err := c.Match(of.event); err != nil || got != of.want {
				t.Errorf("%s: got %v, %v, want %v", condition, got, err, of.want)
			}
		}
		if c.MetaOnly() {
			t.Errorf("%s: is taken to need no text, where meta data has nothing of it", condition)
		}
	}
}
