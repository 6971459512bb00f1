package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A hold is a case's claim on evidence.
type hold struct {
	id, caseID, reason, authority, actor string
	owners                               []string // who may extend and release it
	scopes                               []*pb.Hold_Scope
	placed, released                     time.Time // zero: it holds
	releasedBy, releaseReason            string
	covered                              *roaring64.Bitmap
	through                              event.Seq // all before it was looked at
	noted                                event.Seq // likewise, as it is on record
	ledger                               *roaring64.Bitmap
	steps                                []*pb.HoldState_Step
}

// readHold takes over a step of a hold.
func (b *books) readHold(x *pb.Hold, seq event.Seq, at time.Time) {
	h := b.hold(x.GetHold())
	if h == nil {
		if x.GetStage() != pb.Hold_PLACED {
			return // What it was placed by has expired, and it with it.
		}
		h = &hold{id: x.GetHold(), covered: roaring64.New(), ledger: roaring64.New()}
		h.caseID, h.reason, h.authority, h.actor, h.placed = x.GetCaseId(), x.GetReason(), x.GetAuthority(), x.GetActor(), at
		h.owners = []string{x.GetActor()}
		b.holds = append(b.holds, h)
	}
	h.ledger.Add(uint64(seq))
	if x.GetStage() != pb.Hold_COVERED {
		h.steps = append(h.steps, &pb.HoldState_Step{Stage: x.GetStage(), Time: timestamppb.New(at), Actor: x.GetActor(), Reason: x.GetReason(), Seq: uint64(seq)})
	}
	switch x.GetStage() {
	case pb.Hold_PLACED, pb.Hold_EXTENDED:
		if x.GetScope() != nil {
			h.scopes = append(h.scopes, x.GetScope())
			// What it was found to cover follows, unless a restore lost that.
			h.through, h.noted = 0, 0
		}
		h.owners = append(h.owners, x.GetOwners()...)
		slices.Sort(h.owners)
		h.owners = slices.Compact(h.owners)
	case pb.Hold_COVERED:
		addRanges(h.covered, x.GetPositions())
		h.noted = max(h.noted, event.Seq(x.GetThrough()))
		h.through = max(h.through, h.noted)
	case pb.Hold_RELEASED:
		h.released, h.releasedBy, h.releaseReason = at, x.GetActor(), x.GetReason()
	}
}

// noteEvery is how many positions without a match are looked at before that is
// put on record, so that a restart need not look at them again.
const noteEvery = 1 << 18

// cover finds out what the active holds claim of what has come since they were
// last asked, and puts it on record. The caller holds the lock.
func (k *Keeper) cover(ctx context.Context, b *books) error {
	size := k.cfg.Log.Size()
	for _, h := range b.active() {
		if h.through >= size {
			continue
		}
		// What comes must not end it: an event for which the condition cannot be
		// computed may be what the hold is for, and stays.
		found, err := k.claims(ctx, b.tenant, h.scopes, h.covered, h.through, size, true)
		if err != nil {
			return fmt.Errorf("find what hold %s claims: %w", h.id, err)
		}
		found.AndNot(h.covered)
		if !found.IsEmpty() || size-h.noted > noteEvery {
			if err := k.record(ctx, b, coverage(h.id, found, size)...); err != nil {
				return err
			}
		}
		h.through = size
	}
	return nil
}

// coverage is what goes on record of what a hold was found to claim.
func coverage(hold string, found *roaring64.Bitmap, through event.Seq) (out []*pb.Event) {
	for _, part := range chunked(eventlog.Positions(found)) {
		out = append(out, &pb.Event{Body: &pb.Event_Hold{Hold: &pb.Hold{
			Stage: pb.Hold_COVERED, Hold: hold, Through: uint64(through), Positions: part,
		}}})
	}
	return out
}

