package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Change is one thing that a policy says otherwise than another.
type Change struct {
	// What it is about, by its place in the document: `classes.flagged.keep`,
	// `rules[2]`, counted from 1, `overrides[routine@clinic of acme].min`.
	What string
	// What each of them says; empty where it says nothing of this. Conditions are
	// as they were written, line breaks included.
	Old, New string
}

// Diff returns what the new document says otherwise than the old one, in the order
// of the sections of a document. Documents that differ in comments, layout or
// spelling say the same: there is no change though the versions differ.
func Diff(old, new *Document) []Change {
	from, to := old.views.others, new.views.others
	changes := differ(from.classFacts(), to.classFacts())
	changes = append(changes, align("rules", from.ruleTexts(), to.ruleTexts())...)
	changes = append(changes, differ(from.overrideFacts(), to.overrideFacts())...)
	changes = append(changes, align("sampling", from.sampleTexts(), to.sampleTexts())...)
	changes = append(changes, differ(from.redactionFacts(), to.redactionFacts())...)
	return append(changes, differ(from.otherFacts(), to.otherFacts())...)
}

// facts are what a document says by name. What is empty is not said.
type facts struct {
	names  []string
	values map[string]string
}

func (f *facts) say(name, value string) {
	if value == "" {
		return
	}
	if f.values == nil {
		f.values = map[string]string{}
	}
	f.names, f.values[name] = append(f.names, name), value
}

func (f *facts) list(name string, values []string) { f.say(name, strings.Join(values, ", ")) }

// span says a duration; 0 is none.
func (f *facts) span(name string, d time.Duration) {
	if d > 0 {
		f.say(name, Span(d))
	}
}

// differ returns the changes, in the order of the new facts and then of those that
// are gone.
func differ(old, new facts) (changes []Change) {
	for _, name := range new.names {
		if old.values[name] != new.values[name] {
			changes = append(changes, Change{name, old.values[name], new.values[name]})
		}
	}
	for _, name := range old.names {
		if new.values[name] == "" {
			changes = append(changes, Change{name, old.values[name], ""})
		}
	}
	return changes
}

func (d *Document) classFacts() (f facts) {
	for _, c := range d.classes {
		if strings.Contains(c.Name, deployed) {
			continue // the override says it
		}
		f.span("classes."+c.Name+".keep", c.Keep)
		f.span("classes."+c.Name+".min", c.Min)
		if c.Purpose != d.rationale.Purpose {
			f.say("classes."+c.Name+".purpose", c.Purpose)
		}
		if c.LegalBasis != d.rationale.LegalBasis {
			f.say("classes."+c.Name+".legal_basis", c.LegalBasis)
		}
	}
	return f
}

func (d *Document) overrideFacts() (f facts) {
	for _, o := range d.overrides {
		name := "overrides[" + o.String() + "]"
		f.span(name+".keep", o.keep)
		f.span(name+".min", o.min)
		f.say(name+".purpose", o.purpose)
		f.say(name+".legal_basis", o.legalBasis)
	}
	return f
}

func (d *Document) redactionFacts() (f facts) {
	r := d.redaction
	f.list("redaction.regions", r.Regions)
	for _, what := range slices.Sorted(maps.Keys(r.Operators)) {
		f.say("redaction.operators."+what, r.Operators[what].String())
	}
	if r.DropContent {
		f.say("redaction.content", "drop")
	}
	f.list("redaction.escrow.types", r.EscrowTypes)
	f.say("redaction.escrow.key", string(r.EscrowKey))
	if a := r.Analyzer; a.URL != "" {
		f.say("redaction.analyzer.url", a.URL)
		f.say("redaction.analyzer.language", cmp.Or(a.Language, "en"))
		f.list("redaction.analyzer.entities", a.Entities)
		if a.Threshold > 0 {
			f.say("redaction.analyzer.threshold", number(a.Threshold))
		}
		f.say("redaction.analyzer.timeout", a.Timeout.String())
	}
	return f
}

// number is a fraction as a policy writes it.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (d *Document) otherFacts() (f facts) {
	f.span("quarantine.keep", d.quarantine)
	f.say("rationale.purpose", d.rationale.Purpose)
	f.say("rationale.legal_basis", d.rationale.LegalBasis)
	f.list("rationale.reviewers", d.rationale.Reviewers)
	if by := d.rationale.ReviewBy; !by.IsZero() {
		f.say("rationale.review_by", by.Format(time.DateOnly))
	}
	f.say("record.controller.name", d.record.Controller.Name)
	f.say("record.controller.contact", d.record.Controller.Contact)
	f.list("record.joint_controllers", d.record.Joint)
	f.say("record.representative", d.record.Representative)
	f.say("record.dpo", d.record.DPO)
	f.list("record.subjects", d.record.Subjects)
	f.list("record.data", d.record.Data)
	f.list("record.recipients", d.record.Recipients)
	f.list("record.transfers", d.record.Transfers)
	f.list("record.measures", d.record.Measures)
	return f
}

// A line is an element of a list in which the order counts.
type line struct {
	text string
	same string // as of every line that says the same
}

func (d *Document) ruleTexts() []line {
	lines := make([]line, len(d.rules))
	for i, r := range d.rules {
		lines[i] = newLine("class "+r.class, r.when)
	}
	return lines
}

func (d *Document) sampleTexts() []line {
	lines := make([]line, len(d.sampling))
	for i, s := range d.sampling {
		what := "rate " + number(s.rate)
		if s.name != sampleName(i) {
			what = s.name + ": " + what
		}
		lines[i] = newLine(what, s.when)
	}
	return lines
}

func newLine(what string, when *Condition) line {
	if when == nil {
		return line{what, what}
	}
	return line{what + " when " + when.text, what + " when " + inspect(when.ast).canonical(when.ast.Expr(), nil)}
}

// align returns what differs between two lists, each with its longest common part
// left out. What stands in the place of something else changes it.
func align(name string, old, new []line) (changes []Change) {
	at := func(i int) string { return fmt.Sprintf("%s[%d]", name, i+1) }
	common := longest(old, new)
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case i < len(old) && j < len(new) && old[i].same == new[j].same:
			i, j = i+1, j+1
		case i < len(old) && j < len(new) && common[i+1][j+1] == common[i][j]:
			changes = append(changes, Change{at(j), old[i].text, new[j].text})
			i, j = i+1, j+1
		case j == len(new) || i < len(old) && common[i+1][j] == common[i][j]:
			changes = append(changes, Change{at(i), old[i].text, ""})
			i++
		default:
			changes = append(changes, Change{at(j), "", new[j].text})
			j++
		}
	}
	return changes
}

// longest returns, for every i and j, the length of the longest common subsequence
// of old[i:] and new[j:].
func longest(old, new []line) [][]int {
	table := make([][]int, len(old)+1)
	table[len(old)] = make([]int, len(new)+1)
	for i := len(old) - 1; i >= 0; i-- {
		table[i] = make([]int, len(new)+1)
		for j := len(new) - 1; j >= 0; j-- {
			table[i][j] = max(table[i+1][j], table[i][j+1])
			if old[i].same == new[j].same {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	return table
}
