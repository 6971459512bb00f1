package redaction

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// pseudonym is a stand-in for the keyed function.
func pseudonym(v string) (string, error) {
	h := sha256.Sum256([]byte(v))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:])[:tokenLen]), nil
}

func newRedactor(t testing.TB, cfg Config) *Redactor {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNormalForms makes sure that one value carries one token however it is
// written: else the same person is several people.
func TestNormalForms(t *testing.T) {
	r := newRedactor(t, Config{})
	for _, same := range [][]string{
		{"alice@example.com", "Alice@Example.COM", "alice%40example.com"},
		{"4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"},
		{"DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89370400440532013000"},
		{"+1 (415) 555-2671", "+14155552671", "(415) 555-2671", "415-555-2671", "+1 415 555 2671 ext. 9"},
		{"ssn 859-98-0028", "ssn 859980028", "ssn 859 98 0028"},
		{"2001:db8::7", "2001:0DB8:0:0:0:0:0:7"},
		{"203.0.113.7", "::ffff:203.0.113.7"},
	} {
		want := ""
		for _, s := range same {
			out, findings, err := r.Text(t.Context(), s, pseudonym)
			if err != nil || len(findings) != 1 {
				t.Fatalf("%q: %d findings, %v", s, len(findings), err)
			}
			got := out[findings[0].ReplStart:findings[0].ReplEnd]
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%q is %s; want %s as %q", s, got, want, same[0])
			}
		}
	}
}

// TestUser makes sure that a user id and the same address in text share their
// token, and that a pseudonym stays what it is.
func TestUser(t *testing.T) {
	token, _ := pseudonym("alice@example.com")
	for id, want := range map[string]string{
		"alice@example.com": "[USER:" + token + "]", " Alice@Example.com": "[USER:" + token + "]", "": "",
		"[USER:" + token + "]": "[USER:" + token + "]",
	} {
		if got, err := User(id, pseudonym); got != want || err != nil {
			t.Errorf("User(%q) = %q, %v; want %q", id, got, err, want)
		}
	}
	if got, err := User("[USER:short]", pseudonym); err != nil || replacement(got) != len(got) || got == "[USER:short]" {
		t.Errorf("User of something like a pseudonym = %q, %v; want a pseudonym", got, err)
	}
}

