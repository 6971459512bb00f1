package redaction

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
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
		if f.Start < at || f.End <= f.Start || s[at:f.Start] != out[outAt:f.ReplStart] {
			t.Fatalf("%q: finding %+v is out of order or out of place in %q", s, f, out)
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
	if (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) && json.Valid([]byte(s)) && !json.Valid([]byte(out)) {
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
