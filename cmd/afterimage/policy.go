package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

type policyCmd struct {
	Check policyCheckCmd `cmd:"" help:"Check a policy document."`
	Show  policyShowCmd  `cmd:"" help:"Print the policy in force for a tenant."`
}

type policyCheckCmd struct {
	File string `arg:"" help:"The document; - for standard input."`
	format
}

// Help implements kong's HelpProvider.
func (policyCheckCmd) Help() string {
	return `Checks syntax, classes, the conditions of the rules and what is said of redaction, and names line
and column of whatever is wrong. Needs no server, asks no analyser, and so does not know what the policy in force promises (min): that
is checked when serve --policy puts it in force. Exit code 1 if something is wrong.

    afterimage policy check policy.yaml
    afterimage policy show > policy.yaml        something to start from`
}

// Run checks the document.
func (c *policyCheckCmd) Run(s streams) error {
	source, err := readDocument(c.File, s.in)
	if err != nil {
		return err
	}
	doc, err := policy.Parse(source)
	if problems, ok := errors.AsType[policy.Errors](err); ok {
		return c.report(s, problems)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	told := tellRedaction(doc.Redaction())
	if c.json() {
		return json.NewEncoder(s.out).Encode(map[string]any{"valid": true, "version": doc.Version(), "redaction": told})
	}
	fmt.Fprintf(s.out, "%s is valid: version %s, %d classes\n", c.File, doc.Version(), len(doc.Classes()))
	told.print(s.out)
	return nil
}

// report prints every problem as an editor understands it: file:line:column.
func (c *policyCheckCmd) report(s streams, problems policy.Errors) error {
	type problem struct {
		Line   int    `json:"line"`
		Column int    `json:"column"`
		Reason string `json:"reason"`
	}
	list := make([]problem, len(problems))
	for i, p := range problems {
		list[i] = problem{p.Line, p.Column, p.Reason}
		if !c.json() {
			fmt.Fprintf(s.err, "%s:%d:%d: %s\n", c.File, p.Line, p.Column, visible(p.Reason))
		}
	}
	if c.json() {
		if err := json.NewEncoder(s.out).Encode(map[string]any{"valid": false, "problems": list}); err != nil {
			return err
		}
	}
	if len(problems) == 1 {
		return fmt.Errorf("%s is not a valid policy: 1 problem", c.File)
	}
	return fmt.Errorf("%s is not a valid policy: %d problems", c.File, len(problems))
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
