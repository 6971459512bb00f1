package redaction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// An attack is text that is made to cost much: text returns n bytes of it.
type attack struct {
	name string
	text func(n int) string
}

// attacks are the texts that redaction must get through at the pace of its
// input. Units are repeated; what nests or grows has a function.
func attacks() []attack {
	units := map[string]string{
		"digits": "7", "digit space": "1 ", "digits dash": "12-", "nines": "999-", "dots": "1.", "slashes": "12/", "colons": "::", "hex colons": "a:", "ipv6": "2001:db8:", "ipv4": "10.1.2.3.",
		"plus": "+1", "plus space": "+1 2 ", "parentheses": "(415) ", "card prefix": "4111 ", "card digits": "4111", "iban prefix": "GB29", "iban groups": "GB29 NWBK ", "letters digits": "AB12",
		"lead groups": "HH AB 1234 ", "group letters": "AB 12 34 56 C ", "dates": "12/11/2020 ", "iso dates": "2020-11-12", "date words": "3 March ", "coordinates": "40.7128, ",
		"at": "@", "a at": "a@", "a at b": "a@b.", "dotted at": "a.b.", "at escaped": "a%40", "spelled at": "a (at) b ", "percent": "%", "tilde": "~", "pipe": "|",
		"pem begin": "-----BEGIN ", "pem header": "-----BEGIN PRIVATE KEY-----", "pem body": "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnop", "pem end": "-----END PRIVATE KEY-----", "dashes": "-",
		"jwt": "eyJ", "jwt dot": "eyJ.", "jwt parts": "eyJhbGciOiJIUzI1NiJ9.", "password": "password=", "password colon": "password: ", "token": "token=", "token quote": "token=\"", "secret": "secret = ",
		"bearer": "bearer ", "curl": "curl -u ", "key prefix": "ghp_", "sk": "sk-proj-", "hex": "9f8a7b6c5d4e3f2a", "base64": "QWxhZGRpbjpvcGVuIHNlc2FtZQ+/", "base64 text": "VGhlIHF1aWNrIGJyb3duIGZveCAx", "base64 runs": "VGhlIHF1aWNrIGJyb3duIGZveCAxx/", "base64 long runs": strings.Repeat("VGhlIHF1aWNr", 60) + "/", "base64url": "QWxhZGRpbjpvcGVu_-", "words dash": "a1-",
		"email token": "[EMAIL:", "token open": "[A", "general token": "[AGE:~", "bracket": "[", "brace": "{", "quote": "\"", "backslash": "\\", "escape": "\\u", "newline escape": "\\npassword",
		"phone": "phone ", "phone number": "phone 1234567 ", "name": "my name is ", "dear": "Dear ", "dear name": "Dear Ann Lee ", "regards": "Regards,\nAnn ", "capital words": "Ann Lee ", "born": "born on ", "age": "I am 34 ",
		"address": "12 Oak ", "street": "Street 12 ", "street words": "Old Mill Road ", "box": "P.O. Box 1 ", "postal": "SW1A 2AB ", "http": "http://", "userinfo": "//u:p@", "url path": "http://a.b/c?d=e&", "url long": "http://aaaaaaaaaaaaaaaa", "domains": "a.com.",
		"handles": "@abc ", "mac": "00:1a:", "uuid": "6D92078A-8246-4BA4-AE5B-76104861E7DC", "account": "account number 123456789 ", "ssn": "859-98-0028 ", "camel": "homePhone", "snake": "home_phone_1",
		"cyrillic": "телефон ", "cyrillic run": "щ", "cjk": "電話番号", "cjk digits": "電1", "thai": "โทรศัพท์", "emoji": "👩‍👩‍👧", "zero width": "1\u200b", "no-break": "1\u00a0", "combining": "e\u0301", "full width": "１２３", "newlines": "\n", "x newline": "x\n", "nul": "\x00", "spaces": " ",
		"emails": "alice@example.com ", "cards": "4111 1111 1111 1111 ", "ibans": "DE89370400440532013000 ", "addresses": "203.0.113.7 ", "tokens": "[EMAIL:k7m2qa5d3hx4]", "tokens digits": "[EMAIL:k7m2qa5d3hx4]4155552671",
	}
	all := make([]attack, 0, len(units)+16)
	for name, unit := range units {
		all = append(all, repeated(name, unit))
	}
	all = append(all, nested()...)
	slices.SortFunc(all, func(a, b attack) int { return cmp.Compare(a.name, b.name) })
	return all
}

func repeated(name, unit string) attack {
	return attack{name, func(n int) string { return strings.Repeat(unit, max(1, n/len(unit))) }}
}

