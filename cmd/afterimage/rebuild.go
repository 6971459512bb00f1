package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/eventlog"
)

type rebuildCmd struct {
	Data string `default:"afterimage-data" placeholder:"DIR" help:"The data directory; nothing may be serving it (default ${default})."`
	keyFlags
}

// Help implements kong's HelpProvider.
func (rebuildCmd) Help() string {
	return `Throws away every index, location and tile and makes them again from the blocks and commitments,
which it checks on the way. Nothing that was recorded is changed or lost, and answers are the same
afterwards. For when verify finds fault with these alone. If it is interrupted, the store does not
open until it is run again.

    afterimage rebuild --data afterimage-data --keys afterimage-keys
    afterimage verify --data afterimage-data --keys afterimage-keys`
}

// Run rebuilds.
func (c *rebuildCmd) Run(ctx context.Context, s streams) error {
	if err := present(c.Data, c.Keys); err != nil {
		return err
	}
	keys, err := c.options()
	if err != nil {
		return err
	}
	progress := newProgress(s.err, "rebuilt", "events")
	defer progress.stop()
	var size eventlog.Progress
	err = eventlog.Rebuild(ctx, eventlog.Config{Dir: logDir(c.Data), KeysDir: c.Keys, Keys: keys, Fatal: fatal(s.err)}, func(p eventlog.Progress) {
		size = p
		progress.set(uint64(p.Checked), uint64(p.Size))
	})
	progress.stop()
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted: the store does not open until afterimage rebuild was run again")
	}
	if err != nil {
		return explainOpen(err, c.Data, c.Keys)
	}
	_, err = fmt.Fprintf(s.out, "rebuilt: %d events; check with afterimage verify\n", size.Size)
	return err
}
