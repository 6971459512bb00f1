package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Change is a policy that is to come into force, and on whose behalf. But for
// the document it goes into the ledger as it is, which nothing is ever taken out
// of.
type Change struct {
	Document *policy.Document // required
	// Actor and Reason are empty where the store itself does it.
	Actor, Reason string
	Approvals     []string
	// Replaces is the version that it takes the place of; "": the tenant has none.
	Replaces string
}

// Ensure applies the document if the tenant has no policy.
func (p *Policies) Ensure(ctx context.Context, t event.Tenant, document *policy.Document) error {
	if _, ok := p.in(t); ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.in(t); ok {
		return p.deeds.settle()
	}
	return p.apply(ctx, t, Change{Document: document})
}

// Apply puts a policy in force for the tenant: it writes that into the log, and
// only when that is durable do later events get their class by it. It does
// nothing if this version is in force already, so that it may be called again
// after an error. ErrStale, with both versions, if another is in force than the
// one to replace; ErrPromised, with the classes concerned, if the policy in force
// forbids it. Then nothing has changed.
func (p *Policies) Apply(ctx context.Context, t event.Tenant, c Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current, ok := p.in(t); ok && current.document.Version() == c.Document.Version() {
		return p.deeds.settle()
	}
	if err := p.Check(t, c); err != nil {
		return err
	}
	return p.apply(ctx, t, c)
}

// Check returns the error with which Apply would refuse the change now, and
// changes nothing.
func (p *Policies) Check(t event.Tenant, c Change) error {
	current, ok := p.in(t)
	if is := current.GetVersion(); is != c.Replaces {
		return fmt.Errorf("%w: %s, and not %s: look at it, and say that it is to be replaced",
			ErrStale, named(is), named(c.Replaces))
	}
	if !ok {
		return nil
	}
	return keepsPromises(current.document, c.Document.For(t))
}

// named names a version.
func named(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

// keepsPromises returns ErrPromised unless each class for which the policy in
// force promises a minimum has at least that minimum in the next one. As each
// policy hands on what the one before it promised, no chain of changes can
// shorten it.
func keepsPromises(current, next *policy.Document) error {
	var broken []string
	for _, c := range current.Classes() {
		if c.Min == 0 {
			continue
		}
		if n, ok := next.Class(c.Name); !ok {
			broken = append(broken, fmt.Sprintf("class %s is gone", c.Name))
		} else if n.Min < c.Min {
			broken = append(broken, fmt.Sprintf("min of class %s was %s and cannot become %s", c.Name, policy.Span(c.Min), policy.Span(n.Min)))
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrPromised, strings.Join(broken, "; "))
}

// apply writes the ledger event and then puts the document in force. mu is
// held. A crash before the append is durable leaves the policy as it was; a
// crash after it is repaired by Open.
//
// After it is in force it is also kept beside the keys.
func (p *Policies) apply(ctx context.Context, t event.Tenant, c Change) error {
	e, err := p.ledgerEvent(c)
	if err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	kept := proto.CloneOf(e) // the event is the log's from here on
	a := applied{PolicyApplied: kept.GetPolicyApplied(), document: c.Document.For(t), time: kept.GetTime().AsTime()}
	prepared, err := p.log.Prepare(t, e)
	if err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	results, err := p.log.Append(ctx, []eventlog.Prepared{prepared})
	if err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	if results[0].Outcome != eventlog.Appended {
		return errors.New("apply policy: the ledger event's id is taken")
	}
	a.seq = results[0].Seq
	p.force(t, a)
	p.logger.InfoContext(ctx, "policy applied", "version", c.Document.Version(), "seq", uint64(a.seq))
	if err := p.deeds.keep(t, []*pb.Event{kept}, []event.Seq{a.seq}); err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	return nil
}

// force puts a policy that is on record in force. mu is held.
func (p *Policies) force(t event.Tenant, a applied) {
	before := p.inForce.Load()
	a.kept = before.of[t].kept.after(a.document, a.seq)
	after := &forced{maps.Clone(before.of), make(chan struct{})}
	after.of[t] = a
	p.inForce.Store(after)
	close(before.next)
}

func (p *Policies) ledgerEvent(c Change) (*pb.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &pb.Event{
		Id:            id.String(),
		Time:          timestamppb.New(p.Now()),
		Class:         policy.Ledger,
		PolicyVersion: c.Document.Version(),
		Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{
			Version: c.Document.Version(), Document: string(c.Document.Source()),
			Actor: c.Actor, Reason: c.Reason, Approvals: slices.Clone(c.Approvals), Replaces: c.Replaces,
		}},
	}, nil
}
