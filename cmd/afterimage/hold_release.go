package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdReleaseCmd struct {
	Hold    string `arg:"" help:"The hold's id, from afterimage hold list."`
	Preview bool   `help:"Change nothing, and say what would go."`
	whoAndWhy
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook.
func (c *holdReleaseCmd) Validate() error { return c.needed(c.Preview) }

// Help implements kong's HelpProvider.
func (holdReleaseCmd) Help() string {
	return `Releases a hold; it stays on record. The clocks of what it covered never stopped: what no other hold
covers and would have expired goes now, and so does what somebody had erased meanwhile. Only its
owners may. Run it with --preview first: what goes is gone.

    afterimage hold release 019ac0de-… --preview
    afterimage hold release 019ac0de-… --actor legal --reason "INC-2041 closed on 2027-03-01"`
}

// Run releases the hold, or says what would go.
func (c *holdReleaseCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	released, err := store.ReleaseHold(ctx, &pb.ReleaseHoldRequest{Tenant: c.Tenant, Hold: c.Hold, Actor: c.Actor, Reason: c.Reason, DryRun: c.Preview})
	if err != nil {
		return explainHold(c.storeFlag, err)
	}
	if c.json() {
		return printJSON(s.out, released)
	}
	return c.print(s.out, released)
}

func (c *holdReleaseCmd) print(out io.Writer, r *pb.ReleaseHoldResponse) error {
	if err := errors.Join(
		printDays(out, "held by nobody any more:", r.GetReleased()),
		printDays(out, "of these, their time has passed and they go at once:", r.GetExpiring()),
		printDays(out, "of these, they were to be erased and go at once:", r.GetErasing()),
	); err != nil {
		return err
	}
	free, going := sumDays(r.GetReleased()), sumDays(r.GetExpiring())+sumDays(r.GetErasing())
	if !c.Preview {
		_, err := fmt.Fprintf(out, "%s %s of case %s: %s held by nobody any more, %d of them gone or going at once\n",
			styleFor(out).paint(bold+";"+green, "released hold"), visible(r.GetHold().GetHold()), visible(r.GetHold().GetCaseId()),
			numbered(free, "event", "events"), going)
		return err
	}
	w := newTyped("hold", "release", c.Hold)
	c.typed(w)
	w.tenant(c.tenantFlag)
	_, err := fmt.Fprintf(out, "would leave %s held by nobody, %d of which go at once and for good\nnothing was changed; to do it:\n  %s\n",
		numbered(free, "event", "events"), going, w)
	return err
}
