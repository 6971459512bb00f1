package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// settled is how long after a day's end nothing comes into its buckets any more.
const settled = time.Hour

// due reports whether the time of a bucket has passed by the policy in force.
func (k *Keeper) due(b eventlog.Bucket, now time.Time) bool {
	at, ok := k.expires(b)
	return ok && !at.After(now)
}

// expires returns when the time of a bucket passes; ok is false where no policy
// says.
func (k *Keeper) expires(b eventlog.Bucket) (at time.Time, ok bool) {
	class, ok := k.class(b)
	return dayEnd(b.Day).Add(class.Keep), ok
}

// promised reports whether policy promises that what is in a bucket stays.
func (k *Keeper) promised(b eventlog.Bucket, now time.Time) bool {
	class, _ := k.class(b)
	return class.Min > 0 && k.promisedUntil(b).After(now)
}

func (k *Keeper) promisedUntil(b eventlog.Bucket) time.Time {
	class, _ := k.class(b)
	return dayEnd(b.Day).Add(class.Min)
}

// class returns what policy says of the class of a bucket.
func (k *Keeper) class(b eventlog.Bucket) (policy.Class, bool) {
	document, _, _, ok := k.cfg.Policies.Current(b.Tenant)
	if !ok {
		document = policy.Default() // The system's own tenant has none.
	}
	if b.Class == policy.Quarantine {
		return policy.Class{Name: b.Class, Keep: document.QuarantineKeep()}, true
	}
	if !ok {
		return document.Class(b.Class)
	}
	return k.cfg.Policies.Kept(b.Tenant, b.Class)
}

// Expire expires what is due now, and does what was deferred and may be done; in a
// dry run it says what would expire. It returns what it did tenant by tenant, of
// those where there was something to do. ErrStopped, with the reason and what to
// do.
func (k *Keeper) Expire(ctx context.Context, dryRun bool, progress func(eventlog.ForgetProgress)) ([]*pb.Expiry, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	done, err := k.expire(ctx, dryRun, progress)
	if _, failed := k.state(ctx); failed != nil && err == nil {
		err = failed
	}
	return done, err
}

// expire is Expire of a caller that holds the lock.
func (k *Keeper) expire(ctx context.Context, dry bool, progress func(eventlog.ForgetProgress)) ([]*pb.Expiry, error) {
	now, err := k.time(ctx, dry)
	if err != nil {
		return nil, err
	}
	if !dry { // One that failed has closed buckets.
		if err := errors.Join(k.cfg.Policies.deeds.settle(), k.cfg.Log.Resume(ctx, progress)); err != nil {
			return nil, err
		}
	}
	var all []*expiring
	var failed error
	for _, t := range k.cfg.Log.Tenants() {
		x, err := k.expiringOf(ctx, t, now, dry)
		if err != nil { // What one tenant's ledger or holds do keeps no other's events.
			failed = errors.Join(failed, fmt.Errorf("expire events of tenant %s: %w", t, err))
			continue
		}
		all = append(all, x)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, failed)
	}
	if !dry {
		if err := k.doExpire(ctx, all, progress); err != nil {
			return nil, errors.Join(err, failed)
		}
		if failed == nil {
			k.ran = now
		}
	}
	var out []*pb.Expiry
	for _, x := range all {
		if x.something() {
			out = append(out, x.expiry())
		}
	}
	return out, failed
}

// expiringOf finds out what expires of a tenant, when all is promoted that is to be:
// in a dry run too, as it is done all the time.
func (k *Keeper) expiringOf(ctx context.Context, t event.Tenant, now time.Time, dry bool) (*expiring, error) {
	b, err := k.of(ctx, t)
	if err == nil {
		err = k.cfg.Policies.catchUp(ctx, t, k.cfg.Log.Size())
	}
	if err != nil {
		return nil, err
	}
	return k.expiring(ctx, b, now, dry)
}

// time returns the time by which things expire.
func (k *Keeper) time(ctx context.Context, dry bool) (time.Time, error) {
	if !dry {
		return k.believe(ctx)
	}
	system, err := k.of(ctx, event.System)
	if err != nil {
		return time.Time{}, err
	}
	return k.judge(system)
}

// An expiring is what expires of one tenant.
type expiring struct {
	books       *books
	what        eventlog.Forgetting
	move        map[string]*roaring64.Bitmap // what is held of buckets that go, by the class it is moved to
	gone, held  counts
	quarantined []string
	request     string
	settled     []eventlog.Forgetting // erasures of which something may go
}

func (x *expiring) something() bool {
	return len(x.what.Buckets)+len(x.what.Seqs)+len(x.held)+len(x.settled) > 0
}

