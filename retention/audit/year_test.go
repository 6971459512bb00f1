package audit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A year is the ledger of one: 40 policies, 30 overlapping holds that find more
// every day, 500 erasures, a count and an expiry a day. It is written as the store
// would write it, without the evidence.
type year struct {
	*rig
	rnd     *rand.Rand
	pending []eventlog.Prepared
	first   uint64 // position of the evidence of the day, as the ledger has it
}

const (
	yearDays     = 365
	yearDaily    = 3000 // events a day
	yearPolicies = 40
	yearHolds    = 30
	yearErasures = 500
)

func newYear(t testing.TB) *year {
	y := &year{rig: newRig(t), rnd: rand.New(rand.NewPCG(1, 2))}
	begin := y.now.Truncate(day)
	for d := range yearDays {
		y.now = begin.Add(time.Duration(d)*day + time.Hour)
		y.today(d)
		y.flush()
		y.first += yearDaily
	}
	y.now = begin.Add(yearDays * day)
	return y
}

func (y *year) add(set func(*pb.Event)) {
	e := y.ledgerEvent(y.id("l"))
	set(e)
	p, err := y.log.Prepare(acme, e)
	if err != nil {
		y.t.Fatal(err)
	}
	y.pending = append(y.pending, p)
}

func (y *year) flush() {
	if _, err := y.log.Append(y.t.Context(), y.pending); err != nil {
		y.t.Fatal(err)
	}
	y.pending = nil
}

func (y *year) today(d int) {
	for i := range yearPolicies {
		if i*yearDays/yearPolicies == d {
			text := document(20 + i)
			y.add(func(e *pb.Event) {
				e.Body = &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{Version: versionOf(y.t, text), Document: text, Actor: "office", Reason: "review"}}
			})
		}
	}
	today := timestamppb.New(y.now.Truncate(day))
	y.add(func(e *pb.Event) {
		e.Body = &pb.Event_Counted{Counted: &pb.Counted{From: y.first, Through: y.first + yearDaily, Strata: []*pb.Counted_Stratum{
			{Day: today, Class: "routine", PolicyVersion: "v", Events: yearDaily - 100, Redacted: 700},
			{Day: today, Class: "flagged", PolicyVersion: "v", Events: 90},
			{Day: today, Class: "reported", PolicyVersion: "v", Events: 10},
		}, Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 900, Operator: pb.Redaction_PSEUDONYM}}}}
	})
	y.holding(d)
	y.forgetting(d)
}

// some are ranges of positions up to now.
func (y *year) some(ranges, most int) (out []*pb.Forgotten_Positions) {
	at := uint64(0)
	for range ranges {
		at += 1 + y.rnd.Uint64N((y.first+yearDaily)/uint64(ranges))
		n := y.rnd.Uint64N(uint64(most))
		out = append(out, &pb.Forgotten_Positions{First: at, Last: at + n})
		at += n + 1
	}
	return out
}

func (y *year) holding(d int) {
	for i := range yearHolds {
		id, from, to := fmt.Sprint("hold-", i), i*7, i*7+30+i*9
		stage := pb.Hold_COVERED
		switch {
		case d < from || d > to:
			continue
		case d == from:
			stage = pb.Hold_PLACED
		case d == to:
			stage = pb.Hold_RELEASED
		}
		h := &pb.Hold{Stage: stage, Hold: id, Actor: "counsel", Reason: "suit"}
		if stage == pb.Hold_COVERED {
			h = &pb.Hold{Stage: stage, Hold: id, Through: y.first, Positions: y.some(50, 20)}
		}
		y.add(func(e *pb.Event) { e.Body = &pb.Event_Hold{Hold: h} })
	}
}

func (y *year) forgetting(d int) {
	if d >= 30 {
		gone := timestamppb.New(y.now.Truncate(day).Add(-30 * day))
		y.add(func(e *pb.Event) {
			e.Body = &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_EXPIRED, Request: fmt.Sprint("expiry-", d),
				Blocks: []*pb.Forgotten_Block{{Number: uint64(d), First: y.first, Last: y.first + 5, Events: 2800}},
				Kept:   []*pb.ClassDay{{Class: "routine", Day: gone, Events: 2800}}}}
		})
	}
	for i := range yearErasures {
		if i*yearDays/yearErasures != d {
			continue
		}
		id := fmt.Sprint("erasure-", i)
		y.add(func(e *pb.Event) {
			e.Body = &pb.Event_Erasure{Erasure: &pb.Erasure{Stage: pb.Erasure_REQUESTED, Request: id, Actor: "office", Reason: "ticket",
				Positions: y.some(10, 3), Deferred: []*pb.Erasure_Deferral{{Cause: pb.Erasure_Deferral_HELD, Holds: []string{"hold-3"}, Events: 1}}}}
		})
		y.add(func(e *pb.Event) {
			e.Body = &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: id,
				Kept: []*pb.ClassDay{{Class: "routine", Day: timestamppb.New(y.now.Truncate(day)), Events: 9}}}}
		})
		if i%5 > 0 {
			y.add(func(e *pb.Event) {
				e.Body = &pb.Event_Erasure{Erasure: &pb.Erasure{Stage: pb.Erasure_COMPLETED, Request: id, Events: 9}}
			})
		}
	}
}

func versionOf(t testing.TB, text string) string {
	d, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d.Version()
}

// The audit of a year is there in less than 10 seconds, and is what somebody
// computes who reads the whole log.
func TestYear(t *testing.T) {
	y := newYear(t)
	began := time.Now()
	got := y.make(acme, time.Time{}, y.now)
	took := time.Since(began)
	if took > 10*time.Second {
		t.Errorf("the audit of a year took %v", took)
	}
	t.Logf("%d ledger events in %v", got.GetLedgerEvents(), took)
	if len(got.GetPolicies()) != yearPolicies || len(got.GetHolds()) != yearHolds || len(got.GetErasures()) != yearErasures || len(got.GetDays()) != yearDays {
		t.Errorf("got %d policies, %d holds, %d erasures, %d days", len(got.GetPolicies()), len(got.GetHolds()), len(got.GetErasures()), len(got.GetDays()))
	}
	week := y.now.Add(-7 * day)
	got = y.make(acme, week, y.now)
	want := y.naive(acme, week, y.now)
	want.Limits, want.Findings = got.GetLimits(), got.GetFindings() // the ledger of this year forgets what is held
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("the last week (-naive +audit):\n%s", diff)
	}
}

func BenchmarkYear(b *testing.B) {
	y := newYear(b)
	for b.Loop() {
		y.make(acme, time.Time{}, y.now)
	}
}
