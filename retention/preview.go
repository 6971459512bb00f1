package retention

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// A Preview says what a policy would do to the events of a tenant if it came into
// force now. It changes nothing.
type Preview struct {
	Policies *Policies           // required
	Tenant   event.Tenant        // required
	Document *policy.Document    // required
	Redactor *redaction.Redactor // by the document; required
	// Waits is how long the redactor may wait for a remote analyser beside its own
	// work.
	Waits time.Duration
	// Stays returns the positions that stay though their time has passed, as
	// [Keeper.Stays] does. nil: none.
	Stays func(context.Context, event.Tenant) (*roaring64.Bitmap, error)
	Now   func() time.Time // evidence time; nil: time.Now
}

// Run returns what would become of everything that is stored, bucket by bucket,
// and of the last day's traffic if it came again. progress is told how much of the
// traffic it has looked at.
//
// What Apply would refuse is said in the preview and is no error. An analyser that
// does not answer ends it, with analyzer.ErrUnavailable.
func (v *Preview) Run(ctx context.Context, progress func(eventlog.ForgetProgress)) (*pb.PolicyPreview, error) {
	current, _ := v.Policies.in(v.Tenant)
	now := time.Now //nolint:forbidigo // The default of Preview.Now.
	if v.Now != nil {
		now = v.Now
	}
	out := &pb.PolicyPreview{Version: v.Document.Version(), Replaces: current.GetVersion()}
	if err := v.Policies.Check(v.Tenant, Change{Document: v.Document, Replaces: current.GetVersion()}); err != nil {
		out.Refused = err.Error()
	}
	for _, w := range v.Document.Warnings(now()) {
		out.Warnings = append(out.Warnings, w.String())
	}
	if err := v.stored(ctx, current.kept, now(), out); err != nil {
		return nil, fmt.Errorf("preview a policy: %w", err)
	}
	if err := v.traffic(ctx, out, progress); err != nil {
		return nil, fmt.Errorf("preview a policy: %w", err)
	}
	return out, nil
}

// A bucketName is what preview counts apart.
type bucketName struct {
	class string
	day   time.Time
}

// stored compares when each bucket expires.
func (v *Preview) stored(ctx context.Context, kept keptClasses, at time.Time, out *pb.PolicyPreview) error {
	after := kept.after(v.Document.For(v.Tenant), 0)
	held, err := v.held(ctx)
	if err != nil {
		return err
	}
	counts := v.buckets()
	names := slices.SortedFunc(maps.Keys(counts), func(a, b bucketName) int {
		return cmp.Or(a.day.Compare(b.day), cmp.Compare(a.class, b.class))
	})
	for _, name := range names {
		from, to := expiry(kept, name), expiry(after, name)
		list := &out.Earlier
		switch {
		case to != nil && !to.After(at):
			list = &out.Now
		case later(to, from):
			list = &out.Later
		case !later(from, to):
			out.Same += counts[name]
			continue
		}
		*list = append(*list, &pb.PolicyPreview_Change{
			Class: name.class, Day: timestamppb.New(name.day), Events: counts[name], Held: held[name],
			From: instant(from), To: instant(to),
		})
	}
	return nil
}

// buckets returns how many events of the tenant there are, by class and day.
func (v *Preview) buckets() map[bucketName]uint64 {
	counts := make(map[bucketName]uint64)
	for _, b := range v.Policies.log.Buckets() {
		if b.Tenant == v.Tenant && b.Events > 0 {
			counts[bucketName{b.Class, b.Day}] += uint64(b.Events)
		}
	}
	return counts
}

// held returns how many events stay though their time has passed, by class and
// day. Of the ledger a day stays whole.
func (v *Preview) held(ctx context.Context) (map[bucketName]uint64, error) {
	if v.Stays == nil {
		return nil, nil
	}
	log := v.Policies.log
	stays, err := v.Stays(ctx, v.Tenant)
	if err != nil || stays.IsEmpty() {
		return nil, err
	}
	places, err := log.Places(ctx, v.Tenant, stays)
	if err != nil {
		return nil, err
	}
	buckets, counts := bucketsOf(log, v.Tenant), make(map[bucketName]uint64)
	for id, in := range places {
		b, n := buckets[id], in.GetCardinality()
		if b.Class == policy.Ledger {
			n = uint64(b.Events)
		}
		counts[bucketName{b.Class, b.Day}] += n
	}
	return counts, nil
}

// expiry returns when a bucket expires; nil: never, as no policy says when.
func expiry(kept keptClasses, name bucketName) *time.Time {
	c, ok := kept.class(name.class)
	if !ok {
		return nil
	}
	return new(dayEnd(name.day).Add(c.Keep))
}

// later tells whether one time is after another, where nil is never.
func later(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == nil && b != nil
	}
	return a.After(*b)
}

func instant(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}