func (x *expiring) expiry() *pb.Expiry {
	out := &pb.Expiry{Tenant: string(x.books.tenant), Request: x.request, Gone: x.gone.list(), Held: x.held.list(), Quarantined: uint64(len(x.quarantined))}
	for _, f := range x.settled {
		out.Erasures = append(out.Erasures, f.Ledger.GetForgotten().GetRequest())
	}
	return out
}

// expiring finds out what expires of a tenant.
func (k *Keeper) expiring(ctx context.Context, b *books, now time.Time, dry bool) (*expiring, error) {
	if err := k.cover(ctx, b); err != nil {
		return nil, err
	}
	x := &expiring{books: b, move: map[string]*roaring64.Bitmap{}, gone: counts{}, held: counts{}}
	x.what.Tenant = b.tenant
	held, needed := b.held(), k.needed(b)
	for _, bucket := range k.cfg.Log.Buckets() {
		if bucket.Tenant != b.tenant || !k.due(bucket, now) {
			continue
		}
		if err := k.expireBucket(ctx, x, bucket, held, needed); err != nil {
			return nil, err
		}
	}
	var err error
	x.settled, err = k.settling(ctx, b, x.what, dry)
	return x, err
}

// needed returns the positions of ledger events that must not expire: those of
// the policies that say how long classes are kept, and of what is held or owed.
func (k *Keeper) needed(b *books) *roaring64.Bitmap {
	return roaring64.Or(b.needed(), k.cfg.Policies.needed(b.tenant))
}

// expireBucket notes what becomes of a bucket whose time has passed.
func (k *Keeper) expireBucket(ctx context.Context, x *expiring, bucket eventlog.Bucket, held, needed *roaring64.Bitmap) error {
	if bucket.Class == policy.Quarantine {
		return k.expireQuarantine(ctx, x, bucket)
	}
	stays := held
	if bucket.Class == policy.Ledger {
		stays = needed
	}
	n := uint64(bucket.Events)
	if stays.IsEmpty() {
		x.drop(bucket, n)
		return nil
	}
	all, err := k.cfg.Log.BucketSeqs(ctx, bucket.ID)
	if err != nil {
		return err
	}
	stays = roaring64.And(all, stays)
	switch _, already := policy.Unheld(bucket.Class); {
	case stays.IsEmpty():
		x.drop(bucket, n)
	case bucket.Class == policy.Ledger:
		x.held.add(bucket, n)
	case already:
		x.held.add(bucket, stays.GetCardinality())
		all.AndNot(stays)
		x.gone.add(bucket, all.GetCardinality())
		for it := all.Iterator(); it.HasNext(); {
			x.what.Seqs = append(x.what.Seqs, event.Seq(it.Next()))
		}
	default:
		x.held.add(bucket, stays.GetCardinality())
		to := policy.Held(bucket.Class)
		if x.move[to] == nil {
			x.move[to] = roaring64.New()
		}
		x.move[to].Or(stays)
		x.drop(bucket, n-stays.GetCardinality())
	}
	return nil
}

func (x *expiring) drop(bucket eventlog.Bucket, n uint64) {
	x.what.Buckets = append(x.what.Buckets, bucket.ID)
	x.gone.add(bucket, n)
}

// expireQuarantine notes that the quarantined messages of a day go.
func (k *Keeper) expireQuarantine(ctx context.Context, x *expiring, bucket eventlog.Bucket) error {
	x.what.Buckets = append(x.what.Buckets, bucket.ID)
	for e, err := range k.cfg.Log.QuarantineList(ctx, bucket.Tenant, "") {
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return err
		}
		if e.GetTime().AsTime().Truncate(24 * time.Hour).Equal(bucket.Day) {
			x.quarantined = append(x.quarantined, e.GetId())
		}
	}
	return nil
}

// doExpire does what was found out. First what is held moves out of the buckets
// that go: a crash after that leaves it where it is kept, and the buckets are due
// still.
func (k *Keeper) doExpire(ctx context.Context, all []*expiring, progress func(eventlog.ForgetProgress)) error {
	var what []eventlog.Forgetting
	for _, x := range all {
		for class, set := range x.move {
			if err := k.cfg.Policies.promoteTo(ctx, x.books.tenant, set, class); err != nil {
				return fmt.Errorf("keep what is held: %w", err)
			}
		}
		if len(x.what.Buckets)+len(x.what.Seqs) > 0 {
			if err := k.ledger(x); err != nil {
				return err
			}
			what = append(what, x.what)
		}
		what = append(what, x.settled...)
	}
	for _, x := range all {
		if len(what) > 0 || k.newDay(x.books) {
			if err := k.count(ctx, x.books); err != nil {
				return err
			}
		}
	}
	if err := k.forget(ctx, what, progress); err != nil {
		return err
	}
	for _, x := range all {
		if err := k.finish(ctx, x.books); err != nil {
			return err
		}
	}
	return nil
}