// nested are attacks by structure: JSON deep, wide and within itself, and one
// thing that many others lead up to.
func nested() []attack {
	filled := func(unit, format string) func(int) string {
		return func(n int) string { return fmt.Sprintf(format, strings.Repeat(unit, max(1, n/len(unit)))) }
	}
	return []attack{
		{"json deep", func(n int) string { return rows(n, strings.Repeat("[", 9000)+strings.Repeat("]", 9000)) }},
		{"json objects deep", func(n int) string {
			return rows(n, strings.Repeat(`{"phone":`, 9000)+"1"+strings.Repeat("}", 9000))
		}},
		{"json too deep", filled("[", "%s")},
		{"json in json", func(n int) string { return rows(n, jsonStrings(6)) }},
		{"json in json long", func(n int) string { return quotedJSON(strings.Repeat("1,", n/2), 4) }},
		{"json late error", filled("alice@example.com ", `["%s`)},
		{"json escapes", filled(`\u0040`, `["%s"]`)},
		{"json escaped emails", filled(`\u0061\u0040example.com `, `["%s"]`)},
		{"json numbers", filled("4155552671,", `{"phone":[%s0]}`)},
		{"json strings", filled(`"4155552671",`, `{"phone":[%s0]}`)},
		{"json passwords", filled(`"password":"a","x":1,`, `{%s"y":0}`)},
		{"json keys", filled(`"alice@example.com":1,`, `{%s"y":0}`)},
		{"one long word", filled("a", "phone %s 4155552671")},
		{"one long name", filled("Ab", "my name is %s")},
		{"many words one end", filled("password", "%s: hunter2")},
		{"context far", filled("phone", "%s 4155552671 ")},
		{"pem no end", filled("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n", "-----BEGIN PRIVATE KEY-----\n%s")},
		{"url no end", filled("a", "http://user:%s")},
		{"local part", filled("a.", "%s@example.com")},
		{"domain", filled("a.", "alice@%scom")},
	}
}

// rows returns a JSON array of n bytes of documents.
func rows(n int, document string) string {
	return "[" + strings.Repeat(document+",", max(1, n/(len(document)+1))) + "0]"
}

// jsonStrings returns JSON within a JSON string within a JSON string, so deep.
func jsonStrings(deep int) string { return quotedJSON(`"alice@example.com",`, deep) }

func quotedJSON(items string, deep int) string {
	s := "[" + items + "0]"
	for range deep {
		s = `["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"]`
	}
	return s
}

// wordAttacks repeat every word that triggers a detector or speaks for one:
// alone, apart, and before what may be meant.
func wordAttacks() []attack {
	words := map[string]bool{}
	for _, d := range Default() {
		for _, w := range slices.Concat(d.Words, d.Context) {
			words[w] = true
		}
		if d.Form == nil {
			continue
		}
		for _, w := range d.Form.Words {
			words[w] = true
		}
	}
	var all []attack
	for _, w := range slices.Sorted(maps.Keys(words)) {
		for _, behind := range []string{"", " ", ": 4155552671 ", "=Ab1 "} {
			all = append(all, repeated(w+behind, w+behind))
		}
	}
	return all
}

// A meter counts how often redaction looks at the clock: once for every
// workPerLook bytes and candidates.
type meter struct {
	context.Context
	looks int
}

func (m *meter) Err() error { m.looks++; return nil }

// work returns what it costs to redact s: bytes and candidates as the clock
// counts them, calls of detectors, which are counted in calls, and bytes of
// memory, which copies show in that the clock does not see.
func work(t testing.TB, r *Redactor, calls *int, s string) (spent, finds, memory int) {
	t.Helper()
	*calls = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := &meter{Context: t.Context()}
	sc := r.begin(m, pseudonym)
	defer r.end(sc)
	if _, _, err := sc.redact(s, prose); err != nil && !errors.Is(err, ErrUnsettled) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return m.looks*workPerLook + sc.clock.work, *calls, int(after.TotalAlloc - before.TotalAlloc)
}

// counting returns the detectors, each of which counts its calls.
func counting(ds []Detector, calls *int) []Detector {
	ds = slices.Clone(ds)
	for i, d := range ds {
		if d.Find != nil {
			ds[i].Find = func(c *Candidate) { *calls++; d.Find(c) }
		}
	}
	return ds
}

// noTimeout is for tests that measure how long redaction takes, and for those
// that run while others have the processors.
const noTimeout = time.Hour

// grown is what work may grow by when a text grows by four. It is more than
// four, since what is found is searched again, and what is looked at as a whole
// ends within 32 KiB; sixteen is quadratic. Memory comes in doubled pieces, of
// which the shorter text may find some at hand.
const (
	grown       = 7
	grownMemory = 12
)