// claims returns what scopes claim of the positions in [from, before), and what is
// said of that, or of what is covered, by late verdicts, reports and actions.
func (k *Keeper) claims(ctx context.Context, t event.Tenant, scopes []*pb.Hold_Scope, covered *roaring64.Bitmap, from, before event.Seq, unsure bool) (*roaring64.Bitmap, error) {
	found := roaring64.New()
	for _, s := range scopes {
		seqs, err := k.cfg.Select(ctx, t, Scope{s, from, before, unsure})
		if err != nil {
			return nil, err
		}
		for seq, err := range seqs {
			if err != nil {
				return nil, err
			}
			found.Add(uint64(seq))
		}
	}
	about := found
	if from > 0 {
		about = roaring64.Or(found, covered)
	}
	late, err := k.lateAbout(ctx, t, about, from, before)
	if err != nil {
		return nil, err
	}
	found.Or(late)
	if from > 0 { // What is said of an event may have come before it.
		if late, err = k.lateAbout(ctx, t, found, 0, before); err != nil {
			return nil, err
		}
		found.Or(late)
	}
	return found, nil
}

// PlaceHold places a hold; in a dry run it says what it would cover.
//
// Errors: *RequestError, *policy.Error for its condition, what Select says of its
// text, eventlog.ErrNotFound for a tenant that has no events.
func (k *Keeper) PlaceHold(ctx context.Context, t event.Tenant, r *pb.PlaceHoldRequest) (*pb.PlaceHoldResponse, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("place a hold: %w", err)
	}
	fields := []error{few("owners", len(r.GetOwners()), event.MaxOwners)}
	if !r.GetDryRun() { // Whoever asks what a hold would cover may have no case yet.
		fields = append(fields, required("caseId", r.GetCaseId()), required("authority", r.GetAuthority()),
			required("reason", r.GetReason()), required("actor", r.GetActor()))
	}
	if err := errors.Join(fields...); err != nil {
		return nil, err
	}
	scope, err := k.scope(t, r.GetScope())
	if err != nil {
		return nil, err
	}
	size := k.cfg.Log.Size()
	found, err := k.claims(ctx, t, []*pb.Hold_Scope{scope}, nil, 0, size, false)
	if err != nil {
		return nil, err
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	newly, err := k.classDays(ctx, t, roaring64.AndNot(found, b.held()))
	if err != nil {
		return nil, err
	}
	h := &hold{caseID: r.GetCaseId(), reason: r.GetReason(), authority: r.GetAuthority(), actor: r.GetActor(), scopes: []*pb.Hold_Scope{scope}, covered: found, through: size, ledger: roaring64.New()}
	if !r.GetDryRun() {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		placed := &pb.Event{Id: id.String(), Body: &pb.Event_Hold{Hold: &pb.Hold{
			Stage: pb.Hold_PLACED, Hold: id.String(), CaseId: r.GetCaseId(), Reason: r.GetReason(), Authority: r.GetAuthority(),
			Actor: r.GetActor(), Owners: r.GetOwners(), Scope: scope,
		}}}
		if err := k.record(ctx, b, append([]*pb.Event{placed}, coverage(id.String(), found, size)...)...); err != nil {
			return nil, err
		}
		h = b.hold(id.String())
		k.cfg.Logger.InfoContext(ctx, "hold placed", "hold", h.id, "events", found.GetCardinality())
	}
	state, err := k.holdState(ctx, t, h)
	return &pb.PlaceHoldResponse{Hold: state, Newly: newly}, err
}

