package main

import (
	"context"
	"errors"
)

type retentionConfirmCmd struct {
	whoAndWhy
	format
	storeFlag
}

// Validate implements kong's hook.
func (c *retentionConfirmCmd) Validate() error {
	if c.needed(false) != nil { // It has no preview.
		return errors.New("give --actor and --reason: both go on record, and stay")
	}
	return nil
}

// Help implements kong's HelpProvider.
func (retentionConfirmCmd) Help() string {
	return `Where the store doubts its clock, or lost holds and erasures in a restore since nothing was kept of
them beside the keys, nothing expires until somebody says that it is right: afterimage retention status
says what it doubts. Look at the clock, or place the holds and apply the policies again, before you vouch
for it: what expires is gone. Erasures that a restore lost are asked for again afterwards. It goes on record.

    afterimage retention confirm --actor operator-on-duty --reason "NTP was broken for a day; checked against a second source"`
}

// Run puts on record that it is right, and prints the state.
func (c *retentionConfirmCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	state, err := store.ConfirmRetention(ctx, c.Actor, c.Reason)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(s.out, state)
	}
	return printState(s.out, state)
}
