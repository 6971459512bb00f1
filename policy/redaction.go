package policy

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/escrow"
)

// Redaction is what a policy says about the texts of events: the settlement
// between whom they are about and who must find out later what happened. The
// zero value is what holds where a policy says nothing.
type Redaction struct {
	// Regions are those of redaction.Config.
	Regions []string
	// Operators are those of redaction.Config; types that are off have Keep.
	Operators map[string]redaction.Operator
	// DropContent takes all free text away.
	DropContent bool
	// EscrowTypes are the types whose originals are sealed to EscrowKey, a
	// public keyset as escrow.Public writes it. Both are empty where escrow is
	// off.
	EscrowTypes []string
	EscrowKey   []byte
	// Analyzer is the remote analyser, with a Timeout; without a URL there is
	// none.
	Analyzer analyzer.Config
}

// Redaction returns a copy of what the document says about redaction.
func (d *Document) Redaction() Redaction {
	r := d.redaction
	r.Regions = slices.Clone(r.Regions)
	r.Operators = maps.Clone(r.Operators)
	r.EscrowTypes = slices.Clone(r.EscrowTypes)
	r.EscrowKey = slices.Clone(r.EscrowKey)
	r.Analyzer.Entities = slices.Clone(r.Analyzer.Entities)
	return r
}

// The longest time that an event may wait for the analyser, and how long where
// the policy says nothing. Publishers do not wait for it, so that it can be
// generous: an event that gets no answer goes to quarantine.
const (
	maxAnalysis     = 30 * time.Second
	defaultAnalysis = 5 * time.Second
)

// analyserName is the detector of what the analyser finds, in TYPE/detector.
const analyserName = "analyzer"

// A redactionParser reads the section about redaction.
type redactionParser struct {
	*parser
	types []string // that can be named
	out   Redaction
}

// redaction reads the section.
func (p *parser) redaction(n *yaml.Node) Redaction {
	r := redactionParser{parser: p, types: redaction.Types(), out: Redaction{Operators: map[string]redaction.Operator{}}}
	fields := p.mapping(n, "redaction", "regions", "operators", "off", "content", "escrow", "analyzer")
	for _, field := range []struct {
		key  string
		read func(*yaml.Node)
	}{ // what the later ones depend on comes first
		{"analyzer", r.analyzer}, {"regions", r.regions}, {"operators", r.operators}, {"off", r.off}, {"content", r.content},
		{"escrow", r.escrow},
	} {
		if n := fields[field.key]; n != nil {
			field.read(n)
		}
	}
	if r.out.DropContent && fields["analyzer"] != nil {
		p.fail(fields["analyzer"], "content is dropped: there is nothing to analyse")
	}
	return r.out
}

// words returns the elements of a list that are words, each once.
func (p *parser) words(n *yaml.Node, what string) (words []*yaml.Node) {
	if !p.plain(n, yaml.SequenceNode, what, "a list") {
		return nil
	}
	if len(n.Content) > MaxRules {
		p.fail(n, "has %d elements, the limit is %d", len(n.Content), MaxRules)
		return nil
	}
	seen := map[string]bool{}
	for _, item := range n.Content {
		if !p.plain(item, yaml.ScalarNode, "element of "+what, "a word") {
			continue
		}
		if seen[item.Value] {
			p.fail(item, "%s is given twice", short(item.Value))
			continue
		}
		seen[item.Value] = true
		words = append(words, item)
	}
	return words
}

func (r *redactionParser) regions(n *yaml.Node) {
	known := redaction.Regions()
	for _, item := range r.words(n, "regions") {
		if _, ok := slices.BinarySearch(known, item.Value); !ok {
			r.fail(item, "%s is no region that redaction knows: want the ISO 3166 code of a country, like DE", short(item.Value))
			continue
		}
		r.out.Regions = append(r.out.Regions, item.Value)
	}
}