// scope checks a scope, and returns it as it goes on record: with people as they
// are stored.
func (k *Keeper) scope(t event.Tenant, s *pb.Hold_Scope) (*pb.Hold_Scope, error) {
	s = proto.CloneOf(s)
	if s == nil || proto.Equal(s, &pb.Hold_Scope{}) {
		return nil, &RequestError{"scope", "claims nothing: want a filter, text, sessions, users or a time; the filter true claims everything"}
	}
	if err := errors.Join(few("scope.sessions", len(s.GetSessions()), event.MaxNamed), few("scope.users", len(s.GetUsers()), event.MaxNamed)); err != nil {
		return nil, err
	}
	if slices.Contains(s.GetSessions(), "") || slices.Contains(s.GetUsers(), "") {
		return nil, &RequestError{"scope", "names a session or a user that is empty"}
	}
	if s.GetSince() != nil && s.GetUntil() != nil && !s.GetSince().AsTime().Before(s.GetUntil().AsTime()) {
		return nil, &RequestError{"scope.until", "is not after since"}
	}
	for i, user := range s.GetUsers() {
		token, err := k.pseudonym(t, user)
		if err != nil {
			return nil, err
		}
		s.Users[i] = token
	}
	if s.GetFilter() == "" {
		return s, nil
	}
	var err error
	s.Filter, err = policy.Pseudonymous(s.GetFilter(), func(user string) (string, error) { return k.pseudonym(t, user) })
	return s, err
}

// own returns a hold that somebody may change.
func (b *books) own(id, actor string) (*hold, error) {
	h := b.hold(id)
	switch {
	case h == nil:
		return nil, fmt.Errorf("hold %q: %w", id, eventlog.ErrNotFound)
	case !h.released.IsZero():
		return nil, fmt.Errorf("hold %s: %w on %s", id, ErrReleased, stamp(h.released))
	case !slices.Contains(h.owners, actor):
		return nil, fmt.Errorf("hold %s: %q is %w: its owners are %s, and any of them may add others", id, actor, ErrNotOwner, quoted(h.owners))
	}
	return h, nil
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}

// ExtendHold extends a hold. Errors as of PlaceHold; eventlog.ErrNotFound,
// ErrNotOwner, ErrReleased.
func (k *Keeper) ExtendHold(ctx context.Context, t event.Tenant, r *pb.ExtendHoldRequest) (*pb.PlaceHoldResponse, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("extend a hold: %w", err)
	}
	fields := []error{required("actor", r.GetActor()), few("owners", len(r.GetOwners()), event.MaxOwners)}
	if !r.GetDryRun() {
		fields = append(fields, required("reason", r.GetReason()))
	}
	if err := errors.Join(fields...); err != nil {
		return nil, err
	}
	h, err := b.own(r.GetHold(), r.GetActor())
	if err != nil {
		return nil, err
	}
	if r.GetScope() == nil && len(r.GetOwners()) == 0 {
		return nil, &RequestError{"scope", "extends nothing: want a scope or owners"}
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	size, found := h.through, roaring64.New()
	extended := &pb.Hold{Stage: pb.Hold_EXTENDED, Hold: h.id, Actor: r.GetActor(), Reason: r.GetReason(), Owners: r.GetOwners()}
	if r.GetScope() != nil {
		if extended.Scope, err = k.scope(t, r.GetScope()); err != nil {
			return nil, err
		}
		if found, err = k.claims(ctx, t, []*pb.Hold_Scope{extended.GetScope()}, nil, 0, size, false); err != nil {
			return nil, err
		}
	}
	newly, err := k.classDays(ctx, t, roaring64.AndNot(found, b.held()))
	if err != nil {
		return nil, err
	}
	if r.GetDryRun() {
		would := *h
		would.scopes, would.covered = append(slices.Clone(h.scopes), extended.GetScope()), roaring64.Or(h.covered, found)
		state, err := k.holdState(ctx, t, &would)
		return &pb.PlaceHoldResponse{Hold: state, Newly: newly}, err
	}
	found.AndNot(h.covered)
	err = k.record(ctx, b, append([]*pb.Event{{Body: &pb.Event_Hold{Hold: extended}}}, coverage(h.id, found, size)...)...)
	if err != nil {
		return nil, err
	}
	state, err := k.holdState(ctx, t, h)
	return &pb.PlaceHoldResponse{Hold: state, Newly: newly}, err
}

