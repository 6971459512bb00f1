package redaction

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/known"
)

// TestPanicLeavesNothing: a call that panics amid a text without its escapes
// leaves nothing behind in which the next is caught.
func TestPanicLeavesNothing(t *testing.T) {
	boom := Detector{Type: "BOOM", Bytes: "!", Find: func(*Candidate) { panic("content") }}
	r := newRedactor(t, Config{Detectors: append(Default(), boom)})
	text := `paid\nwith 4111111111111111 today, \u0062ob@example.com`
	want, _, err := r.Text(t.Context(), text, pseudonym)
	if err != nil || strings.Contains(want, "111") {
		t.Fatalf("%q, %v", want, err)
	}
	for range 10 {
		if _, _, err := r.Text(t.Context(), `to ann@example.com%21`, pseudonym); !errors.Is(err, ErrPanic) {
			t.Fatal(err)
		}
		if got, _, err := r.Text(t.Context(), text, pseudonym); got != want || err != nil {
			t.Fatalf("after a panic: %q, %v; want %q", got, err, want)
		}
	}
}

// TestOperators holds for texts under each operator what holds for pseudonyms:
// no panic, valid UTF-8, and a second pass that changes nothing.
func TestOperators(t *testing.T) {
	for _, op := range []Operator{Mask, Drop, Generalise} {
		ops := map[string]Operator{}
		for _, typ := range Types() {
			ops[typ] = op
		}
		r := newRedactor(t, Config{Operators: ops, Timeout: time.Minute})
		check := func(t rapid.TB, s string) {
			out, _, err := r.Text(context.Background(), s, pseudonym)
			if errors.Is(err, ErrUnsettled) {
				return
			}
			if err != nil {
				t.Fatalf("%v of %q: %v", op, s, err)
			}
			if again, _, err := r.Text(context.Background(), out, pseudonym); err != nil || again != out {
				t.Fatalf("%v of %q is %q and then %q, %v", op, s, out, again, err)
			}
		}
		check(t, "my name is Ann Smith phone +1 415 555 2671")
		check(t, "password: hunter2X/4111 1111 1111 1111/ann@example.com")
		rapid.Check(t, func(rt *rapid.T) {
			check(rt, strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(rt, "pieces"), ""))
		})
	}
}

// fixedAnalyzer finds the same spans in every text.
type fixedAnalyzer []analyzer.Span

func (a fixedAnalyzer) Analyze(_ context.Context, texts []string) ([][]analyzer.Span, error) {
	spans := make([][]analyzer.Span, len(texts))
	for i, s := range texts {
		for _, sp := range a {
			if sp.End <= len(s) {
				spans[i] = append(spans[i], sp)
			}
		}
	}
	return spans, nil
}

