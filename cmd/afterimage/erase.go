package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type eraseCmd struct {
	User       *string `placeholder:"ID" help:"The person, as the service publishes them or as a pseudonym."`
	Everything bool    `help:"All of the tenant's evidence, instead of a person's."`
	Since      string  `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until      string  `placeholder:"T" help:"Only events before this."`
	Preview    bool    `help:"Change nothing, and say what would go."`
	whoAndWhy
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook. An empty variable of a script must not erase
// somebody else, and never everybody.
func (c *eraseCmd) Validate() error {
	switch {
	case c.User == nil && !c.Everything:
		return errors.New("say whose evidence: --user ID, or --everything of the tenant")
	case c.User != nil && c.Everything:
		return errors.New("--user is one person's evidence, --everything the whole tenant's: leave one of them out")
	case c.User != nil && strings.TrimSpace(*c.User) == "":
		return errors.New("--user is blank: say whose evidence")
	}
	return c.needed(c.Preview)
}

// Help implements kong's HelpProvider.
func (eraseCmd) Help() string {
	return `Erases what is stored of a person: their events, what indexes and quarantine have of them. It is gone
for good, here and in every older copy of the data; the log still verifies, and the ledger says who had
it done and why, not whom it was about. What a hold covers, or the policy promises to keep (min), is
deferred: it is owed from then on and goes by itself when it may. Run it with --preview first.

    afterimage erase --user alice@example.com --preview
    afterimage erase --user alice@example.com --actor privacy-office --reason "ticket 4711, Art. 17"
    afterimage erase --user '[USER:k7m2qa5d3hx4]' --until 2026-06-01 --actor … --reason …
    afterimage erase --everything --tenant clinic --actor … --reason "the contract ended"

What came of it later: afterimage retention erasures. Somebody of whom nothing is stored is an error.`
}

// Run erases, or says what would go.
func (c *eraseCmd) Run(ctx context.Context, s streams) error {
	r, err := c.request(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newProgress(s.err, "erased", "blocks")
	defer bar.stop()
	done, err := c.call(ctx, store, r, bar)
	bar.stop()
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(s.out, done)
	}
	return c.print(s.out, r, done)
}

func (c *eraseCmd) request(now time.Time) (*pb.EraseEventsRequest, error) {
	r := &pb.EraseEventsRequest{Tenant: c.Tenant, Everything: c.Everything, Actor: c.Actor, Reason: c.Reason, DryRun: &c.Preview}
	if c.User != nil {
		r.User = *c.User
	}
	var err error
	r.Since, r.Until, err = parseStamps(c.Since, c.Until, now)
	return r, err
}

// call waits for what came of it.
func (c *eraseCmd) call(ctx context.Context, store *client.Client, r *pb.EraseEventsRequest, bar *progress) (*pb.ErasureState, error) {
	for m, err := range store.Erase(ctx, r) {
		if err != nil {
			return nil, c.interrupted(err)
		}
		if m.GetErasure() != nil {
			return m.GetErasure(), nil
		}
		bar.setNote(m.GetDone(), m.GetTotal(), m.GetStep())
	}
	return nil, errors.New("the store ended without saying what it did: afterimage retention erasures says what is on record")
}

// interrupted says what becomes of an erasure that nobody waits for.
func (c *eraseCmd) interrupted(err error) error {
	explained := c.explain(err)
	switch {
	case c.Preview:
	case errors.Is(explained, context.Canceled):
		return errors.New("interrupted: the store finishes what it has begun; afterimage retention erasures says what that is")
	case errors.Is(err, client.ErrUnavailable):
		return fmt.Errorf("%w; it finishes what it had begun: afterimage retention erasures says what that is", explained)
	}
	return explained
}

func (c *eraseCmd) print(out io.Writer, r *pb.EraseEventsRequest, e *pb.ErasureState) error {
	what := "gone, here and in every older copy of the data:"
	if c.Preview {
		what = "would go at once:"
	}
	if err := errors.Join(printDays(out, what, e.GetGone()), printOwed(out, e)); err != nil {
		return err
	}
	if c.Preview {
		return c.next(out, r, e)
	}
	certificate := newTyped("retention", "certificate", e.GetRequest(), "--out", "erasure.json")
	certificate.tenant(c.tenantFlag)
	_, err := fmt.Fprintf(out, "%s %d of %s; on record as %s\nits certificate, for whoever asked:\n  %s\n", styleFor(out).paint(bold+";"+green, "erased"),
		e.GetErased(), numbered(e.GetEvents(), "event", "events"), visible(e.GetRequest()), certificate)
	return err
}

// next prints what a preview found and what to run next.
func (c *eraseCmd) next(out io.Writer, r *pb.EraseEventsRequest, e *pb.ErasureState) error {
	w := newTyped("erase")
	w.flag("--user", r.GetUser())
	if c.Everything {
		w.add("--everything")
	}
	w.stamp("--since", r.GetSince())
	w.stamp("--until", r.GetUntil())
	c.typed(w)
	w.tenant(c.tenantFlag)
	_, err := fmt.Fprintf(out, "would erase %d of %s at once\nnothing was changed; to do it:\n  %s\n", e.GetErased(), numbered(e.GetEvents(), "event", "events"), w)
	return err
}

// printOwed prints what of an erasure has not gone yet, and what it does not reach.
func printOwed(out io.Writer, e *pb.ErasureState) error {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, d := range e.GetDeferred() {
		events := numbered(d.GetEvents(), "event is", "events are")
		if d.GetCause() == pb.Erasure_Deferral_HELD {
			add("owed: %s held by %s: to go by itself when no hold is left", events, visible(strings.Join(d.GetHolds(), ", ")))
		} else {
			add("owed: %s promised by class %s until %s: to go by itself then", events, visible(d.GetClass()), stampOf(d.GetUntil(), "the policy says otherwise"))
		}
	}
	if ids := e.GetOwedAlready(); len(ids) > 0 {
		add("some of these events are owed already, by %s", visible(strings.Join(ids, ", ")))
	}
	if n := e.GetOtherwise(); n > 0 {
		add("%s gone otherwise: expired, or erased by another request", numbered(n, "event had", "events had"))
	}
	if n := e.GetQuarantined(); n > 0 {
		add("with %s", numbered(n, "quarantined message", "quarantined messages"))
	}
	if n := e.GetMentions(); n > 0 {
		add("%s the pseudonym too: what is other people's stays", numbered(n, "event of somebody else has", "events of other people have"))
	}
	for _, x := range e.GetExports() {
		add("handed out before by export %s: whoever has that copy has it still; ask them", visible(x))
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, l); err != nil {
			return err
		}
	}
	return nil
}
