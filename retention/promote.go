package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// promotion is the name of the consumer that promotes.
const promotion = "promotion"

// maxWaiting is how many targets are waited for, at most. So many come only from
// a publisher that names what it never sends; the others are then not waited for.
const maxWaiting = 100_000

// Promote moves what a late verdict, a report or an action is about to the class
// that the policy gave that event, where the target's own class is kept for less
// long: evidence of harm must not expire before the complaint does. A target may
// come after what is said of it. A report on a session as a whole moves all of the
// session, and what comes of it later. It follows the log until ctx ends; after a restart it goes on where it
// was.
func (p *Policies) Promote(ctx context.Context) error {
	pr, err := p.promoter(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", promotion, err)
	}
	return p.log.Consume(ctx, promotion, pr.promote)
}

// A promoter knows which targets have not come yet.
type promoter struct {
	*Policies
	waiting map[target]string // the class that says all that those wanted do
	moves   map[place]string  // the class to move to: of several wanted, what they come to together
}

type place struct {
	tenant event.Tenant
	seq    event.Seq
}

type target struct {
	tenant event.Tenant
	id     string // of an event
	whole  string // or a session, of which more may always come
}

type move struct {
	tenant event.Tenant
	class  string
}

// promoter finds out what is waited for: the targets, of everything said so far,
// that are not there. It moves those that came later than what was said of them,
// in case that was not done.
func (p *Policies) promoter(ctx context.Context) (*promoter, error) {
	pr := &promoter{p, map[target]string{}, map[place]string{}}
	said := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Verdict), string(event.Report), string(event.Action)}}},
		Order: eventlog.LogOrder,
	}
	for _, t := range p.log.Tenants() {
		for entry, err := range p.log.Scan(ctx, t, said) {
			if err != nil {
				return nil, err
			}
			e, err := entry.Meta()
			if errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if err != nil {
				return nil, err
			}
			seqs, err := pr.about(ctx, t, e)
			for _, seq := range seqs {
				if err == nil && seq > entry.Seq {
					err = pr.want(t, e.GetClass(), seq)
				}
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return pr, pr.move(ctx)
}

// promote promotes what a batch of events is about, and what of it was waited
// for.
func (pr *promoter) promote(ctx context.Context, batch []*eventlog.Followed) error {
	for _, f := range batch {
		e, err := f.Meta()
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", f.Seq, err)
		}
		if err := pr.look(ctx, f.Tenant, f.Seq, e); err != nil {
			return err
		}
	}
	return pr.move(ctx)
}

// look notes what an event promotes, or that it was waited for.
func (pr *promoter) look(ctx context.Context, t event.Tenant, seq event.Seq, e *pb.Event) error {
	if e.GetInteraction() != nil {
		if len(pr.waiting) == 0 {
			return nil
		}
		for _, of := range []target{{tenant: t, id: e.GetId()}, {tenant: t, whole: e.GetSession()}} {
			class, waited := pr.waiting[of]
			if !waited {
				continue
			}
			if of.whole == "" {
				delete(pr.waiting, of)
			}
			if err := pr.want(t, class, seq); err != nil {
				return err
			}
		}
		return nil
	}
	seqs, err := pr.about(ctx, t, e)
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if err := pr.want(t, e.GetClass(), seq); err != nil {
			return err
		}
	}
	return nil
}

// want notes that an event is to move to a class, if that is kept for longer
// than the one it is in.
func (pr *promoter) want(t event.Tenant, class string, seq event.Seq) error {
	in, err := pr.log.Class(t, seq)
	if errors.Is(err, eventlog.ErrErased) {
		return nil
	}
	if err != nil {
		return err
	}
	if to, moves := pr.moves[place{t, seq}]; moves {
		in = to
	}
	if pr.longer(t, class, in) {
		pr.moves[place{t, seq}] = pr.keeping(t, class, in)
	}
	return nil
}

// catchUp promotes what is to be promoted by what was appended before size: before
// anything expires, so that evidence of harm does not because its complaint came a
// moment before. The caller holds moving.
func (p *Policies) catchUp(ctx context.Context, t event.Tenant, size event.Seq) error {
	if _, err := p.recorded(ctx, t); err != nil {
		return fmt.Errorf("%s: %w", promotion, err)
	}
	if p.catching == nil {
		p.catching = &promoter{p, map[target]string{}, map[place]string{}}
		p.caught = map[event.Tenant]event.Seq{}
	}
	pr := p.catching
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: lateKinds()}}, Order: eventlog.LogOrder, Before: &size,
	}
	if from := p.caught[t]; from > 0 {
		selection.After = &eventlog.Position{Seq: from - 1}
	}
	for entry, err := range p.log.Scan(ctx, t, selection) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Meta()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err == nil {
			err = pr.look(ctx, t, entry.Seq, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", promotion, err)
		}
	}
	if err := pr.arrived(ctx, t); err != nil {
		return fmt.Errorf("%s: %w", promotion, err)
	}
	if err := pr.moved(ctx); err != nil {
		return fmt.Errorf("%s: %w", promotion, err)
	}
	p.caught[t] = size
	return nil
}

