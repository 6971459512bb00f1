package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
)

type retentionCertificateCmd struct {
	Request string `arg:"" help:"The id of an erasure, or of a run of expiry, as they say it."`
	Out     string `placeholder:"FILE" help:"Where to write it; standard output without it."`
	HTML    bool   `name:"html" help:"To be printed, instead of JSON; afterimage verify takes it too."`
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook.
func (c *retentionCertificateCmd) Validate() error {
	if c.json() && c.Out == "" {
		return errors.New("-o json says what was written: give --out FILE")
	}
	return nil
}

// Help implements kong's HelpProvider.
func (retentionCertificateCmd) Help() string {
	return `Fetches a certificate of deletion, signed by the store: what was deleted, when, by which request or
policy, the commitments of what was destroyed, the log before and after, and what remains and why.
Anybody can check it offline, without the store.

    afterimage retention certificate 019ac0de-… --out erasure.json
    afterimage retention certificate 019ac0de-… --html --out erasure.html
    afterimage verify erasure.json`
}

// Run fetches the certificate.
func (c *retentionCertificateCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	certificate, err := store.Certificate(ctx, event.Tenant(c.Tenant), c.Request)
	if errors.Is(err, client.ErrNotFound) {
		return fmt.Errorf("%w: afterimage retention erasures lists the erasures, and the ledger the runs of expiry (afterimage search --filter 'kind == \"forgotten\"')", c.explain(err))
	}
	if err != nil {
		return c.explain(err)
	}
	text := certificate.GetJson()
	if c.HTML {
		text = certificate.GetHtml()
	}
	if c.Out == "" {
		_, err := s.out.Write(text)
		return err
	}
	if err := os.WriteFile(c.Out, text, 0o600); err != nil {
		return usage("--out: %w", err)
	}
	if c.json() {
		return json.NewEncoder(s.out).Encode(map[string]any{"request": c.Request, "out": c.Out, "bytes": len(text)})
	}
	_, err = fmt.Fprintf(s.out, "wrote %s; to check it, here or anywhere:\n  %s\n", visible(c.Out), newTyped("verify", c.Out))
	return err
}
