package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A life is what happens to a store over some days, at random.
type life struct {
	*rig
	rnd     *rand.Rand
	holds   map[string][]*storedEvent
	owed    map[string][]*storedEvent
	exports []string
}

func live(t testing.TB, seed uint64, days int) *life {
	l := &life{rig: newRig(t), rnd: rand.New(rand.NewPCG(seed, 7)), holds: map[string][]*storedEvent{}, owed: map[string][]*storedEvent{}}
	t.Logf("seed %d", seed)
	l.apply(document(5), "", "")
	for range days {
		for range 1 + l.rnd.IntN(8) {
			l.step()
			l.now = l.now.Add(time.Duration(l.rnd.IntN(100)) * time.Minute)
			if l.rnd.IntN(6) == 0 && l.now.Sub(l.now.Truncate(day)) > 2*time.Hour {
				l.now = l.now.Add(-time.Hour) // Clocks do this.
			}
		}
		if l.rnd.IntN(3) > 0 {
			l.counts()
		}
		l.now = l.now.Truncate(day).Add(day + time.Duration(l.rnd.IntN(600))*time.Minute)
	}
	l.counts() // Only what is counted can be accounted for.
	return l
}

func (l *life) counts() {
	c := &pb.Counted{Quarantined: uint64(l.rnd.IntN(3)), OtherMissing: uint64(l.rnd.IntN(2))}
	for _, r := range []string{"EMAIL", "PHONE"} {
		if l.rnd.IntN(2) == 0 {
			c.Redactions = append(c.Redactions, &pb.Redaction{Type: r, Count: 1 + l.rnd.Uint32N(5), Operator: pb.Redaction_Operator(1 + l.rnd.Int32N(2))})
		}
	}
	for i := range l.rnd.IntN(3) {
		first := uint64(1 + l.rnd.IntN(40))
		c.Gaps = append(c.Gaps, &pb.Counted_Gap{
			Service: "chat", Instance: fmt.Sprint("chat-", i), Missing: uint64(l.rnd.IntN(4)), First: first, Last: first + uint64(l.rnd.IntN(9)),
		})
	}
	l.count(c)
}

func held(l *life, s *storedEvent) bool {
	for _, events := range l.holds {
		if slices.Contains(events, s) {
			return true
		}
	}
	return false
}

func (l *life) step() {
	free := func(s *storedEvent) bool { return !held(l, s) }
	switch l.rnd.IntN(12) {
	default:
		l.evidence(1+l.rnd.IntN(6), []string{"routine", "flagged", "reported", "odd"}[l.rnd.IntN(4)], l.rnd.IntN(3) == 0)
	case 0:
		l.apply(document(1+l.rnd.IntN(9)), "privacy office", "review", "board")
	case 1:
		if some := l.there(func(s *storedEvent) bool { return s.class == "routine" }); len(some) > 0 {
			l.promote(pick(l.rnd, some, 4), []string{"flagged", "flagged+reported", "hold:routine"}[l.rnd.IntN(3)])
		}
	case 2, 3:
		if some := l.there(free); len(some) > 0 {
			l.forget(pb.Forgotten_EXPIRED, l.id("expiry"), pick(l.rnd, some, 9))
		}
	case 4, 5:
		l.holding()
	case 6, 7:
		l.erasing(free)
	case 8:
		l.exporting()
	case 9:
		l.ofStore()
	}
}

func (l *life) holding() {
	events := l.there(func(*storedEvent) bool { return true })
	if len(events) == 0 {
		return
	}
	id := l.id("hold")
	if ids := sorted(l.holds); len(ids) > 0 && l.rnd.IntN(2) == 0 {
		id = ids[l.rnd.IntN(len(ids))]
		if l.rnd.IntN(2) == 0 {
			l.hold(l.id("released"), &pb.Hold{Stage: pb.Hold_RELEASED, Hold: id, Actor: "counsel", Reason: "closed"})
			delete(l.holds, id)
			return
		}
		l.hold(l.id("extended"), &pb.Hold{Stage: pb.Hold_EXTENDED, Hold: id, Actor: "counsel", Reason: "more", Owners: []string{"clerk", "counsel"}})
	} else {
		l.hold(id, &pb.Hold{Stage: pb.Hold_PLACED, Hold: id, CaseId: "case", Authority: "court", Actor: "counsel", Reason: "suit", Owners: []string{"counsel"}})
	}
	some := pick(l.rnd, events, 12)
	l.hold(l.id("covered"), &pb.Hold{Stage: pb.Hold_COVERED, Hold: id, Through: uint64(l.log.Size()), Positions: positions(some)})
	l.holds[id] = append(l.holds[id], some...)
}

