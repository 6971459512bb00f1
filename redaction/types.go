package redaction

import (
	"slices"
	"strings"

	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/identifier"
	"github.com/afterimage/afterimage/redaction/phone"
)

// Types returns, sorted, what operators and escrow can be said of: the types of
// [Default] and those that a remote analyser finds by itself. The type of an
// event's user is none of them: users are always pseudonyms.
func Types() []string {
	types := analyzer.Types()
	for _, d := range Default() {
		types = append(types, d.Type)
	}
	for what := range DefaultOperators() {
		typ, _, _ := strings.Cut(what, "/")
		types = append(types, typ)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// DetectorsOf returns, sorted, the names of the detectors of [Default] that
// find the type: what can stand behind TYPE/ in [Config].Operators. None where
// only the remote analyser finds it.
func DetectorsOf(typ string) []string {
	var names []string
	for _, d := range Default() {
		if d.Type == typ {
			names = append(names, nameOf(&d))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Regions returns, sorted, the countries that make a difference in
// [Config].Regions, by their ISO 3166 codes: those with a telephone plan or a
// national number of their own.
func Regions() []string {
	regions := slices.Collect(phone.Regions())
	for _, f := range identifier.Forms() {
		if isRegion(f.Country) {
			regions = append(regions, f.Country)
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// isRegion reports whether s has the form of an ISO 3166 alpha-2 code: forms
// that no country owns have other names.
func isRegion(s string) bool { return len(s) == 2 && isUpper(s[0]) && isUpper(s[1]) }
