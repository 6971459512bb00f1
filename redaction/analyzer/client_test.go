package analyzer

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// names are what the server under test finds: ASCII, combining characters, an
// astral character, CJK.
var names = map[string]string{
	"Ada Lovelace":   "PERSON",
	"Zoe\u0308 K":    "PERSON",
	"\U0001F98A Fox": "person",
	"東京":             "LOCATION",
	"+44 20":         "PHONE_NUMBER",
}

// find returns what names make of text, by bytes.
func find(text string) []Span {
	var spans []Span
	for name, entity := range names {
		for at := range text {
			if strings.HasPrefix(text[at:], name) {
				typ, ok := map[string]string{"person": "PERSON", "PHONE_NUMBER": "PHONE"}[entity]
				if !ok {
					typ = entity
				}
				spans = append(spans, Span{typ, at, at + len(name), nerScore})
			}
		}
	}
	return order(spans)
}

func TestAnalyze(t *testing.T) {
	texts := []string{
		"Ada Lovelace wrote to Zoe\u0308 K.",
		"",
		"nobody here",
		"\U0001F600\U0001F468\u200D\U0001F469\u200D\U0001F467 Ada Lovelace \U0001F98A Fox",
		"line\r\nline\r\n東京, 東京\r\n",
		"e\u0301e\u0301 +44 20, NUL \x00, BOM \uFEFF, U+2028 \u2028, \uFFFD 東京",
		"<script>&\"\\/\b\f Ada Lovelace",
		"東京",
		"invalid \xff\xc3\xed\xa0\x80 Ada Lovelace \xe6\x9d", // the server sees U+FFFD
	}
	want := make([][]Span, len(texts))
	found := 0
	for i, text := range texts {
		want[i] = find(text)
		found += len(want[i])
	}
	if found != 2+2+2+2+1+1+1 {
		t.Fatalf("the test knows %d spans", found)
	}
	for _, old := range []bool{false, true} {
		for _, batch := range []Batch{BatchAuto, BatchList, BatchSingle} {
			if old && batch == BatchList {
				continue // TestOldServerTakesNoList
			}
			t.Run(fmt.Sprintf("old=%t,batch=%d", old, batch), func(t *testing.T) {
				c := serve(t, &presidio{names: names, old: old}, Config{Batch: batch})
				for range 2 {
					got, err := c.Analyze(t.Context(), texts)
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("-want +got\n%s", d)
					}
				}
			})
		}
	}
}

// TestOffsets places names between random characters of one to four bytes and
// bytes that are none: the spans must lie where they were placed.
func TestOffsets(t *testing.T) {
	c := serve(t, &presidio{names: names}, Config{})
	filler := rapid.SampledFrom([]string{
		"a", "\r\n", "é", "e\u0301", "\u200D", "語", "\U0001F600", "\U0010FFFF",
		"\u0000", "\uFFFD", "\xff", "\xe6\x9d", "\u2028", "\u0430", "\x7f",
	})
	rapid.Check(t, func(t *rapid.T) {
		texts := make([]string, rapid.IntRange(1, 4).Draw(t, "texts"))
		want := make([][]Span, len(texts))
		for i := range texts {
			var b strings.Builder
			for range rapid.IntRange(0, 5).Draw(t, "names") {
				b.WriteString(strings.Join(rapid.SliceOfN(filler, 1, 6).Draw(t, "filler"), ""))
				start := b.Len()
				b.WriteString("Ada Lovelace")
				want[i] = append(want[i], Span{"PERSON", start, b.Len(), nerScore})
			}
			texts[i] = b.String()
		}
		got, err := c.Analyze(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -want +got\n%s", texts, d)
		}
	})
}

