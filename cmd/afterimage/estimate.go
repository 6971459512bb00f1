package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type estimateCmd struct {
	population
	NoCheck bool `help:"Leave out what is missing and what publishers counted, which looks at every event of the time range."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (estimateCmd) Help() string {
	return `Says from what was sampled how many events, sessions and people there were, each with a 95 %
interval, and what is not known. No text is read.

    afterimage estimate --filter 'source.deployment == "medical-triage"' --since 30d
    afterimage estimate --by category,day --since 7d
    afterimage estimate --filter 'interaction.verdicts.exists(v, v.score >= v.threshold)' -o json

How people are estimated is said with each group: a count (exact; certain only if a rule keeps
everything of the group, or nothing of the time was sampled, which is said below), without an
assumption (good-toulmin), under laws that people mostly follow (model), or not at all, in bounds.`
}

// Run asks the store, and prints what it says.
func (c *estimateCmd) Run(ctx context.Context, s streams) error {
	r := &pb.EstimateEventsRequest{Tenant: c.Tenant, Filter: c.Filter, GroupBy: c.By, Limit: c.Limit, SkipCheck: c.NoCheck}
	if err := c.fill(time.Now(), &r.Since, &r.Until, &r.Interval); err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	e, err := store.Estimate(ctx, r)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		text, err := compactJSON(e)
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s\n", text)
		}
		return err
	}
	return c.table(s.out, e)
}

func (c *estimateCmd) table(out io.Writer, e *pb.EstimateEventsResponse) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(append(upper(c.By), "SEEN", "EVENTS", "95 %", "SESSIONS", "95 %", "PEOPLE", "95 %", "HOW"), "\t"))
	for _, g := range e.GetGroups() {
		fmt.Fprintln(w, strings.Join(append(keyCells(c.By, g.GetKey()), estimatedCells(g)...), "\t"))
	}
	fmt.Fprintln(w, strings.Join(append(totalCells(c.By), estimatedCells(e.GetTotal())...), "\t"))
	if err := w.Flush(); err != nil {
		return err
	}
	if err := printOmitted(out, e.GetOmitted()); err != nil {
		return err
	}
	return printUnknown(out, e)
}

func estimatedCells(g *pb.EstimatedGroup) []string {
	cells := []string{fmt.Sprint(g.GetEvents().GetObserved())}
	for _, e := range []*pb.Estimate{g.GetEvents(), g.GetSessions(), g.GetSubjects()} {
		cells = append(cells, estimateCell(e.Value), fmt.Sprintf("%s–%s", number(e.GetLow()), estimateCell(e.High)))
	}
	return append(cells, strings.ToLower(strings.ReplaceAll(g.GetSubjects().GetMethod().String(), "_", "-")))
}

// estimateCell is a number, or ? where there is none.
func estimateCell(v *float64) string {
	if v == nil {
		return "?"
	}
	return number(*v)
}

// number is an estimate without digits that mean nothing.
func number(v float64) string { return fmt.Sprintf("%.0f", math.Round(v)) }

// notes are lines that say what the estimates do not know.
type notes []string

func (n *notes) add(format string, args ...any) { *n = append(*n, fmt.Sprintf(format, args...)) }

// printUnknown says what the estimates do not know, a line each.
func printUnknown(out io.Writer, e *pb.EstimateEventsResponse) error {
	var n notes
	n.exact(e)
	if u := e.GetTotal().GetUnknown(); u != nil {
		n.add("without probability, on top of the above: %d events, at least %d more sessions and %d more people", u.GetEvents(), u.GetSessions(), u.GetSubjects())
	}
	check := e.GetCheck()
	n.gaps(check)
	n.coverage(check.GetCoverage())
	if f := check.GetForgotten(); f > 0 {
		n.add("forgotten, of any time: %d events, which are in no estimate", f)
	}
	for _, line := range n {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// exact says what an exact count is worth, where there is one.
func (n *notes) exact(e *pb.EstimateEventsResponse) {
	if !isExact(e.GetTotal()) && !slices.ContainsFunc(e.GetGroups(), isExact) {
		return
	}
	const is = "exact (from and to are the same): certain only if everything of the group is kept by a rule; "
	check := e.GetCheck()
	switch {
	case check == nil:
		n.add(is + "whether other events of this time were sampled was not looked at (--no-check)")
	case check.Rarest == nil:
		n.add(is + "it is not known with which probability other events of this time were sampled")
	case check.GetRarest() < 1:
		n.add(is+"other events of this time were sampled at %s", percent(check.GetRarest()))
	}
}

// isExact tells whether something of a group is counted as exact.
func isExact(g *pb.EstimatedGroup) bool {
	return slices.ContainsFunc([]*pb.Estimate{g.GetEvents(), g.GetSessions(), g.GetSubjects()}, func(e *pb.Estimate) bool {
		return e.GetMethod() == pb.Estimate_EXACT
	})
}

func percent(p float64) string { return strconv.FormatFloat(100*p, 'g', 3, 64) + " %" }

// gaps says which numbers are missing.
func (n *notes) gaps(check *pb.SamplingCheck) {
	if m := check.GetMissing(); m > 0 {
		n.add("missing in the instances' counters: %d events that were lost, are yet to come or were forgotten", m)
	}
	for _, g := range check.GetGaps() {
		line := fmt.Sprintf("  %s: %d of %d to %d", instanceName(g), g.GetMissing(), g.GetFirst(), g.GetLast())
		if m := g.GetRepeated(); m > 0 {
			line += fmt.Sprintf("; %d numbers twice: it began to count anew", m)
		}
		*n = append(*n, line)
	}
	if m := check.GetUncounted(); m > 0 {
		n.add("without a number, so that nobody would miss them: %d events", m)
	}
}

// coverage says whether publishers counted what is estimated and stored.
func (n *notes) coverage(c *pb.CoverageCheck) {
	switch {
	case c == nil:
		return
	case c.GetAgrees():
		n.add("publishers counted %d interactions: as estimated", c.GetSeen())
	default:
		n.add("publishers counted %d interactions where %s are estimated, and captured %d where %d are stored; %d of %d instances disagree",
			c.GetSeen(), estimateCell(c.GetEstimated().Value), c.GetCaptured(), c.GetStored(), c.GetDisagreeing(), c.GetInstances())
	}
	for _, i := range c.GetDisagree() {
		n.add("  %s: %d counted, %s estimated, %d captured, %d stored",
			instanceName(i), i.GetSeen(), estimateCell(i.GetEstimated().Value), i.GetCaptured(), i.GetStored())
	}
	if more := c.GetDisagreeing() - uint64(len(c.GetDisagree())); more > 0 {
		n.add("  and %d more", more)
	}
	if m := c.GetElsewhere(); m > 0 {
		n.add("stored of that time, but counted by nobody: %d interactions", m)
	}
	if m := c.GetOmitted(); m > 0 {
		n.add("coverage events too many to compare: %d", m)
	}
}

func instanceName(of interface {
	GetService() string
	GetInstance() string
}) string {
	return visible(of.GetService()) + " " + visible(of.GetInstance())
}
