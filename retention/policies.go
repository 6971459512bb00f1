package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
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
)

// Policies is the policy in force of each tenant. Its methods are safe for
// concurrent use.
type Policies struct {
	log    *eventlog.Log
	logger *slog.Logger
	now    func() time.Time

	inForce atomic.Pointer[map[event.Tenant]applied] // replaced, never changed

	mu sync.Mutex // held while a policy is applied, so that they come into force one after the other

	// moving is held by whoever changes in which class events are kept, or forgets
	// them: what is found out to be due, held or owed must stay so until it is
	// done. It guards promoted.
	moving   sync.Mutex
	promoted map[event.Tenant]map[string]*roaring64.Bitmap // what is on record as moved, by class
}

// An applied policy is one that the ledger says came into force.
type applied struct {
	document *policy.Document // as it is for the tenant
	seq      event.Seq
	time     time.Time
}

// Open reads from the log which policy is in force for each tenant. The log
// must stay open as long as the result is used.
func Open(ctx context.Context, log *eventlog.Log, logger *slog.Logger) (*Policies, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p := &Policies{
		log:    log,
		logger: logger,
		now:    time.Now, //nolint:forbidigo // the machine's clock; tests set another
	}
	inForce := make(map[event.Tenant]applied)
	for _, t := range log.Tenants() {
		a, ok, err := last(ctx, log, t)
		if err != nil {
			return nil, fmt.Errorf("find the policy in force: %w", err)
		}
		if ok {
			inForce[t] = a
		}
	}
	p.inForce.Store(&inForce)
	return p, nil
}

// last returns the tenant's newest policy. Newest means last in the log, not
// latest by a clock that may have been set back.
func last(ctx context.Context, log *eventlog.Log, t event.Tenant) (a applied, ok bool, err error) {
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.PolicyApplied)}}},
		Order: eventlog.LogOrder,
	}
	var newest *eventlog.Entry
	for entry, err := range log.Scan(ctx, t, selection) {
		if err != nil {
			return applied{}, false, err
		}
		newest = entry
	}
	if newest == nil {
		return applied{}, false, nil
	}
	if a, err = read(t, newest); err != nil {
		return applied{}, false, fmt.Errorf("policy at seq %d: %w", newest.Seq, err)
	}
	return a, true, nil
}

func read(t event.Tenant, entry *eventlog.Entry) (applied, error) {
	e, err := entry.Event()
	if err != nil {
		return applied{}, err
	}
	document, err := policy.Parse([]byte(e.GetPolicyApplied().GetDocument()))
	if err != nil {
		return applied{}, err
	}
	if document.Version() != e.GetPolicyApplied().GetVersion() {
		return applied{}, fmt.Errorf("%w: its document has version %s", eventlog.ErrTampered, document.Version())
	}
	return applied{document.For(t), entry.Seq, entry.Time}, nil
}

// Current returns the policy in force, as it is for the tenant, the ledger event
// that put it in force, and since when; ok is false if there is none.
func (p *Policies) Current(t event.Tenant) (document *policy.Document, seq event.Seq, since time.Time, ok bool) {
	a, ok := (*p.inForce.Load())[t]
	return a.document, a.seq, a.time, ok
}

// Classify sets the event's class and policy version by the policy in force.
// ErrNoPolicy if there is none.
func (p *Policies) Classify(t event.Tenant, e *pb.Event) error {
	a, ok := (*p.inForce.Load())[t]
	if !ok {
		return ErrNoPolicy
	}
	class, err := a.document.Classify(e)
	if err != nil {
		return fmt.Errorf("classify: %w", err)
	}
	e.Class, e.PolicyVersion = class, a.document.Version()
	return nil
}

// Ensure applies the document if the tenant has no policy.
func (p *Policies) Ensure(ctx context.Context, t event.Tenant, document *policy.Document) error {
	if _, _, _, ok := p.Current(t); ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, _, _, ok := p.Current(t); ok {
		return nil
	}
	return p.apply(ctx, t, document)
}

// Apply puts the document in force for the tenant: it writes that into the
// log, and only when that is durable do later events get their class by it.
// It does nothing if this version is in force. ErrPromised, with the classes
// concerned, if the policy in force forbids it.
func (p *Policies) Apply(ctx context.Context, t event.Tenant, document *policy.Document) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current, _, _, ok := p.Current(t); ok && current.Version() == document.Version() {
		return nil
	}
	if err := p.Check(t, document); err != nil {
		return err
	}
	return p.apply(ctx, t, document)
}

// Check returns the error with which Apply would refuse the document for the
// tenant, and changes nothing.
func (p *Policies) Check(t event.Tenant, document *policy.Document) error {
	current, _, _, ok := p.Current(t)
	if !ok {
		return nil
	}
	return keepsPromises(current, document.For(t))
}

// keepsPromises returns ErrPromised unless each class for which the policy in
// force promises a minimum has at least that minimum in the next one. As each
// policy hands on what the one before it promised, no chain of changes can
// shorten it.
func keepsPromises(current, next *policy.Document) error {
	var broken []error
	for _, c := range current.Classes() {
		if c.Min == 0 {
			continue
		}
		if n, ok := next.Class(c.Name); !ok {
			broken = append(broken, fmt.Errorf("%w: class %s is gone", ErrPromised, c.Name))
		} else if n.Min < c.Min {
			broken = append(broken, fmt.Errorf("%w: min of class %s was %s and cannot become less", ErrPromised, c.Name, days(c.Min)))
		}
	}
	return errors.Join(broken...)
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

// apply writes the ledger event and then puts the document in force. mu is
// held. A crash before the append is durable leaves the policy as it was; a
// crash after it is repaired by Open.
func (p *Policies) apply(ctx context.Context, t event.Tenant, document *policy.Document) error {
	e, err := p.ledgerEvent(document)
	if err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	at := e.GetTime().AsTime() // the event is the log's from here on
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
	next := maps.Clone(*p.inForce.Load())
	next[t] = applied{document.For(t), results[0].Seq, at}
	p.inForce.Store(&next)
	p.logger.InfoContext(ctx, "policy applied", "version", document.Version(), "seq", uint64(results[0].Seq))
	return nil
}

func (p *Policies) ledgerEvent(document *policy.Document) (*pb.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &pb.Event{
		Id:            id.String(),
		Time:          timestamppb.New(p.now()),
		Class:         policy.Ledger,
		PolicyVersion: document.Version(),
		Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{
			Version:  document.Version(),
			Document: string(document.Source()),
		}},
	}, nil
}
