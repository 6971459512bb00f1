package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

type policyCmd struct {
	Check    policyCheckCmd    `cmd:"" help:"Check a policy document."`
	Diff     policyDiffCmd     `cmd:"" help:"Say what one policy document says otherwise than another."`
	Template policyTemplateCmd `cmd:"" help:"Print a policy to start from."`
	Show     policyShowCmd     `cmd:"" help:"Print the policy in force for a tenant."`
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
since when it is in force, and the event that put it on record.

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
		text, err := compactJSON(p)
		if err != nil {
			return err
		}
		_, err = s.out.Write(append(text, '\n'))
		return err
	}
	since := "not yet on record: it will be with the tenant's first event"
	if p.GetTime() != nil {
		since = fmt.Sprintf("in force since %s, seq %d", p.GetTime().AsTime().Format(time.RFC3339), p.GetSeq())
	}
	fmt.Fprintf(s.err, "version %s, %s\n", p.GetVersion(), since)
	_, err = io.WriteString(s.out, p.GetDocument())
	return err
}