// ledger completes what goes on record of an expiry.
func (k *Keeper) ledger(x *expiring) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	x.request = id.String()
	x.what.Ledger = &pb.Event{Id: id.String(), Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{
		Cause: pb.Forgotten_EXPIRED, Request: x.request, Kept: x.gone.list(), Quarantined: x.quarantined,
	}}}
	return k.complete(x.books.tenant, x.what.Ledger)
}

// forgetting returns how some events are forgotten: whole buckets where all of one
// goes and nothing comes into it any more. Those in buckets of skip are left out.
func (k *Keeper) forgetting(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, body *pb.Forgotten, skip []eventlog.BucketID) (eventlog.Forgetting, error) {
	f := eventlog.Forgetting{Tenant: t, Ledger: &pb.Event{Body: &pb.Event_Forgotten{Forgotten: body}}}
	places, err := k.cfg.Log.Places(ctx, t, set)
	if err != nil {
		return f, err
	}
	buckets, n := k.buckets(t), counts{}
	for id, in := range places {
		b := buckets[id]
		switch {
		case slices.Contains(skip, id):
			continue
		case uint64(b.Events) == in.GetCardinality() && ended(b.Day, k.clock.at):
			f.Buckets = append(f.Buckets, id)
		default:
			for it := in.Iterator(); it.HasNext(); {
				f.Seqs = append(f.Seqs, event.Seq(it.Next()))
			}
		}
		n.add(b, in.GetCardinality())
	}
	body.Kept = n.list()
	return f, k.complete(t, f.Ledger)
}

// forget forgets, in one epoch, and takes over what that put on record.
func (k *Keeper) forget(ctx context.Context, what []eventlog.Forgetting, progress func(eventlog.ForgetProgress)) error {
	if len(what) == 0 {
		return nil
	}
	if err := k.cfg.Log.Forget(ctx, what, progress); err != nil {
		return err
	}
	for _, f := range what {
		b, err := k.of(ctx, f.Tenant)
		if err != nil {
			return err
		}
		body := f.Ledger.GetForgotten()
		b.read(&pb.Event{Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{
			Cause: body.GetCause(), Request: body.GetRequest(), Kept: body.GetKept(), Quarantined: body.GetQuarantined(),
		}}}, 0)
	}
	return nil
}

// stateWait is how long [Keeper.State] waits for what is being done.
const stateWait = 500 * time.Millisecond

// State says whether anything keeps things from expiring, and what is due next.
// While something is being forgotten, which may take long, it says what it was
// before, and that.
func (k *Keeper) State(ctx context.Context) (*pb.RetentionState, error) {
	wait, end := context.WithTimeout(ctx, stateWait)
	defer end()
	unlock, err := k.lock(wait)
	if last := k.last.Load(); err != nil && ctx.Err() == nil && last != nil {
		last = proto.CloneOf(last)
		last.Busy = true
		return last, nil
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	return k.state(ctx)
}

func (k *Keeper) state(ctx context.Context) (*pb.RetentionState, error) {
	system, err := k.of(ctx, event.System)
	if err != nil {
		return nil, err
	}
	now, stopped := k.judge(system)
	out := &pb.RetentionState{Clock: system.judged}
	if stopped != nil {
		out.Stopped = stopped.Error()
	}
	if !k.ran.IsZero() {
		out.LastRun = timestamppb.New(k.ran)
	}
	var next time.Time
	ahead := 0
	for _, b := range k.cfg.Log.Buckets() {
		at, ok := k.expires(b)
		_, held := policy.Unheld(b.Class)
		switch {
		case b.Day.After(now.Add(24 * time.Hour)):
			ahead += b.Events
		case !ok:
			out.Warnings = append(out.Warnings, fmt.Sprintf("tenant %s: no policy says how long class %s is kept: it stays", b.Tenant, b.Class))
		case held: // It goes when its hold is released.
		case !at.After(now):
			out.Due++
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	if ahead > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d events were stored while the clock was ahead, and are kept that much longer", ahead))
	}
	if !next.IsZero() {
		out.NextDue = timestamppb.New(next)
	}
	for t, b := range k.books {
		out.Holds += uint64(len(b.active()))
		out.HeldEvents += b.held().GetCardinality()
		out.OwedErasures += uint64(len(b.open()))
		if document, _, _, ok := k.cfg.Policies.Current(t); ok {
			if since, overdue := document.ReviewOverdue(now); overdue {
				out.Warnings = append(out.Warnings, fmt.Sprintf("tenant %s: the review of policy %s is overdue since %s", t, document.Version(), since.Format(time.DateOnly)))
			}
		}
	}
	slices.Sort(out.Warnings)
	out.Warnings = slices.Compact(out.Warnings)
	k.last.Store(out)
	return proto.CloneOf(out), nil
}