// TestRequest: the bodies are those of AnalyzeRequest in the OpenAPI document.
func TestRequest(t *testing.T) {
	const more = `"language":"de","entities":["PERSON","LOCATION"],"score_threshold":0.4`
	all := Config{Language: "de", Entities: []string{"PERSON", "LOCATION"}, Threshold: 0.4}
	for _, c := range []struct {
		name   string
		config Config
		texts  []string
		want   string
	}{
		{"one", Config{}, []string{"a"}, `{"text":"a","language":"en"}`},
		{"list", Config{}, []string{"a", "", "b"}, `{"text":["a","b"],"language":"en"}`},
		{"one of several", Config{}, []string{"", "é\n"}, `{"text":"é\n","language":"en"}`},
		{"all of one", all, []string{"a"}, `{"text":"a",` + more + `}`},
		{"all of a list", all, []string{"a", "b"}, `{"text":["a","b"],` + more + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &presidio{}
			if _, err := serve(t, p, c.config).Analyze(t.Context(), c.texts); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{c.want}, p.requests); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// TestConfigurationReachesServer: entities and threshold narrow what is found.
func TestConfigurationReachesServer(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   []Span
	}{
		{Config{}, []Span{{"PERSON", 0, 12, nerScore}, {"LOCATION", 13, 19, nerScore}}},
		{Config{Entities: []string{"LOCATION"}}, []Span{{"LOCATION", 13, 19, nerScore}}},
		{Config{Threshold: 0.9}, nil},
	} {
		got, err := serve(t, &presidio{names: names}, c.config).Analyze(t.Context(), []string{"Ada Lovelace 東京"})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]Span{c.want}, got); d != "" {
			t.Errorf("%+v: -want +got\n%s", c.config, d)
		}
	}
}

// TestNothingToAsk: an empty text is an error to the server and never sent.
func TestNothingToAsk(t *testing.T) {
	p := &presidio{}
	c := serve(t, p, Config{})
	for _, texts := range [][]string{nil, {""}, {"", "", ""}} {
		got, err := c.Analyze(t.Context(), texts)
		if err != nil || len(got) != len(texts) {
			t.Errorf("%q: %v, %v", texts, got, err)
		}
	}
	if p.count() != 0 {
		t.Errorf("%d requests", p.count())
	}
}

func TestTooLarge(t *testing.T) {
	p := &presidio{}
	c := serve(t, p, Config{MaxBytes: 10, Breaker: Breaker{Failures: 1}})
	_, err := c.Analyze(t.Context(), []string{"12345", "678901"})
	if !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	// It says nothing about the server: the breaker stays closed.
	if _, err := c.Analyze(t.Context(), []string{"12345", "67890"}); err != nil {
		t.Error(err)
	}
	if p.count() != 1 {
		t.Errorf("%d requests, want 1", p.count())
	}
}

// TestOldServer: a server that takes no lists is found out once, and asked
// again after ten minutes: it may have been upgraded.
func TestOldServer(t *testing.T) {
	p, now := &presidio{old: true, names: names}, newClock()
	c := serve(t, p, Config{Now: now.now})
	texts := []string{"Ada Lovelace", "b", "c"}
	for _, step := range []struct {
		pass     time.Duration
		upgrade  bool
		requests int
	}{
		{0, false, 1 + 3},
		{0, false, 3},
		{relearn - time.Second, false, 3},
		{time.Second, false, 1 + 3},
		{-time.Hour, false, 1 + 3}, // a clock set back does not keep it for an hour more
		{relearn, true, 1},
		{24 * time.Hour, true, 1},
	} {
		now.add(step.pass)
		p.mu.Lock()
		p.old = !step.upgrade
		p.mu.Unlock()
		before := p.count()
		got, err := c.Analyze(t.Context(), texts)
		if err != nil || len(got[0]) != 1 {
			t.Fatalf("%+v: %v, %v", step, got, err)
		}
		if n := p.count() - before; n != step.requests {
			t.Errorf("%+v: %d requests", step, n)
		}
	}
}

func TestOldServerTakesNoList(t *testing.T) {
	p := &presidio{old: true}
	_, err := serve(t, p, Config{Batch: BatchList}).Analyze(t.Context(), []string{"a", "b"})
	if !errors.Is(err, ErrUnavailable) || p.count() != 1 {
		t.Errorf("%d requests, %v", p.count(), err)
	}
}

