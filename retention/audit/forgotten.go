package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// forgotten is the account of what was forgotten.
type forgotten struct {
	span
	requests map[request]*forgetting // in the range
	order    []request
	erased   map[string]*forgetting // for erasures, by their id, before the end
}

// A request is what something was forgotten for.
type request struct {
	id    string
	cause pb.Forgotten_Cause
}

// A forgetting is what was forgotten for one request.
type forgetting struct {
	first, last *timestamppb.Timestamp
	seqs        []uint64
	named       uint64              // by position, and in blocks
	counted     uint64              // of these, those that were counted before; all of blocks
	said        map[classDay]uint64 // by class and day
	quarantined uint64
}

func newForgotten(s span) forgotten {
	return forgotten{span: s, requests: map[request]*forgetting{}, erased: map[string]*forgetting{}}
}

// add enters a Forgotten; counted is how many of its positions were counted before.
func (f *forgotten) add(e *pb.Event, counted uint64) {
	b := e.GetForgotten()
	r := request{b.GetRequest(), b.GetCause()}
	if b.GetCause() == pb.Forgotten_ERASED {
		entry(f.erased, r.id).add(e, counted)
	}
	if !f.has(e.GetTime().AsTime()) {
		return
	}
	if f.requests[r] == nil {
		f.order = append(f.order, r)
	}
	entry(f.requests, r).add(e, counted)
}

func (f *forgetting) add(e *pb.Event, counted uint64) {
	b := e.GetForgotten()
	f.counted += counted
	if f.first == nil {
		f.first, f.said = e.GetTime(), map[classDay]uint64{}
	}
	f.last, f.seqs = e.GetTime(), append(f.seqs, e.GetSeq())
	for _, p := range b.GetPositions() {
		f.named += p.GetLast() - p.GetFirst() + 1
	}
	for _, b := range b.GetBlocks() {
		f.named += uint64(b.GetEvents())
		f.counted += uint64(b.GetEvents())
	}
	for _, g := range b.GetKept() {
		f.said[classDay{g.GetClass(), g.GetDay().AsTime().Truncate(day)}] += g.GetEvents()
	}
	f.quarantined += uint64(len(b.GetQuarantined()))
}

// events is how many events went: as it is said by class, or else as it is named.
func (f *forgetting) events() (n uint64) {
	if f == nil {
		return 0
	}
	for _, said := range f.said {
		n += said
	}
	if n == 0 {
		return f.named
	}
	return n
}

func (f *forgotten) close(out *pb.RetentionAudit, s *store) {
	total := map[request]uint64{} // by class instead of request
	unsaid := uint64(0)
	for _, r := range f.order {
		g := f.requests[r]
		one := &pb.RetentionAudit_Forgetting{
			Request: r.id, Cause: r.cause, First: g.first, Last: g.last, Seqs: g.seqs,
			Events: g.events(), Quarantined: g.quarantined,
		}
		for _, at := range slices.SortedFunc(maps.Keys(g.said), compareClassDays) {
			one.Gone = append(one.Gone, &pb.ClassDay{Class: at.class, Day: timestamppb.New(at.day), Events: g.said[at]})
			total[request{at.class, r.cause}] += g.said[at]
		}
		if len(g.said) == 0 && g.named > 0 {
			total[request{"", r.cause}] += g.named
			unsaid += g.counted
		}
		one.Epoch, one.EpochBegan = s.epochAfter(g.seqs[len(g.seqs)-1])
		out.Forgotten = append(out.Forgotten, one)
	}
	for _, r := range slices.SortedFunc(maps.Keys(total), func(a, b request) int {
		return cmp.Or(cmp.Compare(a.cause, b.cause), cmp.Compare(a.id, b.id))
	}) {
		out.ForgottenTotals = append(out.ForgottenTotals, &pb.RetentionAudit_ForgottenTotal{Cause: r.cause, Class: r.id, Events: total[r]})
	}
	if unsaid > 0 {
		out.Findings = append(out.Findings, fmt.Sprintf(
			"%d events were forgotten of which the ledger does not say the class: what was kept is up to so many less", unsaid))
	}
}

// fewPositions is up to how many positions a range is added one by one: a set of
// many short ranges is slower than one of as many positions.
const fewPositions = 64

// bitmap is the set of some positions.
func bitmap(positions []*pb.Forgotten_Positions) *roaring64.Bitmap {
	set := roaring64.New()
	for _, p := range positions {
		switch first, last := p.GetFirst(), p.GetLast(); {
		case first > last:
		case last-first < fewPositions:
			for i := range last - first + 1 {
				set.Add(first + i)
			}
		default:
			set.AddRange(first, last+1)
		}
	}
	return set
}