func sorted[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (l *life) erasing(free func(*storedEvent) bool) {
	if ids := sorted(l.owed); len(ids) > 0 && l.rnd.IntN(2) == 0 {
		id := ids[l.rnd.IntN(len(ids))]
		now := slices.DeleteFunc(slices.Clone(l.owed[id]), func(s *storedEvent) bool { return s.gone || !free(s) })
		l.forget(pb.Forgotten_ERASED, id, now, l.id("q"))
		l.owed[id] = slices.DeleteFunc(l.owed[id], func(s *storedEvent) bool { return s.gone })
		if len(l.owed[id]) == 0 {
			l.erasure(l.id("completed"), &pb.Erasure{Stage: pb.Erasure_COMPLETED, Request: id, Events: 1})
			delete(l.owed, id)
		}
		return
	}
	events := l.there(func(*storedEvent) bool { return true })
	if len(events) == 0 {
		return
	}
	some := pick(l.rnd, events, 5)
	id := l.id("erasure")
	x := &pb.Erasure{
		Stage: pb.Erasure_REQUESTED, Request: id, Actor: "privacy office", Reason: "Art. 17", Scope: pb.Erasure_PERSON,
		Positions: positions(some), Events: uint64(len(some)), Quarantined: []string{"q1"}, Exports: []string{"x1"},
	}
	for _, h := range sorted(l.holds) {
		x.Deferred = append(x.Deferred, &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_HELD, Holds: []string{h}, Events: 1})
	}
	l.erasure(id, x)
	l.owed[id] = some
}

func (l *life) exporting() {
	if len(l.exports) > 0 && l.rnd.IntN(2) == 0 {
		id := l.exports[l.rnd.IntN(len(l.exports))]
		l.exported(l.id("ready"), &pb.Exported{Stage: pb.Exported_READY, Operation: id, Events: 3, Digest: make([]byte, 32)})
		l.exported(l.id("out"), &pb.Exported{Stage: pb.Exported_HANDED_OVER, Operation: id, Events: 3, Bytes: uint64(l.rnd.IntN(1000)), Sha256: make([]byte, 32)})
		return
	}
	id := l.id("export")
	l.exported(id, &pb.Exported{Stage: pb.Exported_REQUESTED, Operation: id, Actor: "investigator", Reason: "incident", Incident: "INC-1", Format: pb.Exported_NDJSON, Filter: "turn > 1"})
	l.exports = append(l.exports, id)
}

func (l *life) ofStore() {
	switch l.rnd.IntN(3) {
	case 0:
		l.judged(&pb.ClockJudged{Verdict: pb.ClockJudged_ACCEPTED})
	case 1:
		l.restored(&pb.Restored{Size: 7, Epoch: 1, Lost: 2})
	default:
		e := l.ledgerEvent(l.id("redacted"))
		e.Body = &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "privacy office", Reason: "leak", Events: []*pb.Redacted_Replacement{
			{Seq: 0, Old: make([]byte, 32), New: make([]byte, 32), Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 2, Operator: pb.Redaction_MASK}}},
		}}}
		l.append(acme, e)
	}
}

// Every figure of an audit is what somebody computes who reads the whole log and
// knows nothing of how the audit does it; of any range, of a tenant and of the
// store itself.
func TestEveryFigure(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			l := live(t, seed+uint64(i), 12)
			first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			ranges := [][2]time.Time{{}, {first, first.Add(12 * day)}, {first.Add(3 * day), first.Add(4 * day)}, {{}, first.Add(6 * day)}}
			for range 3 {
				a := l.rnd.IntN(11)
				ranges = append(ranges, [2]time.Time{first.Add(time.Duration(a) * day), first.Add(time.Duration(a+1+l.rnd.IntN(12-a)) * day)})
			}
			for _, r := range ranges {
				for _, tenant := range []event.Tenant{acme, event.System} {
					got, want := l.make(tenant, r[0], r[1]), l.naive(tenant, r[0], r[1])
					want.Limits = got.GetLimits()
					if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
						t.Fatalf("%s of %v to %v (-naive +audit):\n%s", tenant, r[0], r[1], diff)
					}
				}
			}
		})
	}
}

