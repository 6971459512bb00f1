package redaction

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An Operator is what is done with what a detector finds.
type Operator uint8

// The operators. The first is what is done where nothing else is said.
const (
	// Pseudonymise puts type and keyed token in its place: [EMAIL:k7m2qa5d3hx4].
	Pseudonymise Operator = iota
	// Mask puts the type alone in its place: [EMAIL].
	Mask
	// Drop takes it out.
	Drop
	// Generalise puts something less exact in its place, [AGE:~30-39], or
	// masks what has no such form.
	Generalise
	// Keep leaves it as it is; [Redactor.Explain] reports it where
	// Config.ReportKept says so.
	Keep
)

var operatorNames = [...]string{"pseudonym", "mask", "drop", "generalise", "keep"}

// ParseOperator returns the operator of a name: pseudonym, mask, drop,
// generalise or keep.
func ParseOperator(name string) (Operator, error) {
	if i := slices.Index(operatorNames[:], name); i >= 0 {
		return Operator(i), nil
	}
	return 0, fmt.Errorf("operator %q is none of %s", name, strings.Join(operatorNames[:], ", "))
}

func (o Operator) String() string { return operatorNames[o] }

// proto returns the operator as events name it.
func (o Operator) proto() pb.Redaction_Operator {
	return pb.Redaction_Operator(o) + pb.Redaction_PSEUDONYM
}

// kept are the types that stay unless a policy names another operator: by
// themselves they lead to nobody, and evidence without them is hard to read.
var kept = []string{"DATE", "URL", "DOMAIN", "AGE", "POSTAL_CODE", "LICENSE_PLATE"}

// DefaultOperators returns what is done with each type, or TYPE/detector, whose
// operator is not [Pseudonymise].
func DefaultOperators() map[string]Operator {
	ops := map[string]Operator{}
	for _, typ := range kept {
		ops[typ] = Keep
	}
	ops["IP_ADDRESS/"+localName] = Keep
	return ops
}

// operatorsOf completes what a configuration says.
func operatorsOf(configured map[string]Operator) (map[string]Operator, error) {
	ops := DefaultOperators()
	for typ, op := range configured {
		if name, _, _ := strings.Cut(typ, "/"); !isType(name) {
			return nil, fmt.Errorf("operators: type %q is not A–Z, 0–9 and _", typ)
		}
		if int(op) >= len(operatorNames) {
			return nil, fmt.Errorf("operators: %s has operator %d, which is none", typ, op)
		}
	}
	maps.Copy(ops, configured)
	return ops, nil
}

// operatorOf returns the operator of a detector.
func operatorOf(ops map[string]Operator, d *Detector) Operator {
	return operatorIn(ops, d.Type, nameOf(d))
}

func operatorIn(ops map[string]Operator, typ, detector string) Operator {
	if op, ok := ops[typ+"/"+detector]; ok {
		return op
	}
	return ops[typ]
}

// Differs tells whether something that was replaced, as the record of an event
// has it, would have been replaced in another way, or stayed.
func (r *Redactor) Differs(was *pb.Redaction) bool {
	op := operatorIn(r.ops, was.GetType(), was.GetDetector())
	return op == Keep || op.proto() != max(was.GetOperator(), pb.Redaction_PSEUDONYM)
}

// A rule is what an edit follows: who found it and what is done with it.
type rule struct {
	typ, name string
	version   int
	op        Operator
	source    string
}

// generalisers make values of some types less exact. What they return has
// letters, digits and ./:+- alone.
var generalisers = map[string]func(value string) string{
	"AGE":           ageBand,
	"IP_ADDRESS":    network,
	"DATE":          month,
	"DATE_OF_BIRTH": month,
	"POSTAL_CODE":   area,
	"CREDIT_CARD":   lastFour,
	"EMAIL":         domainOf,
}

// generalised returns the replacement of a value by something less exact.
func generalised(typ, value string) string {
	if f := generalisers[typ]; f != nil {
		if g := f(value); g != "" && len(g) <= maxGeneral && isGeneral(g) {
			return "[" + typ + ":~" + g + "]"
		}
	}
	return masked(typ)
}

func masked(typ string) string { return "[" + typ + "]" }

// maxGeneral bounds what a generaliser returns.
const maxGeneral = 64

func isGeneral(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("./:+-", s[i]) < 0 {
			return false
		}
	}
	return true
}

// ageBand returns the ten years that an age lies in.
func ageBand(s string) string {
	n, err := strconv.Atoi(digitsOf(s))
	if err != nil || n > 150 {
		return ""
	}
	return fmt.Sprintf("%d-%d", n/10*10, n/10*10+9)
}

// network returns the /24 of an IPv4 address and the /48 of an IPv6 address.
func network(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	a = a.Unmap()
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// month returns year and month of an ISO date, the year of others: which of
// two numbers is the month is not known.
func month(s string) string {
	if len(s) >= 7 && digitsEnd(s, 0) == 4 && s[4] == '-' && digitsEnd(s, 5) == 7 {
		return s[:7]
	}
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		end := digitsEnd(s, i)
		if end-i == 4 {
			return s[i:end]
		}
		i = end
	}
	return ""
}

// area returns the first half of a postal code.
func area(s string) string {
	s = compactUpper(s)
	return s[:len(s)/2]
}

func lastFour(s string) string {
	d := digitsOf(s)
	if len(d) < 12 {
		return ""
	}
	return d[len(d)-4:]
}

func domainOf(s string) string {
	_, domain, _ := strings.Cut(normalEmail(s), "@")
	return domain
}
