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
	"github.com/afterimage/afterimage/ingest"
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
	ingest.Redactor
	analyser *analyzer.Client // nil: none
}

// of returns the redactor of a policy, made at the first call.
func (rs *redactors) of(document *policy.Document) (r redactor, made bool, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r, ok := rs.byVersion[document.Version()]; ok {
		return r, false, nil
	}
	if r, err = newRedactor(document.Redaction()); err != nil {
		return redactor{}, false, fmt.Errorf("redaction of policy %s: %w", document.Version(), err)
	}
	if rs.byVersion == nil {
		rs.byVersion = map[string]redactor{}
	}
	rs.byVersion[document.Version()] = r
	return r, true, nil
}

// prepare makes the redactor of a policy and asks its analyser whether it can
// do what the policy asks for. One that cannot stops the start: it would pass
// over what it was to find and never say so. One that does not answer is named
// loudly and does not: it may come back, and until then every event goes to
// quarantine and none into the log.
func (rs *redactors) prepare(ctx context.Context, document *policy.Document, logger *slog.Logger) error {
	r, made, err := rs.of(document)
	if err != nil || !made || r.analyser == nil {
		return err
	}
	err = r.analyser.Check(ctx)
	if errors.Is(err, analyzer.ErrUnavailable) {
		logger.ErrorContext(ctx, "the policy's analyser does not answer: until it does, all events go to quarantine",
			"policy", document.Version(), "analyser", document.Redaction().Analyzer.URL, "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("redaction of policy %s: %w", document.Version(), err)
	}
	return nil
}

// close ends the connections to analysers. Nothing redacts any more.
func (rs *redactors) close() (err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.byVersion {
		if r.analyser != nil {
			err = errors.Join(err, r.analyser.Close())
		}
	}
	return err
}

// newRedactor compiles what a policy says about redaction.
func newRedactor(p policy.Redaction) (r redactor, err error) {
	cfg := redaction.Config{
		Timeout: redactionTime + p.Analyzer.Timeout, Regions: p.Regions, Operators: p.Operators,
		DropContent: p.DropContent, Escrow: p.EscrowTypes,
	}
	if len(p.EscrowTypes) > 0 {
		if cfg.Sealer, err = escrow.NewSealer(p.EscrowKey); err != nil {
			return redactor{}, err
		}
	}
	if p.Analyzer.URL != "" {
		if r.analyser, err = analyzer.New(p.Analyzer); err != nil {
			return redactor{}, err
		}
		cfg.Analyzer, r.Waits = r.analyser, p.Analyzer.Timeout
	}
	if r.Redactor.Redactor, err = redaction.New(cfg); err != nil {
		return redactor{}, err
	}
	return r, nil
}

// stored returns what redacts events of a log that are stored, by the policy that
// is in force.
func (p *policies) stored(log *eventlog.Log) func(event.Tenant) (*retention.Stored, error) {
	return func(t event.Tenant) (*retention.Stored, error) {
		r, err := p.redactor(t)
		if err != nil {
			return nil, err
		}
		version := p.document.Version()
		if document, _, _, ok := p.Current(t); ok {
			version = document.Version()
		}
		return &retention.Stored{Log: log, Tenant: t, Redactor: r.Redactor, Policy: version, Waits: r.Waits}, nil
	}
}

// redactor returns what redacts the tenant's events: what the policy says that
// will classify them. A policy comes into force at a start alone, before the
// first event is taken in, so that the two never differ.
func (p *policies) redactor(t event.Tenant) (ingest.Redactor, error) {
	document, _, _, ok := p.Current(t)
	if !ok {
		document = p.document
	}
	r, _, err := p.redactors.of(document)
	return r.Redactor, err
}