// What is counted as it happens adds up over ranges that follow one another, and
// where one ends the next begins.
func TestAdditive(t *testing.T) {
	l := live(t, uint64(time.Now().UnixNano()), 20)
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range 20 {
		i := l.rnd.IntN(18)
		j := i + 1 + l.rnd.IntN(19-i)
		k := j + 1 + l.rnd.IntN(20-j)
		on := func(n int) time.Time { return first.Add(time.Duration(n) * day) }
		a, b, whole := l.make(acme, on(i), on(j)), l.make(acme, on(j), on(k)), l.make(acme, on(i), on(k))
		if a.GetTotal().GetKept() != b.GetTotal().GetBefore() || a.GetHeld() != b.GetHeldBefore() {
			t.Errorf("days %d to %d end with %v kept and %d held, the next begin with %v and %d",
				i, j, a.GetTotal(), a.GetHeld(), b.GetTotal(), b.GetHeldBefore())
		}
		for name, of := range map[string]func(*pb.RetentionAudit) uint64{
			"appended":    func(a *pb.RetentionAudit) uint64 { return a.GetTotal().GetAppended() },
			"joined":      func(a *pb.RetentionAudit) uint64 { return a.GetTotal().GetJoined() },
			"left":        func(a *pb.RetentionAudit) uint64 { return a.GetTotal().GetLeft() },
			"forgotten":   func(a *pb.RetentionAudit) uint64 { return a.GetTotal().GetForgotten() },
			"requested":   (*pb.RetentionAudit).GetErasuresRequested,
			"completed":   (*pb.RetentionAudit).GetErasuresCompleted,
			"copies":      (*pb.RetentionAudit).GetCopies,
			"bytes":       (*pb.RetentionAudit).GetCopiedBytes,
			"quarantined": func(a *pb.RetentionAudit) uint64 { return a.GetRedactions().GetQuarantined() },
			"redacted":    func(a *pb.RetentionAudit) uint64 { return a.GetRedactions().GetRedacted() },
			"epochs":      func(a *pb.RetentionAudit) uint64 { return uint64(len(a.GetEpochs())) },
			"clocks":      func(a *pb.RetentionAudit) uint64 { return uint64(len(a.GetClocks())) },
			"days":        func(a *pb.RetentionAudit) uint64 { return uint64(len(a.GetDays())) },
		} {
			if of(a)+of(b) != of(whole) {
				t.Errorf("days %d, %d, %d: %s is %d and %d, together %d", i, j, k, name, of(a), of(b), of(whole))
			}
		}
		if total := whole.GetTotal(); total.GetBefore()+total.GetAppended()+total.GetJoined()-total.GetLeft()-total.GetForgotten() != total.GetKept() {
			t.Errorf("days %d to %d do not balance: %v", i, k, total)
		}
	}
}

// What does not add up is said, not passed over.
func TestFindings(t *testing.T) {
	r := newRig(t)
	r.apply(document(5), "", "")
	events := r.evidence(4, "routine", false)
	r.hold("h", &pb.Hold{Stage: pb.Hold_PLACED, Hold: "h", CaseId: "c"})
	r.hold("h1", &pb.Hold{Stage: pb.Hold_COVERED, Hold: "h", Positions: positions(events)})
	r.hold("g1", &pb.Hold{Stage: pb.Hold_COVERED, Hold: "g"})
	r.now = r.now.Add(day)
	r.forget(pb.Forgotten_EXPIRED, "x", events[:2]) // never counted, and held
	r.forget(pb.Forgotten_EXPIRED, "restore", events[2:3])
	e := r.ledgerEvent("unsaid")
	e.Body = &pb.Event_Forgotten{Forgotten: &pb.Forgotten{
		Cause: pb.Forgotten_REDACTED, Positions: []*pb.Forgotten_Positions{{First: 100, Last: 102}},
		Blocks: []*pb.Forgotten_Block{{Number: 9, First: 200, Last: 300, Events: 4}},
	}}
	r.append(acme, e)
	for i := range uint64(2) {
		e := r.ledgerEvent(r.id("count"))
		e.Body = &pb.Event_Counted{Counted: &pb.Counted{From: 10 + i, Through: 13 + i, Strata: []*pb.Counted_Stratum{
			{Day: timestamppb.New(r.now.Truncate(day)), Class: "routine", Events: 3},
		}}}
		r.append(acme, e)
	}
	bad := r.ledgerEvent("bad")
	bad.Body = &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{Version: "v", Document: "classes: 7"}}
	bad.Time = timestamppb.New(r.now.Add(time.Second))
	r.append(acme, bad)
	r.now = r.now.Add(time.Hour)
	a := r.make(acme, time.Time{}, time.Time{})
	for _, want := range []string{
		"3 more events of class routine of 2026-03-01 went than the counts say there were",
		"4 events were forgotten of which the ledger does not say the class",
		"2 positions were counted twice",
		"hold h: 2 events were forgotten although it claimed them",
		"hold h: a restore forgot again 1 events that it claims",
		"hold g: the ledger does not say who placed it",
		"cannot be read",
	} {
		if !slices.ContainsFunc(a.GetFindings(), func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("no finding says %q; there are:\n%q", want, a.GetFindings())
		}
	}
	if len(a.GetFindings()) != 7 {
		t.Errorf("got %d findings, want 7: %q", len(a.GetFindings()), a.GetFindings())
	}
}
