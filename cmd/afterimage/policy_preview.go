package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type policyPreviewCmd struct {
	File string `arg:"" help:"The document; - for standard input."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (policyPreviewCmd) Help() string {
	return `Says what a policy would do if it came into force now, and changes nothing: of what is stored, how
many events of which classes and days would expire at once, earlier or later; of the last day's
traffic, how many would be in another class, redacted otherwise, or captured. Exit code 1 if it
would be refused.

    afterimage policy preview policy.yaml
    afterimage policy preview policy.yaml --tenant clinic -o json`
}

// Run asks the store, and prints what it says.
func (c *policyPreviewCmd) Run(ctx context.Context, s streams) error {
	document, err := parsePolicy(c.File, c.json(), s)
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newProgress(s.err, "looked at", "blocks")
	defer bar.stop()
	p, err := c.call(ctx, store, string(document.Source()), bar)
	bar.stop()
	if err != nil {
		return err
	}
	if c.json() {
		err = printJSON(s.out, p)
	} else {
		err = c.print(s.out, p)
	}
	if err == nil && p.GetRefused() != "" {
		err = fmt.Errorf("it would be refused: %s", visible(p.GetRefused()))
	}
	return err
}

// call waits for the preview.
func (c *policyPreviewCmd) call(ctx context.Context, store *client.Client, document string, bar *progress) (*pb.PolicyPreview, error) {
	for m, err := range store.PreviewPolicy(ctx, event.Tenant(c.Tenant), document) {
		if err != nil {
			return nil, c.explain(err)
		}
		if m.GetPreview() != nil {
			return m.GetPreview(), nil
		}
		bar.setNote(m.GetDone(), m.GetTotal(), m.GetStep())
	}
	return nil, errors.New("the store ended without a preview: run it again")
}

func (c *policyPreviewCmd) print(out io.Writer, p *pb.PolicyPreview) error {
	instead := "the first of the tenant"
	if p.GetReplaces() != "" {
		instead = "in the place of " + visible(p.GetReplaces())
	}
	fmt.Fprintf(out, "policy %s, %s\n", visible(p.GetVersion()), instead)
	for _, w := range p.GetWarnings() {
		fmt.Fprintf(out, "%s: warning: %s\n", c.File, visible(w))
	}
	if err := printChanges(out, p); err != nil {
		return err
	}
	return printTraffic(out, p)
}

// printChanges prints what would expire at another time, by class.
func printChanges(out io.Writer, p *pb.PolicyPreview) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	rows := 0
	for _, of := range []struct {
		when string
		list []*pb.PolicyPreview_Change
	}{{"at once", p.GetNow()}, {"earlier", p.GetEarlier()}, {"later", p.GetLater()}} {
		for _, row := range byClass(of.list) {
			if rows++; rows == 1 {
				fmt.Fprintln(tw, "EXPIRES\tCLASS\tDAYS\tEVENTS\tSTAY ANYHOW")
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\n", of.when, oneLine(row.class, 60), row.days(), row.events, row.held)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	what := "of what is stored, %s time\n"
	switch {
	case rows > 0 && p.GetSame() == 0:
		return nil
	case rows > 0:
		what = "the other %s time\n"
	}
	_, err := fmt.Fprintf(out, what, numbered(p.GetSame(), "event keeps its", "events keep their"))
	return err
}

// A changeRow is what becomes of a class.
type changeRow struct {
	class        string
	first, last  time.Time
	events, held uint64
}

func (r changeRow) days() string {
	first, last := r.first.Format(time.DateOnly), r.last.Format(time.DateOnly)
	if first == last {
		return first
	}
	return first + " to " + last
}

// byClass adds changes up, by class.
func byClass(list []*pb.PolicyPreview_Change) (rows []changeRow) {
	for _, change := range list {
		day := change.GetDay().AsTime()
		i := slices.IndexFunc(rows, func(r changeRow) bool { return r.class == change.GetClass() })
		if i < 0 {
			i = len(rows)
			rows = append(rows, changeRow{class: change.GetClass(), first: day, last: day})
		}
		row := &rows[i]
		row.events, row.held = row.events+change.GetEvents(), row.held+change.GetHeld()
		if day.Before(row.first) {
			row.first = day
		}
		if day.After(row.last) {
			row.last = day
		}
	}
	slices.SortFunc(rows, func(a, b changeRow) int { return cmp.Compare(a.class, b.class) })
	return rows
}

// printTraffic prints what would have become of the last day.
func printTraffic(out io.Writer, p *pb.PolicyPreview) error {
	if p.GetTraffic() == 0 {
		_, err := fmt.Fprintln(out, "there is no traffic to try it on")
		return err
	}
	fmt.Fprintf(out, "of the %d events since %s\n", p.GetTraffic(), p.GetTrafficSince().AsTime().Format(time.RFC3339))
	for _, r := range p.GetReclassified() {
		fmt.Fprintf(out, "  %d of class %s would be in class %s\n", r.GetEvents(), oneLine(r.GetFrom(), 60), oneLine(r.GetTo(), 60))
	}
	var said []string
	for _, n := range []struct {
		count uint64
		what  string
	}{
		{p.GetRedactedOtherwise(), "would be redacted otherwise"}, {p.GetUnredactable(), "could not be redacted"},
		{p.GetUnevaluable(), "could not be evaluated"},
	} {
		if n.count > 0 || len(said) == 0 {
			said = append(said, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	fmt.Fprintf(out, "  %s\n", strings.Join(said, ", "))
	fmt.Fprintf(out, "  about %.0f interactions would be captured, where %d were", p.GetCaptured(), p.GetCapturedNow())
	if n := p.GetCaptureUnknown(); n > 0 {
		fmt.Fprintf(out, "; of %d nobody knows with which probability", n)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// printPolicies prints policies as a table.
func printPolicies(out io.Writer, list []*pb.Policy) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "VERSION\tSINCE\tSEQ\tACTOR\tREASON\tAPPROVED BY")
	for _, p := range list {
		actor := p.GetActor()
		if actor == "" {
			actor = "the store"
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\t%s\n", oneLine(p.GetVersion(), 60), p.GetTime().AsTime().Format(time.RFC3339), p.GetSeq(),
			oneLine(actor, 40), oneLine(p.GetReason(), 60), oneLine(strings.Join(p.GetApprovals(), ", "), 60))
	}
	return tw.Flush()
}
