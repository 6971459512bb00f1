package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/ingest"
)

// A pulse asks NATS for the stream from time to time. A server can hold its
// connections and answer nothing: what waits for it then waits for ever, and
// nobody is told.
type pulse struct {
	js       jetstream.JetStream
	every    time.Duration // between two questions
	patience time.Duration // for an answer
	logger   *slog.Logger
	missing  atomic.Pointer[error]
}

// newPulse returns a pulse for a server that answers in milliseconds.
func newPulse(js jetstream.JetStream, logger *slog.Logger) *pulse {
	return &pulse{js: js, every: 10 * time.Second, patience: 10 * time.Second, logger: logger}
}

// ready returns what kept the last question from being answered, nil if it was.
func (p *pulse) ready() error {
	if err := p.missing.Load(); err != nil {
		return *err
	}
	return nil
}

// run asks until ctx ends.
func (p *pulse) run(ctx context.Context) error {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.ask(ctx)
		}
	}
}

// ask asks once.
func (p *pulse) ask(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	_, err := p.js.Stream(within, ingest.StreamName)
	before := p.ready()
	switch {
	case ctx.Err() != nil:
	case err == nil:
		p.missing.Store(nil)
		if before != nil {
			p.logger.InfoContext(ctx, "NATS answers again")
		}
	default:
		err = fmt.Errorf("NATS does not answer for stream %s within %v: %w: if it goes on, start it again (docs/operations.md, \"NATS that is silent\")", ingest.StreamName, p.patience, err)
		p.missing.Store(&err)
		if before == nil {
			p.logger.ErrorContext(ctx, "NATS is silent: nothing is taken in", "err", err)
		}
	}
}
