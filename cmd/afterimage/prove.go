package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/afterimage/afterimage/event"
)

type proveCmd struct {
	Seq  uint64 `arg:"" help:"The event's position in the log, its seq."`
	File string `short:"o" name:"out" placeholder:"FILE" help:"Where to write the proof, e.g. event.tlog-proof; standard output without it."`
	Size uint64 `placeholder:"N" help:"Prove it in the checkpoint over so many events, one that was given out before."`
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (proveCmd) Help() string {
	return `Writes a proof that the event is in the log: a small text that anybody can check offline, with
this program or another, against the log's verifier key and what witnesses cosigned (C2SP
tlog-proof). It holds no content, only hashes. An event that was forgotten can still be proven to
have been there. Of one that was redacted since, FILE.redactions gets the ledger events that lead
from what it was to what it is, each with its own proof; hand on both.

    afterimage prove 1234 -o event.tlog-proof
    afterimage verify event.tlog-proof --key 'afterimage.invalid/…+…+…'`
}

// Run fetches a proof and writes it.
func (c *proveCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	p, err := store.Prove(ctx, event.Tenant(c.Tenant), event.Seq(c.Seq), event.Seq(c.Size))
	if err != nil {
		return c.explain(err)
	}
	if c.File == "" {
		if len(p.GetRedactions()) > 0 {
			fmt.Fprintln(s.err, "the event was redacted since: what it is now shows with -o FILE, which writes beside it what the ledger says")
		}
		_, err := fmt.Fprint(s.out, p.GetTlogProof())
		return err
	}
	ledger, err := redactionLines(ctx, store, event.Tenant(c.Tenant), p.GetRedactions())
	if err != nil {
		return c.explain(err)
	}
	if err := errors.Join(os.WriteFile(c.File, []byte(p.GetTlogProof()), 0o600), writeRedactions(c.File, ledger)); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	fmt.Fprintf(s.err, "event %d is in the log of %d events: %s proves it\n", p.GetSeq(), p.GetCheckpoint().GetSize(), c.File)
	if len(ledger) > 0 {
		fmt.Fprintf(s.err, "it was redacted since: %s has what the ledger says of that, and belongs to the proof\n", c.File+redactionsSuffix)
	}
	return nil
}