// TestLinear holds that the work grows as the text does. Work is counted, not timed:
// bytes and candidates as the clock of the scan sees them, and calls of
// detectors. What a call does is timed by BenchmarkAdversarial.
func TestLinear(t *testing.T) {
	calls := 0
	r := newRedactor(t, Config{Detectors: counting(Default(), &calls), Timeout: noTimeout})
	size, step := 1<<13, 197
	if os.Getenv("AFTERIMAGE_ATTACK") != "" {
		size, step = 1<<17, 1
	}
	for _, a := range attacks() {
		holdsLinear(t, r, &calls, a, size)
	}
	for i, a := range wordAttacks() {
		if i%step == 0 {
			holdsLinear(t, r, &calls, a, 1<<13)
		}
	}
}

// holdsLinear holds that the work of r, whose detectors count in calls, grows
// from the small size on as a text does.
func holdsLinear(t *testing.T, r *Redactor, calls *int, a attack, small int) {
	t.Helper()
	spent, finds, memory := work(t, r, calls, a.text(small))
	spent4, finds4, memory4 := work(t, r, calls, a.text(4*small))
	if spent4 > grown*max(spent, small) || finds4 > grown*max(finds, 100) || memory4 > grownMemory*max(memory, 64*small) {
		t.Errorf("%s: work of %d, %d calls and %d bytes became %d, %d and %d at four times the length", a.name, spent, finds, memory, spent4, finds4, memory4)
	}
}

// TestAttacksAreAttacks makes sure that the generators give what they are
// asked for.
func TestAttacksAreAttacks(t *testing.T) {
	const n = 1 << 18
	all := attacks()
	if len(all) < 40 {
		t.Errorf("%d attacks; want 40 at least", len(all))
	}
	for _, a := range all {
		if got := len(a.text(n)); got < n/2 || got > 2*n {
			t.Errorf("%s: %d bytes; want about %d", a.name, got, n)
		}
	}
}

// BenchmarkAdversarial is redaction of a megabyte of each attack. Growth is
// how much longer that takes than a quarter of it: 4 is linear.
func BenchmarkAdversarial(b *testing.B) {
	r := newRedactor(b, Config{Timeout: noTimeout})
	const size = 1 << 20
	for _, a := range attacks() {
		b.Run(a.name, func(b *testing.B) {
			s := a.text(size)
			quarter := leastTime(b, r, a.text(size/4), 3)
			b.SetBytes(int64(len(s)))
			least := noTimeout
			for b.Loop() {
				least = min(least, leastTime(b, r, s, 2))
			}
			b.ReportMetric(float64(len(s))/1e6/least.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(least)/float64(quarter), "growth")
		})
	}
}

// BenchmarkAdversarialWords is the same for every word that any detector knows,
// in four forms, of which it reports the slowest and that which grows most.
func BenchmarkAdversarialWords(b *testing.B) {
	r := newRedactor(b, Config{Timeout: noTimeout})
	const size = 1 << 17
	step := 23
	if os.Getenv("AFTERIMAGE_ATTACK") != "" {
		step = 1
	}
	slowest, growth := attackTime{}, attackTime{}
	for b.Loop() {
		for i, a := range wordAttacks() {
			if i%step != 0 {
				continue
			}
			s := a.text(size)
			spent := leastTime(b, r, s, 1)
			if perByte := float64(spent) / float64(len(s)); perByte > slowest.figure {
				spent = min(spent, leastTime(b, r, s, 3))
				slowest = slowest.worse(a.name, float64(spent)/float64(len(s)))
			}
			if times := float64(spent) / float64(leastTime(b, r, a.text(size/4), 1)); times > max(growth.figure, 6) {
				times = float64(leastTime(b, r, s, 3)) / float64(leastTime(b, r, a.text(size/4), 5))
				growth = growth.worse(a.name, times)
			}
		}
	}
	b.Logf("slowest %q, growing most %q", slowest.name, growth.name)
	b.ReportMetric(1e3/slowest.figure, "least-MB/cpu-s")
	b.ReportMetric(growth.figure, "growth-over-6")
}

// An attackTime is how an attack fared.
type attackTime struct {
	name   string
	figure float64
}

func (a attackTime) worse(name string, figure float64) attackTime {
	if figure > a.figure {
		return attackTime{name, figure}
	}
	return a
}

// leastTime returns the least processor time of n redactions of s.
func leastTime(b *testing.B, r *Redactor, s string, n int) time.Duration {
	b.Helper()
	least := noTimeout
	for range n {
		runtime.GC() // or its work for what was before counts
		begin := processorTime(b)
		if _, _, err := r.Text(b.Context(), s, pseudonym); err != nil && !errors.Is(err, ErrUnsettled) {
			b.Fatal(err)
		}
		least = min(least, processorTime(b)-begin)
	}
	return max(least, time.Microsecond)
}
