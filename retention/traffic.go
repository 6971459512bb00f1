package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// trafficSpan is how much of what came last a preview has a policy look at.
const trafficSpan = 24 * time.Hour

// traffic has the policy look at the last day's events, as they are stored.
func (v *Preview) traffic(ctx context.Context, out *pb.PolicyPreview, progress func(eventlog.ForgetProgress)) error {
	log, size := v.Policies.log, v.Policies.log.Size()
	selected := eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: evidenceKinds()}}, Before: &size}
	for entry, err := range log.Scan(ctx, v.Tenant, selected) { // the newest first
		if err != nil {
			return err
		}
		selected.Since = entry.Time.Add(-trafficSpan)
		break
	}
	if selected.Since.IsZero() {
		return nil // there is none
	}
	out.TrafficSince = timestamppb.New(selected.Since)
	again := &replayed{
		Preview: v, out: out, document: v.Document.For(v.Tenant), classes: map[[2]string]uint64{},
		stored: &Stored{Log: log, Tenant: v.Tenant, Redactor: v.Redactor, Policy: v.Document.Version(), Waits: v.Waits, Now: v.Now},
	}
	_, err := log.EachBlock(ctx, v.Tenant, selected, runtime.GOMAXPROCS(0), func(entries []*eventlog.Entry, at eventlog.Sweep) error {
		for _, entry := range entries {
			if err := again.look(ctx, entry); err != nil {
				return fmt.Errorf("event %d: %w", entry.Seq, err)
			}
		}
		again.mu.Lock()
		defer again.mu.Unlock()
		progress(eventlog.ForgetProgress{Step: "traffic", Done: at.Done, Planned: at.Blocks})
		return nil
	})
	again.tell()
	return err
}

// replayed is what a policy makes of traffic that came already. It is safe for
// concurrent use.
type replayed struct {
	*Preview
	document *policy.Document // as it is for the tenant
	stored   *Stored

	mu      sync.Mutex // held while progress is told, too
	out     *pb.PolicyPreview
	classes map[[2]string]uint64 // from and to
	stuck   int
}

// look has the policy look at one event.
func (r *replayed) look(ctx context.Context, entry *eventlog.Entry) error {
	e, err := entry.Event()
	if errors.Is(err, eventlog.ErrErased) {
		return nil
	}
	if err != nil {
		return err
	}
	is, failed := r.stored.redacted(ctx, e)
	if failed != nil && ends(failed) {
		return failed
	}
	class, wrong := r.document.Classify(e)
	rate, _, err := r.document.Rate(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Traffic++
	switch {
	case failed != nil:
		r.out.Unredactable++
	case !proto.Equal(e, is) || r.otherwise(e):
		r.out.RedactedOtherwise++
	}
	if wrong != nil || err != nil {
		r.out.Unevaluable++
	}
	if wrong == nil && class != e.GetClass() {
		r.classes[[2]string{e.GetClass(), class}]++
	}
	if err != nil {
		rate = 1 // whoever cannot tell keeps it
	}
	r.sample(e, rate)
	if errors.Is(failed, errHangs) {
		if r.stuck++; r.stuck > maxStuck {
			return errStuck
		}
	}
	return nil
}

// otherwise tells whether what is on record as replaced would have been replaced
// in another way, or not at all.
func (r *replayed) otherwise(e *pb.Event) bool {
	if r.document.Redaction().DropContent {
		return false // its text is looked at itself
	}
	if e.GetCapture().GetContent() == pb.Capture_DROPPED {
		return true
	}
	return slices.ContainsFunc(e.GetCapture().GetRedactions(), r.Redactor.Differs)
}

// sample estimates by Horvitz and Thompson: an interaction that was captured with
// probability p stands for 1/p, of which the rate is the part that would be
// captured.
func (r *replayed) sample(e *pb.Event, rate float64) {
	if e.GetInteraction() == nil {
		return
	}
	p := e.GetCapture().GetProbability()
	if p <= 0 {
		r.out.CaptureUnknown++
		return
	}
	r.out.CapturedNow++
	r.out.Captured += rate / p
}

// tell puts the classes into the preview, in order.
func (r *replayed) tell() {
	for k, n := range r.classes {
		r.out.Reclassified = append(r.out.Reclassified, &pb.PolicyPreview_Reclassified{From: k[0], To: k[1], Events: n})
	}
	slices.SortFunc(r.out.Reclassified, func(a, b *pb.PolicyPreview_Reclassified) int {
		return cmp.Or(cmp.Compare(a.GetFrom(), b.GetFrom()), cmp.Compare(a.GetTo(), b.GetTo()))
	})
}
