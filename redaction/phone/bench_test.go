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
	all := [][]byte{[]byte("4916098765432"), []byte("16285550176"), []byte("442079460018"), []byte("390236618300"), []byte("491609876543201234")}
	for i := 0; b.Loop(); i++ {
		International(all[i%len(all)])
	}
}

func BenchmarkNational(b *testing.B) {
	german, british := []byte("016098765432"), []byte("02079460018")
	for b.Loop() {
		if !National("DE", german) || !National("GB", british) {
			b.Fatal("not valid")
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