// typ reports whether the node names a type, after a complaint if not.
func (r *redactionParser) typ(n *yaml.Node, name string) bool {
	if slices.Contains(r.types, name) {
		return true
	}
	hint := ""
	if like := r.like(name); len(like) > 0 {
		hint = ": perhaps " + strings.Join(like, ", ")
	}
	r.fail(n, "%s is no type that redaction knows%s", short(name), hint)
	return false
}

// like returns types that may have been meant, a few at most.
func (r *redactionParser) like(name string) []string {
	const most, prefix = 5, 3
	name = strings.ToUpper(name)
	if len(name) < 2 {
		return nil
	}
	like := slices.DeleteFunc(slices.Clone(r.types), func(t string) bool {
		return !strings.Contains(t, name) && !strings.HasPrefix(t, name[:min(prefix, len(name))])
	})
	return like[:min(most, len(like))]
}

func (r *redactionParser) operators(n *yaml.Node) {
	for key, value := range r.mapping(n, "operators") {
		node := keyOf(n, key)
		typ, detector, one := strings.Cut(key, "/")
		if !r.typ(node, typ) || one && !r.detector(node, typ, detector) || !r.plain(value, yaml.ScalarNode, "operator", "a word") {
			continue
		}
		op, err := redaction.ParseOperator(value.Value)
		if err != nil {
			r.fail(value, "%s is no operator: want pseudonym, mask, drop, generalise or keep", cmp.Or(short(value.Value), "nothing"))
			continue
		}
		r.out.Operators[key] = op
	}
}

// detector reports whether the type has the detector, after a complaint if not.
func (r *redactionParser) detector(n *yaml.Node, typ, name string) bool {
	known := redaction.DetectorsOf(typ)
	if r.out.Analyzer.URL != "" {
		known = append(known, analyserName)
	}
	if slices.Contains(known, name) {
		return true
	}
	want := "it has none of its own without an analyzer"
	if len(known) > 0 {
		want = "want " + strings.Join(known[:min(len(known), 8)], ", ")
	}
	r.fail(n, "%s is no detector of %s: %s", short(name), typ, want)
	return false
}

// keyOf returns the node of a mapping's key.
func keyOf(n *yaml.Node, name string) *yaml.Node {
	for key := range pairs(n) {
		if key.Value == name {
			return key
		}
	}
	return n
}

func (r *redactionParser) off(n *yaml.Node) {
	for _, item := range r.words(n, "off") {
		if !r.typ(item, item.Value) {
			continue
		}
		for what := range r.out.Operators {
			if typ, _, _ := strings.Cut(what, "/"); typ == item.Value {
				r.fail(item, "%s is off and has an operator", item.Value)
				break
			}
		}
		r.out.Operators[item.Value] = redaction.Keep
	}
}

func (r *redactionParser) content(n *yaml.Node) {
	if !r.plain(n, yaml.ScalarNode, "content", "keep or drop") {
		return
	}
	if n.Value != "keep" && n.Value != "drop" {
		r.fail(n, "%s is not keep or drop", short(n.Value))
	}
	r.out.DropContent = n.Value == "drop"
}

func (r *redactionParser) escrow(n *yaml.Node) {
	fields := r.mapping(n, "escrow", "types", "key")
	if fields == nil {
		return
	}
	if r.out.DropContent {
		r.fail(n, "content is dropped: there is nothing to seal")
	}
	if types := r.required(n, fields, "types"); types != nil {
		r.escrowTypes(types)
	}
	if key := r.required(n, fields, "key"); key != nil {
		r.escrowKey(key)
	}
}

