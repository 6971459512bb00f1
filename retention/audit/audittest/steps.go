package audittest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// placed and released are when a hold began and ended, before the end of the
// range; released is zero where it did not.
func (n *naive) holdTimes(id string) (placed, released time.Time) {
	for _, e := range n.own {
		if h := e.GetHold(); h.GetHold() == id && at(e).Before(n.until) {
			switch h.GetStage() {
			case pb.Hold_PLACED:
				placed = at(e)
			case pb.Hold_RELEASED:
				released = at(e)
			}
		}
	}
	return placed, released
}

// holdIDs are all holds, in the order of the log.
func (n *naive) holdIDs() (ids []string) {
	for _, e := range n.own {
		if h := e.GetHold(); h != nil && at(e).Before(n.until) && !slices.Contains(ids, h.GetHold()) {
			ids = append(ids, h.GetHold())
		}
	}
	return ids
}

func (n *naive) covered(id string, before time.Time) map[uint64]bool {
	set := map[uint64]bool{}
	for _, e := range n.own {
		if h := e.GetHold(); h.GetHold() == id && at(e).Before(before) {
			for _, p := range h.GetPositions() {
				for s := p.GetFirst(); s <= p.GetLast(); s++ {
					set[s] = true
				}
			}
		}
	}
	return set
}

// atEnd is what a hold covers at the end of the range.
func (n *naive) atEnd(id string) map[uint64]bool {
	if n.covers == nil {
		n.covers = map[string]map[uint64]bool{}
	}
	if n.covers[id] == nil {
		n.covers[id] = n.covered(id, n.until)
	}
	return n.covers[id]
}

func (n *naive) active(id string, t time.Time) bool {
	placed, released := n.holdTimes(id)
	return placed.Before(t) && (released.IsZero() || !released.Before(t))
}

// heldAt is by how many holds each event is held just before a time.
func (n *naive) heldAt(t time.Time) map[uint64]int {
	out := map[uint64]int{}
	for _, id := range n.holdIDs() {
		if n.active(id, t) {
			for seq := range n.covered(id, t) {
				out[seq]++
			}
		}
	}
	return out
}

func (n *naive) holds(out *pb.RetentionAudit) {
	held := n.heldAt(n.until)
	out.HeldBefore, out.Held = uint64(len(n.heldAt(n.since))), uint64(len(held))
	for _, times := range held {
		if times > 1 {
			out.HeldTwice++
		}
	}
	for _, id := range n.holdIDs() {
		if _, released := n.holdTimes(id); !released.IsZero() && released.Before(n.since) {
			continue
		}
		h := &pb.RetentionAudit_HoldAudit{Hold: id}
		for _, e := range n.own {
			b := e.GetHold()
			if b.GetHold() != id || !at(e).Before(n.until) {
				continue
			}
			for _, o := range b.GetOwners() {
				if !slices.Contains(h.GetOwners(), o) {
					h.Owners = append(h.Owners, o)
				}
			}
			switch b.GetStage() {
			case pb.Hold_PLACED:
				h.Placed, h.CaseId, h.Authority, h.Actor, h.Reason = e.GetTime(), b.GetCaseId(), b.GetAuthority(), b.GetActor(), b.GetReason()
			case pb.Hold_EXTENDED:
				h.Extended++
			case pb.Hold_COVERED:
				h.Through = max(h.GetThrough(), b.GetThrough())
			case pb.Hold_RELEASED:
				h.Released, h.ReleasedBy, h.ReleaseReason = e.GetTime(), b.GetActor(), b.GetReason()
			}
			if b.GetStage() != pb.Hold_COVERED {
				h.Seqs = append(h.Seqs, e.GetSeq())
			}
		}
		set := n.atEnd(id)
		h.Events = uint64(len(set))
		if n.active(id, n.until) {
			for seq := range set {
				if held[seq] == 1 {
					h.Alone++
				}
			}
			for _, other := range n.holdIDs() {
				if other == id || !n.active(other, n.until) {
					continue
				}
				both := uint64(0)
				for seq := range n.atEnd(other) {
					if set[seq] {
						both++
					}
				}
				if both > 0 {
					h.Overlaps = append(h.Overlaps, &pb.RetentionAudit_Overlap{Hold: other, Events: both})
				}
			}
		}
		out.Holds = append(out.Holds, h)
	}
}

