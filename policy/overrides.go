package policy

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/afterimage/afterimage/event"
)

// An override says otherwise about a class for a tenant, a deployment, or a
// deployment of a tenant. What it does not say stays as it is without it.
type override struct {
	overrideKey
	keep, min           time.Duration // 0: as without it
	purpose, legalBasis string        // "": as without it

	node, minNode *yaml.Node
}

// An overrideKey is whom an override is for; empty: for all.
type overrideKey struct {
	tenant            event.Tenant
	deployment, class string
}

// String names it as Class.Name does, and the tenant.
func (k overrideKey) String() string {
	name := k.class
	if k.deployment != "" {
		name = At(k.class, k.deployment)
	}
	if k.tenant != "" {
		name += " of " + string(k.tenant)
	}
	return name
}

// For returns the document as it is for the tenant: with the overrides for it,
// and those for deployments of all tenants. Source and version stay. A document as
// [Parse] returns it is that of a tenant that no override names. It costs one
// lookup.
func (d *Document) For(tenant event.Tenant) *Document {
	if own := d.views.tenants[tenant]; own != nil {
		return own
	}
	return d.views.others
}

// views are what a document is for whom. They are shared by all of them.
type views struct {
	tenants map[event.Tenant]*Document // that overrides name
	others  *Document
}

var deploymentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// maxDeployment is the longest name of a deployment that has overrides: of two
// classes of the longest names at it, held, the name still fits into an event.
const maxDeployment = 60

func (p *parser) overrides(n *yaml.Node, classes []Class) (overrides []override) {
	if !p.plain(n, yaml.SequenceNode, "overrides", "a list") {
		return nil
	}
	if len(n.Content) > MaxRules {
		p.fail(n, "has %d overrides, the limit is %d", len(n.Content), MaxRules)
		return nil
	}
	lines := map[overrideKey]int{}
	for _, item := range n.Content {
		before := len(p.errors)
		o := p.override(item, classes)
		if len(p.errors) > before {
			continue
		}
		if line := lines[o.overrideKey]; line > 0 {
			p.fail(item, "is contradictory: line %d overrides %s already", line, o.overrideKey)
			continue
		}
		lines[o.overrideKey] = item.Line
		overrides = append(overrides, o)
	}
	return overrides
}

// override reads one override; it is of use only if there was no complaint.
func (p *parser) override(n *yaml.Node, classes []Class) override {
	o := override{node: n}
	fields := p.mapping(n, "class override", "tenant", "deployment", "class", "keep", "min", "purpose", "legal_basis")
	if fields == nil {
		return o
	}
	o.tenant, o.deployment = p.tenant(fields["tenant"]), p.deployment(fields["deployment"])
	if fields["tenant"] == nil && fields["deployment"] == nil {
		p.fail(n, "says for whom by neither tenant nor deployment")
	}
	if class := p.required(n, fields, "class"); class != nil {
		o.class = p.overridden(class, fields["deployment"] != nil, classes)
	}
	if keep := fields["keep"]; keep != nil {
		o.keep = p.keep(keep)
	}
	if o.minNode = fields["min"]; o.minNode != nil {
		o.min = p.duration(o.minNode)
	}
	o.purpose, o.legalBasis = p.purpose(fields)
	if o.keep == 0 && o.min == 0 && o.purpose == "" && o.legalBasis == "" {
		p.fail(n, "overrides nothing: want keep, min, purpose or legal_basis")
	}
	return o
}

func (p *parser) tenant(n *yaml.Node) event.Tenant {
	if n == nil || !p.plain(n, yaml.ScalarNode, "tenant", "a name") {
		return ""
	}
	t, err := event.ParseTenant(n.Value)
	if err != nil {
		p.fail(n, "%s is no name of a tenant: want letters, digits, and, after the first, _ and -, up to %d", short(n.Value), event.MaxTenant)
	}
	return t
}

