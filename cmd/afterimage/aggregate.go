package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A population is which events a command counts, and by what.
type population struct {
	Filter   string        `placeholder:"CEL" help:"Only events for which this condition holds; it must not need their text."`
	Since    string        `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until    string        `placeholder:"T" help:"Only events before this."`
	By       []string      `placeholder:"NAME" help:"Group by these: model, version, category, action, classifier, service, service_version, instance, deployment, environment, region, kind, class, rule, and one of hour, day and interval."`
	Interval time.Duration `placeholder:"D" help:"The length of an interval, with --by interval: 15m, 6h."`
	Limit    int32         `placeholder:"N" help:"The most groups to print, those with the most events (default 1000)."`
}

// fill puts it into a request.
func (p population) fill(now time.Time, since, until **timestamppb.Timestamp, interval **durationpb.Duration) error {
	for _, bound := range []struct {
		text string
		to   **timestamppb.Timestamp
	}{{p.Since, since}, {p.Until, until}} {
		if bound.text == "" {
			continue
		}
		t, err := parseTime(bound.text, now)
		if err != nil {
			return err
		}
		*bound.to = timestamppb.New(t)
	}
	if p.Interval != 0 {
		*interval = durationpb.New(p.Interval)
	}
	return nil
}

type aggregateCmd struct {
	population
	Quantiles []float64 `placeholder:"Q" help:"Quantiles of the verdicts' scores, each in [0, 1]: 0.5,0.99."`
	Histogram int32     `placeholder:"N" help:"The verdicts' scores as a histogram of so many bins."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (aggregateCmd) Help() string {
	return `Counts what is stored; afterimage estimate says how much there was of it. No text is read.

    afterimage aggregate --by day,category
    afterimage aggregate --filter 'interaction.model.name == "gpt-4o"' --by version,action --since 7d
    afterimage aggregate --by category --quantiles 0.5,0.9,0.99 --histogram 10
    afterimage aggregate --by interval --interval 15m --since 6h -o json

An event with two categories counts in each. Times are UTC.`
}

// Run asks the store, and prints what it says.
func (c *aggregateCmd) Run(ctx context.Context, s streams) error {
	r := &pb.AggregateEventsRequest{
		Tenant: c.Tenant, Filter: c.Filter, GroupBy: c.By, Limit: c.Limit,
		Quantiles: c.Quantiles, HistogramBins: c.Histogram,
	}
	if err := c.fill(time.Now(), &r.Since, &r.Until, &r.Interval); err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	a, err := store.Aggregate(ctx, r)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		text, err := compactJSON(a)
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s\n", text)
		}
		return err
	}
	return c.table(s.out, a)
}

func (c *aggregateCmd) table(out io.Writer, a *pb.AggregateEventsResponse) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	columns := append(upper(c.By), "EVENTS", "SESSIONS", "PEOPLE")
	for _, q := range c.Quantiles {
		columns = append(columns, fmt.Sprintf("Q%v", q))
	}
	if c.Histogram > 0 {
		columns = append(columns, "SCORES")
	}
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	for _, g := range a.GetGroups() {
		fmt.Fprintln(w, strings.Join(append(keyCells(c.By, g.GetKey()), c.cells(g)...), "\t"))
	}
	fmt.Fprintln(w, strings.Join(append(totalCells(c.By), c.cells(a.GetTotal())...), "\t"))
	if err := w.Flush(); err != nil {
		return err
	}
	return printOmitted(out, a.GetOmitted())
}

func (c *aggregateCmd) cells(g *pb.EventGroup) []string {
	cells := []string{fmt.Sprint(g.GetEvents()), distinctCell(g.GetSessions()), distinctCell(g.GetSubjects())}
	quantiles := g.GetScores().GetQuantiles()
	for i := range c.Quantiles {
		if i < len(quantiles) {
			cells = append(cells, strconv.FormatFloat(quantiles[i].GetValue(), 'g', 3, 64))
		} else {
			cells = append(cells, "-")
		}
	}
	if c.Histogram > 0 {
		cells = append(cells, strings.Trim(fmt.Sprint(g.GetScores().GetHistogram()), "[]"))
	}
	return cells
}

func distinctCell(d *pb.Distinct) string {
	if e := d.GetStandardError(); e > 0 {
		return fmt.Sprintf("%d±%.1f%%", d.GetCount(), 100*e)
	}
	return fmt.Sprint(d.GetCount())
}

// keyCells are the values of a key in the order of the names; "-" for none.
func keyCells(by []string, key map[string]string) []string {
	cells := make([]string, len(by))
	for i, name := range by {
		if cells[i] = visible(key[name]); cells[i] == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// totalCells stand in the place of a key beside the numbers of all together.
func totalCells(by []string) []string {
	cells := make([]string, len(by))
	if len(cells) > 0 {
		cells[0] = "(all)"
	}
	return cells
}

func upper(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToUpper(name)
	}
	return out
}

func printOmitted(out io.Writer, o *pb.Omitted) error {
	if o.GetGroups() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "%d more groups with %d events are left out: raise --limit (an answer has up to 3 MiB), group by less, or narrow --filter, --since, --until\n", o.GetGroups(), o.GetEvents())
	return err
}
