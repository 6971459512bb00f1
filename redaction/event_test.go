package redaction

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// everywhere has an address in every text that is redacted, and in every name
// and id that is not.
const everywhere = `{"id":"a@example.com","session":"a@example.com","user":"a@example.com",
 "capture":{"redactions":[{"type":"PHONE","count":1},{"type":"EMAIL","count":2}]},
 "interaction":{
  "model":{"name":"a@example.com"},"parameters":{"stop":["b@example.com"]},
  "input":[{"role":"a@example.com","parts":[{"text":"b@example.com"},{"reasoning":"b@example.com"},
    {"toolCall":{"id":"a@example.com","name":"a@example.com","arguments":"{\"x\":\"b@example.com\"}"}},
    {"toolResult":{"id":"a@example.com","result":"b@example.com","error":"{'x': 'b@example.com'}"}},
    {"blob":{"mediaType":"a@example.com","uri":"https://x/?b@example.com"}}]}],
  "retrieved":[{"id":"a@example.com","uri":"b@example.com","title":"b@example.com","text":"b@example.com"}],
  "output":[{"role":"assistant","parts":[{"text":"b@example.com"}]}],
  "shown":[{"role":"assistant","parts":[{"text":"b@example.com"}]}],
  "verdicts":[{"classifier":{"name":"a@example.com"},"category":"a@example.com"}]}}`

func parseEvent(t *testing.T, s string) *pb.Event {
	t.Helper()
	e := &pb.Event{}
	if err := protojson.Unmarshal([]byte(s), e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEvent(t *testing.T) {
	r := newRedactor(t, Config{})
	e := parseEvent(t, everywhere)
	counts, err := r.Event(t.Context(), e, pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	s := e.String()
	if strings.Contains(s, "b@example.com") {
		t.Errorf("an address is left in %s", s)
	}
	if got, want := strings.Count(s, "a@example.com"), strings.Count(everywhere, "a@example.com")-1; got != want {
		t.Errorf("%d ids and names are left; want %d", got, want)
	}
	n := uint32(strings.Count(everywhere, "b@example.com"))
	if len(counts) != 1 || counts["EMAIL"] != n {
		t.Errorf("counts are %v; want %d addresses", counts, n)
	}
	want := []*pb.Redaction{ // those that came along, and those of this pass
		{Type: "EMAIL", Count: 2},
		{Type: "EMAIL", Count: n, Detector: "email", Version: 1, Operator: pb.Redaction_PSEUDONYM},
		{Type: "PHONE", Count: 1},
	}
	if diff := cmp.Diff(want, e.Capture.Redactions, protocmp.Transform()); diff != "" || e.Capture.Content != pb.Capture_REDACTED {
		t.Errorf("content is %v, redactions: %s", e.Capture.Content, diff)
	}
	token, _ := pseudonym("a@example.com")
	if want := "[USER:" + token + "]"; e.User != want {
		t.Errorf("user is %q; want %q", e.User, want)
	}
	if counts, err := r.Event(t.Context(), e, pseudonym); err != nil || counts != nil || e.String() != s {
		t.Errorf("the second pass finds %v, %v", counts, err)
	}
}

func TestEventBodies(t *testing.T) {
	r := newRedactor(t, Config{})
	for _, s := range []string{`{"report":{"comment":"b@example.com"}}`, `{"action":{"text":"b@example.com"}}`} {
		e := parseEvent(t, s)
		if counts, err := r.Event(t.Context(), e, pseudonym); err != nil || counts["EMAIL"] != 1 || strings.Contains(e.String(), "@") {
			t.Errorf("%s: %v, %v", s, counts, err)
		}
	}
	for _, e := range []*pb.Event{{}, {Body: &pb.Event_Interaction{}}, {Body: &pb.Event_Report{}}, {Body: &pb.Event_Coverage{}},
		parseEvent(t, `{"interaction":{"input":[{"parts":[{}]}],"deltas":[{}]}}`)} {
		if counts, err := r.Event(t.Context(), e, pseudonym); err != nil || counts != nil || len(e.GetCapture().GetRedactions()) > 0 || e.GetCapture().GetContent() == pb.Capture_REDACTED {
			t.Errorf("%v: %v, %v", e, counts, err)
		}
	}
}

// TestDeltas makes sure that a replayed stream adds up to the redacted text
// and tears no token.
func TestDeltas(t *testing.T) {
	r := newRedactor(t, Config{})
	const first, second = "write to bob@example.com or ", "carol@example.com now"
	for name, c := range map[string]struct{ in, want []uint32 }{
		"inside":       {[]uint32{9, 4, 11, 25}, []uint32{9, 20, 0, 28}},
		"boundaries":   {[]uint32{9, 15, 4, 17, 4}, []uint32{9, 20, 4, 20, 4}},
		"one":          {[]uint32{49}, []uint32{57}},
		"too short":    {[]uint32{9}, []uint32{9}},
		"past the end": {[]uint32{49, 10}, []uint32{57, 10}},
	} {
		for _, shown := range []bool{false, true} {
			in := &pb.Interaction{}
			for _, n := range c.in {
				in.Deltas = append(in.Deltas, &pb.Delta{Bytes: n})
			}
			ms := []*pb.Message{{Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: first}}, {Kind: &pb.Part_Reasoning{Reasoning: first}}, {Kind: &pb.Part_Text{Text: second}}}}}
			if in.Output = ms; shown {
				in.Shown, in.Output = ms, []*pb.Message{{Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: first}}}}}
			}
			if _, err := r.Event(t.Context(), &pb.Event{Body: &pb.Event_Interaction{Interaction: in}}, pseudonym); err != nil {
				t.Fatal(err)
			}
			for i, d := range in.Deltas {
				if d.Bytes != c.want[i] {
					t.Errorf("%s, shown %v: delta %d has %d bytes; want %d", name, shown, i, d.Bytes, c.want[i])
				}
			}
		}
	}
}
