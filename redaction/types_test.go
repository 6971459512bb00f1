package redaction

import (
	"slices"
	"strings"
	"testing"
)

// A policy names types, detectors and regions by what these return: what is
// missing cannot be configured, and what is too much would be configured
// without any effect.
func TestTypes(t *testing.T) {
	types := Types()
	for _, d := range Default() {
		if !slices.Contains(types, d.Type) {
			t.Errorf("%s is found and not among the types", d.Type)
		}
		if name := d.Name; name != "" && !slices.Contains(DetectorsOf(d.Type), name) {
			t.Errorf("%s is not among the detectors of %s: %v", name, d.Type, DetectorsOf(d.Type))
		}
	}
	for _, typ := range []string{"PERSON", "LOCATION", "ORGANIZATION", "DATE", "EMAIL"} {
		if !slices.Contains(types, typ) {
			t.Errorf("%s, which the analyser finds, is not among the types", typ)
		}
	}
	for typ := range DefaultOperators() {
		if typ, _, _ := strings.Cut(typ, "/"); !slices.Contains(types, typ) {
			t.Errorf("%s has an operator by default and is not among the types", typ)
		}
	}
	for _, list := range [][]string{types, Regions()} {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Errorf("not sorted, or not once each: %v", list)
		}
	}
	if slices.ContainsFunc(types, func(s string) bool { return !isType(s) || s == UserType }) {
		t.Errorf("these are no types, or one is the user's: %v", types)
	}
	if got := DetectorsOf("ORGANIZATION"); got != nil {
		t.Errorf("ORGANIZATION has the detectors %v", got)
	}
}

func TestRegions(t *testing.T) {
	regions := Regions()
	for _, r := range []string{"DE", "FR", "US", "GB", "IN", "BR"} {
		if !slices.Contains(regions, r) {
			t.Errorf("%s is not among the regions", r)
		}
	}
	for _, r := range regions {
		if !isRegion(r) {
			t.Errorf("%q is no code of a country", r)
		}
	}
	if slices.Contains(regions, "UK") {
		t.Error("UK is no code of a country: it is GB")
	}
}
