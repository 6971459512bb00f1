package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/escrow"
	"github.com/afterimage/afterimage/retention"
)

// redactionTime is how long the detectors may take over one event: a thousand
// times what the largest takes. The analyser's time comes on top.
const redactionTime = 2 * time.Second

// redactors are what redacts, by the version of the policy that says how. The
// zero value is ready.
type redactors struct {
	mu        sync.Mutex
	byVersion map[string]redactor
}

// A redactor is what one policy says about redaction.
type redactor struct {
	*redaction.Redactor
	waits    time.Duration    // for the analyser
	analyser *analyzer.Client // nil: none
}

// of returns the redactor of a policy, made at the first call.
func (rs *redactors) of(document *policy.Document) (redactor, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r, ok := rs.byVersion[document.Version()]; ok {
		return r, nil
	}
	r, err := newRedactor(document)
	if err != nil {
		return redactor{}, err
	}
	if rs.byVersion == nil {
		rs.byVersion = map[string]redactor{}
	}
	rs.byVersion[document.Version()] = r
	return r, nil
}

// prepareAtStart makes the redactor of a policy and asks its analyser whether it
// can do what the policy asks for. One that cannot stops the start: it would pass
// over what it was to find and never say so. One that does not answer is named
// loudly and does not: it may come back, and until then every event goes to
// quarantine and none into the log.
func (rs *redactors) prepareAtStart(ctx context.Context, document *policy.Document, logger *slog.Logger) error {
	if _, ok := rs.made(document.Version()); ok {
		return nil
	}
	r, err := rs.of(document)
	if err != nil {
		return err
	}
	err = r.check(ctx, document)
	if errors.Is(err, analyzer.ErrUnavailable) {
		logger.ErrorContext(ctx, "the policy's analyser does not answer: until it does, all events go to quarantine",
			"policy", document.Version(), "analyser", document.Redaction().Analyzer.URL, "err", err)
		return nil
	}
	return err
}

// made returns the redactor of a policy if it was made.
func (rs *redactors) made(version string) (redactor, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r, ok := rs.byVersion[version]
	return r, ok
}

// check asks the analyser of a policy whether it can do what the policy asks for.
func (r redactor) check(ctx context.Context, document *policy.Document) error {
	if r.analyser == nil {
		return nil
	}
	if err := r.analyser.Check(ctx); err != nil {
		return fmt.Errorf("redaction of policy %s: %w", document.Version(), err)
	}
	return nil
}

// close ends the connections to the analyser.
func (r redactor) close() error {
	if r.analyser == nil {
		return nil
	}
	return r.analyser.Close()
}

// close ends the connections to analysers. Nothing redacts any more.
func (rs *redactors) close() (err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.byVersion {
		err = errors.Join(err, r.close())
	}
	return err
}

// newRedactor compiles what a policy says about redaction.
func newRedactor(document *policy.Document) (r redactor, err error) {
	p := document.Redaction()
	defer func() {
		if err != nil {
			err = fmt.Errorf("redaction of policy %s: %w", document.Version(), errors.Join(err, r.close()))
			r = redactor{}
		}
	}()
	cfg := redaction.Config{
		Timeout: redactionTime + p.Analyzer.Timeout, Regions: p.Regions, Operators: p.Operators,
		DropContent: p.DropContent, Escrow: p.EscrowTypes,
	}
	if len(p.EscrowTypes) > 0 {
		if cfg.Sealer, err = escrow.NewSealer(p.EscrowKey); err != nil {
			return r, err
		}
	}
	if p.Analyzer.URL != "" {
		if r.analyser, err = analyzer.New(p.Analyzer); err != nil {
			return r, err
		}
		cfg.Analyzer, r.waits = r.analyser, p.Analyzer.Timeout
	}
	r.Redactor, err = redaction.New(cfg)
	return r, err
}

// redactor returns what redacts the tenant's events by the policy that is in
// force, or by the one it will get.
func (p *policies) redactor(t event.Tenant) (redactor, string, error) {
	document, _, _, ok := p.Current(t)
	if !ok {
		document = p.document
	}
	r, err := p.redactors.of(document)
	return r, document.Version(), err
}

// stored returns what redacts events of a log that are stored, by the policy that
// is in force.
func (p *policies) stored(log *eventlog.Log) func(event.Tenant) (*retention.Stored, error) {
	return func(t event.Tenant) (*retention.Stored, error) {
		r, version, err := p.redactor(t)
		if err != nil {
			return nil, err
		}
		return &retention.Stored{Log: log, Tenant: t, Redactor: r.Redactor, Policy: version, Waits: r.waits, Guard: p.guard}, nil
	}
}
