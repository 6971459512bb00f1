package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type retentionRunCmd struct {
	DryRun bool `name:"dry-run" help:"Change nothing, and say what is due."`
	format
	storeFlag
}

// Help implements kong's HelpProvider.
func (retentionRunCmd) Help() string {
	return `Expires what is due, of all tenants, and erases what was deferred and may go. What is held stays, kept
under class hold:…. A class's events of a day are due when its keep has passed since the end of that
day in UTC. With -o json, a tenant a line.

    afterimage retention run --dry-run
    afterimage retention run`
}

// Run has what is due expire, or says what is.
func (c *retentionRunCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newProgress(s.err, "expired", "blocks")
	defer bar.stop()
	expiries, err := c.call(ctx, store, bar)
	bar.stop()
	if err != nil {
		return err
	}
	if !c.json() {
		return c.print(s.out, expiries)
	}
	for _, e := range expiries {
		if err := printJSON(s.out, e); err != nil {
			return err
		}
	}
	return nil
}

// call waits for what came of it.
func (c *retentionRunCmd) call(ctx context.Context, store *client.Client, bar *progress) ([]*pb.Expiry, error) {
	for m, err := range store.Expire(ctx, c.DryRun) {
		if err != nil {
			return nil, c.explain(err)
		}
		if m.GetFinished() {
			return m.GetExpiries(), nil
		}
		bar.setNote(m.GetDone(), m.GetTotal(), m.GetStep())
	}
	return nil, errors.New("the store ended without saying what it did: run it again")
}

func (c *retentionRunCmd) print(out io.Writer, expiries []*pb.Expiry) error {
	rows := [][]string{{"TENANT", "CLASS", "DAY", "EVENTS", "WHAT"}}
	went := "expired"
	if c.DryRun {
		went = "due"
	}
	var gone, held uint64
	for _, e := range expiries {
		gone, held = gone+sumDays(e.GetGone()), held+sumDays(e.GetHeld())
		for _, d := range e.GetGone() {
			rows = append(rows, []string{visible(e.GetTenant()), visible(d.GetClass()), dayOf(d.GetDay()), fmt.Sprint(d.GetEvents()), went})
		}
		for _, d := range e.GetHeld() {
			rows = append(rows, []string{visible(e.GetTenant()), visible(d.GetClass()), dayOf(d.GetDay()), fmt.Sprint(d.GetEvents()), "held, stays"})
		}
	}
	if len(rows) > 1 {
		if err := printRows(out, rows); err != nil {
			return err
		}
	}
	if c.DryRun {
		_, err := fmt.Fprintf(out, "%s due, %d more held and staying\nnothing was changed; to do it:\n  afterimage retention run\n", numbered(gone, "event is", "events are"), held)
		return err
	}
	fmt.Fprintf(out, "%s %s, %d more were due and are held\n", styleFor(out).paint(bold+";"+green, "expired"), numbered(gone, "event", "events"), held)
	return printRequests(out, expiries)
}

// printRequests prints how what went can be certified, and which erasures got on.
func printRequests(out io.Writer, expiries []*pb.Expiry) error {
	for _, e := range expiries {
		if e.GetRequest() != "" {
			w := newTyped("retention", "certificate", e.GetRequest())
			w.tenant(tenantFlag{e.GetTenant()})
			if _, err := fmt.Fprintf(out, "certificate: %s\n", w); err != nil {
				return err
			}
		}
		for _, id := range e.GetErasures() {
			w := newTyped("retention", "erasures", id)
			w.tenant(tenantFlag{e.GetTenant()})
			if _, err := fmt.Fprintf(out, "of an erasure, what may go now: %s\n", w); err != nil {
				return err
			}
		}
	}
	return nil
}
