package policy

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Ledger is the class of ledger events. Every policy declares it; no rule can
// give it to evidence.
const Ledger = "ledger"

// Quarantine is a class that no policy can declare: the log keeps what is
// quarantined in it.
const Quarantine = "quarantine"

// DefaultRate and DefaultRule are the sampling rate where no sampling rule of
// the policy matches, and its name.
const (
	DefaultRate = 1.0
	DefaultRule = "default"
)

// A Document is a policy: parsed, checked, immutable and safe for concurrent
// use. Make one with [Parse] or [Default].
type Document struct {
	source    []byte
	version   string
	classes   []Class // those of the text, then those of overrides for deployments
	rules     []rule
	sampling  []sample
	redaction Redaction

	overrides []override
	deployed  map[deployedClass]string // the class in its place
	views     *views

	quarantine time.Duration
	rationale  Rationale
	record     Record

	warnings []Warning // but for those that depend on when they are asked for
	reviewAt Warning   // where the day of the review stands
}

// A Class is a retention class.
type Class struct {
	Name string
	Keep time.Duration // from the end of the day of append until expiry
	Min  time.Duration // what no later policy may shorten Keep below; 0: nothing promised

	// What it is kept for, and what allows that; the document's, where the class
	// says nothing of its own.
	Purpose, LegalBasis string
}

// A deployedClass is a class as a rule gives it, and the deployment of the event.
type deployedClass struct{ class, deployment string }

// A rule gives a class to the events that its condition matches.
type rule struct {
	when  *Condition // nil: all
	class string
	line  int
}

// A sample says how much to keep of what its condition matches.
type sample struct {
	when *Condition // nil: all
	name string
	rate float64
	line int
}

//go:embed default.yaml
var defaultSource []byte

// Default returns the policy of a tenant that has none of its own.
func Default() *Document { return parseDefault() }

var parseDefault = sync.OnceValue(func() *Document {
	d, err := Parse(defaultSource)
	if err != nil {
		panic("internal error: default policy: " + err.Error())
	}
	return d
})

// Version returns the name by which events and ledger refer to the policy:
// "sha256:" and the first 16 hexadecimal digits of the hash of its source.
func (d *Document) Version() string { return d.version }

func version(source []byte) string {
	sum := sha256.Sum256(source)
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// Source returns a copy of the document's text, byte for byte.
func (d *Document) Source() []byte { return slices.Clone(d.source) }

// Classes returns the retention classes in the order of the document, and after
// them those that its overrides for deployments declare, such as
// `routine@clinic`.
func (d *Document) Classes() []Class { return slices.Clone(d.classes) }

// Class returns the class with the given name: a declared one, or what a class
// made of declared ones comes to, of which those that the document does not
// declare are left out; ok is false if it declares none of them. A class at a
// deployment for which there is no override is the class itself.
func (d *Document) Class(name string) (c Class, ok bool) {
	for _, part := range Parts(name) {
		if declared, is := d.part(part); is {
			c.Keep, c.Min, ok = max(c.Keep, declared.Keep), max(c.Min, declared.Min), true
			c.Purpose, c.LegalBasis = both(c.Purpose, declared.Purpose), both(c.LegalBasis, declared.LegalBasis)
		}
	}
	c.Name = name
	return c, ok
}

// part returns the class of one part of a class's name.
func (d *Document) part(name string) (Class, bool) {
	base, _, _ := strings.Cut(name, deployed)
	for _, name := range []string{name, base} {
		if i := slices.IndexFunc(d.classes, func(c Class) bool { return c.Name == name }); i >= 0 {
			return d.classes[i], true
		}
	}
	return Class{}, false
}

// both returns two texts of which either may be empty, or the other again.
func both(a, b string) string {
	if a == "" || a == b {
		return b
	}
	if b == "" {
		return a
	}
	return a + "; " + b
}

// Classify returns the retention class of the event: that of the first rule
// that matches, at the event's deployment if an override declares that, and always
// [Ledger] for a ledger event. An error says which rule could not be evaluated; the
// event then has no class.
func (d *Document) Classify(e *pb.Event) (class string, err error) {
	if k := event.KindOf(e); k != "" && !k.Evidence() {
		return Ledger, nil
	}
	for _, r := range d.rules {
		ok, err := matches(r.when, e)
		if err != nil {
			return "", fmt.Errorf("policy rule at line %d: %w", r.line, err)
		}
		if ok {
			return d.at(r.class, e.GetSource().GetDeployment()), nil
		}
	}
	panic("internal error: policy without a rule for every event")
}

// at returns the class that events of a deployment get where a rule gives one.
func (d *Document) at(class, deployment string) string {
	if own, ok := d.deployed[deployedClass{class, deployment}]; ok {
		return own
	}
	return class
}

// Rate returns the probability in [0, 1] with which an event like this one is
// to be recorded, and the name of the sampling rule that says so.
func (d *Document) Rate(e *pb.Event) (rate float64, rule string, err error) {
	for _, s := range d.sampling {
		ok, err := matches(s.when, e)
		if err != nil {
			return 0, "", fmt.Errorf("sampling rule at line %d: %w", s.line, err)
		}
		if ok {
			return s.rate, s.name, nil
		}
	}
	return DefaultRate, DefaultRule, nil
}

func matches(c *Condition, e *pb.Event) (bool, error) {
	if c == nil {
		return true, nil
	}
	return c.Match(e)
}