// escrowTypes refuses types of which nothing would ever be sealed.
func (r *redactionParser) escrowTypes(n *yaml.Node) {
	items := r.words(n, "types")
	if len(items) == 0 && n.Kind == yaml.SequenceNode {
		r.fail(n, "types is empty: name some, or leave escrow out")
	}
	for _, item := range items {
		if !r.typ(item, item.Value) {
			continue
		}
		op, named := r.out.Operators[item.Value]
		if !named {
			op = redaction.DefaultOperators()[item.Value]
		}
		if op != redaction.Pseudonymise {
			r.fail(item, "%s has the operator %s: only originals of pseudonyms are sealed", item.Value, op)
			continue
		}
		r.out.EscrowTypes = append(r.out.EscrowTypes, item.Value)
	}
}

func (r *redactionParser) escrowKey(n *yaml.Node) {
	if !r.plain(n, yaml.ScalarNode, "key", "a text: put the line of the public keyset in single quotes") {
		return
	}
	if _, err := escrow.NewSealer([]byte(n.Value)); err != nil {
		r.fail(n, "key of escrow: %s", oneLine(err.Error()))
		return
	}
	r.out.EscrowKey = []byte(n.Value)
}

func (r *redactionParser) analyzer(n *yaml.Node) {
	fields := r.mapping(n, "analyzer", "url", "language", "entities", "threshold", "timeout")
	if fields == nil {
		return
	}
	a := &r.out.Analyzer
	a.Timeout = defaultAnalysis
	if n := r.required(n, fields, "url"); n != nil && r.setting(n, "url", analyzer.Config{URL: n.Value}) {
		a.URL = n.Value
	}
	const here = "http://localhost"
	if n := fields["language"]; n != nil && r.setting(n, "language", analyzer.Config{URL: here, Language: n.Value}) {
		a.Language = n.Value
	}
	if n := fields["threshold"]; n != nil {
		a.Threshold = r.fraction(n, "threshold")
	}
	if n := fields["timeout"]; n != nil {
		a.Timeout = r.wait(n)
	}
	if n := fields["entities"]; n != nil {
		r.entities(n)
	}
}

// entities adds what they are called here to the types that can be named.
func (r *redactionParser) entities(n *yaml.Node) {
	for _, item := range r.words(n, "entities") {
		typ, ok := analyzer.TypeOf(item.Value)
		if !ok {
			r.fail(item, "%s is no entity: want letters, digits and _, at most 32", short(item.Value))
			continue
		}
		r.types = append(r.types, typ)
		r.out.Analyzer.Entities = append(r.out.Analyzer.Entities, item.Value)
	}
}

// setting reports whether the analyser's client takes a setting.
func (r *redactionParser) setting(n *yaml.Node, what string, cfg analyzer.Config) bool {
	if !r.plain(n, yaml.ScalarNode, what, "a text") {
		return false
	}
	client, err := analyzer.New(cfg)
	if err != nil {
		r.fail(n, "%s: %s", what, analyserReason(err))
		return false
	}
	return client.Close() == nil
}

// analyserReason is what is wrong, without the name that the field has in Go:
// "analyser: Config.URL: not a URL".
func analyserReason(err error) string {
	_, field, _ := strings.Cut(err.Error(), "Config.")
	if _, reason, ok := strings.Cut(field, ": "); ok {
		return strings.TrimSuffix(oneLine(reason), ", authenticate in Client")
	}
	return oneLine(err.Error())
}

var waitForm = regexp.MustCompile(`^([1-9][0-9]{0,4})(ms|s)$`)

// wait reads 500ms or 5s.
func (p *parser) wait(n *yaml.Node) time.Duration {
	if !p.plain(n, yaml.ScalarNode, "timeout", "like 500ms or 5s") {
		return 0
	}
	if m := waitForm.FindStringSubmatch(n.Value); m != nil {
		count, _ := strconv.Atoi(m[1])
		if d := time.Duration(count) * map[string]time.Duration{"ms": time.Millisecond, "s": time.Second}[m[2]]; d <= maxAnalysis {
			return d
		}
	}
	p.fail(n, "%s is no timeout: want one like 500ms or 5s, at most %s", short(n.Value), fmt.Sprint(maxAnalysis))
	return 0
}
