package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention"
)

// A kept store is one in which a Keeper holds, expires and erases.
type keptStore struct {
	*rig
	*retention.Keeper
	policies *retention.Policies
	up       time.Duration
}

func newKeptStore(t *testing.T) *keptStore {
	s := &keptStore{rig: newRig(t)}
	var err error
	if s.policies, err = retention.Open(t.Context(), s.log, nil); err != nil {
		t.Fatal(err)
	}
	s.policies.Now = func() time.Time { return s.now }
	d, err := policy.Parse([]byte(document(3)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.policies.Ensure(t.Context(), acme, d); err != nil {
		t.Fatal(err)
	}
	s.Keeper, err = retention.NewKeeper(t.Context(), retention.KeeperConfig{
		Log: s.log, Policies: s.policies, Select: s.find, Now: func() time.Time { return s.now }, Uptime: func() time.Duration { return s.up },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// find goes through all events.
func (s *keptStore) find(ctx context.Context, t event.Tenant, scope retention.Scope) (iter.Seq2[event.Seq, error], error) {
	condition, err := policy.Compile(cmp.Or(scope.GetFilter(), "true"))
	if err != nil {
		return nil, err
	}
	return func(yield func(event.Seq, error) bool) {
		for entry, err := range s.log.Scan(ctx, t, eventlog.Selection{Order: eventlog.LogOrder}) {
			var e *pb.Event
			if err == nil {
				e, err = entry.Event()
			}
			if err != nil {
				yield(0, err)
				return
			}
			is, err := condition.Match(e)
			if len(scope.GetUsers()) > 0 {
				is = is && e.GetUser() == scope.GetUsers()[0]
			}
			if is = is && event.KindOf(e).Evidence() && entry.Seq >= scope.From && entry.Seq < scope.Before; (is || err != nil) && !yield(entry.Seq, err) {
				return
			}
		}
	}, nil
}

func (s *keptStore) pass(d time.Duration) { s.now, s.up = s.now.Add(d), s.up+d }

// said appends what some people said.
func (s *keptStore) said(n int, class string, rnd *rand.Rand) {
	for range n {
		user, err := s.log.Pseudonym(acme, fmt.Sprint("person-", rnd.IntN(6)))
		if err != nil {
			s.t.Fatal(err)
		}
		s.append(acme, &pb.Event{
			Id: s.id("e"), Time: timestamppb.New(s.now), Class: class, PolicyVersion: "p", User: user, Session: fmt.Sprint("s-", rnd.IntN(5)),
			Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "harm"}},
		})
	}
}

// check compares an audit up to now with what the log has and the Keeper says.
func (s *keptStore) check(day int) {
	s.t.Helper()
	a := s.make(acme, time.Time{}, time.Time{})
	got, want := map[string]uint64{}, map[string]uint64{}
	for _, k := range a.GetKept() {
		if n := k.GetEvents().GetKept(); n > 0 {
			got[k.GetClass()+k.GetDay().AsTime().Format(time.DateOnly)] += n
		}
	}
	for _, b := range s.log.Buckets() {
		if b.Tenant == acme && b.Events > 0 && b.Class != policy.Ledger && b.Class != policy.Quarantine {
			want[b.Class+b.Day.Format(time.DateOnly)] += uint64(b.Events)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("day %d: the audit says that this is kept\n%v\nthe log has\n%v", day, got, want)
	}
	if len(a.GetFindings()) > 0 {
		s.t.Errorf("day %d: %q", day, a.GetFindings())
	}
	if len(a.GetUncounted()) > 1 {
		s.t.Errorf("day %d: counts leave out %v, want nothing but what came after the last", day, a.GetUncounted())
	}
	holds, err := s.Holds(s.t.Context(), acme, false)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range holds {
		for _, in := range a.GetHolds() {
			if in.GetHold() == h.GetHold() && (in.GetEvents() != h.GetEvents() || (in.GetReleased() == nil) != (h.GetReleased() == nil)) {
				s.t.Errorf("day %d: hold %s: the audit says %v, the keeper %v", day, h.GetHold(), in, h)
			}
		}
	}
	erasures, err := s.Erasures(s.t.Context(), acme)
	if err != nil {
		s.t.Fatal(err)
	}
	owed := uint64(0)
	for _, x := range erasures {
		if x.GetCompleted() == nil {
			owed++
		}
	}
	if len(holds) != len(a.GetHolds()) || len(erasures) != len(a.GetErasures()) || owed != a.GetErasuresOwed() {
		s.t.Errorf("day %d: the audit has %d holds, %d erasures and %d owed; the keeper %d, %d and %d",
			day, len(a.GetHolds()), len(a.GetErasures()), a.GetErasuresOwed(), len(holds), len(erasures), owed)
	}
}

// What the audit says is kept, held and owed is what the log has and the Keeper
// says, although the audit looks at neither: the ledger that the Keeper writes is
// enough.
func TestOfKeeper(t *testing.T) {
	s := newKeptStore(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	var held []string
	for d := range 25 {
		s.said(1+rnd.IntN(6), "routine", rnd)
		s.said(rnd.IntN(2), "flagged", rnd)
		s.pass(time.Hour)
		if rnd.IntN(3) == 0 {
			h, err := s.PlaceHold(t.Context(), acme, &pb.PlaceHoldRequest{
				Tenant: string(acme), CaseId: "c", Reason: "r", Authority: "a", Actor: "counsel",
				Scope: &pb.Hold_Scope{Filter: fmt.Sprintf(`session == "s-%d"`, rnd.IntN(5))},
			})
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, h.GetHold().GetHold())
		}
		if len(held) > 0 && rnd.IntN(4) == 0 {
			if _, err := s.ReleaseHold(t.Context(), acme, &pb.ReleaseHoldRequest{Tenant: string(acme), Hold: held[0], Actor: "counsel", Reason: "closed"}); err != nil {
				t.Fatal(err)
			}
			held = held[1:]
		}
		if rnd.IntN(3) == 0 {
			_, err := s.Erase(t.Context(), acme, &pb.EraseEventsRequest{
				Tenant: string(acme), User: fmt.Sprint("person-", rnd.IntN(6)), Actor: "office", Reason: "ticket", DryRun: new(false),
			}, func(eventlog.ForgetProgress) {})
			if err != nil && !errors.Is(err, retention.ErrUnknownPerson) {
				t.Fatal(err)
			}
		}
		s.pass(s.now.Truncate(day).Add(day + time.Hour).Sub(s.now))
		if _, err := s.Expire(t.Context(), false, func(eventlog.ForgetProgress) {}); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second) // The end of an audit is not part of it.
		s.check(d)
		s.pass(6 * time.Hour)
	}
}
