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
func processorTime(b *testing.B) time.Duration {
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

// BenchmarkAllAdversarial is over texts that look like a value for as long as
// can be.
func BenchmarkAllAdversarial(b *testing.B) {
	s := compile(b, Value{Text: strings.Repeat("a b ", 100) + "end", Kind: Name}, Value{Text: "Aaaa", Kind: Name}, Value{Text: "5551234567", Kind: Phone})
	for name, unit := range map[string]string{"a": "a", "spaces": " ", "value": "a b ", "marks": "a\u0301\u0301", "hidden": "\u200b", "digits": "5 ", "capitals": "A"} {
		text := strings.Repeat(unit, 1<<16/len(unit))
		b.Run(name, func(b *testing.B) {
			onProcessor(b, len(text), func() {
				for range s.All(text) {
				}
			})
		})
	}
}
