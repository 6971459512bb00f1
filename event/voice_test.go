package event

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Which text of an event is compared with others: what the model said and did,
// what the user saw instead, what the user said last.
func TestTextOf(t *testing.T) {
	for _, c := range []struct {
		json string
		want [Voices]string
	}{
		{`{"interaction":{"output":[{"role":"assistant","parts":[{"text":"hello"}]}]}}`, [Voices]string{"hello", "hello"}},
		{`{"interaction":{"output":[{"role":"assistant","parts":[{"reasoning":"hm"},{"text":""},{"text":"I look"},{"toolCall":{"id":"1","name":"ls","arguments":"{}"}},{"text":"done"}]}]}}`,
			[Voices]string{"I look\nls\n{}\ndone", "I look\nls\n{}\ndone"}},
		{`{"interaction":{"input":[{"role":"user","parts":[{"text":"first"}]},{"role":"user","parts":[{"text":"second"}]},
			{"role":"tool","parts":[{"toolResult":{"result":"r"}}]}],
			"output":[{"role":"assistant","parts":[{"text":"bad"}]}],"shown":[{"role":"assistant","parts":[{"text":"sorry"}]}]}}`,
			[Voices]string{"bad", "sorry", "second"}},
		{`{"action":{"kind":"REFUSAL_CARD","text":"no"}}`, [Voices]string{Shown: "no"}},
		{`{"report":{"comment":"awful"}}`, [Voices]string{}},
		{`{}`, [Voices]string{}},
	} {
		e := new(pb.Event)
		if err := protojson.Unmarshal([]byte(c.json), e); err != nil {
			t.Fatalf("%s: %v", c.json, err)
		}
		for v, want := range c.want {
			if got := TextOf(e, Voice(v)); got != want {
				t.Errorf("%s: voice %d: got %q, want %q", c.json, v, got, want)
			}
		}
	}
}
