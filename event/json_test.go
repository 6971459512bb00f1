package event_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// contract is the JSON of one interaction as the contract shows it.
const contract = `{"id":"019aa5c0-1","time":"2026-11-22T03:00:00Z","session":"c-17","turn":1,"user":"alice@example.com",
 "source":{"service":"chat","version":"4.2.0","instance":"chat-7","deployment":"medical-triage","environment":"prod","region":"eu"},
 "capture":{"probability":1,"rule":"always","sequence":42},
 "interaction":{
   "model":{"provider":"openai","name":"gpt-4o","version":"2026-08-06"},
   "input":[{"role":"user","parts":[{"text":"…"}]}],
   "output":[{"role":"assistant","parts":[{"text":"…"},{"toolCall":{"id":"t1","name":"lookup","arguments":"{\"q\":1}"}}]}],
   "shown":[{"role":"assistant","parts":[{"text":"…"}]}],
   "verdicts":[{"classifier":{"name":"shield","version":"3"},"category":"self_harm","score":0.91,"threshold":0.5,"action":"REPLACED"}],
   "finishReason":"stop","usage":{"inputTokens":12,"outputTokens":80}}}`

func TestDecodeContract(t *testing.T) {
	e, err := event.DecodeJSON([]byte(contract), event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := event.Validate(e, now); err != nil {
		t.Error(err)
	}
	calls := e.GetInteraction().GetOutput()[0].GetParts()
	if got, want := calls[1].GetToolCall().GetArguments(), `{"q":1}`; got != want {
		t.Errorf("arguments: got %s, want %s", got, want)
	}
	differential(t, []byte(contract))
}

func TestJSONRoundTrip(t *testing.T) {
	for _, e := range append(others(), interaction()) {
		b, err := event.MarshalJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.DecodeJSON(b, event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", event.KindOf(e), diff)
		}
		differential(t, b)
	}
}

// The one JSON form must not depend on the build, as protojson's does.
func TestJSONForm(t *testing.T) {
	e := others()[2]
	want := `{"id":"a","time":"2026-11-22T03:00:00Z","action":{"target":"e1","kind":"REFUSAL_CARD","name":"card-1","text":"We cannot help."}}`
	got, err := event.AppendJSON([]byte("x"), e)
	if err != nil || string(got) != "x"+want {
		t.Errorf("got  %s, %v\nwant x%s", got, err, want)
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{``, "the JSON ends too early (at byte 0)"},
		{`[]`, "is a list, want an object (at byte 0)"},
		{`null`, "is null, want an object (at byte 0)"},
		{`{"id":"a"`, "the JSON ends too early (at byte 9)"},
		{`{"id":"a"} {}`, "the JSON goes on after the event (at byte 11)"},
		{`{"id":"a",}`, "is malformed JSON (at byte 10)"},
		{`{"id" "a"}`, "is malformed JSON (at byte 6)"},
		{`{id:"a"}`, "is malformed JSON (at byte 1)"},
		{`{"id":"a"; "turn":1}`, "is malformed JSON (at byte 9)"},
		{`{"turn":"one"}`, "turn: is a string that holds no number (at byte 8)"},
		{`{"turn":""}`, "turn: is a string that holds no number (at byte 8)"},
		{`{"turn":{}}`, "turn: is an object, want a number (at byte 8)"},
		{`{"turn":-1}`, "turn: is not a whole number from 0 to 4294967295 (at byte 8)"},
		{`{"turn":4294967296}`, "turn: is not a whole number from 0 to 4294967295 (at byte 8)"},
		{`{"turn":1.5}`, "turn: is not a whole number from 0 to 4294967295 (at byte 8)"},
		{`{"turn":01}`, "turn: is malformed JSON (at byte 8)"},
		{`{"turn":1e}`, "turn: is malformed JSON (at byte 8)"},
		{`{"id":1}`, "id: is a number, want a string (at byte 6)"},
		{`{"id":true}`, "id: is a boolean, want a string (at byte 6)"},
		{`{"id":[]}`, "id: is a list, want a string (at byte 6)"},
		{`{"id":"a","id":"b"}`, "id: is given twice (at byte 15)"},
		{`{"id":null,"id":null}`, "id: is given twice (at byte 16)"},
		{`{"id":"\ud800"}`, "id: is malformed JSON (at byte 7)"},
		{`{"id":"\udc00\ud800"}`, "id: is malformed JSON (at byte 7)"},
		{`{"id":"\x"}`, "id: is malformed JSON (at byte 7)"},
		{`{"id":"\u12g4"}`, "id: is malformed JSON (at byte 7)"},
		{"{\"id\":\"a\nb\"}", "id: is malformed JSON (at byte 8)"},
		{"{\"id\":\"a\xffb\"}", "id: is not valid UTF-8 (at byte 7)"},
		{"{\"\xff\":1}", "is not valid UTF-8 (at byte 2)"},
		{`{"time":"yesterday"}`, "time: is not a time such as 2026-11-22T03:00:00Z (at byte 8)"},
		{`{"time":1}`, "time: is a number, want a time such as 2026-11-22T03:00:00Z (at byte 8)"},
		{`{"time":"2026-11-22T03:00:00.1234567891Z"}`, "time: is not a time such as 2026-11-22T03:00:00Z (at byte 8)"},
		{`{"salt":"?"}`, "salt: is not base64 (at byte 8)"},
		{`{"interaction":{"modle":{}}}`, "interaction.modle: is not a field of an interaction (at byte 16)"},
		{`{"interaction":{"my secret name":{}}}`, "interaction.(unnamed): is not a field of an interaction (at byte 16)"},
		{`{"interaction":{"finish_reason":"a","finishReason":"b"}}`, "interaction.finishReason: is given twice (at byte 51)"},
		{`{"interaction":{},"report":{}}`, "report: is a second choice: only one can be given (at byte 27)"},
		{`{"interaction":{"duration":"1"}}`, "interaction.duration: is not a duration such as 1.5s (at byte 27)"},
		{`{"interaction":{"input":{}}}`, "interaction.input: is an object, want a list (at byte 24)"},
		{`{"interaction":{"input":[{},null]}}`, "interaction.input[1]: is null, want an object (at byte 28)"},
		{`{"interaction":{"input":[{}{}]}}`, "interaction.input: is malformed JSON (at byte 27)"},
		{`{"interaction":{"input":[{"parts":[{},{"text":"a","blob":{}}]}]}}`,
			"interaction.input[0].parts[1].blob: is a second choice: only one can be given (at byte 57)"},
		{`{"interaction":{"verdicts":[{"score":"high"}]}}`,
			"interaction.verdicts[0].score: is a string that holds no number (at byte 37)"},
		{`{"interaction":{"verdicts":[{"score":1e999}]}}`, "interaction.verdicts[0].score: is a number too large (at byte 37)"},
		{`{"interaction":{"verdicts":[{"action":"DESTROYED"}]}}`,
			"interaction.verdicts[0].action: is none of ALLOWED, FLAGGED, BLOCKED, REPLACED (at byte 38)"},
		{`{"interaction":{"verdicts":[{"action":true}]}}`,
			"interaction.verdicts[0].action: is a boolean, want a number (at byte 38)"},
		{`{"interaction":{"parameters":{"stop":["a",1]}}}`, "interaction.parameters.stop[1]: is a number, want a string (at byte 42)"},
		{`{"interaction":{"parameters":{"stop":[` + strings.Repeat(`"",`, 64) + `""]}}}`,
			"interaction.parameters.stop: has more than 64 elements"},
	} {
		got := "decoded"
		_, err := event.DecodeJSON([]byte(test.in), event.Limits{})
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.in, got, test.want)
		}
		if _, ok := errors.AsType[*event.ValidationError](err); !ok {
			t.Errorf("%s: got a %T, want a *ValidationError", test.in, err)
		}
	}
}

