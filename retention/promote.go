package retention

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// promotion is the name of the consumer that promotes.
const promotion = "promotion"

// Promote moves what a late verdict, a report or an action is about to the class
// that the policy gave that event, where the target's own class is kept for less
// long: evidence of harm must not expire before the complaint does. A report on a
// session as a whole moves all of the session. It follows the log until ctx ends;
// after a restart it goes on where it was.
//
// A target that comes after what is said of it is not moved.
func (p *Policies) Promote(ctx context.Context) error {
	return p.log.Consume(ctx, promotion, p.promote)
}

func (p *Policies) promote(ctx context.Context, batch []*eventlog.Followed) error {
	type move struct {
		tenant event.Tenant
		class  string
	}
	moves := map[move][]event.Seq{}
	for _, f := range batch {
		e, err := f.Meta()
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", f.Seq, err)
		}
		document, _, _, ok := p.Current(f.Tenant)
		if !ok || e.GetInteraction() != nil {
			continue
		}
		about, err := p.about(ctx, f.Tenant, e)
		if err != nil {
			return err
		}
		for _, seq := range about {
			longer, err := p.longer(f.Tenant, document, e.GetClass(), seq)
			if err != nil {
				return err
			}
			if longer {
				to := move{f.Tenant, e.GetClass()}
				moves[to] = append(moves[to], seq)
			}
		}
	}
	for to, seqs := range moves {
		if err := p.log.Promote(ctx, to.tenant, seqs, to.class); err != nil {
			return err
		}
	}
	return nil
}

// about returns what an event is about: its target, or its session's events.
func (p *Policies) about(ctx context.Context, t event.Tenant, e *pb.Event) (seqs []event.Seq, err error) {
	var target, session string
	switch body := e.GetBody().(type) {
	case *pb.Event_Verdict:
		target = body.Verdict.GetTarget()
	case *pb.Event_Report:
		target, session = body.Report.GetTarget(), body.Report.GetSession()
	case *pb.Event_Action:
		target = body.Action.GetTarget()
	}
	if target != "" {
		seq, err := p.log.Lookup(ctx, t, target)
		if errors.Is(err, eventlog.ErrNotFound) {
			return nil, nil
		}
		return []event.Seq{seq}, err
	}
	if session == "" {
		return nil, nil
	}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{
			{Field: eventlog.FieldSession, Values: []string{session}},
			{Field: eventlog.FieldKind, Values: []string{string(event.Interaction)}},
		},
		Order: eventlog.LogOrder,
	}
	for entry, err := range p.log.Scan(ctx, t, selection) {
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, entry.Seq)
	}
	return seqs, nil
}

// longer reports whether a class is kept for longer than the one in which the
// event at seq is.
func (p *Policies) longer(t event.Tenant, document *policy.Document, class string, seq event.Seq) (bool, error) {
	now, err := p.log.Class(t, seq)
	if errors.Is(err, eventlog.ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	to, ok := document.Class(class)
	if !ok {
		return false, nil
	}
	from, ok := document.Class(now)
	return ok && to.Keep > from.Keep, nil
}
