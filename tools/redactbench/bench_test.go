//go:build unix

package redactbench

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/known"
)

// A way goes over one text and returns how many values it found.
type way struct {
	name string
	find func(text string) (int, error)
}

// ways are what is compared: ours first.
func ways(b testing.TB) []way {
	b.Helper()
	all := []way{
		ours(b, "default", redaction.Config{}),
		ours(b, "reportkept+region", redaction.Config{ReportKept: true, Regions: []string{"US"}}),
		ours(b, "known", redaction.Config{Known: ofOneUser()}),
	}
	expressions := patterns()
	all = append(all, way{"regexp", func(text string) (int, error) {
		n := 0
		for _, p := range expressions {
			n += len(p.FindAllStringIndex(text, -1))
		}
		return n, nil
	}})
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		b.Fatal(err)
	}
	return append(all, way{"gitleaks", func(text string) (int, error) { return len(d.DetectString(text)), nil }})
}

// ours redacts for good: with tokens, and the text written anew.
func ours(b testing.TB, name string, cfg redaction.Config) way {
	b.Helper()
	cfg.Timeout = time.Minute
	r, err := redaction.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	key, err := redaction.RandomPseudonymKey()
	if err != nil {
		b.Fatal(err)
	}
	p, ctx := key.For("", ""), context.Background()
	return way{"afterimage/" + name, func(text string) (int, error) {
		_, found, err := r.Text(ctx, text, p)
		return len(found), err
	}}
}

// ofOneUser are ten values of one made-up user.
func ofOneUser() []known.Value {
	return []known.Value{
		{Text: "Marguerite Delacroix-Whitfield", Kind: known.Name, Type: "PERSON"},
		{Text: "Maggie Whitfield", Kind: known.Name, Type: "PERSON"},
		{Text: "maggie.whitfield@example.com", Kind: known.Email, Type: "EMAIL"},
		{Text: "m.delacroix@work.example", Kind: known.Email, Type: "EMAIL"},
		{Text: "+1 415 555 0132", Kind: known.Phone, Type: "PHONE"},
		{Text: "+44 20 7946 0871", Kind: known.Phone, Type: "PHONE"},
		{Text: "12 High Street, Flat 3, Leeds", Kind: known.Address, Type: "ADDRESS"},
		{Text: "CUST-0048-7731", Kind: known.Other, Type: "CUSTOMER"},
		{Text: "maggie_w_77", Kind: known.Other, Type: "USERNAME"},
		{Text: "Ottoline Delacroix", Kind: known.Name, Type: "PERSON"},
	}
}

// BenchmarkTurns is every way over the same turns, one after another.
func BenchmarkTurns(b *testing.B) {
	kinds := turns(b)
	for _, w := range ways(b) {
		for _, kind := range []string{"prose", "numbers", "json", "dense", "secrets"} {
			b.Run(fmt.Sprintf("%s/%s", kind, w.name), func(b *testing.B) { benchmark(b, w, kinds[kind]) })
		}
	}
}

func benchmark(b *testing.B, w way, texts []string) {
	size, found := 0, 0
	for _, s := range texts {
		size += len(s)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	begin := processorTime(b)
	for b.Loop() {
		found = 0
		for _, s := range texts {
			n, err := w.find(s)
			if err != nil {
				b.Fatal(err)
			}
			found += n
		}
	}
	b.ReportMetric(float64(b.N*size)/1e6/(processorTime(b)-begin).Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(found)*1e3/float64(size), "found/kB")
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
