package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type policyCmd struct {
	Check    policyCheckCmd    `cmd:"" help:"Check a policy document."`
	Diff     policyDiffCmd     `cmd:"" help:"Say what one policy document says otherwise than another."`
	Template policyTemplateCmd `cmd:"" help:"Print a policy to start from."`
	Preview  policyPreviewCmd  `cmd:"" help:"Say what a policy would do to what is stored and to the last day's traffic."`
	Apply    policyApplyCmd    `cmd:"" help:"Put a policy in force for a tenant, on record."`
	Show     policyShowCmd     `cmd:"" help:"Print the policy in force for a tenant."`
	History  policyHistoryCmd  `cmd:"" help:"List the policies that are and were in force for a tenant."`
}

// readDocument reads a policy from a file or, for -, from stdin.
func readDocument(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(stdin, policy.MaxSource+1))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("%w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, policy.MaxSource+1))
	if err != nil {
		return nil, usage("%w", err)
	}
	return text, nil
}

type policyShowCmd struct {
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (policyShowCmd) Help() string {
	return `Prints the policy in force, byte for byte as it was applied; on standard error its version,
since when it is in force, the event that put it on record, who put it in force and why, and
whether its review is overdue.

    afterimage policy show
    afterimage policy show --tenant clinic -o json`
}

// Run prints the policy.
func (c *policyShowCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	p, err := store.Policy(ctx, event.Tenant(c.Tenant))
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, p)
	}
	tellPolicy(s.err, p)
	_, err = io.WriteString(s.out, p.GetDocument())
	return err
}

// tellPolicy says of a policy what is not in its document.
func tellPolicy(out io.Writer, p *pb.Policy) {
	if p.GetTime() == nil {
		fmt.Fprintf(out, "version %s, not yet on record: it will be with the tenant's first event\n", visible(p.GetVersion()))
		return
	}
	fmt.Fprintf(out, "version %s, in force since %s, seq %d\n", visible(p.GetVersion()), p.GetTime().AsTime().Format(time.RFC3339), p.GetSeq())
	if p.GetActor() != "" {
		fmt.Fprintf(out, "put in force by %s: %s\n", visible(p.GetActor()), visible(p.GetReason()))
	}
	for _, who := range p.GetApprovals() {
		fmt.Fprintf(out, "approved by %s\n", visible(who))
	}
	if p.GetReplaces() != "" {
		fmt.Fprintf(out, "in the place of %s\n", visible(p.GetReplaces()))
	}
	if p.GetReviewOverdue() != nil {
		fmt.Fprintf(out, "%s its review is overdue since %s\n", styleFor(out).paint(bold+";"+yellow, "REVIEW:"), p.GetReviewOverdue().AsTime().Format(time.DateOnly))
	}
}
