package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdPlaceCmd struct {
	holdScope
	Case      string   `placeholder:"C" help:"The case that needs it. Goes on record, like all that follows."`
	Authority string   `placeholder:"A" help:"Who ordered it: a court, an office, a decision."`
	Owner     []string `sep:"none" placeholder:"O" help:"Who may extend and release it beside --actor; may be given again."`
	Preview   bool     `help:"Change nothing, and say what it would cover."`
	whoAndWhy
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook.
func (c *holdPlaceCmd) Validate() error {
	switch {
	case c.empty():
		return errors.New("say what to hold: --filter, --text, --session, --user, --since or --until; --filter true is all of the tenant's evidence")
	case !c.Preview && (c.Case == "" || c.Authority == ""):
		return errors.New("give --case and --authority: a hold is on record with the case that needs it and who ordered it")
	}
	return c.needed(c.Preview)
}

// Help implements kong's HelpProvider.
func (holdPlaceCmd) Help() string {
	return `Places a hold. What matches now, and what comes later and matches, neither expires nor is erased nor
redacted until the hold is released; it stays readable meanwhile. What two holds cover stays until
both are released. Run it with --preview first: it says what would be covered.

    afterimage hold place --filter 'source.deployment == "triage"' --since 7d --preview
    afterimage hold place --session c-17 --case INC-2041 --reason "doses, asked for by the regulator" \
      --authority "letter of 2026-11-21" --actor duty-manager --owner legal
    afterimage hold place --user alice@example.com --case INC-7 --reason … --authority … --actor …`
}

// Run places the hold, or says what it would cover.
func (c *holdPlaceCmd) Run(ctx context.Context, s streams) error {
	scope, err := c.scope(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	placed, err := store.PlaceHold(ctx, &pb.PlaceHoldRequest{
		Tenant: c.Tenant, Scope: scope, CaseId: c.Case, Reason: c.Reason, Authority: c.Authority,
		Actor: c.Actor, Owners: c.Owner, DryRun: c.Preview,
	})
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, placed)
	}
	if err := printCovered(s.out, placed.GetHold(), placed.GetNewly()); err != nil {
		return err
	}
	if c.Preview {
		return c.next(s.out, placed, scope)
	}
	return c.done(s.out, placed)
}

// next prints what a preview found and what to run next.
func (c *holdPlaceCmd) next(out io.Writer, p *pb.PlaceHoldResponse, scope *pb.Hold_Scope) error {
	w := newTyped("hold", "place")
	typedScope(w, scope)
	w.needed("--case", c.Case, "CASE")
	w.needed("--authority", c.Authority, "WHOSE")
	c.typed(w)
	w.flag("--owner", c.Owner...)
	w.tenant(c.tenantFlag)
	if err := c.nothing(out, p); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "would cover %s, %d of them held by no other; and what comes later and matches\nnothing was changed; to do it:\n  %s\n",
		numbered(p.GetHold().GetEvents(), "event", "events"), sumDays(p.GetNewly()), w)
	return err
}

// nothing says so if nothing matches, for that may be a slip.
func (c *holdPlaceCmd) nothing(out io.Writer, p *pb.PlaceHoldResponse) error {
	if p.GetHold().GetEvents() > 0 {
		return nil
	}
	_, err := fmt.Fprintln(out, "nothing that is stored matches: is all of it spelled as in the events?")
	return err
}

// done prints what was done and how it is undone.
func (c *holdPlaceCmd) done(out io.Writer, p *pb.PlaceHoldResponse) error {
	h := p.GetHold()
	release, show := newTyped("hold", "release", h.GetHold()), newTyped("hold", "show", h.GetHold())
	(&whoAndWhy{}).typed(release)
	release.tenant(c.tenantFlag)
	show.tenant(c.tenantFlag)
	if err := c.nothing(out, p); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s for case %s: it covers %s, %d of them held by no other; and what comes later and matches\nwhat it covers, any time:\n  %s\nuntil it is released, by %s:\n  %s\n",
		styleFor(out).paint(bold+";"+green, "placed hold"), visible(h.GetHold()), visible(h.GetCaseId()),
		numbered(h.GetEvents(), "event", "events"), sumDays(p.GetNewly()), show, ownerList(h), release)
	return err
}
