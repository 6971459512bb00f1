package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// holds is the account of holds.
type holds struct {
	byID  map[string]*hold
	order []*hold // in the order of the log
}

type hold struct {
	told    *pb.RetentionAudit_HoldAudit
	covered []covered         // in the order of the log
	all     *roaring64.Bitmap // of covered, together
	lost    uint64            // events that were forgotten although it claimed them
	again   uint64            // likewise, by a restore
}

// covered is what was found at a time that a hold covers.
type covered struct {
	at  time.Time
	set *roaring64.Bitmap
}

func newHolds() holds { return holds{byID: map[string]*hold{}} }

func (h *holds) add(e *pb.Event) {
	b := e.GetHold()
	one := h.byID[b.GetHold()]
	if one == nil {
		one = &hold{told: &pb.RetentionAudit_HoldAudit{Hold: b.GetHold()}, all: roaring64.New()}
		h.byID[b.GetHold()] = one
		h.order = append(h.order, one)
	}
	t := one.told
	if b.GetStage() != pb.Hold_COVERED {
		t.Seqs = append(t.Seqs, e.GetSeq())
		for _, o := range b.GetOwners() {
			if !slices.Contains(t.GetOwners(), o) {
				t.Owners = append(t.Owners, o)
			}
		}
	}
	switch b.GetStage() {
	case pb.Hold_PLACED:
		t.CaseId, t.Authority, t.Actor, t.Reason, t.Placed = b.GetCaseId(), b.GetAuthority(), b.GetActor(), b.GetReason(), e.GetTime()
	case pb.Hold_EXTENDED:
		t.Extended++
	case pb.Hold_COVERED:
		t.Through = max(t.GetThrough(), b.GetThrough())
		set := bitmap(b.GetPositions())
		one.covered = append(one.covered, covered{e.GetTime().AsTime(), set})
		one.all.Or(set)
	case pb.Hold_RELEASED:
		t.Released, t.ReleasedBy, t.ReleaseReason = e.GetTime(), b.GetActor(), b.GetReason()
	}
}

// holds reports whether it held just before a time.
func (h *hold) holds(at time.Time) bool {
	placed, released := h.told.GetPlaced(), h.told.GetReleased()
	return (placed == nil || placed.AsTime().Before(at)) && (released == nil || !released.AsTime().Before(at))
}

// lose notes events that are forgotten at this place in the log, as far as the
// ledger names them, although holds claim them. A restore forgets again what had
// gone after the backup, which knows nothing of a release.
func (h *holds) lose(positions *roaring64.Bitmap, again bool) {
	for _, one := range h.order {
		switch n := one.all.AndCardinality(positions); {
		case one.told.GetReleased() != nil:
		case again:
			one.again += n
		default:
			one.lost += n
		}
	}
}

// A sweep goes through what holds cover in the order of time.
type sweep struct {
	holds  []*hold
	sets   []*roaring64.Bitmap // what each covers
	next   []int               // what each covers next
	active []bool              // which of them hold
	held   *roaring64.Bitmap   // what those that hold cover
}

func (h *holds) sweep() *sweep {
	n := len(h.order)
	s := &sweep{holds: h.order, sets: make([]*roaring64.Bitmap, n), next: make([]int, n), active: make([]bool, n), held: roaring64.New()}
	for i, one := range h.order {
		slices.SortStableFunc(one.covered, func(a, b covered) int { return a.at.Compare(b.at) })
		s.sets[i] = roaring64.New()
	}
	return s
}

// to goes on to just before a time, and returns how many events holds claimed
// then; what several claim counts once. What was held is made anew only where a
// hold began or ended.
func (s *sweep) to(at time.Time) uint64 {
	changed := false
	for i, one := range s.holds {
		for ; s.next[i] < len(one.covered) && one.covered[s.next[i]].at.Before(at); s.next[i]++ {
			part := one.covered[s.next[i]].set
			if s.sets[i].Or(part); s.active[i] {
				s.held.Or(part)
			}
		}
		now := one.holds(at)
		changed = changed || now != s.active[i]
		s.active[i] = now
	}
	if changed {
		s.held = roaring64.FastOr(s.claims()...)
	}
	return s.held.GetCardinality()
}

// claims are what each of the holds covers that hold.
func (s *sweep) claims() (sets []*roaring64.Bitmap) {
	for i, set := range s.sets {
		if s.active[i] {
			sets = append(sets, set)
		}
	}
	return sets
}

// twice is how many events more than one hold claims.
func (s *sweep) twice() uint64 {
	once, twice := roaring64.New(), roaring64.New()
	for _, set := range s.claims() {
		twice.Or(roaring64.And(once, set))
		once.Or(set)
	}
	return twice.GetCardinality()
}

func (h *holds) close(out *pb.RetentionAudit, in span) {
	s := h.sweep()
	out.HeldBefore = s.to(in.since)
	h.series(s, out, in)
	out.Held, out.HeldTwice = s.to(in.until), s.twice()
	for i, one := range h.order {
		id, t := one.told.GetHold(), one.told
		if t.GetPlaced() == nil {
			out.Findings = append(out.Findings, fmt.Sprintf("hold %s: the ledger does not say who placed it", id))
		}
		if one.lost > 0 {
			out.Findings = append(out.Findings, fmt.Sprintf("hold %s: %d events were forgotten although it claimed them", id, one.lost))
		}
		if one.again > 0 {
			out.Findings = append(out.Findings, fmt.Sprintf(
				"hold %s: a restore forgot again %d events that it claims: they had gone after the backup, and with them the record of why they could", id, one.again))
		}
		if released := t.GetReleased(); released != nil && released.AsTime().Before(in.since) {
			continue
		}
		t.Events = s.sets[i].GetCardinality()
		if s.active[i] {
			s.overlap(i)
		}
		out.Holds = append(out.Holds, t)
	}
}

// overlap says what a hold has in common with others, and what it has alone.
func (s *sweep) overlap(i int) {
	t, alone := s.holds[i].told, s.sets[i].Clone()
	for j, other := range s.holds {
		if i == j || !s.active[j] {
			continue
		}
		if n := s.sets[i].AndCardinality(s.sets[j]); n > 0 {
			t.Overlaps = append(t.Overlaps, &pb.RetentionAudit_Overlap{Hold: other.told.GetHold(), Events: n})
		}
		alone.AndNot(s.sets[j])
	}
	t.Alone = alone.GetCardinality()
}

// series says how many events were held at the end of each day.
func (h *holds) series(s *sweep, out *pb.RetentionAudit, in span) {
	changed := map[time.Time]bool{}
	note := func(t *timestamppb.Timestamp) {
		if t != nil {
			changed[t.AsTime().Truncate(day)] = true
		}
	}
	for _, one := range h.order {
		note(one.told.GetPlaced())
		note(one.told.GetReleased())
		for _, c := range one.covered {
			changed[c.at.Truncate(day)] = true
		}
	}
	held := out.GetHeldBefore()
	for _, d := range out.GetDays() {
		at := d.GetDay().AsTime()
		if end := at.Add(day); changed[at] {
			if in.until.Before(end) {
				end = in.until
			}
			held = s.to(end)
		}
		d.Held = held
	}
}