// A few bytes of JSON must not become a hundred times as many in memory.
func TestDecodeJSONBoundsElements(t *testing.T) {
	messages := `{"parts":[` + strings.Repeat(`{},`, 4095) + `{}]}`
	line := `{"interaction":{"input":[` + strings.Repeat(messages+`,`, 16) + messages + `]}}`
	_, err := event.DecodeJSON([]byte(line), event.Limits{})
	want := "interaction.input[15].parts[4079]: has more than 65536 nested messages"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDecodeJSONBoundsBytes(t *testing.T) {
	line := []byte(`{"id":"` + strings.Repeat("x", 1<<20) + `"}`)
	_, err := event.DecodeJSON(line, event.Limits{})
	if !errors.Is(err, event.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := event.DecodeJSON(line, event.Limits{EventBytes: 2 << 20}); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
}

// What is decoded must not change when the caller uses its buffer again.
func TestDecodeJSONKeepsNothing(t *testing.T) {
	line := []byte(contract)
	e, err := event.DecodeJSON(line, event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	before := proto.CloneOf(e)
	clear(line)
	if diff := cmp.Diff(before, e, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// variants are ways to write values, good and bad, that proto3 JSON knows of.
var variants = []string{
	`{}`, ` { } `, `{"id":null,"turn":null,"source":null,"interaction":null,"report":{}}`,
	`{"turn":"7"}`, `{"turn":7.0}`, `{"turn":70e-1}`, `{"turn":0.7E+1}`, `{"turn":-0}`, `{"turn":" 7"}`, `{"turn":"7 "}`,
	`{"seq":"18446744073709551615"}`, `{"seq":18446744073709551616}`, `{"seq":1e19}`, `{"seq":1e20}`, `{"seq":0.00e-9}`,
	`{"seq":0.0000000000000000000001e22}`, `{"seq":100e-3}`, `{"seq":1e-999999999999}`, `{"seq":"1e0"}`, `{"seq":"-0.0"}`,
	`{"time":"2026-11-22T03:00:00.123456789Z"}`, `{"time":"2026-11-22T03:00:00+05:30"}`, `{"time":"2026-11-22t03:00:00z"}`,
	`{"time":"2026-11-22T03:00:00,5Z"}`, `{"time":"0001-01-01T00:00:00Z"}`, `{"time":"0000-12-31T23:59:59Z"}`,
	`{"time":"9999-12-31T23:59:59-01:00"}`, `{"time":"2026-02-29T00:00:00Z"}`, `{"time":"2026-11-22T03:00:00"}`, `{"time":""}`,
	`{"salt":"AAEC_-8"}`, `{"salt":"AAEC/+8="}`, `{"salt":"AAEC\n"}`, `{"salt":""}`, `{"salt":"A"}`, `{"salt":"AA=="}`, `{"salt":"AA="}`,
	`{"policy_version":"1"}`, `{"policyVersion":"1"}`, `{"policyversion":"1"}`, `{"\u0069d":"x"}`, `{"@type":"x"}`, `{"[a.b]":1}`,
	`{"id":"\u0041\ud83d\ude00\/\b\f\n\r\t\"\\"}`, `{"id":"\uD83D\u0041"}`, `{"id":"😀\u0000"}`, "{\"id\":\"\x7f\"}", "{\"id\":\"\u2028\"}",
	`{"interaction":{"duration":"1.5s","timeToFirstToken":".5s"}}`, `{"interaction":{"duration":"-0.000000001s"}}`,
	`{"interaction":{"duration":"1.s"}}`, `{"interaction":{"duration":"+1s"}}`, `{"interaction":{"duration":".s"}}`,
	`{"interaction":{"duration":"01s"}}`, `{"interaction":{"duration":"315576000001s"}}`, `{"interaction":{"duration":"1.0000000001s"}}`,
	`{"interaction":{"duration":"s"}}`, `{"interaction":{"duration":"-s"}}`, `{"interaction":{"duration":"1_0s"}}`,
	`{"interaction":{"verdicts":[{"score":"NaN"},{"score":"Infinity"},{"score":"-Infinity"},{"score":"0.5"},{"score":-0}]}}`,
	`{"interaction":{"verdicts":[{"score":nan}]}}`, `{"interaction":{"verdicts":[{"score":1e400}]}}`, `{"interaction":{"verdicts":[{"score":"NaN "}]}}`,
	`{"interaction":{"verdicts":[{"action":3},{"action":"3"},{"action":"BLOCKED"}]}}`, `{"interaction":{"verdicts":[{"action":99}]}}`,
	`{"interaction":{"verdicts":[{"action":3.0,"scope":"INPUT"}]}}`, `{"interaction":{"verdicts":[{"action":null,"threshold":null}]}}`,
	`{"interaction":{"input":[{"role":"u","parts":[{"text":""},{"reasoning":null},{"toolCall":{}},{"text":null,"blob":{"size":"5"}}]}]}}`,
	`{"interaction":{"parameters":{"topK":-2147483648,"seed":"-9223372036854775808","stop":[]}}}`,
	`{"interaction":{"parameters":{"topK":2147483648}}}`, `{"interaction":{"input":[null]}}`, `{"interaction":{"input":[]}}`,
	`{"coverage":{"strata":[{"seen":1,"captured":"1","probability":1}]}}`, `{"policyApplied":{"version":"1","document":"x"}}`,
}

func TestDecodeJSONVariants(t *testing.T) {
	for _, in := range variants {
		differential(t, []byte(in))
	}
}

// protojson takes an exponent without digits, which is no JSON.
var bareExponent = regexp.MustCompile(`[0-9][eE][+-]?([^0-9+-]|$)`)

// differential holds DecodeJSON against protojson.
func differential(t *testing.T, line []byte) {
	t.Helper()
	var want pb.Event
	wantErr := protojson.Unmarshal(line, &want)
	got, err := event.DecodeJSON(line, event.Limits{})
	switch {
	case wantErr != nil && err == nil:
		t.Errorf("%q: decoded, want %v", line, wantErr)
	case wantErr == nil && err != nil:
		bounded := strings.Contains(err.Error(), "has more than")
		if !bounded && !bareExponent.Match(line) {
			t.Errorf("%q: got %v, want it decoded", line, err)
		}
	case wantErr == nil && !proto.Equal(&want, got):
		t.Errorf("%q: %s", line, cmp.Diff(&want, got, protocmp.Transform()))
	case err == nil && !json.Valid(line):
		t.Errorf("%q: decoded, but is no JSON", line)
	}
}

// All of the corpus must decode, to what protojson makes of it, and be valid.
func TestDecodeCorpus(t *testing.T) {
	if len(corpusFiles(t)) == 0 {
		t.Skip("no shared corpus")
	}
	limit := 60 // of each file
	if os.Getenv("AFTERIMAGE_LONG") != "" {
		limit = 0
	}
	n := 0
	for name, line := range corpus(t, limit) {
		n++
		differential(t, line)
		e, err := event.DecodeJSON(line, event.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := event.Validate(e, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n == 0 {
		t.Error("the corpus is empty")
	}
}
