package analyzer

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// documented are the responses of the OpenAPI document, as servers of three
// ages send them.
var documented = []string{
	`[{"analysis_explanation": null, "end": 38, "entity_type": "US_DRIVER_LICENSE", "score": 0.6499999999999999, "start": 30}]`,
	`[{"entity_type": "PERSON", "start": 0, "end": 10, "score": 0.85, "analysis_explanation": {
		"recognizer": "SpacyRecognizer", "pattern_name": null, "pattern": null, "original_score": 0.85, "score": 7,
		"textual_explanation": "Identified as PERSON by Spacy's Named Entity Recognition", "start": -1,
		"score_context_improvement": 0, "supportive_context_word": "", "validation_result": null}},
	  {"entity_type": "US_DRIVER_LICENSE", "start": 30, "end": 38, "score": 0.6499999999999999}]`,
	`[{"analysis_explanation":null,"end":38,"entity_type":"US_DRIVER_LICENSE","recognition_metadata":{
		"recognizer_identifier":"UsLicenseRecognizer_140","recognizer_name":"UsLicenseRecognizer"},"score":0.65,"start":30}]`,
	"[]\n",
}

const licenceText = "John Smith drivers license is AC432223"

func TestDecodeDocumented(t *testing.T) {
	licence := func(score float64) Span { return Span{"DRIVER_LICENSE", 30, 38, score} }
	want := [][]Span{
		{licence(0.6499999999999999)},
		{{"PERSON", 0, 10, 0.85}, licence(0.6499999999999999)},
		{licence(0.65)},
		nil,
	}
	for i, answer := range documented {
		got, err := decodeOne([]byte(answer), licenceText)
		if err != nil {
			t.Errorf("answer %d: %v", i, err)
		}
		if d := cmp.Diff(want[i], got); d != "" {
			t.Errorf("answer %d: -want +got\n%s", i, d)
		}
	}
	list := "[" + strings.Join(documented, ",") + "]"
	got, err := decodeList([]byte(list), slices.Repeat([]string{licenceText}, 4))
	if err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("list: -want +got\n%s", d)
	}
}

// TestDecodeOrder: the server sorts by recogniser; spans of one type at one
// place become one.
func TestDecodeOrder(t *testing.T) {
	got, err := decodeOne([]byte(`[
		{"entity_type":"URL","start":4,"end":6,"score":0.5},
		{"entity_type":"US_PASSPORT","start":0,"end":3,"score":0.1},
		{"entity_type":"DE_PASSPORT","start":0,"end":3,"score":0.4},
		{"entity_type":"NRP","start":0,"end":3,"score":1},
		{"entity_type":"PERSON","start":0,"end":6,"score":0},
		{"entity_type":"UK_PASSPORT","start":0,"end":3,"score":0.2}]`), "abcdef")
	want := []Span{{"PERSON", 0, 6, 0}, {"NRP", 0, 3, 1}, {"PASSPORT", 0, 3, 0.4}, {"URL", 4, 6, 0.5}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v, -want +got\n%s", err, d)
	}
}

