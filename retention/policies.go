package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What callers decide on.
var (
	// ErrNoPolicy: the tenant has no policy yet; [Policies.Ensure] gives it one.
	ErrNoPolicy = errors.New("no policy is in force")
	// ErrPromised: the new policy breaks what the policy in force promises.
	ErrPromised = errors.New("the policy in force promises more")
	// ErrStale: another policy is in force than the one that was to be replaced.
	ErrStale = errors.New("another policy is in force")
)

// Policies is the policy in force of each tenant. Its methods are safe for
// concurrent use.
type Policies struct {
	// Now is evidence time. Open has it be the machine's clock; whoever wants another
	// sets it before the first use.
	Now func() time.Time

	log    *eventlog.Log
	logger *slog.Logger
	deeds  *deeds

	inForce atomic.Pointer[forced] // replaced, never changed

	mu sync.Mutex // held while a policy is applied, so that they come into force one after the other

	// moving is held by whoever changes in which class events are kept, or forgets
	// them: what is found out to be due, held or owed must stay so until it is
	// done. It guards what follows.
	moving   exclusive
	promoted map[event.Tenant]moved     // what is on record
	catching *promoter                  // see catchUp
	caught   map[event.Tenant]event.Seq // how far it is
}

// forced is what is in force at one time.
type forced struct {
	of   map[event.Tenant]applied
	next chan struct{} // closed when another takes its place
}

// An applied policy is one that the ledger says came into force.
type applied struct {
	*pb.PolicyApplied
	document *policy.Document // as it is for the tenant
	seq      event.Seq
	time     time.Time
	kept     keptClasses
}

// keptClasses are all classes that the tenant's policies up to one declared, as the
// last that did has them: events stay in a class when it is dropped.
type keptClasses map[string]keptClass

type keptClass struct {
	policy.Class
	by event.Seq // of the policy that says so
}

// Open reads from the log which policy is in force for each tenant. What a restore
// lost of policies, holds and erasures is put on record again first, from what is
// kept of it beside the keys; keyring.ErrWrongKeys, with what to do, where that does
// not open. The log must stay open as long as the result is used.
func Open(ctx context.Context, log *eventlog.Log, logger *slog.Logger) (*Policies, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p := &Policies{
		log:    log,
		logger: logger,
		Now:    time.Now, //nolint:forbidigo // The default.
		moving: make(exclusive, 1),
	}
	var err error
	if p.deeds, err = openDeeds(ctx, log, logger, p.keptBy); err != nil {
		return nil, err
	}
	inForce := &forced{make(map[event.Tenant]applied), make(chan struct{})}
	for _, t := range log.Tenants() {
		a, ok, err := last(ctx, log, t)
		if err != nil {
			return nil, fmt.Errorf("find the policy in force: %w", err)
		}
		if ok {
			inForce.of[t] = a
		}
	}
	p.inForce.Store(inForce)
	return p, p.deeds.settle()
}

// last returns the tenant's newest policy, with what those before it declared.
// Newest means last in the log, not latest by a clock that may have been set back.
func last(ctx context.Context, log *eventlog.Log, t event.Tenant) (newest applied, ok bool, err error) {
	for entry, err := range log.Scan(ctx, t, policiesIn(eventlog.LogOrder)) {
		if err != nil {
			return applied{}, false, err
		}
		a, err := read(t, entry)
		if errors.Is(err, eventlog.ErrErased) {
			continue // since the scan began
		}
		if err != nil {
			return applied{}, false, fmt.Errorf("policy at seq %d: %w", entry.Seq, err)
		}
		a.kept = newest.kept.after(a.document, a.seq)
		newest, ok = a, true
	}
	return newest, ok, nil
}

// policiesIn selects the ledger events that put policies in force.
func policiesIn(order eventlog.Order) eventlog.Selection {
	return eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.PolicyApplied)}}},
		Order: order,
	}
}

func read(t event.Tenant, entry *eventlog.Entry) (applied, error) {
	e, err := entry.Event()
	if err != nil {
		return applied{}, err
	}
	body := e.GetPolicyApplied()
	document, err := policy.Parse([]byte(body.GetDocument()))
	if err != nil {
		return applied{}, err
	}
	if document.Version() != body.GetVersion() {
		return applied{}, fmt.Errorf("%w: its document has version %s", eventlog.ErrTampered, document.Version())
	}
	return applied{PolicyApplied: body, document: document.For(t), seq: entry.Seq, time: entry.Time}, nil
}

// after returns the classes when a document comes into force at a position.
func (k keptClasses) after(document *policy.Document, at event.Seq) keptClasses {
	after := make(keptClasses, len(k))
	for name, c := range k {
		if now, ok := document.Class(name); ok { // perhaps by that of which it is the one at a deployment
			c = keptClass{now, at}
		}
		after[name] = c
	}
	for _, c := range document.Classes() {
		after[c.Name] = keptClass{c, at}
	}
	return after
}

// class returns a class, whether it is declared or made of declared ones.
func (k keptClasses) class(name string) (c policy.Class, ok bool) {
	for _, part := range policy.Parts(name) {
		if of, is := k[part]; is {
			c.Keep, c.Min, ok = max(c.Keep, of.Keep), max(c.Min, of.Min), true
		}
	}
	c.Name = name
	return c, ok
}

