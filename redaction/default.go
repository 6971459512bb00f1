package redaction

import (
	"slices"
	"strings"
	"sync"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// Default returns the detectors of this package in order of priority.
func Default() []Detector {
	return slices.Concat(
		[]Detector{privateKey(), credentials(), jwt()},
		vendorKeys(), []Detector{anchoredKey(), azureSecret(), facebookApp(), telegramBot(), bareKey(), bundleKey()},
		[]Detector{email(), spelledEmail(), coins(), encoded(), bic(), card(), ssn()}, addresses4and6(), contextual(), forms(),
		[]Detector{internationalPhone(), nationalPhone()}, namedKeys(), genericSecrets())
}

// forms returns a detector of every form of identifier.
func forms() []Detector { return slices.Clone(allForms()) }

var allForms = sync.OnceValue(func() []Detector {
	var ds []Detector
	for _, f := range append(identifier.Forms(), looseForms()...) {
		if f.Entity == "CREDIT_CARD" || f.Entity == "US_SSN" || f.Entity == "LUHN" {
			continue // these have detectors of their own
		}
		telling := f.Telling()
		ds = append(ds, Detector{Telling: &telling, Type: f.Entity, Name: formName(f), Version: 2, Source: f.Source, Form: &f, Normal: compactUpper})
	}
	return ds
})

// formName names a form's detector by its kind and country.
func formName(f identifier.Form) string {
	name := strings.ToLower(f.Entity)
	if f.Country != "" && !strings.HasPrefix(f.Entity, f.Country+"_") {
		name += "_" + strings.ToLower(f.Country)
	}
	return name
}

// compactUpper drops what is no letter or digit and makes letters upper case.
func compactUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isAlnum(byte(r)) {
			if isLower(byte(r)) {
				r -= 0x20
			}
			return r
		}
		return -1
	}, s)
}
