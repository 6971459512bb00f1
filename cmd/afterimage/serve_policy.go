package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/retention"
)

// change puts a policy in force while events come in: one whose redaction cannot
// be done, or whose analyser does not answer now, is refused, as from then on no
// event would get into the log.
func (p *policies) change(ctx context.Context, t event.Tenant, c retention.Change) error {
	if in, ok := p.InForce(t); ok && in.GetVersion() == c.Document.Version() {
		return nil
	}
	if err := p.Check(t, c); err != nil { // before anybody is asked
		return err
	}
	r, err := newRedactor(c.Document)
	if err != nil {
		return unfit(err)
	}
	if err := errors.Join(r.check(ctx, c.Document), r.close()); err != nil {
		return unfit(err)
	}
	return p.Apply(ctx, t, c)
}

// of returns a policy that is or was in force, to compare by what is delivered again.
func (p *policies) of(ctx context.Context, t event.Tenant, version string) (ingest.Policy, error) {
	r, ok := p.redactors.made(version)
	if !ok {
		document, err := p.Version(ctx, t, version)
		if err != nil {
			return ingest.Policy{}, err
		}
		if r, err = p.redactors.of(document); err != nil {
			return ingest.Policy{}, err
		}
	}
	return ingest.Policy{Redactor: r.Redactor, Waits: r.waits}, nil
}

// unfit tells of a policy whose redaction cannot be done: what is wrong with it, or
// that its analyser does not answer.
func unfit(err error) error {
	if errors.Is(err, analyzer.ErrUnavailable) {
		return fmt.Errorf("nothing is changed: %w", err)
	}
	return &query.RequestError{Field: "document", Reason: err.Error()}
}

// preview says what a policy would do.
func (p *policies) preview(ctx context.Context, t event.Tenant, document *policy.Document, progress func(eventlog.ForgetProgress)) (out *pb.PolicyPreview, err error) {
	r, err := newRedactor(document) // not kept: most are never put in force
	if err != nil {
		return nil, unfit(err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.check(ctx, document); err != nil {
		return nil, unfit(err)
	}
	preview := &retention.Preview{Policies: p.Policies, Tenant: t, Document: document, Redactor: r.Redactor, Waits: r.waits, Stays: p.stays, Now: p.Now}
	return preview.Run(ctx, progress)
}
