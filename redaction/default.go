package redaction

import (
	"slices"
	"strings"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// Default returns the detectors of this package in order of priority.
func Default() []Detector {
	return slices.Concat([]Detector{
		privateKey(), credentials(), jwt(), apiKeys(), twilioKeys(), azureKeys(), facebookKeys(), telegramKeys(), mailchimpKeys(), email(), spelledEmail(), card(), ssn(),
	}, addresses4and6(), forms(), []Detector{internationalPhone(), nationalPhone(), headers(), curlUser(), passwords(), secrets()})
}

// forms returns a detector of every form of identifier.
func forms() []Detector {
	var ds []Detector
	for _, f := range identifier.Forms() {
		ds = append(ds, Detector{Type: f.Entity, Name: strings.ToLower(f.Entity + "_" + f.Country), Source: f.Source, Form: &f, Normal: compactUpper})
	}
	return ds
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
