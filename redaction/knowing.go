package redaction

import (
	"fmt"
	"strings"

	"github.com/afterimage/afterimage/redaction/known"
)

// knownName is the detector of known values.
const knownName = "known"

// A knowledge is a set of known values and what becomes of each.
type knowledge struct {
	set    known.Set
	values []known.Value
	rules  []rule
}

// reset makes k the knowledge of values.
func (k *knowledge) reset(values []known.Value, ops map[string]Operator) error {
	k.values, k.rules = append(k.values[:0], values...), k.rules[:0]
	for i, v := range values {
		if !isType(v.Type) {
			return fmt.Errorf("%w: the type of value %d is not A–Z, 0–9 and _", ErrKnown, i)
		}
		k.rules = append(k.rules, rule{typ: v.Type, name: knownName, version: 1, op: operatorOf(ops, &Detector{Type: v.Type, Name: knownName}), source: "a value handed in"})
	}
	if err := k.set.Reset(values); err != nil {
		return fmt.Errorf("%w: %w", ErrKnown, err)
	}
	return nil
}

// forget drops the values.
func (k *knowledge) forget() {
	if len(k.values) == 0 {
		return
	}
	_ = k.set.Reset(nil) // of nothing it cannot fail
	clear(k.values)
	k.values, k.rules = k.values[:0], k.rules[:0]
}

// normal returns the normal form of value i: that of the value handed in, and
// as the detector of its kind makes it.
func (k *knowledge) normal(i int) string {
	switch v := k.values[i]; v.Kind {
	case known.Email:
		return normalEmail(strings.TrimSpace(v.Text))
	case known.Phone:
		return normalPhone("")(v.Text)
	default:
		return v.Normal()
	}
}

// knownIn notes the known values in s. Their spans have the numbers from base
// on in place of a detector's.
func (sc *scan) knownIn(s string, k *knowledge, base int) error {
	if k == nil || len(k.values) == 0 {
		return nil
	}
	if err := sc.clock.spend(len(s)); err != nil {
		return err
	}
	sc.sure = true
	for m := range k.set.All(s) {
		sc.add(base+m.Value, m.Start, m.End)
		if err := sc.clock.spend(64); err != nil {
			return err
		}
	}
	return nil
}

// knownBase is the number of the first known value of a call, staticBase that
// of the first of the redactor.
const (
	knownBase  = maxDetectors
	staticBase = 1 << 30
)

// ruleAt returns the rule for a span's number.
func (sc *scan) ruleAt(det int) *rule {
	switch {
	case det < knownBase:
		return &sc.t.rules[det]
	case det < staticBase:
		return &sc.known().rules[det-knownBase]
	}
	return &sc.static.rules[det-staticBase]
}

// normalAt returns the normal form of what a span with this number holds.
func (sc *scan) normalAt(det int, value string) string {
	switch {
	case det >= staticBase:
		return sc.static.normal(det - staticBase)
	case det >= knownBase:
		return sc.known().normal(det - knownBase)
	}
	if f := sc.t.detectors[det].Normal; f != nil {
		return f(value)
	}
	return value
}

// known returns what the call knows.
func (sc *scan) known() *knowledge {
	if sc.lent != nil {
		return sc.lent
	}
	return &sc.knows
}

// knowing makes the call look for values.
func (sc *scan) knowing(values []known.Value) error {
	if len(values) == 0 {
		return nil
	}
	return sc.knows.reset(values, sc.t.operators)
}