// ReleaseHold releases a hold, and has what no other claims go on as it would
// have: what would have expired or been erased meanwhile goes now. Where retention
// has stopped it goes when that goes on. Errors as of ExtendHold.
func (k *Keeper) ReleaseHold(ctx context.Context, t event.Tenant, r *pb.ReleaseHoldRequest) (*pb.ReleaseHoldResponse, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("release a hold: %w", err)
	}
	if err := errors.Join(required("actor", r.GetActor()), required("reason", r.GetReason())); err != nil && !r.GetDryRun() {
		return nil, err
	}
	h, err := b.own(r.GetHold(), r.GetActor())
	if errors.Is(err, ErrNotOwner) && r.GetDryRun() { // Whoever asks may know.
		h, err = b.hold(r.GetHold()), nil
	}
	if err != nil {
		return nil, err
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	out, err := k.releasing(ctx, b, h)
	if err != nil {
		return nil, err
	}
	if !r.GetDryRun() {
		err = k.record(ctx, b, &pb.Event{Body: &pb.Event_Hold{Hold: &pb.Hold{
			Stage: pb.Hold_RELEASED, Hold: h.id, Actor: r.GetActor(), Reason: r.GetReason(),
		}}})
		if err != nil {
			return nil, err
		}
		k.cfg.Logger.InfoContext(ctx, "hold released", "hold", h.id, "events", total(out.GetReleased()))
		if _, err := k.expire(ctx, false, func(eventlog.ForgetProgress) {}); err != nil && !errors.Is(err, ErrStopped) {
			return nil, fmt.Errorf("the hold is released, and what follows is tried again within the hour: %w", err)
		}
	}
	out.Hold, err = k.holdState(ctx, t, h)
	return out, err
}

// releasing says what releasing a hold does.
func (k *Keeper) releasing(ctx context.Context, b *books, h *hold) (*pb.ReleaseHoldResponse, error) {
	others := roaring64.New()
	for _, o := range b.active() {
		if o != h {
			others.Or(o.covered)
		}
	}
	places, err := k.cfg.Log.Places(ctx, b.tenant, roaring64.AndNot(h.covered, others))
	if err != nil {
		return nil, err
	}
	system, err := k.of(ctx, event.System)
	if err != nil {
		return nil, err
	}
	now, stopped := k.judge(system)
	owed := roaring64.New()
	for _, x := range b.open() {
		owed.Or(x.about)
	}
	out := &pb.ReleaseHoldResponse{}
	all, expiring, erasing := counts{}, counts{}, counts{}
	buckets := k.buckets(b.tenant)
	for id, set := range places {
		bucket := buckets[id]
		all.add(bucket, set.GetCardinality())
		switch {
		case stopped != nil:
		case k.due(bucket, now):
			expiring.add(bucket, set.GetCardinality())
		case !k.promised(bucket, now):
			erasing.add(bucket, roaring64.And(set, owed).GetCardinality())
		}
	}
	out.Released, out.Expiring, out.Erasing = all.list(), expiring.list(), erasing.list()
	return out, nil
}

// Holds returns a tenant's holds, the newest first.
func (k *Keeper) Holds(ctx context.Context, t event.Tenant, active bool) ([]*pb.HoldState, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	var out []*pb.HoldState
	for _, h := range slices.Backward(b.holds) {
		if !active || h.released.IsZero() {
			out = append(out, h.state())
		}
	}
	return out, nil
}

