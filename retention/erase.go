package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An erasure is what somebody had a right to have forgotten. It knows positions,
// and not whose they are.
type erasure struct {
	id, actor, reason    string
	scope                pb.Erasure_Scope
	since, until         *timestamppb.Timestamp
	requested, completed time.Time // completed is zero while something is owed
	about                *roaring64.Bitmap
	quarantined          []string // that are there still
	messages             uint64   // quarantined ones that it was about
	gone                 []*pb.ClassDay
	exports              []string
	ledger               *roaring64.Bitmap
}

// readErasure takes over a step of an erasure.
func (b *books) readErasure(r *pb.Erasure, seq event.Seq, at time.Time) {
	x := b.erasure(r.GetRequest())
	if x == nil {
		if r.GetStage() != pb.Erasure_REQUESTED {
			return // Its request has expired.
		}
		x = &erasure{
			id: r.GetRequest(), actor: r.GetActor(), reason: r.GetReason(), scope: r.GetScope(), since: r.GetSince(), until: r.GetUntil(),
			requested: at, about: roaring64.New(), ledger: roaring64.New(),
		}
		b.erasures = append(b.erasures, x)
	}
	x.ledger.Add(uint64(seq))
	if r.GetStage() == pb.Erasure_COMPLETED {
		x.completed = at
		return
	}
	addRanges(x.about, r.GetPositions())
	x.quarantined = append(x.quarantined, r.GetQuarantined()...)
	x.messages += uint64(len(r.GetQuarantined()))
	x.exports = append(x.exports, r.GetExports()...)
}

// Erase erases evidence: what may go, now; what holds claim, or policy promises to
// keep, when it may. In a dry run it says what would go.
//
// Errors: *RequestError; eventlog.ErrNotFound for a tenant that has no events;
// ErrUnknownPerson where nothing is stored of the person. After another error what
// is on record goes on within the hour.
func (k *Keeper) Erase(ctx context.Context, t event.Tenant, r *pb.EraseEventsRequest, progress func(eventlog.ForgetProgress)) (*pb.ErasureState, error) {
	dry := r.DryRun == nil || r.GetDryRun()
	if err := checkErase(r, dry); err != nil {
		return nil, err
	}
	if k.cfg.Drain != nil && !dry {
		if err := k.cfg.Drain(ctx); err != nil {
			return nil, fmt.Errorf("erase: take in what was published before: %w", err)
		}
	}
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	if _, err := k.cfg.Policies.recorded(ctx, t); err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	e, mentions, err := k.erasing(ctx, t, r)
	if err != nil {
		return nil, err
	}
	if e.about.IsEmpty() && len(e.quarantined) == 0 {
		if r.GetEverything() {
			return nil, fmt.Errorf("erase: tenant %s has no evidence there: %w", t, eventlog.ErrNotFound)
		}
		when := ""
		if r.GetSince() != nil || r.GetUntil() != nil {
			when = " in that time"
		}
		return nil, fmt.Errorf("%w: no event of tenant %s names that user%s, and no quarantined message: give the id as the service publishes it, or a whole pseudonym", ErrUnknownPerson, t, when)
	}
	due, deferred, err := k.owing(ctx, b, e)
	if err != nil {
		return nil, err
	}
	if dry {
		state := e.state()
		state.Mentions, state.Deferred, state.Erased, state.OwedAlready = mentions, deferred, due.GetCardinality(), b.owedAlready(e)
		state.Gone, err = k.classDays(ctx, t, due)
		return state, err
	}
	if err := k.lostNothing(ctx); err != nil { // A hold that a restore lost may claim it.
		return nil, fmt.Errorf("erase: %w", err)
	}
	already := b.owedAlready(e)
	if err := k.request(ctx, b, e, deferred); err != nil {
		return nil, err
	}
	k.cfg.Logger.InfoContext(ctx, "erasure requested", "request", e.id, "events", e.about.GetCardinality(), "now", due.GetCardinality())
	if err := k.settle(ctx, b, progress); err != nil {
		return nil, fmt.Errorf("erase: %w; it is on record as %s, and what is left of it is tried again within the hour", err, e.id)
	}
	state, err := k.erasureState(ctx, b, b.erasure(e.id))
	if err == nil {
		state.Mentions, state.OwedAlready = mentions, already
	}
	return state, err
}