func (p *parser) deployment(n *yaml.Node) string {
	if n == nil || !p.plain(n, yaml.ScalarNode, "deployment", "a name") {
		return ""
	}
	if !deploymentName.MatchString(n.Value) || len(n.Value) > maxDeployment {
		p.fail(n, "%s is no name of a deployment that can have overrides: want letters, digits, and, after the first, ., _ and -, up to %d",
			short(n.Value), maxDeployment)
	}
	return n.Value
}

func (p *parser) overridden(n *yaml.Node, deployed bool, classes []Class) string {
	if !p.plain(n, yaml.ScalarNode, "class", "a name") {
		return ""
	}
	switch {
	case !slices.ContainsFunc(classes, func(c Class) bool { return c.Name == n.Value }):
		p.fail(n, "%s is no class of this policy", short(n.Value))
	case deployed && n.Value == Ledger:
		p.fail(n, "ledger events are of no deployment: class %s can be overridden for a tenant only", Ledger)
	}
	return n.Value
}

// views makes what the document is for each tenant. Complaints are of what
// overrides come to together.
func (p *parser) views(d *Document) {
	d.views = &views{tenants: map[event.Tenant]*Document{}, others: d}
	declared := d.classes
	complained := map[*yaml.Node]bool{}
	p.view(d, declared, "", complained)
	for _, o := range d.overrides {
		if o.tenant == "" || d.views.tenants[o.tenant] != nil {
			continue
		}
		own := *d
		p.view(&own, declared, o.tenant, complained)
		d.views.tenants[o.tenant] = &own
	}
}

// view gives the document the classes that are declared for a tenant.
func (p *parser) view(d *Document, declared []Class, t event.Tenant, complained map[*yaml.Node]bool) {
	by := map[overrideKey]*override{}
	for i := range d.overrides {
		by[d.overrides[i].overrideKey] = &d.overrides[i]
	}
	d.classes, d.deployed = nil, map[deployedClass]string{}
	own := map[string]Class{}
	for _, c := range declared {
		own[c.Name] = c
		key := overrideKey{t, "", c.Name}
		d.classes = append(d.classes, p.effective(key, c, complained, by[key]))
	}
	for _, o := range d.overrides {
		at := deployedClass{o.class, o.deployment}
		if o.deployment == "" || o.tenant != "" && o.tenant != t || d.deployed[at] != "" {
			continue
		}
		key := overrideKey{t, o.deployment, o.class}
		c := p.effective(key, own[o.class], complained,
			by[overrideKey{t, "", o.class}], by[overrideKey{"", o.deployment, o.class}], by[key])
		c.Name = At(o.class, o.deployment)
		d.deployed[at] = c.Name
		d.classes = append(d.classes, c)
	}
}

// effective returns the class as it is for somebody, with the overrides applied, the
// narrowest last;
// nil ones and such that were applied are passed over. Of keep, purpose and legal
// basis the last one counts; of min the longest, for a floor can only be raised.
func (p *parser) effective(of overrideKey, c Class, complained map[*yaml.Node]bool, overrides ...*override) Class {
	declared, last := c, (*override)(nil)
	for _, o := range overrides {
		if o == nil || o == last {
			continue
		}
		last = o
		floor := declared.Min
		if o.tenant != "" && o.deployment != "" {
			floor = c.Min
		}
		if o.min > 0 && o.min < floor && !complained[o.node] {
			complained[o.node] = true
			p.fail(o.minNode, "min of %s is below the %s that it has without: a floor can only be raised", o.overrideKey, Span(floor))
		}
		if o.keep > 0 {
			c.Keep = o.keep
		}
		c.Min = max(c.Min, o.min)
		c.Purpose, c.LegalBasis = either(o.purpose, c.Purpose), either(o.legalBasis, c.LegalBasis)
	}
	if last != nil && declared.Min <= declared.Keep && c.Min > c.Keep && !complained[last.node] {
		complained[last.node] = true
		p.fail(last.node, "is contradictory: keep of %s comes to %s, and min to %s", of, Span(c.Keep), Span(c.Min))
	}
	return c
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Span returns a duration as a policy writes it: 12h, 30d or 7y.
func Span(d time.Duration) string {
	switch {
	case d == 0:
		return "0d"
	case d%year == 0:
		return fmt.Sprintf("%dy", d/year)
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}
