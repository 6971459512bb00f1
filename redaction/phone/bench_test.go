package phone

import (
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// samples are the valid examples of the metadata in the four formats, each with
// the region it is dialled in.
func samples() (all []sample) {
	for region := range Regions() {
		n := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE)
		if n == nil {
			continue
		}
		for _, text := range spellings(n) {
			if ask(text, region).valid {
				all = append(all, sample{text, region})
			}
		}
	}
	return all
}

type sample struct{ text, region string }

func BenchmarkParse(b *testing.B) {
	all := samples()
	b.Run("phone", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s := &all[i%len(all)]
			if _, ok := Parse(s.text, s.region); !ok {
				b.Fatalf("%q is not valid", s.text)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s := &all[i%len(all)]
			if n, err := phonenumbers.Parse(s.text, s.region); err != nil || !phonenumbers.IsValidNumber(n) {
				b.Fatalf("%q is not valid", s.text)
			}
		}
	})
}

func BenchmarkInternational(b *testing.B) {
	var all [][]byte
	for _, s := range samples() {
		n, _ := Parse(s.text, s.region)
		all = append(all, append(n.Code(), n.National()...))
	}
	for i := 0; b.Loop(); i++ {
		if _, _, ok := International(all[i%len(all)]); !ok {
			b.Fatalf("%s is not valid", all[i%len(all)])
		}
	}
}

func BenchmarkNational(b *testing.B) {
	all := samples()
	for i := range all {
		n, _ := Parse(all[i].text, all[i].region)
		all[i].text = string(n.National())
	}
	digits := make([]byte, maxDigits)
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if !National(s.region, digits[:copy(digits, s.text)]) {
			b.Fatalf("%s is not valid in %s", s.text, s.region)
		}
	}
}

func BenchmarkWritten(b *testing.B) {
	all := samples()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if n, ok := Written(s.region, s.text); ok && !Grouped(&n, s.text) {
			b.Fatalf("%q is not grouped", s.text)
		}
	}
}

// BenchmarkRefuse judges what looks like a number and is none, as most digits
// in running text do.
func BenchmarkRefuse(b *testing.B) {
	all := []sample{{"2026-11-28 04:52", "DE"}, {"1234567890123456", "US"}, {"17.5.2024", "DE"}, {"000-00-0000", "US"}, {"3.14159265", "FR"}}
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if _, ok := Written(s.region, s.text); ok {
			b.Fatalf("%q is written", s.text)
		}
	}
}

// BenchmarkFirstUse compiles what a first number of a region takes.
func BenchmarkFirstUse(b *testing.B) {
	w := load()
	for _, name := range []string{"FR", "DE", "GB", "AR", "US"} {
		r := w.regions[regionIndex(name)]
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r.prepare() != nil || r.plan.prepare() != nil {
					b.Fatal("does not compile")
				}
			}
		})
	}
	b.Run("World", func(b *testing.B) {
		for b.Loop() {
			load()
		}
	})
}