// resultWith returns a result in which the value of a field is another one,
// or which lacks it where that is "".
func resultWith(field, value string) string {
	fields := map[string]string{"entity_type": `"PERSON"`, "start": "0", "end": "4", "score": "0.85"}
	fields[field] = value
	var parts []string
	for _, name := range []string{"entity_type", "start", "end", "score", "analysis_explanation"} {
		if v := fields[name]; v != "" {
			parts = append(parts, `"`+name+`":`+v)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestDecodeFields: every number and name that the server sends is checked.
func TestDecodeFields(t *testing.T) {
	const text = "é語\U0001F600x" // 4 code points, 5 of UTF-16, 10 bytes
	for field, values := range map[string]struct{ good, bad []string }{
		"entity_type": {
			good: []string{`"PERSON"`, `"person"`, `"X_9"`, `"\u0050ERSON"`},
			bad: []string{"", `""`, `"9X"`, `"A B"`, `"A\u0000"`, `"` + strings.Repeat("A", 33) + `"`,
				"null", "7", `["PERSON"]`, `{"a":1}`, "\"A\xff\"", "true"},
		},
		"start": {
			good: []string{"0", "1", "3"},
			bad: []string{"", "-1", "4", "5", "10", "0.0", "1e0", `"0"`, "null", "true", "NaN", "01", "+1",
				"-9223372036854775808", "9223372036854775808", "[0]"},
		},
		"end": {
			good: []string{"1", "4"},
			bad: []string{"", "0", "-1", "5", "10", "4.0", "4e0", `"4"`, "null", "9223372036854775807",
				"18446744073709551620", "1e400"},
		},
		"score": {
			good: []string{"0", "1", "1.0", "0.5", "1e-3", "5E-324", "0.6499999999999999"},
			bad: []string{"", "-0.1", "1.0000001", "2", "NaN", "Infinity", "-Infinity", "1e400", `"0.5"`, "null",
				"true", ".5", "1."},
		},
		"analysis_explanation": {
			good: []string{"", "null", `{"score":[{}]}`, `"x"`},
			bad:  []string{"NaN", "{", "[}", "nul", `"\x"`},
		},
	} {
		for _, v := range values.good {
			if _, err := decodeOne([]byte("["+resultWith(field, v)+"]"), text); err != nil {
				t.Errorf("%s %s: %v", field, v, err)
			}
		}
		for _, v := range values.bad {
			answer := "[" + resultWith("", "") + "," + resultWith(field, v) + "]"
			if got, err := decodeOne([]byte(answer), text); !errors.Is(err, ErrMalformed) || got != nil {
				t.Errorf("%s %s: got %v, %v", field, v, got, err)
			}
		}
	}
}

func TestDecodeShapes(t *testing.T) {
	r := resultWith("", "")
	texts := []string{"1234", "5678"}
	for _, answer := range []string{
		"", " ", "null", "true", "[", "]", "{}", "[]", "[[]]", "[[],[],[]]", "[[],null]", "[[],{}]", "[[]],[]",
		"[[][]]", "[[],[]", "[[],[]]]", "[[],[]] []", "[[],[]]x", "[[],[],]", "[,[],[]]", "[[],[[]]]",
		"[" + r + "," + r + "]",
		"[[" + r + "]]",
		"[[" + r + ",],[]]",
		"[[" + r + r + "],[]]",
		"[[" + r + "],[null]]",
		"[[" + r + "],[" + strings.Replace(r, "{", `{"start":1,`, 1) + "]]",
		"[[" + r + "],[" + strings.Replace(r, "start", "START", 1) + "]]",
		"[[" + r + "],[" + strings.Replace(r, "}", ",}", 1) + "]]",
		"[[" + r + "],[" + strings.Replace(r, ":", ",", 1) + "]]",
		strings.Repeat("[", 100_000),
		`[[{"x":` + strings.Repeat("[", 100_000),
		"\xef\xbb\xbf[[],[]]",
	} {
		if got, err := decodeList([]byte(answer), texts); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%.60q: got %v, %v", answer, got, err)
		}
	}
	for _, answer := range []string{"[[],[]]", " [ [ ] , [ ] ] \n", "[[" + r + "],[" + r + "," + r + "]]"} {
		if _, err := decodeList([]byte(answer), texts); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// FuzzDecode: no answer panics; what is accepted is JSON, means what another
// decoder takes it for, and names places in the text.
func FuzzDecode(f *testing.F) {
	for _, answer := range documented {
		f.Add([]byte(answer), licenceText)
	}
	for _, value := range []string{"-1", "0", "1", "NaN", "1e3", `"x"`} {
		for _, field := range []string{"entity_type", "start", "end", "score", "analysis_explanation"} {
			f.Add([]byte("["+resultWith(field, value)+"]"), "é語\U0001F600x\xff")
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte, text string) {
		list := slices.Concat([]byte("["), answer, []byte(",[]]"))
		lists, listErr := decodeList(list, []string{text, "x"})
		spans, err := decodeOne(answer, text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || spans != nil {
				t.Fatalf("%v, %v", spans, err)
			}
			return
		}
		if listErr != nil || !cmp.Equal(lists, [][]Span{spans, nil}) {
			t.Fatalf("in a list: %v, %v, alone %v", lists, listErr, spans)
		}
		checkSpans(t, text, spans)
		if want := model(t, answer, text); !cmp.Equal(want, spans) {
			t.Fatalf("got %v, want %v", spans, want)
		}
	})
}

func checkSpans(t *testing.T, text string, spans []Span) {
	t.Helper()
	for i, s := range spans {
		if s.Start < 0 || s.Start >= s.End || s.End > len(text) || !isType([]byte(s.Type)) || !(0 <= s.Score && s.Score <= 1) {
			t.Fatalf("span %+v of %d bytes", s, len(text))
		}
		for _, at := range []int{s.Start, s.End} {
			if at < len(text) && !utf8.RuneStart(text[at]) && utf8.ValidString(text) {
				t.Fatalf("%d is within a character", at)
			}
		}
		if i > 0 && s.Start < spans[i-1].Start {
			t.Fatal("not sorted")
		}
	}
}

// model decodes answer with encoding/json and counts runes one by one.
func model(t *testing.T, answer []byte, text string) []Span {
	t.Helper()
	var results []map[string]json.RawMessage
	if err := json.Unmarshal(answer, &results); err != nil {
		t.Fatalf("accepted, but %v", err)
	}
	var at []int // where each code point begins
	for i := 0; i < len(text); {
		at = append(at, i)
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	at = append(at, len(text))
	var spans []Span
	for _, r := range results {
		var entity string
		var start, end int
		var score float64
		for field, to := range map[string]any{"entity_type": &entity, "start": &start, "end": &end, "score": &score} {
			if err := json.Unmarshal(r[field], to); err != nil {
				t.Fatalf("%s: %v", field, err)
			}
		}
		typ, _ := ourType(entity)
		spans = append(spans, Span{typ, at[start], at[end], score})
	}
	return order(spans)
}
