package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// Stored is the stored events of one tenant, and what redacts them by the policy
// that is in force today. Its methods are safe for concurrent use.
type Stored struct {
	Log      *eventlog.Log       // required
	Tenant   event.Tenant        // required
	Redactor *redaction.Redactor // required
	// Policy is the version of the policy that says so.
	Policy string
	// Waits is how long the redactor may wait for a remote analyser beside its own
	// work.
	Waits time.Duration
	Now   func() time.Time // evidence time; nil: time.Now
	// Guard returns which events must stay as they are since holds claim them, and
	// keeps holds from being placed until release is called, as [Keeper.Guard]
	// does. nil: none.
	Guard func(context.Context, event.Tenant) (held *roaring64.Bitmap, release func(), err error)

	patience  time.Duration // of tests; 0: patience
	batchSize int           // of tests; 0: redactBatch
}

// Why says on whose behalf stored events are redacted. It goes into the ledger,
// which nothing is ever taken out of.
type Why struct {
	Actor, Reason string
	// Stop, when it is closed, has no further events redacted; what is on record
	// by then is finished. nil: never.
	Stop <-chan struct{}
}

// redactBatch is how many events one call of the log redacts: their positions are
// in memory, and when it ends their buckets get new keys.
const redactBatch = 1 << 20

// Preview runs the redactor over copies of the selected events and returns what
// would change. Nothing does. progress is told how many it has looked at of how
// many.
//
// An event that cannot be redacted is counted as such and keeps nobody up; but
// an analyser that does not answer ends it, with analyzer.ErrUnavailable.
func (s *Stored) Preview(ctx context.Context, selected iter.Seq2[event.Seq, error], progress func(eventlog.ForgetProgress)) (*pb.RedactionSummary, error) {
	all, err := gather(selected)
	if err != nil {
		return nil, fmt.Errorf("look at stored events: %w", err)
	}
	held, release, err := s.guard(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("look at stored events: %w", err)
	}
	release() // Nothing is changed.
	t := newTally()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) // so many events are in memory
	total, done := int(all.GetCardinality()), 0
	for it := all.Iterator(); it.HasNext() && gctx.Err() == nil; done++ {
		if done%256 == 0 {
			progress(eventlog.ForgetProgress{Step: "look", Done: done, Planned: total})
		}
		seq := event.Seq(it.Next())
		group.Go(func() error {
			if err := s.look(gctx, seq, t); err != nil {
				return fmt.Errorf("event %d: %w", seq, err)
			}
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return nil, fmt.Errorf("look at stored events: %w", err)
	}
	out := t.summary()
	out.DryRun, out.Size, out.PolicyVersion, out.Held = true, uint64(s.Log.Size()), s.Policy, held
	return out, nil
}

// guard takes out of a set what holds claim, and returns how many that is. Until
// release is called no hold is placed.
func (s *Stored) guard(ctx context.Context, set *roaring64.Bitmap) (n uint64, release func(), err error) {
	if s.Guard == nil {
		return 0, func() {}, nil
	}
	held, release, err := s.Guard(ctx, s.Tenant)
	if err != nil {
		return 0, nil, err
	}
	before := set.GetCardinality()
	set.AndNot(held)
	return before - set.GetCardinality(), release, nil
}

// look redacts a copy of one event.
func (s *Stored) look(ctx context.Context, seq event.Seq, t *tally) error {
	was, err := s.Log.Read(ctx, s.Tenant, seq)
	if errors.Is(err, eventlog.ErrErased) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := s.redacted(ctx, was)
	return t.note(was, is, err, func() (event.Seq, error) { return seq, nil })
}

// Redact redacts the selected events, as [eventlog.Log.Redact] says, and returns
// what changed. Of what is redacted already nothing changes, so that it may be
// called again after any error; what was on record by then is redacted. An event
// that cannot be redacted stays as it is, as in Preview.
//
// ctx is for all of it, and ends it in the middle of forgetting what the events
// were, which then goes on when the log is opened; why.Stop ends it sooner, and
// in order, with context.Canceled.
func (s *Stored) Redact(ctx context.Context, selected iter.Seq2[event.Seq, error], why Why, progress func(eventlog.ForgetProgress)) (*pb.RedactionSummary, error) {
	all, err := gather(selected) // before anything changes that the selection depends on
	if err != nil {
		return nil, fmt.Errorf("redact stored events: %w", err)
	}
	t, changed, ledger, held := newTally(), 0, []uint64(nil), uint64(0)
	for seqs := range batches(all, cmp.Or(s.batchSize, redactBatch)) {
		n, kept, at, err := s.guarded(ctx, seqs, why, t, progress)
		changed, held = changed+n, held+kept
		ledger = append(ledger, at...)
		if err != nil {
			return nil, fmt.Errorf("redact stored events: after %d of them: %w", changed, err)
		}
	}
	out := t.summary()
	out.Changed, out.Ledger, out.Held = uint64(changed), ledger, held
	out.Size, out.PolicyVersion = uint64(s.Log.Size()), s.Policy
	return out, nil
}

// guarded is batch of those that no hold claims; it returns how many some do.
func (s *Stored) guarded(ctx context.Context, seqs []event.Seq, why Why, t *tally, progress func(eventlog.ForgetProgress)) (n int, held uint64, at []uint64, err error) {
	set := setOf(seqs)
	held, release, err := s.guard(ctx, set)
	if err != nil {
		return 0, 0, nil, err
	}
	defer release()
	for rest := range batches(set, len(seqs)) {
		n, at, err = s.batch(ctx, rest, why, t, progress)
	}
	return n, held, at, err
}

// batch redacts some events. It returns how many changed, and the positions of
// the ledger events that say so.
func (s *Stored) batch(ctx context.Context, seqs []event.Seq, why Why, t *tally, progress func(eventlog.ForgetProgress)) (int, []uint64, error) {
	ledger, err := s.record(why)
	if err != nil {
		return 0, nil, err
	}
	id := ledger.GetId()
	n, err := s.Log.Redact(ctx, eventlog.Redaction{
		Tenant: s.Tenant, Ledger: ledger, Seqs: seqs,
		Apply: func(ctx context.Context, e *pb.Event) error {
			select {
			case <-why.Stop:
				return context.Canceled
			default:
				return s.apply(ctx, e, t)
			}
		},
	}, progress)
	if err != nil || n == 0 {
		return n, nil, err
	}
	at, err := s.recorded(ctx, id)
	return n, at, err
}

// record returns the ledger event that says who has it done, why and with what.
func (s *Stored) record(why Why) (*pb.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := time.Now //nolint:forbidigo // The default of Stored.Now.
	if s.Now != nil {
		now = s.Now
	}
	detectors := s.Redactor.Detectors()
	if more := len(detectors) - event.MaxDetectors; more > 0 {
		detectors = append(detectors[:event.MaxDetectors-1], fmt.Sprintf("and %d more", more+1))
	}
	return &pb.Event{
		Id: id.String(), Time: timestamppb.New(now()), Class: policy.Ledger, PolicyVersion: s.Policy,
		Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: why.Actor, Reason: why.Reason, Detectors: detectors}},
	}, nil
}