// Hold returns a hold with what it covers. eventlog.ErrNotFound where there is
// none.
func (k *Keeper) Hold(ctx context.Context, t event.Tenant, id string) (*pb.HoldState, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.known(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	h := b.hold(id)
	if h == nil {
		return nil, fmt.Errorf("hold %q: %w", id, eventlog.ErrNotFound)
	}
	return k.holdState(ctx, t, h)
}

// Stays returns the positions of a tenant's that do not go when their time has
// passed: those that holds claim, and of the ledger those that are needed.
func (k *Keeper) Stays(ctx context.Context, t event.Tenant) (*roaring64.Bitmap, error) {
	held, err := k.Held(ctx, t)
	if err != nil {
		return nil, err
	}
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.of(ctx, t)
	if err != nil {
		return nil, err
	}
	return roaring64.Or(held, k.needed(b)), nil
}

// Guard returns the positions that holds claim of a tenant's evidence, and keeps
// any from being placed until release is called.
func (k *Keeper) Guard(ctx context.Context, t event.Tenant) (held *roaring64.Bitmap, release func(), err error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := k.of(ctx, t)
	if err == nil {
		err = k.cover(ctx, b)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return b.held(), unlock, nil
}

// Held returns the positions that holds claim now of a tenant's evidence: what
// they cover must not be forgotten, nor redacted.
func (k *Keeper) Held(ctx context.Context, t event.Tenant) (*roaring64.Bitmap, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := k.of(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	return b.held(), nil
}

func (h *hold) state() *pb.HoldState {
	s := &pb.HoldState{
		Hold: h.id, CaseId: h.caseID, Reason: h.reason, Authority: h.authority, Actor: h.actor, Owners: h.owners, Scopes: h.scopes,
		ReleasedBy: h.releasedBy, ReleaseReason: h.releaseReason, Events: h.covered.GetCardinality(), Through: uint64(h.through),
	}
	if !h.placed.IsZero() {
		s.Placed = timestamppb.New(h.placed)
	}
	if !h.released.IsZero() {
		s.Released = timestamppb.New(h.released)
	}
	return s
}

// maxListed is how many ranges of positions a hold's state names.
const maxListed = 10_000

// holdState is state with what the hold covers.
func (k *Keeper) holdState(ctx context.Context, t event.Tenant, h *hold) (*pb.HoldState, error) {
	s := h.state()
	var err error
	if s.Covers, err = k.classDays(ctx, t, h.covered); err != nil {
		return nil, err
	}
	s.Steps = h.steps
	ranges := eventlog.Positions(h.covered)
	for _, r := range ranges[:min(len(ranges), maxListed)] {
		s.Positions = append(s.Positions, &pb.SeqRange{First: r.GetFirst(), Last: r.GetLast()})
	}
	s.Ledger = h.ledger.ToArray()
	return s, nil
}

// buckets returns the buckets of a tenant.
func (k *Keeper) buckets(t event.Tenant) map[eventlog.BucketID]eventlog.Bucket {
	return bucketsOf(k.cfg.Log, t)
}

// classDays counts positions by the class and day that they are kept in; those
// that are forgotten are left out.
func (k *Keeper) classDays(ctx context.Context, t event.Tenant, set *roaring64.Bitmap) ([]*pb.ClassDay, error) {
	places, err := k.cfg.Log.Places(ctx, t, set)
	if err != nil {
		return nil, err
	}
	buckets, n := k.buckets(t), counts{}
	for id, in := range places {
		n.add(buckets[id], in.GetCardinality())
	}
	return n.list(), nil
}

// counts are events by class and day.
type counts map[classDay]uint64

type classDay struct {
	class string
	day   time.Time
}

func (c counts) add(b eventlog.Bucket, n uint64) {
	if n > 0 {
		c[classDay{b.Class, b.Day}] += n
	}
}

// list returns the counts by day and class.
func (c counts) list() (out []*pb.ClassDay) {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b classDay) int {
		if o := a.day.Compare(b.day); o != 0 {
			return o
		}
		return cmp.Compare(a.class, b.class)
	})
	for _, key := range keys {
		out = append(out, &pb.ClassDay{Class: key.class, Day: timestamppb.New(key.day), Events: c[key]})
	}
	return out
}

func total(list []*pb.ClassDay) (n uint64) {
	for _, c := range list {
		n += c.GetEvents()
	}
	return n
}