// arrived notes what was waited for of a tenant and is there now.
func (pr *promoter) arrived(ctx context.Context, t event.Tenant) error {
	for of, class := range pr.waiting {
		if of.tenant != t || of.whole != "" { // What comes of a session today is not due today.
			continue
		}
		seq, err := pr.log.Lookup(ctx, t, of.id)
		if errors.Is(err, eventlog.ErrNotFound) {
			continue
		}
		if err == nil {
			err = pr.want(t, class, seq)
		}
		if err != nil {
			return err
		}
		delete(pr.waiting, of)
	}
	return nil
}

// keeping returns the class in which events of one class are kept as another says
// without losing anything of what theirs says.
func (p *Policies) keeping(t event.Tenant, class, in string) string {
	to, _ := p.Kept(t, class)
	from, _ := p.Kept(t, in)
	if from.Min > to.Min || from.Keep > to.Keep || from.Min == to.Min && from.Keep == to.Keep {
		return policy.Join(in, class)
	}
	return class
}

// move does what was noted.
func (pr *promoter) move(ctx context.Context) error {
	unlock, err := pr.moving.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return pr.moved(ctx)
}

// moved is move of a caller that holds moving. What was noted before may have moved
// since, to where it is kept for longer.
func (pr *promoter) moved(ctx context.Context) error {
	sets := map[move]*roaring64.Bitmap{}
	for of, class := range pr.moves {
		in, err := pr.log.Class(of.tenant, of.seq)
		if errors.Is(err, eventlog.ErrErased) || err == nil && !pr.longer(of.tenant, class, in) {
			continue
		}
		if err != nil {
			return err
		}
		to := move{of.tenant, pr.keeping(of.tenant, class, in)}
		if sets[to] == nil {
			sets[to] = roaring64.New()
		}
		sets[to].Add(uint64(of.seq))
	}
	for to, set := range sets {
		if err := pr.promoteTo(ctx, to.tenant, set, to.class); err != nil {
			return err
		}
	}
	clear(pr.moves)
	return nil
}

// await notes that a target is not there yet, or that more of it may come.
func (pr *promoter) await(of target, class string) {
	_, ok := pr.in(of.tenant)
	before, waited := pr.waiting[of]
	switch {
	case !ok || !waited && len(pr.waiting) >= maxWaiting || waited && !pr.longer(of.tenant, class, before):
	case waited:
		pr.waiting[of] = pr.keeping(of.tenant, class, before)
	default:
		pr.waiting[of] = class
	}
}

// about returns what an event speaks of: one event, or else a session.
func about(e *pb.Event) (id, session string) {
	switch body := e.GetBody().(type) {
	case *pb.Event_Verdict:
		return body.Verdict.GetTarget(), ""
	case *pb.Event_Report:
		return body.Report.GetTarget(), body.Report.GetSession()
	case *pb.Event_Action:
		return body.Action.GetTarget(), ""
	}
	return "", ""
}

// about returns where that is what an event is about: its target, or its
// session's events. A target that is not there is waited for.
func (pr *promoter) about(ctx context.Context, t event.Tenant, e *pb.Event) (seqs []event.Seq, err error) {
	id, session := about(e)
	if id != "" {
		seq, err := pr.log.Lookup(ctx, t, id)
		if errors.Is(err, eventlog.ErrNotFound) {
			pr.await(target{tenant: t, id: id}, e.GetClass())
			return nil, nil
		}
		return []event.Seq{seq}, err
	}
	if session == "" {
		return nil, nil
	}
	pr.await(target{tenant: t, whole: session}, e.GetClass())
	selection := eventlog.Selection{
		Terms: []eventlog.Term{
			{Field: eventlog.FieldSession, Values: []string{session}},
			{Field: eventlog.FieldKind, Values: []string{string(event.Interaction)}},
		},
		Order: eventlog.LogOrder,
	}
	for entry, err := range pr.log.Scan(ctx, t, selection) {
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, entry.Seq)
	}
	return seqs, nil
}

// longer reports whether one class is kept, or promised to be kept, for longer than
// another now, of which either may be one that the policy in force does not declare
// any more. Where both say the same now, another policy may part them: then it is
// longer if it is another.
func (p *Policies) longer(t event.Tenant, class, than string) bool {
	to, ok := p.Kept(t, class)
	from, known := p.Kept(t, than)
	if !ok || !known || !slices.ContainsFunc(policy.Parts(class), func(part string) bool { return !policy.Is(than, part) }) {
		return false
	}
	return to.Keep > from.Keep || to.Min > from.Min || to.Keep == from.Keep && to.Min == from.Min
}
