package audit

import (
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// erasures is the account of erasures.
type erasures struct {
	byID  map[string]*erasure
	order []*erasure // in the order of the log
}

type erasure struct {
	told  *pb.RetentionAudit_ErasureAudit
	about *roaring64.Bitmap
	most  uint64 // that any of its events says it is about
}

func newErasures() erasures { return erasures{byID: map[string]*erasure{}} }

func (s *erasures) add(e *pb.Event) {
	b := e.GetErasure()
	one := s.byID[b.GetRequest()]
	if one == nil {
		one = &erasure{told: &pb.RetentionAudit_ErasureAudit{Request: b.GetRequest()}, about: roaring64.New()}
		s.byID[b.GetRequest()] = one
		s.order = append(s.order, one)
	}
	t := one.told
	t.Seqs = append(t.Seqs, e.GetSeq())
	one.most = max(one.most, b.GetEvents())
	if b.GetStage() == pb.Erasure_COMPLETED {
		t.Completed = e.GetTime()
		return
	}
	if t.Requested == nil {
		t.Requested, t.Actor, t.Reason, t.Scope = e.GetTime(), b.GetActor(), b.GetReason(), b.GetScope()
	}
	t.Deferred = append(t.Deferred, b.GetDeferred()...)
	t.Exports = append(t.Exports, b.GetExports()...)
	t.Quarantined += uint64(len(b.GetQuarantined()))
	one.about.Or(bitmap(b.GetPositions()))
}

func (s *erasures) close(out *pb.RetentionAudit, b *books) {
	for _, one := range s.order {
		t := one.told
		in := func(at interface{ AsTime() time.Time }) bool { return b.has(at.AsTime()) }
		if t.GetRequested() != nil && in(t.GetRequested()) {
			out.ErasuresRequested++
		}
		if done := t.GetCompleted(); done == nil {
			out.ErasuresOwed++
		} else if in(done) {
			out.ErasuresCompleted++
		} else {
			continue // before the range
		}
		t.Events = max(one.about.GetCardinality(), one.most)
		t.Erased = b.forgotten.erased[t.GetRequest()].events()
		t.Holds = b.holds.still(t.GetDeferred(), b.until)
		out.Erasures = append(out.Erasures, t)
	}
}

// still returns the holds of deferrals that held just before a time, sorted.
func (h *holds) still(deferred []*pb.Erasure_Deferral, at time.Time) []string {
	found := map[string]bool{}
	for _, d := range deferred {
		for _, id := range d.GetHolds() {
			if one := h.byID[id]; one != nil && one.holds(at) {
				found[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