func (n *naive) erasures(out *pb.RetentionAudit) {
	var ids []string
	for _, e := range n.own {
		if x := e.GetErasure(); x != nil && at(e).Before(n.until) && !slices.Contains(ids, x.GetRequest()) {
			ids = append(ids, x.GetRequest())
		}
	}
	for _, id := range ids {
		x := &pb.RetentionAudit_ErasureAudit{Request: id}
		about := map[uint64]bool{}
		for _, e := range n.own {
			if f := e.GetForgotten(); f.GetRequest() == id && f.GetCause() == pb.Forgotten_ERASED && at(e).Before(n.until) {
				for _, k := range f.GetKept() {
					x.Erased += k.GetEvents()
				}
			}
			b := e.GetErasure()
			if b.GetRequest() != id || !at(e).Before(n.until) {
				continue
			}
			x.Seqs = append(x.Seqs, e.GetSeq())
			if b.GetStage() == pb.Erasure_COMPLETED {
				x.Completed = e.GetTime()
				continue
			}
			x.Requested, x.Actor, x.Reason, x.Scope = e.GetTime(), b.GetActor(), b.GetReason(), b.GetScope()
			x.Deferred, x.Exports = append(x.Deferred, b.GetDeferred()...), append(x.Exports, b.GetExports()...)
			x.Quarantined += uint64(len(b.GetQuarantined()))
			for _, p := range b.GetPositions() {
				for s := p.GetFirst(); s <= p.GetLast(); s++ {
					about[s] = true
				}
			}
			x.Events = uint64(len(about))
			if b.GetEvents() > x.GetEvents() {
				x.Events = b.GetEvents()
			}
		}
		for _, d := range x.GetDeferred() {
			for _, h := range d.GetHolds() {
				if n.active(h, n.until) && !slices.Contains(x.GetHolds(), h) {
					x.Holds = append(x.Holds, h)
				}
			}
		}
		slices.Sort(x.Holds)
		if n.in(x.GetRequested().AsTime()) {
			out.ErasuresRequested++
		}
		switch done := x.GetCompleted(); {
		case done == nil:
			out.ErasuresOwed++
		case n.in(done.AsTime()):
			out.ErasuresCompleted++
		default:
			continue
		}
		out.Erasures = append(out.Erasures, x)
	}
}

func (n *naive) exports(out *pb.RetentionAudit) {
	var ids []string
	for _, e := range n.own {
		if x := e.GetExported(); x != nil && at(e).Before(n.until) && !slices.Contains(ids, x.GetOperation()) {
			ids = append(ids, x.GetOperation())
		}
	}
	for _, id := range ids {
		x, concerned := &pb.RetentionAudit_HandedOut{Operation: id}, false
		for _, e := range n.own {
			b := e.GetExported()
			if b.GetOperation() != id || !at(e).Before(n.until) {
				continue
			}
			concerned = concerned || n.in(at(e))
			x.Seqs, x.Stage = append(x.Seqs, e.GetSeq()), b.GetStage()
			if b.GetStage() == pb.Exported_REQUESTED {
				x.Requested, x.Actor, x.Reason, x.Incident, x.Format = e.GetTime(), b.GetActor(), b.GetReason(), b.GetIncident(), b.GetFormat()
				x.Filter, x.Text, x.Sessions = b.GetFilter(), b.GetText(), uint64(len(b.GetSessions()))
			}
			if b.GetEvents() > 0 {
				x.Events = b.GetEvents()
			}
			if b.GetStage() == pb.Exported_HANDED_OVER && n.in(at(e)) {
				x.Copies = append(x.Copies, &pb.RetentionAudit_Copy{Time: e.GetTime(), Bytes: b.GetBytes(), Sha256: b.GetSha256()})
				out.Copies++
				out.CopiedBytes += b.GetBytes()
			}
		}
		if concerned {
			out.Exports = append(out.Exports, x)
		}
	}
}

