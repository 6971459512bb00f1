package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// maxStuck is how many redactions may hang before the consumer gives up: each
// keeps a goroutine and an event for ever.
const maxStuck = 16

// errStuck reports that so many redactions hang that the process is better
// restarted.
var errStuck = errors.New("too many redactions hang: restart, and mend the detector")

// errNoPolicy reports that there is nothing to redact a tenant's events with.
var errNoPolicy = errors.New("the policy's redaction cannot be done")

// policy returns the policy that an event is redacted and classified by.
func (p *pipeline) policy(ctx context.Context, t event.Tenant) (Policy, error) {
	by, err := p.Policy(ctx, t)
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", errNoPolicy, err)
	}
	return by, nil
}

// redact replaces personal data in the event. It returns in time whatever the
// redactor does; after an error the event must not be used any more, since a
// redaction that hangs may still be writing to it.
func (p *pipeline) redact(ctx context.Context, by Policy, t event.Tenant, e *pb.Event) error {
	limit := p.RedactionTime + by.Waits
	done := make(chan error, 1)
	go func() { done <- p.redactNow(ctx, by.Redactor, t, e) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	select {
	case p.stuck <- struct{}{}:
		p.Logger.ErrorContext(ctx, "redaction hangs: its event goes to quarantine", "after", limit)
		return redaction.ErrTimeout
	default:
		return errStuck
	}
}

// redactNow is where a panic of a detector ends (invariant 3).
func (p *pipeline) redactNow(ctx context.Context, r *redaction.Redactor, t event.Tenant, e *pb.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %T", redaction.ErrPanic, v) // its text may hold content
		}
	}()
	counts, err := r.Event(ctx, e, func(value string) (string, error) { return p.Log.Pseudonym(t, value) })
	if err != nil {
		return err
	}
	for typ, n := range counts {
		p.Metrics.redacted(e.GetSource().GetService(), typ, n)
	}
	return nil
}
