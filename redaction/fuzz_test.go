package redaction

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// pieces are what random texts are made of: what detectors look for, whole and
// in parts, and what stands about it.
var pieces = []string{
	"alice@example.com", "bob", "@", "example.org", "4111 1111 1111 1111", "4111111111111111", "1111", " ", "-", ".", ":", "GB29NWBK60161331926819", "859-98-0028",
	"phone ", "tel", "+44 20 7946 0958", "4155552671", "203.0.113.7", "2001:db8::7", "https://", "u:p4ss@h.example", "password", "password: ", "=", "hunter2", "\"", "'", "\\",
	"\\n", "\\u0040", "{", "}", "[", "]", ",", "é", "漢字", "\n", "[EMAIL:abcdefghijkl]", "[EMAIL:", "abcdefghijkl]", "token=", "9f8a7b6c5d4e3f2a1b0c", "Bearer ", "secret",
	"-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "-----END PRIVATE KEY-----", "x", "1", "(", ")", "ssn", "curl -u ", "%40",
}

// checkText redacts s and checks what must hold for every text.
func checkText(ctx context.Context, t rapid.TB, r *Redactor, s string) {
	t.Helper()
	out, findings, err := r.Text(ctx, s, pseudonym)
	if errors.Is(err, ErrUnsettled) {
		return
	}
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if utf8.ValidString(s) && !utf8.ValidString(out) {
		t.Fatalf("%q became %q, which is not UTF-8", s, out)
	}
	at, outAt := 0, 0
	for _, f := range findings {
		if f.Start < at || f.End <= f.Start || f.End > len(s) || f.ReplStart < outAt || f.ReplEnd > len(out) || s[at:f.Start] != out[outAt:f.ReplStart] {
			t.Fatalf("%q: finding %+v is out of order or out of place in %q", s, f, out)
		}
		if repl := strings.Trim(out[f.ReplStart:f.ReplEnd], `"\`); !strings.HasPrefix(repl, "["+f.Type) || !strings.HasSuffix(repl, "]") {
			t.Fatalf("%q: finding %+v is replaced by %q", s, f, repl)
		}
		at, outAt = f.End, f.ReplEnd
	}
	if s[at:] != out[outAt:] {
		t.Fatalf("%q became %q after its last finding", s, out)
	}
	again, findings, err := r.Text(ctx, out, pseudonym)
	if err != nil || again != out || len(findings) > 0 {
		t.Fatalf("%q became %q and then %q, %v", s, out, again, err)
	}
	if isDocument(s) && !json.Valid([]byte(out)) {
		t.Fatalf("JSON %q became %q", s, out)
	}
}

func TestRandomTexts(t *testing.T) {
	r := newRedactor(t, Config{})
	rapid.Check(t, func(rt *rapid.T) {
		checkText(t.Context(), rt, r, strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(rt, "pieces"), ""))
	})
}

// TestRandomJSON compares a document before and after by value: what is not
// replaced is byte for byte the same, keys stay in order.
func TestRandomJSON(t *testing.T) {
	r := newRedactor(t, Config{})
	var value *rapid.Generator[any]
	text := rapid.Custom(func(rt *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 4).Draw(rt, "text"), "")
	})
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Map(text, func(s string) any { return s }),
			rapid.SampledFrom([]any{nil, true, 1.5, json.Number("4111111111111111"), json.Number("4155552671"), json.Number("-4111111111111111")}),
			rapid.Map(rapid.MapOfN(text, value, 0, 3), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value, 0, 3), func(s []any) any { return s }),
			rapid.Map(value, func(v any) any { b, _ := json.Marshal(v); return string(b) }),
		)
	})
	rapid.Check(t, func(rt *rapid.T) {
		b, err := json.Marshal([]any{value.Draw(rt, "value")})
		if err != nil {
			t.Fatal(err)
		}
		checkText(t.Context(), rt, r, string(b))
	})
}

func FuzzText(f *testing.F) {
	for _, p := range pieces {
		f.Add(p)
	}
	f.Add(findSample)
	f.Add(jsonSample)
	r := newRedactor(f, Config{})
	f.Fuzz(func(t *testing.T, s string) { checkText(t.Context(), t, r, s) })
}

// FuzzJSON holds that any JSON value that a tool is given or returns stays
// JSON.
func FuzzJSON(f *testing.F) {
	f.Add(jsonSample)
	f.Add(`{"card":4111111111111111}`)
	f.Add(`"bob@example.com"`)
	f.Add(`4111111111111111`)
	f.Add(`["{\"a\":[\"{\\\"c\\\":4111111111111111}\"]}"]`)
	r := newRedactor(f, Config{})
	f.Fuzz(func(t *testing.T, s string) {
		if !json.Valid([]byte(s)) {
			return
		}
		sc := r.begin(t.Context(), pseudonym)
		defer r.end(sc)
		out, _, err := sc.redact(s, tool)
		if err != nil && !errors.Is(err, ErrUnsettled) {
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && !json.Valid([]byte(out)) {
			t.Fatalf("JSON %q became %q", s, out)
		}
	})
}

// FuzzEvent holds that any event is redacted or refused: a second pass changes
// nothing, ids and deltas stay as many and where they are, and no text that was
// none becomes one.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		everywhere, `{"report":{"comment":"b@example.com"}}`, `{"action":{"text":"call +1 415 555 2671"}}`, `{"interaction":{"input":[{"parts":[{}]}],"deltas":[{}]}}`,
		`{"interaction":{"output":[{"parts":[{"text":"to bob@exam"},{"text":"ple.com, {"},{"text":"{\"a\":1}"}]}],"deltas":[{"bytes":9},{"bytes":4},{"bytes":99}]}}`,
		`{"capture":{"content":"REDACTED","redactions":[{"type":"EMAIL","count":4294967295}]},"interaction":{"shown":[{"parts":[{"text":"b@example.com"}]}]}}`,
	} {
		e := &pb.Event{}
		if err := protojson.Unmarshal([]byte(seed), e); err != nil {
			f.Fatal(err)
		}
		b, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	r := newRedactor(f, Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e := &pb.Event{}
		if proto.Unmarshal(b, e) != nil {
			return
		}
		checkEvent(t, r, e)
	})
}

// checkEvent redacts e and checks what must hold for every event.
func checkEvent(t *testing.T, r *Redactor, e *pb.Event) {
	t.Helper()
	before := proto.CloneOf(e)
	if _, err := r.Event(t.Context(), e, pseudonym); err != nil {
		if !errors.Is(err, ErrUnsettled) && !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		return
	}
	checkTexts(t, before, e)
	if before.Id != e.Id || before.Session != e.Session || len(before.GetInteraction().GetDeltas()) != len(e.GetInteraction().GetDeltas()) {
		t.Fatalf("%v became %v", before, e)
	}
	if _, err := proto.Marshal(e); err != nil {
		t.Fatalf("%v cannot be written any more: %v", before, err)
	}
	again := proto.CloneOf(e)
	counts, err := r.Event(t.Context(), again, pseudonym)
	if err != nil || len(counts) > 0 || !proto.Equal(e, again) {
		t.Fatalf("%v: the second pass changed %v, %v to %v", e, counts, err, again)
	}
}