// in returns the policy in force for a tenant.
func (p *Policies) in(t event.Tenant) (applied, bool) {
	a, ok := p.inForce.Load().of[t]
	return a, ok
}

// Current returns the policy in force, as it is for the tenant, the ledger event
// that put it in force, and since when; ok is false if there is none.
func (p *Policies) Current(t event.Tenant) (document *policy.Document, seq event.Seq, since time.Time, ok bool) {
	a, ok := p.in(t)
	return a.document, a.seq, a.time, ok
}

// InForce is Current as the API tells it; ok is false if there is none.
func (p *Policies) InForce(t event.Tenant) (in *pb.Policy, ok bool) {
	a, ok := p.in(t)
	if !ok {
		return nil, false
	}
	in = a.tell()
	if since, overdue := a.document.ReviewOverdue(p.Now()); overdue {
		in.ReviewOverdue = timestamppb.New(since)
	}
	return in, true
}

func (a applied) tell() *pb.Policy {
	return &pb.Policy{
		Version: a.GetVersion(), Document: a.GetDocument(), Seq: uint64(a.seq), Time: timestamppb.New(a.time),
		Actor: a.GetActor(), Reason: a.GetReason(), Approvals: a.GetApprovals(), Replaces: a.GetReplaces(),
	}
}

// History yields the policies that are and were in force for a tenant, from the
// ledger, the newest first. A yielded error ends it.
func (p *Policies) History(ctx context.Context, t event.Tenant) iter.Seq2[*pb.Policy, error] {
	return func(yield func(*pb.Policy, error) bool) {
		for entry, err := range p.log.Scan(ctx, t, policiesIn(eventlog.LogReverse)) {
			var a applied
			if err == nil {
				a, err = read(t, entry)
			}
			switch {
			case errors.Is(err, eventlog.ErrErased):
			case err != nil:
				yield(nil, fmt.Errorf("list policies: %w", err))
				return
			case !yield(a.tell(), nil):
				return
			}
		}
	}
}

// Version returns the policy of a tenant's that has a version, as it is for the
// tenant. ErrNoPolicy where none was ever in force.
func (p *Policies) Version(ctx context.Context, t event.Tenant, version string) (*policy.Document, error) {
	if a, ok := p.in(t); ok && a.GetVersion() == version {
		return a.document, nil
	}
	for one, err := range p.History(ctx, t) {
		if err != nil {
			return nil, err
		}
		if one.GetVersion() != version {
			continue
		}
		document, err := policy.Parse([]byte(one.GetDocument()))
		if err != nil {
			return nil, fmt.Errorf("policy at seq %d: %w", one.GetSeq(), err)
		}
		return document.For(t), nil
	}
	return nil, fmt.Errorf("version %s: %w", version, ErrNoPolicy)
}

// Kept returns for how long events are kept in a class now, whether it is
// declared or made of declared classes: as the policy in force says, or, of a
// class that it does not declare any more, the last one that did. Of several the
// longest holds. ok is false where no policy of the tenant ever declared any.
func (p *Policies) Kept(t event.Tenant, class string) (c policy.Class, ok bool) {
	a, _ := p.in(t)
	return a.kept.class(class)
}

// needed returns the positions of the policies that say how long a tenant's events
// are kept, the one in force among them: without them in the ledger nothing would.
func (p *Policies) needed(t event.Tenant) *roaring64.Bitmap {
	out := roaring64.New()
	a, ok := p.in(t)
	if !ok {
		return out
	}
	out.Add(uint64(a.seq))
	for _, b := range p.log.Buckets() {
		if b.Tenant != t {
			continue
		}
		for _, part := range policy.Parts(b.Class) {
			if c, kept := a.kept[part]; kept {
				out.Add(uint64(c.by))
			}
		}
	}
	return out
}

// keptBy reports whether the policy at a position says how long any class is kept.
func (p *Policies) keptBy(t event.Tenant, policy event.Seq) bool {
	a, _ := p.in(t)
	for _, c := range a.kept {
		if c.by == policy {
			return true
		}
	}
	return false
}

// Watch calls f with the policy in force of each tenant, and then with each that
// comes into force, in order for a tenant, until ctx ends, whose error it returns,
// or f fails. Of several that came meanwhile it gets the last alone.
func (p *Policies) Watch(ctx context.Context, f func(event.Tenant, *policy.Document) error) error {
	told := make(map[event.Tenant]event.Seq)
	for {
		now := p.inForce.Load()
		for t, a := range now.of {
			if seq, knows := told[t]; knows && seq == a.seq {
				continue
			}
			if err := f(t, a.document); err != nil {
				return err
			}
			told[t] = a.seq
		}
		select {
		case <-now.next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Classify sets the event's class and policy version by the policy in force.
// ErrNoPolicy if there is none.
func (p *Policies) Classify(t event.Tenant, e *pb.Event) error {
	a, ok := p.in(t)
	if !ok {
		return ErrNoPolicy
	}
	return ClassifyBy(a.document, e)
}

// ClassifyBy sets the event's class and policy version by a document, so that
// what else a caller does by it is of the same policy.
func ClassifyBy(document *policy.Document, e *pb.Event) error {
	class, err := document.Classify(e)
	if err != nil {
		return fmt.Errorf("classify: %w", err)
	}
	e.Class, e.PolicyVersion = class, document.Version()
	return nil
}
