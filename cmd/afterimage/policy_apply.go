package main

import (
	"context"
	"fmt"
	"io"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type policyApplyCmd struct {
	File       string   `arg:"" help:"The document; - for standard input."`
	Actor      string   `required:"" placeholder:"WHO" help:"Who puts it in force; a role or an account, no personal data."`
	Reason     string   `required:"" placeholder:"WHY" help:"What for; a ticket, a decision, no personal data."`
	ApprovedBy []string `sep:"none" placeholder:"WHO" help:"Who agreed to it; may be given again."`
	Replaces   string   `placeholder:"VERSION" help:"The version that it takes the place of; refused if another is in force (default: the one in force)."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (policyApplyCmd) Help() string {
	return `Puts a policy in force for a tenant while the store serves. Who, why and the whole document go
into the ledger, and stay. Events that are stored from then on are redacted and classified by it;
publishers hear of it within seconds; what is stored expires by it, which afterimage policy preview
tells beforehand. It is refused, and nothing changes, if it breaks what the policy in force promises
(min), if its analyser does not answer, or if another policy is in force than the one it replaces:
name the version that you looked at, and nobody's change gets lost.

    afterimage policy show > policy.yaml           print, and edit
    afterimage policy check policy.yaml
    afterimage policy preview policy.yaml
    afterimage policy apply policy.yaml --actor privacy-office --reason "DPIA 2026-4" \
        --approved-by "duty manager" --replaces sha256:59f58fa3728ec474`
}

// Run puts it in force.
func (c *policyApplyCmd) Run(ctx context.Context, s streams) error {
	document, err := parsePolicy(c.File, c.json(), s)
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	in, err := store.Policy(ctx, event.Tenant(c.Tenant))
	if err != nil {
		return c.explain(err)
	}
	r := &pb.ApplyPolicyRequest{
		Tenant: c.Tenant, Document: string(document.Source()), Actor: c.Actor, Reason: c.Reason, Approvals: c.ApprovedBy, Replaces: c.Replaces,
	}
	if r.Replaces == "" && in.GetTime() != nil {
		r.Replaces = in.GetVersion()
	}
	p, err := store.ApplyPolicy(ctx, r)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, p)
	}
	return c.tell(s.out, p, in.GetTime() != nil && in.GetSeq() == p.GetSeq())
}

func (c *policyApplyCmd) tell(out io.Writer, p *pb.Policy, already bool) error {
	if already {
		_, err := fmt.Fprintf(out, "policy %s is in force for tenant %s already, at seq %d: nothing had to change\n",
			visible(p.GetVersion()), visible(c.Tenant), p.GetSeq())
		return err
	}
	of := "the first of the tenant"
	if p.GetReplaces() != "" {
		of = "in the place of " + visible(p.GetReplaces())
	}
	_, err := fmt.Fprintf(out, "policy %s is in force for tenant %s, %s; on record at seq %d\n",
		visible(p.GetVersion()), visible(c.Tenant), of, p.GetSeq())
	return err
}

type policyHistoryCmd struct {
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (policyHistoryCmd) Help() string {
	return `Lists the policies that are and were in force, the newest first, from the ledger: since when, who
put them in force and why, who agreed. With -o json each with its document, byte for byte.

    afterimage policy history
    afterimage policy history -o json | jq -r 'select(.seq=="7").document' | afterimage policy diff - policy.yaml`
}

// Run lists them.
func (c *policyHistoryCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	list, err := store.Policies(ctx, event.Tenant(c.Tenant))
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		for _, p := range list {
			if err := printJSON(s.out, p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(s.out, "no policy is on record: one will be with the tenant's first event")
		return err
	}
	return printPolicies(s.out, list)
}
