package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdListCmd struct {
	Active bool `help:"Leave out those that were released."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (holdListCmd) Help() string {
	return `Lists the holds of a tenant, the newest first, released ones too: they stay on record.

    afterimage hold list --active
    afterimage hold list --tenant clinic -o json      a hold a line`
}

// Run lists the holds.
func (c *holdListCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	holds, err := store.Holds(ctx, event.Tenant(c.Tenant), c.Active)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		for _, h := range holds {
			if err := printJSON(s.out, h); err != nil {
				return err
			}
		}
		return nil
	}
	if err := warnRetention(ctx, c.storeFlag, store, s.err); err != nil {
		return err
	}
	if len(holds) == 0 {
		_, err := fmt.Fprintln(s.out, "nothing is held")
		return err
	}
	rows := [][]string{{"HOLD", "CASE", "PLACED", "RELEASED", "EVENTS", "OWNERS", "AUTHORITY", "REASON"}}
	for _, h := range holds {
		rows = append(rows, []string{
			visible(h.GetHold()), oneLine(h.GetCaseId(), 24), stampOf(h.GetPlaced(), "-"), stampOf(h.GetReleased(), "holds"), fmt.Sprint(h.GetEvents()),
			oneLine(ownerList(h), 40), oneLine(h.GetAuthority(), 40), oneLine(h.GetReason(), 60),
		})
	}
	return printRows(s.out, rows)
}

// ownerList names those who may extend and release a hold.
func ownerList(h *pb.HoldState) string { return visible(strings.Join(h.GetOwners(), ", ")) }
