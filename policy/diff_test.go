package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const differing = `classes:
  routine: {keep: 30d}
  flagged: {keep: 180d, min: 180d, purpose: safety}
  ledger: {keep: 7y, min: 7y}
rules:
  - {when: has(event.report), class: flagged}
  - {when: turn > 10, class: flagged}
  - {when: source.service == 's' && turn > 1, class: flagged}
  - class: routine
overrides:
  - {tenant: acme, class: routine, keep: 60d}
  - {deployment: clinic, class: routine, keep: 60d}
sampling:
  - {when: turn > 10, rate: 1}
  - rate: 0.25
redaction:
  regions: [DE]
  operators: {PHONE: mask}
rationale: {purpose: incidents, reviewers: [dpo], review_by: 2027-01-01}
`

// Each thing that is said otherwise is told once, with what it was.
func TestDiff(t *testing.T) {
	old := mustParse(t, differing)
	for _, tt := range []struct {
		name string
		edit []string // old, new, …
		want []Change
	}{
		{"layout", []string{"routine: {keep: 30d}", "routine:  # a while\n    keep: 30d"}, nil},
		{"spelling", []string{"source.service == 's' && turn > 1", "event.turn > 1 && \"s\" == source.service"}, nil},
		{"times", []string{"keep: 180d", "keep: 1y", "keep: 30d}", "keep: 30d, min: 1d}"}, []Change{
			{"classes.routine.min", "", "1d"}, {"classes.flagged.keep", "180d", "1y"}}},
		{"a class", []string{"  ledger:", "  new: {keep: 1d}\n  ledger:"}, []Change{{"classes.new.keep", "", "1d"}}},
		{"purposes", []string{"purpose: safety", "purpose: incidents", "purpose: incidents, r", "purpose: safety, r"}, []Change{
			{"classes.flagged.purpose", "safety", "incidents"}, {"rationale.purpose", "incidents", "safety"}}},
		{"the document's purpose alone", []string{"{purpose: incidents", "{purpose: quality"}, []Change{{"rationale.purpose", "incidents", "quality"}}},
		{"a rule before", []string{"rules:\n", "rules:\n  - {when: turn > 99, class: routine}\n"}, []Change{
			{"rules[1]", "", "class routine when turn > 99"}}},
		{"a rule gone", []string{"  - {when: turn > 10, class: flagged}\n", ""}, []Change{{"rules[2]", "class flagged when turn > 10", ""}}},
		{"a rule changed", []string{"turn > 10, class", "turn > 11, class"}, []Change{
			{"rules[2]", "class flagged when turn > 10", "class flagged when turn > 11"}}},
		{"rules exchanged", []string{"has(event.report)", "X", "turn > 10, class", "has(event.report), class", "X", "turn > 10"}, []Change{
			{"rules[1]", "class flagged when has(event.report)", ""}, {"rules[2]", "", "class flagged when has(event.report)"}}},
		{"the last rule", []string{"  - class: routine\noverrides", "  - class: flagged\noverrides"}, []Change{{"rules[4]", "class routine", "class flagged"}}},
		{"overrides", []string{"tenant: acme, class: routine, keep: 60d", "tenant: acme, class: routine, keep: 61d", "clinic", "lab"}, []Change{
			{"overrides[routine of acme].keep", "60d", "61d"}, {"overrides[routine@lab].keep", "", "60d"}, {"overrides[routine@clinic].keep", "60d", ""}}},
		{"sampling", []string{"sampling:\n", "sampling:\n  - {name: off, when: turn > 99, rate: 0}\n", "rate: 0.25", "rate: 0.125"}, []Change{
			{"sampling[1]", "", "off: rate 0 when turn > 99"}, {"sampling[3]", "rate 0.25", "rate 0.125"}}},
		{"redaction", []string{"[DE]", "[DE, FR]", "PHONE: mask", "EMAIL: drop"}, []Change{
			{"redaction.regions", "DE", "DE, FR"}, {"redaction.operators.EMAIL", "", "drop"}, {"redaction.operators.PHONE", "mask", ""}}},
		{"review", []string{"review_by: 2027-01-01", "review_by: 2028-01-01", "[dpo]", "[dpo, board]"}, []Change{
			{"rationale.reviewers", "dpo", "dpo, board"}, {"rationale.review_by", "2027-01-01", "2028-01-01"}}},
		{"the rest", []string{"redaction:\n", "quarantine: {keep: 7d}\nrecord: {dpo: d, controller: {name: n}}\nredaction:\n"}, []Change{
			{"quarantine.keep", "30d", "7d"}, {"record.controller.name", "", "n"}, {"record.dpo", "", "d"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := differing
			for edit := range slices.Chunk(tt.edit, 2) {
				if !strings.Contains(source, edit[0]) {
					t.Fatalf("the policy has no %q", edit[0])
				}
				source = strings.Replace(source, edit[0], edit[1], 1)
			}
			if diff := cmp.Diff(tt.want, Diff(old, mustParse(t, source))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// A list with the changes applied is the other list, and no shorter way was missed:
// what both have in this order is left alone.
func TestAlign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (lines []line) {
			for _, w := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 6).Draw(t, name) {
				lines = append(lines, line{w, w})
			}
			return lines
		}
		old, new := draw("old"), draw("new")
		changes := align("x", old, new)
		kept := longest(old, new)[0][0]
		gone, come := 0, 0
		for _, c := range changes {
			if c.Old != "" {
				gone++
			}
			if c.New != "" {
				come++
			}
		}
		if gone != len(old)-kept || come != len(new)-kept {
			t.Fatalf("%v to %v: %v leaves not %d", old, new, changes, kept)
		}
		if back := align("x", new, old); len(back) == 0 != (len(changes) == 0) || (len(changes) == 0) != slices.Equal(old, new) {
			t.Fatalf("%v to %v: %v, and back %v", old, new, changes, back)
		}
	})
}