// TestAnalyzerOverlaps: of spans that overlap, or begin in a replacement, all
// that is not replaced yet goes.
func TestAnalyzerOverlaps(t *testing.T) {
	r := newRedactor(t, Config{Analyzer: fixedAnalyzer{{Type: "PERSON", Start: 4, End: 14}, {Type: "LOCATION", Start: 9, End: 26}}})
	if out, _, err := r.Text(t.Context(), "met John Smith Street Lane", pseudonym); err != nil || strings.Contains(out, "Lane") || strings.Contains(out, "John") {
		t.Errorf("%q, %v", out, err)
	}
	token := len("[EMAIL:aaaaaaaaaaaa]")
	r = newRedactor(t, Config{Analyzer: fixedAnalyzer{{Type: "PERSON", Start: 2, End: token + len(" Zelda Fitz")}}})
	if out, _, err := r.Text(t.Context(), "zelda@example.com Zelda Fitz", pseudonym); err != nil || strings.Contains(out, "Zelda") || strings.Contains(out, "Fitz") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestOverlapsLeaveNothing: a card that begins within a known value goes whole.
func TestOverlapsLeaveNothing(t *testing.T) {
	r := newRedactor(t, Config{})
	out, _, err := r.Text(t.Context(), "customer 77 4111 1111 1111 1111", pseudonym, known.Value{Text: "customer 77 4111", Type: "CUSTOMER"})
	if err != nil || strings.Contains(out, "1111") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestKnownWithinBase64: what is known is looked for in what is encoded, too.
func TestKnownWithinBase64(t *testing.T) {
	names := known.Value{Text: "Wilhelmina Czapski", Kind: known.Name, Type: "PERSON"}
	text := "body: " + base64.StdEncoding.EncodeToString([]byte("written by wilhelmina czapski in June"))
	for name, found := range map[string]func() (string, []Finding, error){
		"of the call": func() (string, []Finding, error) {
			return newRedactor(t, Config{}).Text(t.Context(), text, pseudonym, names)
		},
		"of the redactor": func() (string, []Finding, error) {
			return newRedactor(t, Config{Known: []known.Value{names}}).Text(t.Context(), text, pseudonym)
		},
	} {
		if out, _, err := found(); err != nil || !strings.HasPrefix(out, "body: [ENCODED:") {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

// listSealer seals nothing and says what it was given.
type listSealer map[string]string

func (l listSealer) Seal(_, _, token, value string) ([]byte, error) {
	l[token] = value
	return []byte("sealed"), nil
}

// TestSealsWhatIsReplaced: what stands in escrow is what a token in the event
// stands for, also where a text turned out to be no JSON, and where an escape
// means no UTF-8.
func TestSealsWhatIsReplaced(t *testing.T) {
	sealed := listSealer{}
	r := newRedactor(t, Config{Escrow: []string{"PASSWORD", "CREDIT_CARD"}, Sealer: sealed})
	for _, text := range []string{`{"password":"$x y z hunter22","n":4111111111111111,"y": oops`, `https://x/?user=a&password%3Dh%FCnter2X9&b`} {
		e := parseEvent(t, `{"report":{"comment":"x"}}`)
		e.GetReport().Comment = text
		clear(sealed)
		if _, err := r.Event(t.Context(), e, pseudonym); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for token := range sealed {
			if !strings.Contains(e.GetReport().Comment, token) {
				t.Errorf("%q became %q, and %q is sealed", text, e.GetReport().Comment, sealed[token])
			}
		}
		if len(sealed) == 0 || len(sealed) != len(e.Capture.Escrow) {
			t.Errorf("%q: %d sealed, %d in the event", text, len(sealed), len(e.Capture.Escrow))
		}
	}
}

// TestEdges holds for signs right beside a value that are no part of it.
func TestEdges(t *testing.T) {
	r := newRedactor(t, Config{})
	for text, want := range map[string]string{
		"5,GB29NWBK60161331926819,7":                "IBAN",
		"_AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q_": "API_KEY",
		"1,234,567,890,123":                         "",
		"12,5":                                      "",
	} {
		_, found, err := r.Text(t.Context(), text, pseudonym)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range found {
			got += f.Type
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

// TestCountriesInSentences holds that a short word before a number is taken for
// a country, where that is asked for, only if it is none of the sentence.
func TestCountriesInSentences(t *testing.T) {
	for _, c := range [...]struct{ region, text, want string }{
		{"ES", "Mi DNI es 12345678Z", "Mi DNI es [ES_NIF]"},
		{"IT", "set it 07643520567", "set it [TAX_ID]"},
		{"IT", "We can check if 10006 is", "We can check if 10006 is"},
		{"DE", "de 136 695 976", "[VAT_ID]"},
		{"GB", "my number is ab 12 34 56 c.", "my number is [UK_NINO]."},
		{"GB", "it is AB 12 34 56 c", "it is [UK_NINO]"},
		{"US", "the mean is 12345.6789 and", "the mean is 12345.6789 and"},
		{"US", "her SSN: 12345.6789", "her SSN: [US_SSN]"},
		{"GB", "ID – ab 12 34 56 c", "ID – [UK_NINO]"},
	} {
		r := newRedactor(t, Config{Regions: []string{c.region}})
		out, _, err := r.Text(t.Context(), c.text, pseudonym)
		if err != nil {
			t.Fatal(err)
		}
		if got := withoutTokens(out); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.region, c.text, got, c.want)
		}
	}
}

// TestNumbersAtEdges holds that numbers near the beginning and the end of a text
// are read without anything beyond it: in short texts of few signs, all of them.
func TestNumbersAtEdges(t *testing.T) {
	r := newRedactor(t, Config{Timeout: noTimeout, ReportKept: true, Regions: []string{"US"}})
	signs := []string{"1", "29", "o", "st", "of", "may", " ", ".", "é", "-", "%", "\\n", "[", "_"}
	var try func(text string, left int)
	try = func(text string, left int) {
		if _, _, err := r.Text(t.Context(), text, pseudonym); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if left == 0 {
			return
		}
		for _, s := range signs {
			try(text+s, left-1)
		}
	}
	for _, s := range signs {
		try(s, 4)
	}
}
