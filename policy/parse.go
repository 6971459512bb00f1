package policy

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/ast"
	"go.yaml.in/yaml/v3"
)

// Limits of a document.
const (
	MaxSource  = 64 << 10 // bytes
	MaxClasses = 64
	MaxRules   = 256 // of rules and of sampling, each
)

// Parse reads a policy document. The error is [Errors]: all problems that can
// be told apart, each with its place in the text.
func Parse(source []byte) (*Document, error) {
	p := &parser{source: source}
	d := &Document{source: bytes.Clone(source), version: version(source)}
	if root := p.root(); root != nil {
		p.document(root, d)
	}
	if len(p.errors) > 0 {
		p.errors.sort()
		return nil, p.errors
	}
	for _, own := range append(slices.Collect(maps.Values(d.views.tenants)), d) {
		own.warnings = p.warnings
	}
	return d, nil
}

// document reads the whole document into d.
func (p *parser) document(root *yaml.Node, d *Document) {
	fields := p.mapping(root, "policy", "classes", "rules", "overrides", "sampling", "redaction", "quarantine", "rationale", "record")
	if fields == nil {
		return
	}
	if n := fields["rationale"]; n != nil {
		d.rationale, d.reviewAt = p.rationale(n)
	}
	if n := p.required(root, fields, "classes"); n != nil {
		d.classes = p.classes(n, d.rationale)
	}
	var live []entry
	if n := p.required(root, fields, "rules"); n != nil {
		d.rules, live = p.rules(n, d.classes)
	}
	if n := fields["overrides"]; n != nil {
		d.overrides = p.overrides(n, d.classes)
	}
	if n := fields["sampling"]; n != nil {
		d.sampling = p.sampling(n)
	}
	if n := fields["redaction"]; n != nil {
		d.redaction = p.redaction(n)
	}
	d.quarantine = DefaultQuarantineKeep
	if n := fields["quarantine"]; n != nil {
		d.quarantine = p.quarantine(n)
	}
	if n := fields["record"]; n != nil {
		d.record = p.record(n)
	}
	p.unreasoned(root, fields["rationale"], d.rationale)
	p.unused(fields["classes"], d.classes, live)
	p.views(d)
}

var className = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// classes reads the classes. What they do not say of themselves is the
// document's.
func (p *parser) classes(n *yaml.Node, r Rationale) (classes []Class) {
	values := p.mapping(n, "classes")
	if values == nil {
		return nil
	}
	if len(values) > MaxClasses {
		p.fail(n, "has %d classes, the limit is %d", len(values), MaxClasses)
		return nil
	}
	for key, value := range pairs(n) {
		if values[key.Value] != value {
			continue // a complaint was made
		}
		if !className.MatchString(key.Value) {
			p.fail(key, "%s is no name of a class: want a letter, then letters, digits, - and _, up to 64, all lower case", short(key.Value))
		}
		if key.Value == Quarantine {
			p.fail(key, "class %s is kept for what is quarantined: choose another name", Quarantine)
		}
		c := p.class(key.Value, value)
		c.Purpose, c.LegalBasis = either(c.Purpose, r.Purpose), either(c.LegalBasis, r.LegalBasis)
		classes = append(classes, c)
	}
	if values[Ledger] == nil {
		p.fail(n, "class %s is missing", Ledger)
	}
	return classes
}

func (p *parser) class(name string, n *yaml.Node) Class {
	c := Class{Name: name}
	fields := p.mapping(n, "class", "keep", "min", "purpose", "legal_basis")
	if fields == nil {
		return c
	}
	c.Purpose, c.LegalBasis = p.purpose(fields)
	keepNode, minNode := p.required(n, fields, "keep"), fields["min"]
	if keepNode != nil {
		c.Keep = p.keep(keepNode)
	}
	if minNode != nil {
		c.Min = p.duration(minNode)
	}
	if c.Keep > 0 && c.Min > c.Keep {
		p.fail(minNode, "min of class %s is longer than keep", name)
	}
	return c
}

var durationForm = regexp.MustCompile(`^([1-9][0-9]{0,5})([hdy])$`)

// maxKeep is the longest duration: with it, times of expiry stay in range.
const maxKeep = 100 * year

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// duration reads 12h, 30d or 7y; 0 after a complaint.
func (p *parser) duration(n *yaml.Node) time.Duration {
	if !p.plain(n, yaml.ScalarNode, "duration", "like 12h, 30d or 7y") {
		return 0
	}
	m := durationForm.FindStringSubmatch(n.Value)
	if m == nil {
		p.fail(n, "%s is no duration: want one like 12h, 30d or 7y", short(n.Value))
		return 0
	}
	count, _ := strconv.Atoi(m[1])
	unit := map[string]time.Duration{"h": time.Hour, "d": day, "y": year}[m[2]]
	if time.Duration(count) > maxKeep/unit {
		p.fail(n, "%s is longer than 100y", n.Value)
		return 0
	}
	return time.Duration(count) * unit
}

