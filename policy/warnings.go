package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"go.yaml.in/yaml/v3"

	"github.com/afterimage/afterimage/event"
)

// A Warning is something in a policy document that is allowed and hardly meant.
type Warning struct {
	Line, Column int    // of the document, in characters, counted from 1
	Reason       string // one line
}

// String returns position and reason in one line, as an [Error] does.
func (w Warning) String() string {
	return fmt.Sprintf("line %d, column %d: %s", w.Line, w.Column, w.Reason)
}

// Warnings returns what stands out in the document as of now, in the order of its
// text: rules that are never reached, classes that no rule gives, that promise
// nothing or have no purpose, a review that is overdue, and more. There are a
// hundred at most.
func (d *Document) Warnings(now time.Time) []Warning {
	out := slices.Clone(d.warnings)
	if since, overdue := d.ReviewOverdue(now); overdue {
		out = append(out, Warning{d.reviewAt.Line, d.reviewAt.Column,
			"review is overdue since " + since.UTC().Format(time.DateOnly) + ": review the policy and name the next date"})
	}
	slices.SortStableFunc(out, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}

func (p *parser) warn(n *yaml.Node, format string, args ...any) {
	p.warnAt(n.Line, n.Column, fmt.Sprintf(format, args...))
}

func (p *parser) warnAt(line, column int, reason string) {
	if len(p.warnings) < maxErrors-1 { // one is left for the review
		p.warnings = append(p.warnings, Warning{max(line, 1), max(column, 1), reason})
	}
}

// reached returns the nodes of the rules that some event reaches, and warns of the
// others.
func (p *parser) reached(entries []entry) (live []entry) {
	if len(p.errors) > 0 {
		return entries // of which some have no condition because it could not be read
	}
	var before []demand
	for _, e := range entries {
		d := demand{line: e.node.Line}
		if e.when != nil {
			d.all = e.when.conjuncts()
		}
		if e.when != nil && !p.matches(e) {
			continue
		}
		if i := slices.IndexFunc(before, func(b demand) bool { return b.covers(d) }); i >= 0 {
			p.warn(e.node, "is never reached: %s", before[i])
			continue
		}
		before, live = append(before, d), append(live, e)
	}
	return live
}

// A demand is what a rule asks of an event: all of it.
type demand struct {
	line int
	all  []string // sorted
}

// covers reports whether whatever fulfils the other fulfils d.
func (d demand) covers(other demand) bool {
	return !slices.ContainsFunc(d.all, func(part string) bool {
		_, has := slices.BinarySearch(other.all, part)
		return !has
	})
}

// String says why nothing comes past it.
func (d demand) String() string {
	if len(d.all) == 0 {
		return fmt.Sprintf("the rule at line %d matches everything", d.line)
	}
	return fmt.Sprintf("the rule at line %d matches whatever this one does", d.line)
}

// matches reports whether the condition of a rule can match, and warns if not, and
// of each thing that it asks for in vain.
func (p *parser) matches(e entry) bool {
	at := e.fields["when"]
	odd := e.when.oddKinds()
	for _, o := range odd {
		line, column := p.locate(at, o.Line, o.Column)
		p.warnAt(line, column, "condition: "+o.Reason)
	}
	never := e.when.never()
	if never && len(odd) == 0 {
		p.warn(at, "condition: can never match: no event that rules are asked about has all of this")
	}
	return !never
}

// oddKinds finds the kinds that the condition asks for and that no event has which
// rules are asked about.
func (c *Condition) oddKinds() (odd []*Error) {
	in := inspect(c.ast)
	in.walk(c.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		compared, ok := comparison(e)
		if !ok {
			return
		}
		if path, ok := in.path(compared.field, s); !ok || path != "kind" {
			return
		}
		for _, constant := range compared.constants {
			if name, ok := stringOf(constant); ok && !event.Kind(name).Evidence() {
				odd = append(odd, in.fail(constant, "is no kind that rules are asked about: want one of %s", strings.Join(evidence(), ", ")))
			}
		}
	})
	return odd
}

// evidence returns the kinds of evidence.
func evidence() []string {
	return []string{string(event.Interaction), string(event.Verdict), string(event.Report), string(event.Action), string(event.Coverage)}
}

// unused warns of the classes that no rule gives, promise nothing or have no reason.
func (p *parser) unused(classes *yaml.Node, declared []Class, live []entry) {
	given := map[string]bool{Ledger: true}
	for _, e := range live {
		if class := e.fields["class"]; class != nil {
			given[class.Value] = true
		}
	}
	reasons := slices.ContainsFunc(declared, func(c Class) bool { return c.Purpose != "" || c.LegalBasis != "" })
	for _, c := range declared {
		at := keyOf(classes, c.Name)
		if !given[c.Name] {
			p.warn(at, "no rule gives class %s", c.Name)
		}
		if c.Min == 0 {
			p.warn(at, "class %s has no min: any later policy may shorten it", c.Name)
		}
		switch {
		case !reasons: // it was said of the document
		case c.Purpose == "" && c.LegalBasis == "":
			p.warn(at, "class %s has neither purpose nor legal_basis, and the policy has none", c.Name)
		case c.Purpose == "":
			p.warn(at, "class %s has no purpose, and the policy has none", c.Name)
		case c.LegalBasis == "":
			p.warn(at, "class %s has no legal_basis, and the policy has none", c.Name)
		}
	}
}

// unreasoned warns of what a rationale does not say.
func (p *parser) unreasoned(root, n *yaml.Node, r Rationale) {
	if n == nil {
		p.warn(root, "no rationale: say what evidence is kept for, what allows it, who agreed and when it is reviewed")
		return
	}
	at := keyOf(root, "rationale")
	if len(r.Reviewers) == 0 {
		p.warn(at, "rationale names no reviewers")
	}
	if r.ReviewBy.IsZero() {
		p.warn(at, "rationale has no review_by: nobody is reminded")
	}
}

// keep reads how long something is kept. Whole buckets expire, each of one day.
func (p *parser) keep(n *yaml.Node) time.Duration {
	keep := p.duration(n)
	if keep%day != 0 {
		p.warn(n, "keep counts from the end of the day: with %s, what came in its morning stays %s", n.Value, Span(keep+day))
	}
	return keep
}
