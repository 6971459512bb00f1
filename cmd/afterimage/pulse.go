package main

import (
	"context"
	"errors"
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
	js        jetstream.JetStream
	switching func() bool   // whether the server is stopped on purpose; nil: never
	every     time.Duration // between two questions
	patience  time.Duration // for an answer
	logger    *slog.Logger

	failed  int                   // questions in turn
	missing atomic.Pointer[error] // what is wrong, once two failed
}

// newPulse returns a pulse for a server that answers in milliseconds.
func newPulse(s *stream, logger *slog.Logger) *pulse {
	p := &pulse{js: s.js, every: 10 * time.Second, patience: 10 * time.Second, logger: logger}
	if s.embedded != nil {
		p.switching = s.embedded.Switching
	}
	return p
}

// ready returns why the last two questions were not answered, nil if one was.
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

// ask asks once. What comes of a question during a change of keys says nothing.
func (p *pulse) ask(ctx context.Context) {
	if p.isSwitching() {
		return
	}
	within, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	_, err := p.js.Stream(within, ingest.StreamName)
	if ctx.Err() != nil || p.isSwitching() {
		return
	}
	if err == nil {
		if p.failed = 0; p.missing.Swap(nil) != nil {
			p.logger.InfoContext(ctx, "NATS answers again")
		}
		return
	}
	if p.failed++; p.failed < 2 {
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("NATS is silent: it was asked for stream %s and gave no answer in %v (docs/operations.md)", ingest.StreamName, p.patience)
	} else {
		err = fmt.Errorf("NATS has no stream %s to give: %w", ingest.StreamName, err)
	}
	if p.missing.Swap(&err) == nil {
		p.logger.ErrorContext(ctx, "nothing is taken in", "err", err)
	}
}

func (p *pulse) isSwitching() bool { return p.switching != nil && p.switching() }
