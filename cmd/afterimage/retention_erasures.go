package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type retentionErasuresCmd struct {
	ID string `arg:"" optional:"" help:"An erasure's id; without it, all are listed."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (retentionErasuresCmd) Help() string {
	return `Lists the erasures of a tenant, the newest first, or prints one: what is gone, what is owed still and
why. The ledger does not say whom they were about.

    afterimage retention erasures
    afterimage retention erasures 019ac0de-…`
}

// Run lists the erasures, or prints one.
func (c *retentionErasuresCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	if c.ID == "" {
		return c.list(ctx, s, store)
	}
	e, err := store.Erasure(ctx, event.Tenant(c.Tenant), c.ID)
	if errors.Is(err, client.ErrNotFound) {
		return fmt.Errorf("%w: afterimage retention erasures lists those that there are", c.explain(err))
	}
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, e)
	}
	return printErasure(s.out, e)
}

func (c *retentionErasuresCmd) list(ctx context.Context, s streams, store *client.Client) error {
	all, err := store.Erasures(ctx, event.Tenant(c.Tenant))
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		for _, e := range all {
			if err := printJSON(s.out, e); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(s.out, "nothing was erased")
		return err
	}
	rows := [][]string{{"ERASURE", "REQUESTED", "COMPLETED", "OF", "EVENTS", "ERASED", "ACTOR", "REASON"}}
	for _, e := range all {
		rows = append(rows, []string{
			visible(e.GetRequest()), stampOf(e.GetRequested(), "-"), stampOf(e.GetCompleted(), "owed"), strings.ToLower(e.GetScope().String()),
			fmt.Sprint(e.GetEvents()), fmt.Sprint(e.GetErased()), oneLine(e.GetActor(), 40), oneLine(e.GetReason(), 60),
		})
	}
	return printRows(s.out, rows)
}

func printErasure(out io.Writer, e *pb.ErasureState) error {
	rows := [][]string{
		{"erasure", visible(e.GetRequest())}, {"requested", stampOf(e.GetRequested(), "-")}, {"completed", stampOf(e.GetCompleted(), "owed")},
		{"of", map[bool]string{true: "the whole tenant", false: "a person"}[e.GetScope() == pb.Erasure_TENANT]},
		{"since", stampOf(e.GetSince(), "the beginning")}, {"until", stampOf(e.GetUntil(), "then")},
		{"actor", visible(e.GetActor())}, {"reason", visible(e.GetReason())},
		{"erased", fmt.Sprintf("%d of %s", e.GetErased(), numbered(e.GetEvents(), "event", "events"))},
	}
	if err := printRows(out, rows); err != nil {
		return err
	}
	return errors.Join(printDays(out, "gone:", e.GetGone()), printOwed(out, e))
}