// owedAlready returns the erasures that owe events that another is about too.
func (b *books) owedAlready(e *erasure) (ids []string) {
	for _, x := range b.open() {
		if x.about.Intersects(e.about) {
			ids = append(ids, x.id)
		}
	}
	return ids
}

func checkErase(r *pb.EraseEventsRequest, dry bool) error {
	switch {
	case r.GetUser() == "" && !r.GetEverything():
		return &RequestError{"user", "is missing: want a user, or everything"}
	case r.GetUser() != "" && r.GetEverything():
		return &RequestError{"everything", "goes without user"}
	case r.GetSince() != nil && r.GetUntil() != nil && !r.GetSince().AsTime().Before(r.GetUntil().AsTime()):
		return &RequestError{"until", "is not after since"}
	case dry:
		return nil
	}
	return errors.Join(required("actor", r.GetActor()), required("reason", r.GetReason()))
}

// erasing finds out what an erasure is about.
func (k *Keeper) erasing(ctx context.Context, t event.Tenant, r *pb.EraseEventsRequest) (e *erasure, mentions uint64, err error) {
	e = &erasure{actor: r.GetActor(), reason: r.GetReason(), scope: pb.Erasure_TENANT, since: r.GetSince(), until: r.GetUntil(), ledger: roaring64.New()}
	since, until, size := asTime(r.GetSince()), asTime(r.GetUntil()), k.cfg.Log.Size()
	user := ""
	if r.GetEverything() {
		e.about, err = k.ofTenant(ctx, t, since, until, size)
	} else {
		e.scope = pb.Erasure_PERSON
		if user, err = k.pseudonym(t, r.GetUser()); err != nil {
			return nil, 0, err
		}
		if e.about, err = k.ofPerson(ctx, t, user, since, until, size); err == nil {
			mentions, err = k.mentions(ctx, t, user, e.about, size)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	if since.IsZero() && until.IsZero() { // When the events in them were is not known.
		e.quarantined, err = k.quarantinedOf(ctx, t, r.GetUser(), user)
		e.messages = uint64(len(e.quarantined))
	}
	if err == nil {
		e.exports, err = k.handedOut(ctx, t, e.about)
	}
	return e, mentions, err
}

func asTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// request puts an erasure on record; from here on it is owed.
func (k *Keeper) request(ctx context.Context, b *books, e *erasure, deferred []*pb.Erasure_Deferral) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	e.id = id.String()
	var events []*pb.Event
	messages := slices.Collect(slices.Chunk(e.quarantined, event.MaxQuarantined))
	for i, part := range chunked(eventlog.Positions(e.about)) {
		body := &pb.Erasure{Stage: pb.Erasure_REQUESTED, Request: e.id, Positions: part}
		one := &pb.Event{Body: &pb.Event_Erasure{Erasure: body}}
		if i == 0 {
			one.Id = e.id
			body.Actor, body.Reason, body.Scope, body.Since, body.Until = e.actor, e.reason, e.scope, e.since, e.until
			body.Events, body.Deferred = e.about.GetCardinality(), deferred[:min(len(deferred), event.MaxDeferrals)]
			body.Exports = e.exports[:min(len(e.exports), event.MaxClaims)]
		}
		events = append(events, one)
	}
	for i, part := range messages {
		if i < len(events) {
			events[i].GetErasure().Quarantined = part
			continue
		}
		events = append(events, &pb.Event{Body: &pb.Event_Erasure{Erasure: &pb.Erasure{Stage: pb.Erasure_REQUESTED, Request: e.id, Quarantined: part}}})
	}
	return k.record(ctx, b, events...)
}

// owing returns what may be erased now of an erasure, and what may not yet.
func (k *Keeper) owing(ctx context.Context, b *books, x *erasure) (due *roaring64.Bitmap, deferred []*pb.Erasure_Deferral, err error) {
	places, err := k.cfg.Log.Places(ctx, b.tenant, x.about)
	if err != nil {
		return nil, nil, err
	}
	system, err := k.of(ctx, event.System)
	if err != nil {
		return nil, nil, err
	}
	now, stopped := k.judge(system)
	if stopped != nil {
		now = time.Time{} // What is promised is promised until the clock is believed.
	}
	due = roaring64.New()
	held, claims, byHolds := b.held(), b.active(), map[string]*pb.Erasure_Deferral{}
	promised := map[string]*pb.Erasure_Deferral{}
	buckets := k.buckets(b.tenant)
	for id, set := range places {
		noteHeld(byHolds, claims, roaring64.And(set, held))
		set.AndNot(held)
		bucket := buckets[id]
		if !k.promised(bucket, now) {
			due.Or(set)
			continue
		}
		if set.IsEmpty() {
			continue
		}
		d := promised[bucket.Class]
		if d == nil {
			d = &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_PROMISED, Class: bucket.Class}
			promised[bucket.Class] = d
		}
		d.Events += set.GetCardinality()
		if until := k.promisedUntil(bucket); until.After(d.GetUntil().AsTime()) {
			d.Until = timestamppb.New(until)
		}
	}
	for _, m := range []map[string]*pb.Erasure_Deferral{byHolds, promised} {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			deferred = append(deferred, m[key])
		}
	}
	return due, deferred, nil
}

