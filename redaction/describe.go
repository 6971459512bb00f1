package redaction

import (
	"cmp"
	"slices"
)

// A Description tells of a default detector what a person wants to know who
// must answer for it.
type Description struct {
	Type     string `json:"type"`
	Detector string `json:"detector"`
	Version  int    `json:"version"`
	Country  string `json:"country,omitempty"` // where it belongs to one
	// Needs says what must be there beside its form: "word or region", or
	// nothing.
	Needs    string `json:"needs,omitempty"`
	Operator string `json:"operator"` // what is done where policy says nothing
	Source   string `json:"source,omitempty"`
}

// Describe returns what is known of the default detectors, sorted by type and
// name, each once.
func Describe() []Description {
	ops := DefaultOperators()
	var all []Description
	for _, d := range Default() {
		about := Description{Type: d.Type, Detector: nameOf(&d), Version: cmp.Or(d.Version, 1), Operator: operatorOf(ops, &d).String(), Source: d.Source}
		if d.Form != nil {
			about.Country = d.Form.Country
			if !d.Form.Self {
				about.Needs = "word or region"
			}
		}
		all = append(all, about)
	}
	slices.SortStableFunc(all, func(a, b Description) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.Needs, b.Needs))
	})
	return slices.CompactFunc(all, func(a, b Description) bool { return a.Type == b.Type && a.Detector == b.Detector })
}
