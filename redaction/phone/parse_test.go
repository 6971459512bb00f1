package phone

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, region, want, country string
		typ                         Type
	}{
		{"+44 20 7946 0018", "", "+442079460018", "GB", FixedLine},
		{"+44 (0)20 7946 0018", "", "+442079460018", "GB", FixedLine},
		{"020 7946 0018", "GB", "+442079460018", "GB", FixedLine},
		{"(415) 555-2671", "US", "+14155552671", "US", FixedLineOrMobile},
		{"1-415-555-2671 x12", "US", "+14155552671", "US", FixedLineOrMobile},
		{"415 555 2671 #12", "US", "+14155552671", "US", FixedLineOrMobile},
		{"+39 06 4821 1234", "", "+390648211234", "IT", FixedLine},
		{"06 698 76543", "VA", "+390669876543", "VA", FixedLine},
		{"＋４９　３０　８６４２０９７", "", "+49308642097", "DE", FixedLine},
		{"030\u20138642097", "DE", "+49308642097", "DE", FixedLine},
		{"030\u00a08642097 доб. 7", "DE", "+49308642097", "DE", FixedLine},
		{"tel:8642097;phone-context=+4930", "US", "+49308642097", "DE", FixedLine},
		{"+800 1234 5678", "", "+80012345678", "001", TollFree},
		{"0 11 15-2345-6789", "AR", "+5491123456789", "AR", Mobile},
		{"1-800-FLOWERS", "US", "+18003569377", "US", TollFree},
	} {
		n, ok := Parse(c.text, c.region)
		if !ok || n.String() != c.want || n.Country != c.country || n.Type != c.typ {
			t.Errorf("Parse(%q, %q) = %s, %s, %d, %v", c.text, c.region, n, n.Country, n.Type, ok)
		}
		if ok && string(n.Code())+string(n.National()) != c.want[1:] {
			t.Errorf("%s is %s and %s", n, n.Code(), n.National())
		}
	}
	for _, c := range []struct{ text, region string }{
		{"", "US"}, {"+", "US"}, {"12", "US"}, {"020 7946 0018", ""}, {"020 7946 0018", "gb"}, {"020 7946 0018", "001"},
		{"555-2671", "US"}, {"+999 1234 5678", "US"}, {"no number", "US"}, {"415 555 2671!", "US"}, {strings.Repeat("1", 300), "US"},
	} {
		if n, ok := Parse(c.text, c.region); ok {
			t.Errorf("Parse(%q, %q) = %s", c.text, c.region, n)
		}
	}
}

// TestBeyondTheLibrary has the differences that doc.go names: what the library
// refuses.
func TestBeyondTheLibrary(t *testing.T) {
	for _, c := range []struct{ text, region, want string }{
		{"00 44 20 7946 0018", "US", "+442079460018"}, // the prefix there is 011
		{"0044 20 7946 0018", "", "+442079460018"},
		{"+९१ ९८०१२ ३४५६७", "", "+919801234567"},
		{"๐๒ ๗๖๕ ๔๓๒๑", "TH", "+6627654321"},
	} {
		if n, err := phonenumbers.Parse(c.text, c.region); err == nil && phonenumbers.IsValidNumber(n) {
			t.Errorf("the library takes %q by now", c.text)
		}
		if n, ok := Parse(c.text, c.region); !ok || n.String() != c.want {
			t.Errorf("Parse(%q, %q) = %s, %v", c.text, c.region, n, ok)
		}
	}
}

func TestNormal(t *testing.T) {
	for _, c := range []struct{ text, region, want string }{
		{"(415) 555-2671", "US", "+14155552671"},
		{"+1.415.555.2671", "", "+14155552671"},
		{"(415) 555-2671", "", "4155552671"},
		{"５５５-2671", "US", "5552671"},
		{"none", "US", ""},
	} {
		if got := Normal(c.text, c.region); got != c.want {
			t.Errorf("Normal(%q, %q) = %q", c.text, c.region, got)
		}
	}
}

func TestInternational(t *testing.T) {
	for _, c := range []struct {
		digits string
		n      int
		region string
		ok     bool
	}{
		{"442079460018", 12, "GB", true},
		{"4402079460018", 13, "GB", true}, // +44 (0)20
		{"4420794600187", 12, "GB", false},
		{"14155552671", 11, "US", true},
		{"18694652365", 11, "KN", true},
		{"80012345678", 11, "001", true},
		{"0442079460018", 0, "", false},
		{"999", 0, "", false},
		{"44", 0, "", false},
		{"4420 7946", 0, "", false},
		{"", 0, "", false},
	} {
		if n, region, ok := International([]byte(c.digits)); n != c.n || region != c.region || ok != c.ok {
			t.Errorf("International(%s) = %d, %s, %v", c.digits, n, region, ok)
		}
	}
}

func TestRegions(t *testing.T) {
	got := slices.Collect(Regions())
	if !slices.IsSorted(got) || len(got) != len(phonenumbers.GetSupportedRegions()) {
		t.Errorf("%d regions: %v", len(got), got)
	}
	for _, r := range got {
		if !phonenumbers.GetSupportedRegions()[r] {
			t.Errorf("the library does not know %s", r)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	all := samples()
	digits := []byte("442079460018")
	buf := make([]byte, 0, 32)
	for _, s := range all {
		Parse(s.text, s.region) // compiles
	}
	allocs := testing.AllocsPerRun(5, func() {
		for _, s := range all {
			n, ok := Parse(s.text, s.region)
			if !ok || !Possible(s.text, s.region) {
				t.Fatalf("%q is not valid", s.text)
			}
			buf = n.Append(buf[:0])
			Plausible(s.text)
			Grouped(&n, s.text)
			Written(s.region, s.text)
			Alone(s.text, 0, len(s.text))
		}
		Parse("(415) 555-2671 доб. 12", "US")
		Parse("1-800-FLOWERS", "US")
		International(digits)
		National("GB", digits)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestConcurrentFirstUse compiles one world from many goroutines at once.
func TestConcurrentFirstUse(t *testing.T) {
	w := load()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, name := range w.names {
				r := w.region(name)
				if r.plan.automaton() == nil || r.general == nil || r.plan.main().spelled() == nil {
					t.Errorf("region %d is not compiled", i)
				}
			}
		})
	}
	wg.Wait()
}

// TestMemory measures what the whole compiled world takes.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := load()
	start := time.Now()
	for _, name := range w.names {
		w.region(name).plan.automaton()
	}
	plans := time.Since(start)
	for _, p := range w.codes {
		if p != nil {
			p.automaton()
			p.main().spelled()
		}
	}
	all := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d KiB; compiled in %v, with the formats in %v", size>>10, plans, all)
	if size > 4<<20 {
		t.Errorf("the plans take %d bytes", size)
	}
	runtime.KeepAlive(w)
}

// BenchmarkWorst parses what could be slow: the longest texts that repeat what
// the reader looks for.
func BenchmarkWorst(b *testing.B) {
	for _, piece := range []string{"1", ",", ";", "/ ", "x", "ext", "#", "- ", "(", "٣", "+", "&", ";phone-context=", ";isub=", ";ext=1", "x1/", ",,1", "1 ext "} {
		text := "+1415" + strings.Repeat(piece, maxText)
		b.Run(piece, func(b *testing.B) {
			for b.Loop() {
				for _, s := range []string{text[:maxText], text[:maxText-4] + "1234"} {
					Parse(s, "US")
					Written("US", s)
				}
			}
		})
	}
}