// TestOneTextRefused: a refusal that was about a text does not make the
// client believe that the server takes no lists.
func TestOneTextRefused(t *testing.T) {
	poison := func(w http.ResponseWriter, _ *http.Request, texts []string) bool {
		if !strings.Contains(strings.Join(texts, ""), "poison") {
			return false
		}
		refuse(w, http.StatusInternalServerError, "[E088] Text of length 1000001 exceeds maximum of 1000000")
		return true
	}
	p := &presidio{broken: poison}
	c := serve(t, p, Config{})
	if _, err := c.Analyze(t.Context(), []string{"a", "poison"}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	for _, step := range []struct {
		texts    []string
		requests int
	}{
		{[]string{"a", "b", "c"}, 1},      // a list, and the server is known now
		{[]string{"a", "poison", "c"}, 1}, // so a refused list is not taken apart
	} {
		before := p.count()
		_, err := c.Analyze(t.Context(), step.texts)
		if n := p.count() - before; n != step.requests {
			t.Errorf("%q: %d requests, %v", step.texts, n, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	for _, old := range []bool{false, true} {
		p := &presidio{names: names, old: old}
		c := serve(t, p, Config{})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				texts := []string{strings.Repeat("é", i) + "東京", "x", "Ada Lovelace"}
				want := [][]Span{{{"LOCATION", 2 * i, 2*i + 6, nerScore}}, nil, {{"PERSON", 0, 12, nerScore}}}
				for range 8 {
					got, err := c.Analyze(t.Context(), texts)
					if err != nil {
						t.Error(err)
						return
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("-want +got\n%s", d)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string // in the error
	}{
		{Config{}, ""},
		{Config{Entities: []string{"LOCATION", "PERSON"}}, ""},
		{Config{Entities: []string{"PERSON", "ORGANISATION"}}, `["ORGANISATION"]`},
		{Config{Language: "xx"}, "status 500"},
	} {
		err := serve(t, &presidio{}, c.config).Check(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.config, err, c.want)
		}
	}
	for _, body := range []string{"", "{}", "[1]", `["A"`, `["A"]]`, "[]"} {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		if err := serve(t, h, Config{}).Check(t.Context()); err == nil {
			t.Errorf("%q is accepted", body)
		}
	}
}

func TestNew(t *testing.T) {
	const url = "https://presidio.example"
	for _, c := range []struct {
		field  string // "": all is well
		config Config
	}{
		{"", Config{URL: url}},
		{"", Config{URL: url + ":5002/behind/a/proxy/"}},
		{"", Config{URL: "http://localhost:5002"}},
		{"", Config{URL: "http://LOCALHOST"}},
		{"", Config{URL: "http://127.0.0.9:5002"}},
		{"", Config{URL: "http://[::1]:5002"}},
		{"", Config{URL: "http://[::ffff:127.0.0.1]"}},
		{"", Config{URL: url, Threshold: 1, Language: "zh-Hans", Entities: []string{"PERSON"}}},
		{"URL", Config{}},
		{"URL", Config{URL: "presidio.example:5002"}},
		{"URL", Config{URL: "ftp://localhost"}},
		{"URL", Config{URL: "https://"}},
		{"URL", Config{URL: "https://:5002"}},
		{"URL", Config{URL: "http://presidio.example"}},
		{"URL", Config{URL: "http://10.0.0.1"}},
		{"URL", Config{URL: "http://0.0.0.0"}},
		{"URL", Config{URL: "http://localhost.example"}},
		{"URL", Config{URL: "http://127.0.0.1.example"}},
		{"URL", Config{URL: "http://127.0.0.1@presidio.example"}},
		{"URL", Config{URL: "https://user:hunter2@presidio.example"}},
		{"URL", Config{URL: "https://hunter2\x00"}},
		{"URL", Config{URL: url + "?key=hunter2"}},
		{"URL", Config{URL: url + "?"}},
		{"URL", Config{URL: url + "#hunter2"}},
		{"Language", Config{URL: url, Language: "en&x=y"}},
		{"Entities[1]", Config{URL: url, Entities: []string{"PERSON", ""}}},
		{"Entities[0]", Config{URL: url, Entities: []string{"PERSON\n"}}},
		{"Threshold", Config{URL: url, Threshold: 1.01}},
		{"Threshold", Config{URL: url, Threshold: -0.1}},
		{"Threshold", Config{URL: url, Threshold: math.NaN()}},
		{"Batch", Config{URL: url, Batch: 3}},
		{"Batch", Config{URL: url, Batch: -1}},
		{"Timeout", Config{URL: url, Timeout: -1}},
		{"MaxBytes", Config{URL: url, MaxBytes: -1}},
		{"Breaker.Failures", Config{URL: url, Breaker: Breaker{Failures: -1}}},
		{"Breaker.Cooldown", Config{URL: url, Breaker: Breaker{Cooldown: -1}}},
	} {
		_, err := New(c.config)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%+v: %v", c.config, err)
		case c.field != "" && (err == nil || !strings.Contains(err.Error(), ": Config."+c.field+": ")):
			t.Errorf("%+v: got %v, want an error about %s", c.config, err, c.field)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error quotes a secret: %v", err)
		}
	}
}

func TestURLs(t *testing.T) {
	c := client(t, Config{URL: "https://presidio.example/a/", Language: "de"})
	if want := "https://presidio.example/a/analyze"; c.analyze != want {
		t.Errorf("got %s, want %s", c.analyze, want)
	}
	if want := "https://presidio.example/a/supportedentities?language=de"; c.supported != want {
		t.Errorf("got %s, want %s", c.supported, want)
	}
	if c.config.Timeout != time.Minute {
		t.Errorf("timeout %v", c.config.Timeout)
	}
}

func TestOurType(t *testing.T) {
	for entity, want := range map[string]string{
		"PERSON": "PERSON", "LOCATION": "LOCATION", "ORGANIZATION": "ORGANIZATION", "NRP": "NRP",
		"DATE_TIME": "DATE", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE",
		"CREDIT_CARD": "CREDIT_CARD", "IBAN_CODE": "IBAN", "US_SSN": "US_SSN",
		"IP_ADDRESS": "IP_ADDRESS", "CRYPTO": "CRYPTO_ADDRESS",
		"MEDICAL_LICENSE": "US_DEA_NUMBER", "US_DRIVER_LICENSE": "DRIVER_LICENSE",
		"email_address": "EMAIL", "Custom_7": "CUSTOM_7", "A": "A",
		strings.Repeat("A", 32): strings.Repeat("A", 32),
	} {
		if got, ok := ourType(entity); !ok || got != want {
			t.Errorf("%s: got %q, %t, want %s", entity, got, ok, want)
		}
	}
	for _, entity := range []string{
		"", "7UP", "_A", "A B", "A-B", "A.B", "ÄRGER", "per\u017Fon", "\u212AELVIN", "A\x00", "A]",
		strings.Repeat("A", 33),
	} {
		if got, ok := ourType(entity); ok {
			t.Errorf("%q is taken as %q", entity, got)
		}
	}
	for entity, ours := range types {
		if !isType([]byte(entity)) || !isType([]byte(ours)) || entity == ours {
			t.Errorf("%s: %s", entity, ours)
		}
	}
}

func TestToBytes(t *testing.T) {
	const text = "aé語\U0001F600" // 1, 2, 3 and 4 bytes
	at := []int{0, 1, 3, 6, 10}
	for start := range at {
		for end := range at {
			spans := []Span{{Start: end, End: end}, {Start: start, End: end}}
			if !toBytes(text, spans) || spans[0].End != at[end] || spans[1].Start != at[start] || spans[1].End != at[end] {
				t.Errorf("%d to %d: %v", start, end, spans)
			}
		}
		if toBytes(text, []Span{{Start: start, End: 5}}) {
			t.Errorf("%d to 5 is taken", start)
		}
	}
	if toBytes("", []Span{{Start: 0, End: 1}}) || !toBytes("", nil) || utf8.RuneCountInString(text) != 4 {
		t.Error("empty text")
	}
}