// replacedBy sums redactions by type and operator, sorted.
func replacedBy(lists ...[]*pb.Redaction) (out []*pb.RetentionAudit_RedactionCount) {
	for _, list := range lists {
		for _, r := range list {
			i := slices.IndexFunc(out, func(c *pb.RetentionAudit_RedactionCount) bool {
				return c.GetType() == r.GetType() && c.GetOperator() == r.GetOperator()
			})
			if i < 0 {
				i = len(out)
				out = append(out, &pb.RetentionAudit_RedactionCount{Type: r.GetType(), Operator: r.GetOperator()})
			}
			out[i].Count += uint64(r.GetCount())
		}
	}
	slices.SortFunc(out, func(a, b *pb.RetentionAudit_RedactionCount) int {
		return cmp.Or(cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetOperator(), b.GetOperator()))
	})
	return out
}

func (n *naive) redactions(out *pb.RetentionAudit) {
	var counted [][]*pb.Redaction
	for _, e := range n.own {
		if !n.in(at(e)) {
			continue
		}
		counted = append(counted, e.GetCounted().GetRedactions())
		out.Redactions.Quarantined += e.GetCounted().GetQuarantined()
		if r := e.GetRedacted(); r != nil {
			var lists [][]*pb.Redaction
			for _, one := range r.GetEvents() {
				lists = append(lists, one.GetRedactions())
			}
			out.StoredRedactions = append(out.StoredRedactions, &pb.RetentionAudit_StoredRedaction{
				Time: e.GetTime(), Seq: e.GetSeq(), Actor: r.GetActor(), Reason: r.GetReason(), Events: uint64(len(r.GetEvents())), Counts: replacedBy(lists...),
			})
		}
	}
	out.Redactions.Counts = replacedBy(counted...)
}

func (n *naive) gaps(out *pb.RetentionAudit) {
	missed := map[string]*pb.RetentionAudit_Gap{}
	last := map[string]uint64{}
	counted := map[uint64]bool{}
	for _, e := range n.own {
		c := e.GetCounted()
		if c == nil {
			continue
		}
		for s := c.GetFrom(); s < c.GetThrough(); s++ {
			counted[s] = true
		}
		if n.in(at(e)) {
			out.OtherMissing += c.GetOtherMissing()
		}
		for _, g := range c.GetGaps() {
			key := g.GetService() + "\x00" + g.GetInstance()
			missing := g.GetMissing()
			for number := last[key] + 1; last[key] > 0 && number < g.GetFirst(); number++ {
				missing++
			}
			if at(e).Before(n.until) {
				last[key] = g.GetLast()
			}
			if missing > 0 && n.in(at(e)) {
				if missed[key] == nil {
					missed[key] = &pb.RetentionAudit_Gap{Service: g.GetService(), Instance: g.GetInstance()}
				}
				missed[key].Missing += missing
				missed[key].AsOf = e.GetTime()
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(missed)) {
		out.Gaps = append(out.Gaps, missed[key])
	}
	for s := range n.through {
		if counted[s] {
			continue
		}
		if s > 0 && !counted[s-1] {
			out.Uncounted[len(out.Uncounted)-1].Last = s
		} else {
			out.Uncounted = append(out.Uncounted, &pb.SeqRange{First: s, Last: s})
		}
	}
}

func (n *naive) ofStore(out *pb.RetentionAudit) {
	for _, e := range n.allOfStore() {
		if !n.in(at(e)) {
			continue
		}
		when := timestamppb.New(at(e))
		if b := e.GetEpochBegan(); b != nil {
			out.Epochs = append(out.Epochs, &pb.RetentionAudit_Epoch{Epoch: b.GetEpoch(), Began: when, Seq: e.GetSeq()})
		}
		if b := e.GetRestored(); b != nil {
			out.Restores = append(out.Restores, &pb.RetentionAudit_Restore{Time: when, Seq: e.GetSeq(), Restored: b})
		}
		if b := e.GetClockJudged(); b != nil {
			out.Clocks = append(out.Clocks, &pb.RetentionAudit_Clock{Time: when, Seq: e.GetSeq(), Judged: b})
		}
	}
}