// TestFailsClosed covers invariant 3: whatever goes wrong, there is an error
// and no text.
func TestFailsClosed(t *testing.T) {
	boom := Detector{Type: "BOOM", Bytes: "!", Find: func(*Candidate) { panic("content") }}
	slow := Detector{Type: "SLOW", Bytes: "!", Find: func(c *Candidate) { time.Sleep(2 * time.Millisecond); c.sc.clock.work += workPerLook }}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	found := "to alice@example.com"
	for name, c := range map[string]struct {
		cfg  Config
		ctx  context.Context
		text string
		p    Pseudonym
		want error
	}{
		"panic":           {Config{Detectors: []Detector{boom}}, t.Context(), "oh!", pseudonym, ErrPanic},
		"pseudonym panic": {Config{}, t.Context(), found, func(string) (string, error) { panic("content") }, ErrPanic},
		"timeout":         {Config{Detectors: []Detector{slow}, Timeout: time.Millisecond}, t.Context(), "oh!!!!!!", pseudonym, ErrTimeout},
		"canceled":        {Config{}, canceled, strings.Repeat("a", workPerLook), pseudonym, context.Canceled},
		"pseudonym error": {Config{}, t.Context(), found, func(string) (string, error) { return "", errors.New("no key") }, ErrPseudonym},
		"no pseudonym":    {Config{}, t.Context(), found, nil, ErrPseudonym},
		"short token":     {Config{}, t.Context(), found, func(string) (string, error) { return "abc", nil }, ErrPseudonym},
		"odd token":       {Config{}, t.Context(), found, func(string) (string, error) { return "abcdefghijk]", nil }, ErrPseudonym},
	} {
		r := newRedactor(t, c.cfg)
		out, findings, err := r.Text(c.ctx, c.text, c.p)
		if !errors.Is(err, c.want) || out != "" || findings != nil {
			t.Errorf("%s: got %q, %v, %v; want no text and %v", name, out, findings, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "content") {
			t.Errorf("%s: the error %q quotes the panic", name, err)
		}
		if _, _, err := r.Text(t.Context(), "plain", pseudonym); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	find := func(*Candidate) {}
	for name, cfg := range map[string]Config{
		"negative timeout": {Timeout: -1},
		"lower-case type":  {Detectors: []Detector{{Type: "email", Find: find}}},
		"no find":          {Detectors: []Detector{{Type: "A"}}},
		"letter trigger":   {Detectors: []Detector{{Type: "A", Bytes: "x", Find: find}}},
		"short word":       {Detectors: []Detector{{Type: "A", Words: []string{"abc"}, Find: find}}},
		"short context":    {Detectors: []Detector{{Type: "A", Context: []string{"a"}, Find: find}}},
		"long number":      {Detectors: []Detector{{Type: "A", Digits: Digits{Min: 1, Max: maxDigits + 1}, Find: find}}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New accepts it", name)
		}
	}
}

// TestOwnDetector shows that the set grows without the machine.
func TestOwnDetector(t *testing.T) {
	ticket := Detector{Type: "TICKET", Words: []string{"ticket-"}, Find: func(c *Candidate) {
		end := c.End
		for isDigit(c.At(end)) {
			end++
		}
		if end > c.End {
			c.Add(c.Start, end)
		}
	}}
	r := newRedactor(t, Config{Detectors: append(Default(), ticket)})
	out, findings, err := r.Text(t.Context(), "see Ticket-4711.", pseudonym)
	if err != nil || len(findings) != 1 || findings[0].Type != "TICKET" || !strings.HasPrefix(out, "see [TICKET:") {
		t.Errorf("got %q, %v, %v", out, findings, err)
	}
}

// TestNothingFoundAllocatesNothing keeps redaction cheap where it matters. It
// goes around the pool, which drops scans at will under the race detector.
func TestNothingFoundAllocatesNothing(t *testing.T) {
	r := newRedactor(t, Config{})
	sc := r.begin(t.Context(), pseudonym)
	defer r.end(sc)
	for name, s := range map[string]string{"prose": repeat(proseSample), "code": repeat(codeSample), "json": jsonSample} {
		if n := testing.AllocsPerRun(50, func() {
			if out, _, err := sc.redact(s, prose); err != nil || out != s {
				t.Fatalf("%s: changed or %v", name, err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations; want none", name, n)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRedactor(t, Config{})
	want, _, err := r.Text(t.Context(), findSample, pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, _, err := r.Text(t.Context(), findSample, pseudonym); got != want || err != nil {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestPathologicalInput holds that no input keeps redaction busy for longer
// than it may: it settles, or it fails closed in time.
func TestPathologicalInput(t *testing.T) {
	const timeout = time.Second
	r := newRedactor(t, Config{Timeout: timeout})
	for _, unit := range []string{
		"@", "a@", "a.", "1 ", "12-", "+1", "+1 2 ", "1.", "::", "a:", "://", "a://b:", "[", "{", "[{\"a\":", "\"", "\\", "\\u", "eyJ", "eyJ.",
		"password=", "password: ", "token=\"", "secret = ", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\nabcdefghijklmnop", "sk-", "sk-proj-", "ghp_", "GB29", "GB29 ", "4111 ", "4111", "bearer ",
		"phone 1234567 ", "[EMAIL:", "curl -u ", "%40", "%", "~", "|", "\"a\" == password ", "a@b.", "é@", "x\n",
	} {
		start := time.Now()
		_, _, err := r.Text(t.Context(), strings.Repeat(unit, 1<<17/len(unit)), pseudonym)
		if err != nil && !errors.Is(err, ErrUnsettled) && !errors.Is(err, ErrTimeout) {
			t.Errorf("%q: %v", unit, err)
		}
		if d := time.Since(start); d > 5*timeout {
			t.Errorf("%q: takes %v where %v are allowed", unit, d, timeout)
		}
	}
}