// An entry is one element of a list of rules.
type entry struct {
	node   *yaml.Node
	fields map[string]*yaml.Node
	when   *Condition // nil: all
}

// entries returns the elements of a list of rules, the first that matches
// winning, and whether one of them matches everything; where one could not be
// read, whether it did is not known and taken to be so.
func (p *parser) entries(n *yaml.Node, what string, keys ...string) (entries []entry, total bool) {
	if !p.plain(n, yaml.SequenceNode, what+"s", "a list") {
		return nil, true
	}
	if len(n.Content) > MaxRules {
		p.fail(n, "has %d rules, the limit is %d", len(n.Content), MaxRules)
		return nil, true
	}
	doubt := false
	for _, item := range n.Content {
		before := len(p.errors)
		fields := p.mapping(item, what, keys...)
		doubt = doubt || len(p.errors) > before
		if fields == nil {
			continue
		}
		if total {
			p.fail(item, "is never reached: a rule before it matches everything")
		}
		total = total || fields["when"] == nil && !doubt
		entries = append(entries, entry{item, fields, p.when(fields["when"])})
	}
	return entries, total || doubt
}

// rules reads the rules, and returns those that some event reaches.
func (p *parser) rules(n *yaml.Node, classes []Class) (rules []rule, live []entry) {
	entries, total := p.entries(n, "rule", "when", "class")
	for _, e := range entries {
		r := rule{line: e.node.Line, when: e.when}
		if class := p.required(e.node, e.fields, "class"); class != nil {
			r.class = p.ruleClass(class, classes)
		}
		rules = append(rules, r)
	}
	if !total {
		p.fail(n, "no rule matches everything: the last one must have a class and no condition")
	}
	return rules, p.reached(entries)
}

func (p *parser) ruleClass(n *yaml.Node, classes []Class) string {
	if !p.plain(n, yaml.ScalarNode, "class", "a name") {
		return ""
	}
	switch {
	case n.Value == Ledger:
		p.fail(n, "class %s is kept for ledger events", Ledger)
	case !slices.ContainsFunc(classes, func(c Class) bool { return c.Name == n.Value }):
		p.fail(n, "%s is no class of this policy", short(n.Value))
	}
	return n.Value
}

func (p *parser) sampling(n *yaml.Node) (samples []sample) {
	entries, _ := p.entries(n, "sampling rule", "name", "when", "rate")
	for i, e := range entries {
		s := sample{line: e.node.Line, when: e.when, name: sampleName(i)}
		if name := e.fields["name"]; name != nil {
			s.name = p.sampleName(name)
		}
		if rate := p.required(e.node, e.fields, "rate"); rate != nil {
			s.rate = p.fraction(rate, "rate")
			if s.rate == 0 {
				p.warn(rate, "rate is 0: of what is never recorded nothing can be told later, not even how much there was")
			}
		}
		samples = append(samples, s)
	}
	p.reached(entries)
	return samples
}

// sampleName is the name of the sampling rule at i that is given none.
func sampleName(i int) string { return fmt.Sprintf("rule-%d", i+1) }

func (p *parser) sampleName(n *yaml.Node) string {
	if p.plain(n, yaml.ScalarNode, "name", "a word") && !className.MatchString(n.Value) {
		p.fail(n, "%s is no name of a sampling rule: want a letter, then letters, digits, - and _, up to 64, all lower case", short(n.Value))
	}
	return n.Value
}

var fractionForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$`)

// fraction reads a number from 0 to 1; 0 after a complaint.
func (p *parser) fraction(n *yaml.Node, what string) float64 {
	if !p.plain(n, yaml.ScalarNode, what, "a number from 0 to 1") {
		return 0
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !fractionForm.MatchString(n.Value) || n.Style != 0 || f > 1 {
		p.fail(n, "%s is no %s: want a number from 0 to 1", short(n.Value), what)
		return 0
	}
	return f
}

// when compiles a condition; nil for none, and after a complaint.
func (p *parser) when(n *yaml.Node) *Condition {
	if n == nil || !p.plain(n, yaml.ScalarNode, "when", "a condition") {
		return nil
	}
	c, err := compile(n.Value, beforeStore)
	if err != nil {
		line, column := p.locate(n, err.Line, err.Column)
		p.failAt(line, column, "condition: "+err.Reason)
	}
	return c
}

// beforeStore refuses fields that the store sets after the rules were
// evaluated: a rule that asks for them would never match.
func beforeStore(in *inspector, e ast.Expr, s *scope) *Error {
	fd := in.source(e, s)
	if fd == nil || fd.ContainingMessage().Name() != "Event" {
		return nil
	}
	switch fd.Name() {
	case "seq", "received", "class", "policy_version", "salt":
		return in.fail(e, "%s is not known when a policy is evaluated", fd.Name())
	}
	return nil
}