// noteHeld counts positions by which holds claim them.
func noteHeld(out map[string]*pb.Erasure_Deferral, holds []*hold, set *roaring64.Bitmap) {
	for rest := set; !rest.IsEmpty(); {
		// All that the same holds claim as the first.
		first, key, same := rest.Minimum(), "", rest.Clone()
		var ids []string
		for _, h := range holds {
			if h.covered.Contains(first) {
				same.And(h.covered)
				ids = append(ids, h.id)
				key += h.id + " "
			} else {
				same.AndNot(h.covered)
			}
		}
		if out[key] == nil {
			out[key] = &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_HELD, Holds: ids[:min(len(ids), event.MaxClaims)]}
		}
		out[key].Events += same.GetCardinality()
		rest = roaring64.AndNot(rest, same)
	}
}

// settle forgets what may go of the erasures of a tenant. The caller holds the
// lock, and what is held was found out.
func (k *Keeper) settle(ctx context.Context, b *books, progress func(eventlog.ForgetProgress)) error {
	if err := k.count(ctx, b); err != nil {
		return err
	}
	what, err := k.settling(ctx, b, eventlog.Forgetting{}, false)
	if err != nil {
		return err
	}
	if len(what) > 0 {
		if err := k.forget(ctx, what, progress); err != nil {
			return err
		}
	}
	return k.finish(ctx, b)
}

// settling returns what is to be forgotten of open erasures now.
// What goes in any case is left out, and so is what two ask for in the second.
func (k *Keeper) settling(ctx context.Context, b *books, going eventlog.Forgetting, dry bool) (what []eventlog.Forgetting, err error) {
	if err := k.lostNothing(ctx); errors.Is(err, ErrStopped) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	taken := setOf(going.Seqs)
	for _, x := range b.open() {
		due, _, err := k.owing(ctx, b, x)
		if err != nil {
			return nil, err
		}
		due.AndNot(taken)
		taken.Or(due)
		if x.quarantined, err = quarantinedStill(ctx, k.cfg.Log, b.tenant, x.quarantined); err != nil {
			return nil, err
		}
		if due.IsEmpty() && len(x.quarantined) == 0 {
			continue
		}
		f, err := k.forgetting(ctx, b.tenant, due, &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: x.id}, going.Buckets)
		if err != nil {
			return nil, err
		}
		if !dry { // It moves what is quarantined beside.
			if err := k.quarantineGoes(ctx, &f, x.quarantined); err != nil {
				return nil, err
			}
		}
		if len(f.Seqs)+len(f.Buckets) > 0 || dry && len(x.quarantined) > 0 {
			what = append(what, f)
		}
	}
	return what, nil
}

// quarantinedStill returns which of some quarantined messages are there still.
func quarantinedStill(ctx context.Context, log *eventlog.Log, t event.Tenant, ids []string) (still []string, err error) {
	for _, id := range ids {
		_, err := log.Quarantined(ctx, t, id)
		switch {
		case err == nil:
			still = append(still, id)
		case !errors.Is(err, eventlog.ErrNotFound) && !errors.Is(err, eventlog.ErrErased):
			return nil, err
		}
	}
	return still, nil
}

// quarantineGoes adds quarantined messages to what is to be forgotten.
func (k *Keeper) quarantineGoes(ctx context.Context, f *eventlog.Forgetting, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	alone, err := k.cfg.Log.PartQuarantine(ctx, f.Tenant, ids)
	if err != nil {
		return err
	}
	f.Buckets = append(f.Buckets, alone...)
	f.Ledger.GetForgotten().Quarantined = ids
	return nil
}