// recorded returns the positions of the ledger events of one call, whose ids are
// that of the first and that with a number.
func (s *Stored) recorded(ctx context.Context, id string) (at []uint64, err error) {
	for next := id; ; next = fmt.Sprintf("%s-%d", id, len(at)) {
		seq, err := s.Log.Lookup(ctx, s.Tenant, next)
		if errors.Is(err, eventlog.ErrNotFound) {
			return at, nil
		}
		if err != nil {
			return at, err
		}
		at = append(at, uint64(seq))
	}
}

// apply redacts one event of the log's in place. One that cannot be redacted
// stays as it is.
func (s *Stored) apply(ctx context.Context, e *pb.Event, t *tally) error {
	is, err := s.redacted(ctx, e)
	// The log does not say where it stands.
	seq := func() (event.Seq, error) { return s.Log.Lookup(ctx, s.Tenant, e.GetId()) }
	if failed := t.note(e, is, err, seq); failed != nil || err != nil {
		return failed
	}
	proto.Reset(e)
	proto.Merge(e, is)
	return nil
}

// Mentions returns the types of what the redactor would replace in a text, for
// one that is to go where nothing is redacted.
func (s *Stored) Mentions(ctx context.Context, text string) (types []string, err error) {
	_, found, err := s.Redactor.Text(ctx, text, func(string) (string, error) { return "aaaaaaaaaaaa", nil })
	for _, f := range found {
		types = append(types, f.Type)
	}
	slices.Sort(types)
	return slices.Compact(types), err
}

// gather returns the members of a selection, compressed.
func gather(selected iter.Seq2[event.Seq, error]) (*roaring64.Bitmap, error) {
	all := roaring64.New()
	for seq, err := range selected {
		if err != nil {
			return nil, err
		}
		all.Add(uint64(seq))
	}
	all.RunOptimize()
	return all, nil
}

// batches yields the members of a set, ascending, some at a time. A slice is
// valid until the next.
func batches(all *roaring64.Bitmap, size int) iter.Seq[[]event.Seq] {
	return func(yield func([]event.Seq) bool) {
		var part []event.Seq
		for it := all.Iterator(); it.HasNext(); {
			part = append(part, event.Seq(it.Next()))
			if len(part) == size || !it.HasNext() {
				if !yield(part) {
					return
				}
				part = part[:0]
			}
		}
	}
}
