package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type retentionStatusCmd struct {
	format
	storeFlag
}

// Help implements kong's HelpProvider.
func (retentionStatusCmd) Help() string {
	return `Says when the store last looked for what is due, what is due next, what is held and owed, what it makes
of its clock, and what needs somebody: reviews of policies that are overdue, erasures that cannot be finished.

    afterimage retention status
    afterimage retention status -o json`
}

// Run prints the state.
func (c *retentionStatusCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	state, err := store.Retention(ctx)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, state)
	}
	return printState(s.out, state)
}

func printState(out io.Writer, state *pb.RetentionState) error {
	if err := printWarnings(out, state); err != nil {
		return err
	}
	rows := [][]string{
		{"last run", stampOf(state.GetLastRun(), "not yet")},
		{"due now", numbered(state.GetDue(), "bucket", "buckets")},
		{"due next", stampOf(state.GetNextDue(), "nothing")},
		{"held", numbered(state.GetHeldEvents(), "event", "events") + ", by " + numbered(state.GetHolds(), "hold", "holds")},
		{"owed", numbered(state.GetOwedErasures(), "erasure", "erasures")},
	}
	if state.GetBusy() {
		rows = append(rows, []string{"now", "something is being forgotten; the rest is as it was before"})
	}
	if c := state.GetClock(); c != nil {
		text := strings.ToLower(c.GetVerdict().String()) + " at " + stampOf(c.GetClock(), "-")
		if c.GetActor() != "" {
			text += " by " + visible(c.GetActor())
		}
		if r := c.GetReason(); r != "" && r != state.GetStopped() {
			text += ": " + visible(r)
		}
		rows = append(rows, []string{"clock", text})
	}
	if err := printRows(out, rows); err != nil {
		return err
	}
	if state.GetStopped() == "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "once that is seen to, or if it is right as it is, say so:\n  %s\n", confirming())
	return err
}

// confirming is the command that vouches for what the store doubts.
func confirming() *typed {
	w := newTyped("retention", "confirm")
	(&whoAndWhy{}).typed(w)
	return w
}
