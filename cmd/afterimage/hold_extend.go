package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdExtendCmd struct {
	Hold string `arg:"" help:"The hold's id, from afterimage hold list."`
	holdScope
	Owner   []string `sep:"none" placeholder:"O" help:"Who may extend and release it from now on too; may be given again."`
	Preview bool     `help:"Change nothing, and say what it would cover."`
	whoAndWhy
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook.
func (c *holdExtendCmd) Validate() error {
	switch {
	case c.empty() && len(c.Owner) == 0:
		return errors.New("say what to hold beside what it does, as in afterimage hold place, or give --owner")
	case c.Actor == "":
		return errors.New("give --actor: only an owner of the hold may extend it")
	}
	return c.needed(c.Preview)
}

// Help implements kong's HelpProvider.
func (holdExtendCmd) Help() string {
	return `Has a hold claim more beside what it does; it never claims less. Only its owners may: whoever placed
it, and those named then and since.

    afterimage hold extend 019ac0de-… --session c-18 --actor legal --preview
    afterimage hold extend 019ac0de-… --owner counsel --actor legal --reason "handed over to counsel"`
}

// Run extends the hold, or says what it would cover.
func (c *holdExtendCmd) Run(ctx context.Context, s streams) error {
	scope, err := c.scope(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	extended, err := store.ExtendHold(ctx, &pb.ExtendHoldRequest{
		Tenant: c.Tenant, Hold: c.Hold, Scope: scope, Owners: c.Owner, Actor: c.Actor, Reason: c.Reason, DryRun: c.Preview,
	})
	if err != nil {
		return explainHold(c.storeFlag, err)
	}
	if c.json() {
		return printJSON(s.out, extended)
	}
	h := extended.GetHold()
	if err := printCovered(s.out, h, extended.GetNewly()); err != nil {
		return err
	}
	if !c.Preview {
		_, err := fmt.Fprintf(s.out, "%s %s: it covers %s, %d of them new and held by no other; its owners are %s\n",
			styleFor(s.out).paint(bold+";"+green, "extended hold"), visible(h.GetHold()), numbered(h.GetEvents(), "event", "events"),
			sumDays(extended.GetNewly()), ownerList(h))
		return err
	}
	w := newTyped("hold", "extend", c.Hold)
	typedScope(w, scope)
	w.flag("--owner", c.Owner...)
	c.typed(w)
	w.tenant(c.tenantFlag)
	_, err = fmt.Fprintf(s.out, "would cover %s, %d of them new and held by no other\nnothing was changed; to do it:\n  %s\n",
		numbered(h.GetEvents(), "event", "events"), sumDays(extended.GetNewly()), w)
	return err
}
