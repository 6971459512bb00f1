package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	return d, nil
}

// A parser reads one document and gathers what is wrong with it.
type parser struct {
	source []byte
	errors Errors
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.failAt(n.Line, n.Column, fmt.Sprintf(format, args...))
}

func (p *parser) failAt(line, column int, reason string) {
	if len(p.errors) < maxErrors {
		p.errors = append(p.errors, &Error{max(line, 1), max(column, 1), reason})
	}
}

// maxErrors bounds how much is said about one hopeless document.
const maxErrors = 100

// root returns the document's one mapping, or nil after a complaint.
func (p *parser) root() *yaml.Node {
	if len(p.source) > MaxSource {
		p.failAt(1, 1, fmt.Sprintf("the policy is longer than %d bytes", MaxSource))
		return nil
	}
	if line, column, ok := invalidUTF8(p.source); ok {
		p.failAt(line, column, "is not valid UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(p.source))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		p.failAt(1, 1, "the policy is empty")
		return nil
	} else if err != nil {
		p.failSyntax(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		p.fail(&second, "a second document begins here")
		return nil
	} else if !errors.Is(err, io.EOF) {
		p.failSyntax(err)
		return nil
	}
	return first.Content[0]
}

func invalidUTF8(source []byte) (line, column int, invalid bool) {
	line, column = 1, 1
	for i := 0; i < len(source); {
		r, size := utf8.DecodeRune(source[i:])
		if r == utf8.RuneError && size == 1 {
			return line, column, true
		}
		if i, column = i+size, column+1; r == '\n' {
			line, column = line+1, 1
		}
	}
	return 0, 0, false
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// failSyntax reports what the YAML parser said, which names at most a line.
func (p *parser) failSyntax(err error) {
	line, text := 1, oneLine(err.Error())
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	p.failAt(line, 1, text)
}

// document reads the whole document into d.
func (p *parser) document(root *yaml.Node, d *Document) {
	fields := p.mapping(root, "policy", "classes", "rules", "sampling")
	if fields == nil {
		return
	}
	if n := p.required(root, fields, "classes"); n != nil {
		d.classes = p.classes(n)
	}
	if n := p.required(root, fields, "rules"); n != nil {
		d.rules = p.rules(n, d.classes)
	}
	if n := fields["sampling"]; n != nil {
		d.sampling = p.sampling(n)
	}
}

// mapping returns the values of a mapping by key. It complains of keys that
// are not known, or of any if none are given.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if !p.plain(n, yaml.MappingNode, what, "a mapping") {
		return nil
	}
	values := make(map[string]*yaml.Node)
	for key, value := range pairs(n) {
		if !p.plain(key, yaml.ScalarNode, "key", "a word") {
			continue
		}
		if _, ok := values[key.Value]; ok {
			p.fail(key, "%s is given twice", key.Value)
			continue
		}
		if len(known) > 0 && !slices.Contains(known, key.Value) {
			p.fail(key, "%s is no key of a %s: want %s", short(key.Value), what, strings.Join(known, ", "))
			continue
		}
		values[key.Value] = value
	}
	return values
}

func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// plain complains unless n is of the kind, without anchor, alias or tag.
func (p *parser) plain(n *yaml.Node, kind yaml.Kind, what, want string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		p.fail(n, "anchors and aliases have no meaning in a policy")
	case n.Style&yaml.TaggedStyle != 0:
		p.fail(n, "tags have no meaning in a policy")
	case n.Kind != kind:
		p.fail(n, "%s is not %s", what, want)
	default:
		return true
	}
	return false
}

func (p *parser) required(parent *yaml.Node, fields map[string]*yaml.Node, key string) *yaml.Node {
	n := fields[key]
	if n == nil && !slices.ContainsFunc(parent.Content, func(k *yaml.Node) bool { return k.Value == key }) {
		p.fail(parent, "%s is missing", key)
	}
	return n
}

// short cuts what a complaint repeats of the document.
func short(s string) string {
	if len(s) <= 64 {
		return oneLine(s)
	}
	return oneLine(strings.ToValidUTF8(s[:64], "")) + "…"
}

var className = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

func (p *parser) classes(n *yaml.Node) (classes []Class) {
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
		classes = append(classes, p.class(key.Value, value))
	}
	if values[Ledger] == nil {
		p.fail(n, "class %s is missing", Ledger)
	}
	return classes
}

func (p *parser) class(name string, n *yaml.Node) Class {
	c := Class{Name: name}
	fields := p.mapping(n, "class", "keep", "min")
	if fields == nil {
		return c
	}
	keepNode, minNode := p.required(n, fields, "keep"), fields["min"]
	if keepNode != nil {
		c.Keep = p.duration(keepNode)
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

// items returns the elements of a list of rules.
func (p *parser) items(n *yaml.Node, what string) []*yaml.Node {
	if !p.plain(n, yaml.SequenceNode, what, "a list") {
		return nil
	}
	if len(n.Content) > MaxRules {
		p.fail(n, "has %d rules, the limit is %d", len(n.Content), MaxRules)
		return nil
	}
	return n.Content
}

func (p *parser) rules(n *yaml.Node, classes []Class) (rules []rule) {
	last := false
	for _, item := range p.items(n, "rules") {
		fields := p.mapping(item, "rule", "when", "class")
		if fields == nil {
			last = true // whether it was one for all is not known
			continue
		}
		if last && len(rules) > 0 && rules[len(rules)-1].when == nil {
			p.fail(item, "is never reached: the rule before it matches everything")
		}
		r := rule{line: item.Line, when: p.when(fields["when"])}
		last = last || fields["when"] == nil
		if class := p.required(item, fields, "class"); class != nil {
			r.class = p.ruleClass(class, classes)
		}
		rules = append(rules, r)
	}
	if !last && n.Kind == yaml.SequenceNode {
		p.fail(n, "the last rule must match everything: one with a class and no condition is missing")
	}
	return rules
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
	last := false
	for i, item := range p.items(n, "sampling") {
		fields := p.mapping(item, "sampling rule", "name", "when", "rate")
		if fields == nil {
			continue
		}
		if last {
			p.fail(item, "is never reached: a rule before it matches everything")
		}
		last = last || fields["when"] == nil
		s := sample{line: item.Line, when: p.when(fields["when"]), name: fmt.Sprintf("rule-%d", i+1)}
		if name := fields["name"]; name != nil {
			s.name = p.sampleName(name)
		}
		if rate := p.required(item, fields, "rate"); rate != nil {
			s.rate = p.rate(rate)
		}
		samples = append(samples, s)
	}
	return samples
}

func (p *parser) sampleName(n *yaml.Node) string {
	if p.plain(n, yaml.ScalarNode, "name", "a word") && !className.MatchString(n.Value) {
		p.fail(n, "%s is no name of a sampling rule: want a letter, then letters, digits, - and _, up to 64, all lower case", short(n.Value))
	}
	return n.Value
}

var rateForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$`)

func (p *parser) rate(n *yaml.Node) float64 {
	if !p.plain(n, yaml.ScalarNode, "rate", "a number from 0 to 1") {
		return 0
	}
	rate, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !rateForm.MatchString(n.Value) || n.Style != 0 || rate > 1 {
		p.fail(n, "%s is no rate: want a number from 0 to 1", short(n.Value))
		return 0
	}
	return rate
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
