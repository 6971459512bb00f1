//go:build unix

package known

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onProcessor runs f until the benchmark ends and reports what it costs in
// time of processors, which other work on the machine disturbs less than it
// does time on the clock.
func onProcessor(b *testing.B, size int, f func()) {
	b.ReportAllocs()
	begin := processorTime(b)
	for b.Loop() {
		f()
	}
	spent := processorTime(b) - begin
	if size > 0 {
		b.ReportMetric(float64(b.N*size)/1e6/spent.Seconds(), "MB/cpu-s")
	} else {
		b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
	}
}

// processorTime returns what the process has used so far.
func processorTime(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// prose has none of the values in it.
const prose = "The committee met on 12 March to go over the figures for the past year. Members asked why the cost of the " +
	"northern line had grown by 14 percent, and whether a phone survey of passengers would help; the chair called it " +
	"a fair question. After a break the group turned to the password policy of the new ticket machines: nobody wanted " +
	"customers to have to remember yet another secret. \"We will look at tokens instead,\" she said.\n\n"

// perEvent is what a publisher typically knows of a user.
var perEvent = []Value{
	{Text: "Jane Margaret Doering", Kind: Name, Type: "PERSON"}, {Text: "Thomas Doering", Kind: Name, Type: "PERSON"},
	{Text: "jane.doering@example.com", Kind: Email, Type: "EMAIL"}, {Text: "jmd@example.org", Kind: Email, Type: "EMAIL"},
	{Text: "+1 (415) 555-0100", Kind: Phone, Type: "PHONE"}, {Text: "020 7946 0958", Kind: Phone, Type: "PHONE"},
	{Text: "12 High Street, Flat 3, Springfield", Kind: Address, Type: "ADDRESS"}, {Text: "CU-1234-5678", Type: "CUSTOMER"},
	{Text: "jdoering77", Type: "USER"}, {Text: "Springfield Widgets Ltd.", Type: "ORGANIZATION"},
}

// staff makes up many names.
func staff(n int) []Value {
	first := strings.Fields("Adalbert Brunhild Casimir Dorothea Eleonora Friedrich Gwendolyn Hildegard Ingeborg Joaquin Katarzyna Leopold " +
		"Magdalena Nathaniel Octavia Philippa Quentin Rosalind Siegfried Theodora Ulysses Valentina Wilhelmina Xaver Yolanda Zacharias")
	syllables := strings.Fields("bar kel min sto var len gro wit pel dan hou rig sal ter vik nor")
	values := make([]Value, n)
	for i := range values {
		last := syllables[i%16] + syllables[i/16%16] + syllables[i/256%16] + syllables[i/4096%16]
		values[i] = Value{Text: first[i%len(first)] + " " + strings.ToUpper(last[:1]) + last[1:], Kind: Name, Type: "PERSON"}
	}
	return values
}

func BenchmarkCompile10(b *testing.B) {
	foldings()
	onProcessor(b, 0, func() { compile(b, perEvent...) })
}

func BenchmarkReset10(b *testing.B) {
	s := compile(b, perEvent...)
	onProcessor(b, 0, func() {
		if err := s.Reset(perEvent); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkCompile10000(b *testing.B) {
	values := staff(10_000)
	onProcessor(b, 0, func() { compile(b, values...) })
}

func BenchmarkAll(b *testing.B) {
	text := strings.Repeat(prose, 8)
	for _, values := range [][]Value{perEvent, staff(10_000)} {
		s := compile(b, values...)
		b.Run(fmt.Sprint(len(values)), func(b *testing.B) {
			onProcessor(b, len(text), func() {
				for m := range s.All(text) {
					b.Fatalf("found %q", text[m.Start:m.End])
				}
			})
		})
	}
}

// adversarial are values and texts that look like one for as long as can be.
var adversarial = []Value{
	{Text: strings.Repeat("a b ", 100) + "end", Kind: Name}, {Text: "Aaaa", Kind: Name}, {Text: "5551234567", Kind: Phone}, {Text: "b b b b b b b b", Kind: Name},
}

var adversarialTexts = map[string]string{
	"a": "a", "spaces": " ", "words": "a b ", "marks": "b\u0301\u0301", "marks alone": "\u0301", "hidden": "\u200b", "digits": "5 ", "capitals": "A",
	"pairs": "a ", "initials": "B. ", "signs": "(+", "percent": "%20", "wide": "王", "jamo": "\u1100", "not UTF-8": "\xf0",
}

func BenchmarkAllAdversarial(b *testing.B) {
	s := compile(b, adversarial...)
	for name, unit := range adversarialTexts {
		text := strings.Repeat(unit, 1<<16/len(unit))
		b.Run(name, func(b *testing.B) {
			onProcessor(b, len(text), func() {
				for range s.All(text) {
				}
			})
		})
	}
}

// TestLinear makes sure that eight times the text takes no more than eight
// times the time, and some for disturbance; quadratic would be 64 times.
func TestLinear(t *testing.T) {
	s := compile(t, adversarial...)
	for name, unit := range adversarialTexts {
		small, large := strings.Repeat(unit, 1<<12), strings.Repeat(unit, 1<<15)
		a, b := fastest(t, s, small), fastest(t, s, large)
		if b > 32*a+10*time.Millisecond {
			t.Errorf("%s: %v for %d bytes, %v for %d", name, a, len(small), b, len(large))
		}
	}
}

// fastest returns the least processor time of three searches.
func fastest(t *testing.T, s *Set, text string) time.Duration {
	least := time.Hour
	for range 3 {
		begin := processorTime(t)
		for range s.All(text) {
		}
		least = min(least, processorTime(t)-begin)
	}
	return least
}