// finish puts on record which erasures nothing is owed of any more.
func (k *Keeper) finish(ctx context.Context, b *books) error {
	for _, x := range b.open() {
		var err error
		if x.quarantined, err = quarantinedStill(ctx, k.cfg.Log, b.tenant, x.quarantined); err != nil {
			return err
		}
		places, err := k.cfg.Log.Places(ctx, b.tenant, x.about)
		if err != nil {
			return err
		}
		if len(places) > 0 || len(x.quarantined) > 0 {
			continue
		}
		err = k.record(ctx, b, &pb.Event{Body: &pb.Event_Erasure{Erasure: &pb.Erasure{
			Stage: pb.Erasure_COMPLETED, Request: x.id, Events: x.about.GetCardinality(),
		}}})
		if err != nil {
			return err
		}
		k.cfg.Logger.InfoContext(ctx, "erasure completed", "request", x.id, "events", x.about.GetCardinality())
	}
	return nil
}

// handedOut returns the exports that had any of some events and left.
func (k *Keeper) handedOut(ctx context.Context, t event.Tenant, set *roaring64.Bitmap) (out []string, err error) {
	had, left := map[string]bool{}, map[string]bool{}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Exported)}}}, Order: eventlog.LogOrder,
	}
	for entry, err := range k.cfg.Log.Scan(ctx, t, selection) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Event()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		x := e.GetExported()
		switch x.GetStage() {
		case pb.Exported_READY:
			of := roaring64.New()
			addRanges(of, x.GetPositions())
			// One that does not say which events it had may have had any of before it.
			had[x.GetOperation()] = of.Intersects(set) || of.IsEmpty() && !set.IsEmpty() && set.Minimum() < x.GetBefore()
		case pb.Exported_HANDED_OVER:
			left[x.GetOperation()] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		if had[id] {
			out = append(out, id)
		}
	}
	return out, nil
}

// Erasures returns a tenant's erasures, the newest first.
func (k *Keeper) Erasures(ctx context.Context, t event.Tenant) (out []*pb.ErasureState, err error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, x := range slices.Backward(b.erasures) {
		s, err := k.erasureState(ctx, b, x)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Erasure returns one. eventlog.ErrNotFound where there is none.
func (k *Keeper) Erasure(ctx context.Context, t event.Tenant, id string) (*pb.ErasureState, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, err
	}
	x := b.erasure(id)
	if x == nil {
		return nil, fmt.Errorf("erasure %q: %w", id, eventlog.ErrNotFound)
	}
	return k.erasureState(ctx, b, x)
}

func (x *erasure) state() *pb.ErasureState {
	s := &pb.ErasureState{
		Request: x.id, Scope: x.scope, Since: x.since, Until: x.until, Actor: x.actor, Reason: x.reason,
		Events: x.about.GetCardinality(), Gone: merged(x.gone), Quarantined: x.messages, Exports: x.exports,
	}
	if !x.requested.IsZero() {
		s.Requested = timestamppb.New(x.requested)
	}
	if !x.completed.IsZero() {
		s.Completed, s.Erased = timestamppb.New(x.completed), s.GetEvents()
		s.Otherwise = x.otherwise(s.GetErased())
	}
	return s
}

// otherwise returns how many of the events that are gone did not go by this
// request.
func (x *erasure) otherwise(gone uint64) uint64 { return gone - min(gone, total(x.gone)) }

// erasureState is state with what is owed.
func (k *Keeper) erasureState(ctx context.Context, b *books, x *erasure) (*pb.ErasureState, error) {
	s := x.state()
	if !x.completed.IsZero() {
		return s, nil
	}
	places, err := k.cfg.Log.Places(ctx, b.tenant, x.about)
	if err != nil {
		return nil, err
	}
	s.Erased = s.GetEvents()
	for _, set := range places {
		s.Erased -= set.GetCardinality()
	}
	s.Otherwise = x.otherwise(s.GetErased())
	_, s.Deferred, err = k.owing(ctx, b, x)
	return s, err
}

// merged adds up entries of the same class and day.
func merged(list []*pb.ClassDay) []*pb.ClassDay {
	n := counts{}
	for _, c := range list {
		n[classDay{c.GetClass(), c.GetDay().AsTime()}] += c.GetEvents()
	}
	return n.list()
}
