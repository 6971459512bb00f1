package main

import (
	"context"
	"fmt"
	"io"
	"math"
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

How people are estimated is said with each group: a count, or for certain (exact), without an
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

// printUnknown says what the estimates do not know, a line each.
func printUnknown(out io.Writer, e *pb.EstimateEventsResponse) error {
	var lines []string
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if u := e.GetTotal().GetUnknown(); u != nil {
		note("without probability, on top of the above: %d events, at least %d more sessions and %d more people", u.GetEvents(), u.GetSessions(), u.GetSubjects())
	}
	check := e.GetCheck()
	if n := check.GetMissing(); n > 0 {
		note("missing in the instances' counters: %d events that were lost, are yet to come or were forgotten", n)
	}
	for _, g := range check.GetGaps() {
		line := fmt.Sprintf("  %s %s: %d of %d to %d", visible(g.GetService()), visible(g.GetInstance()), g.GetMissing(), g.GetFirst(), g.GetLast())
		if n := g.GetRepeated(); n > 0 {
			line += fmt.Sprintf("; %d numbers twice: it began to count anew", n)
		}
		lines = append(lines, line)
	}
	if n := check.GetUncounted(); n > 0 {
		note("without a number, so that nobody would miss them: %d events", n)
	}
	if v := check.GetCoverage(); v != nil && v.GetAgrees() {
		note("publishers counted %d interactions: as estimated", v.GetSeen())
	} else if v != nil {
		note("publishers counted %d interactions where %s are estimated, and captured %d where %d are stored", v.GetSeen(), estimateCell(v.GetEstimated().Value), v.GetCaptured(), v.GetStored())
	}
	if n := check.GetForgotten(); n > 0 {
		note("forgotten, of any time: %d events, which are in no estimate", n)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
