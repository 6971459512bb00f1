package redaction

import (
	"fmt"
	"slices"
)

// Detectors returns what the redactor runs over an event, for the record:
// `EMAIL/email v3`, sorted, each once. Detectors of types that stay are not run.
// Where all content is dropped that is all that is done.
func (r *Redactor) Detectors() []string {
	if r.dropContent {
		return []string{"content dropped"}
	}
	var names []string
	for _, of := range [][]rule{r.tables.rules, r.tables.keyRules} {
		for _, d := range of {
			if d.op != Keep || r.reports {
				names = append(names, fmt.Sprintf("%s/%s v%d", d.typ, d.name, d.version))
			}
		}
	}
	if r.analyzer != nil {
		names = append(names, analyserName)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
