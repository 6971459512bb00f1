package retention_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A plan is a policy as the model of the year understands it: a few numbers, from
// which both the document is written and what it means is told, without the code
// that reads it.
type plan struct {
	kept       map[string]span // by class
	deployed   map[string]span // by class, at the clinic
	tenant     map[string]int  // for which hours beta keeps a class instead
	own        span            // for gamma's reports at the clinic
	threshold  float64         // from which score on an event is flagged
	trial      bool            // whether there is a class trial, of what the triage deployment sends; of what it sent before the last span counts
	quarantine int             // hours
	serial     int             // so that no two have the same version
}

// A span is hours: how long a class is kept, and how long it must be.
type span struct{ keep, min int }

const clinic, triage = "clinic", "triage"

// firstPlan is what the year begins with. unit is hours: all of it is in proportion
// to how long the year is.
func firstPlan(unit int) *plan {
	return &plan{
		kept:      map[string]span{"routine": {3 * unit, 0}, "flagged": {8 * unit, unit}, "reported": {14 * unit, 0}},
		deployed:  map[string]span{"routine": {5 * unit, 2 * unit}, "flagged": {9 * unit, unit}, "reported": {14 * unit, 0}},
		tenant:    map[string]int{"routine": 4 * unit},
		own:       span{17 * unit, unit},
		threshold: 0.75, quarantine: 4 * unit,
	}
}

// next returns another policy that keeps what this one promises.
func (p *plan) next(rng *rand.Rand, unit int) *plan {
	n := &plan{
		kept: map[string]span{}, deployed: map[string]span{}, tenant: map[string]int{}, own: p.own,
		threshold: float64(3+rng.IntN(5)) / 8, trial: rng.IntN(2) == 0,
		quarantine: unit + rng.IntN(5*unit), serial: p.serial + 1,
	}
	longest := map[string]int{"routine": 6, "flagged": 14, "reported": 22}
	for _, class := range []string{"routine", "flagged", "reported"} {
		n.kept[class] = p.kept[class].next(rng, unit, longest[class], 0)
		// A floor for all is one for the clinic too.
		n.deployed[class] = p.deployed[class].next(rng, unit, longest[class], n.kept[class].min)
		if rng.IntN(2) == 0 {
			n.tenant[class] = n.kept[class].min + 1 + rng.IntN(longest[class]*unit)
		}
	}
	if n.kept["trial"] = p.kept["trial"]; n.trial {
		n.kept["trial"] = span{1 + rng.IntN(8*unit), 0}
	}
	n.own = p.own.next(rng, unit, 22, n.deployed["reported"].min)
	return n
}

// next returns another span, of which no promise is shorter.
func (s span) next(rng *rand.Rand, unit, longest, floor int) span {
	s.min = max(s.min, floor)
	if s.min < 3*unit && rng.IntN(12) == 0 {
		s.min += 1 + rng.IntN(unit)
	}
	if s.keep < s.min || rng.IntN(3) > 0 {
		s.keep = max(s.min, 1) + rng.IntN(longest*unit)
		if rng.IntN(3) > 0 {
			s.keep += (24 - s.keep%24) % 24 // mostly whole days
		}
	}
	return s
}

func (s span) String() string {
	if s.min == 0 {
		return fmt.Sprintf("keep: %dh", s.keep)
	}
	return fmt.Sprintf("keep: %dh, min: %dh", s.keep, s.min)
}

// yaml writes the document.
func (p *plan) yaml() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# policy %d\nclasses:\n", p.serial)
	for _, class := range []string{"routine", "flagged", "reported"} {
		fmt.Fprintf(&b, "  %s: {%s}\n", class, p.kept[class])
	}
	if p.trial {
		fmt.Fprintf(&b, "  trial: {%s}\n", p.kept["trial"])
	}
	b.WriteString("  ledger: {keep: 7y, min: 7y}\nrules:\n  - {when: has(event.report), class: reported}\n")
	if p.trial {
		fmt.Fprintf(&b, "  - {when: source.deployment == %q, class: trial}\n", triage)
	}
	fmt.Fprintf(&b, "  - {when: 'has(event.verdict) && event.verdict.score >= %g', class: flagged}\n", p.threshold)
	fmt.Fprintf(&b, "  - {when: 'interaction.verdicts.exists(v, v.score >= %g)', class: flagged}\n  - {class: routine}\noverrides:\n", p.threshold)
	for _, class := range []string{"routine", "flagged", "reported"} {
		fmt.Fprintf(&b, "  - {deployment: %s, class: %s, %s}\n", clinic, class, p.deployed[class])
		if keep, ok := p.tenant[class]; ok {
			fmt.Fprintf(&b, "  - {tenant: beta, class: %s, keep: %dh}\n", class, keep)
		}
	}
	fmt.Fprintf(&b, "  - {tenant: gamma, deployment: %s, class: reported, %s}\n", clinic, p.own)
	fmt.Fprintf(&b, "quarantine: {keep: %dh}\n", p.quarantine)
	return []byte(b.String())
}

// class is what an event of evidence is given.
func (p *plan) class(e *pb.Event) string {
	class := "routine"
	flagged := e.GetVerdict() != nil && e.GetVerdict().GetScore() >= p.threshold
	for _, v := range e.GetInteraction().GetVerdicts() {
		flagged = flagged || v.GetScore() >= p.threshold
	}
	switch {
	case e.GetReport() != nil:
		class = "reported"
	case p.trial && e.GetSource().GetDeployment() == triage:
		class = "trial"
	case flagged:
		class = "flagged"
	}
	if e.GetSource().GetDeployment() == clinic {
		class += "@" + clinic
	}
	return class
}

// span returns for how long what is in a class is kept for a tenant: of a class
// made of several the longest.
func (p *plan) span(t event.Tenant, class string) (keep, min time.Duration) {
	for part := range strings.SplitSeq(strings.TrimPrefix(class, "hold:"), "+") {
		name, at, _ := strings.Cut(part, "@")
		s := p.kept[name]
		if own, ok := p.tenant[name]; ok && t == "beta" {
			s.keep = own
		}
		if at == clinic {
			s = p.deployed[name]
			if t == "gamma" && name == "reported" {
				s = p.own
			}
		}
		keep, min = max(keep, hours(s.keep)), max(min, hours(s.min))
	}
	return keep, min
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

// joined is the class of what is kept as long as either says.
func joined(a, b string) string {
	held := strings.HasPrefix(a, "hold:") || strings.HasPrefix(b, "hold:")
	parts := append(strings.Split(strings.TrimPrefix(a, "hold:"), "+"), strings.Split(strings.TrimPrefix(b, "hold:"), "+")...)
	slices.Sort(parts)
	class := strings.Join(slices.Compact(parts), "+")
	if held {
		class = "hold:" + class
	}
	return class
}
