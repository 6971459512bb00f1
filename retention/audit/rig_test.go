package audit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/audit/audittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const acme event.Tenant = "acme"

// A rig is a log with a clock that the test sets, and what is known of the
// evidence in it, so that what is put into the ledger is what happened.
type rig struct {
	t       testing.TB
	log     *eventlog.Log
	now     time.Time
	ids     int
	policy  string // the version in force
	counted event.Seq
	stored  []*storedEvent
}

// A storedEvent is one that was appended.
type storedEvent struct {
	seq           event.Seq
	class, policy string // class: where it is kept now
	given         string
	day           time.Time
	redacted      bool
	gone          bool
}

func newRig(t testing.TB) *rig {
	dir := t.TempDir()
	r := &rig{t: t, now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	log, err := eventlog.Open(t.Context(), eventlog.Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, Now: func() time.Time { return r.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil && !errors.Is(err, eventlog.ErrClosed) {
			t.Error(err)
		}
	})
	r.log = log
	return r
}

func (r *rig) id(what string) string {
	r.ids++
	return fmt.Sprintf("%s-%d", what, r.ids)
}

// append appends events of a tenant, and returns the first position.
func (r *rig) append(t event.Tenant, events ...*pb.Event) event.Seq {
	r.t.Helper()
	first := r.log.Size()
	var batch []eventlog.Prepared
	for _, e := range events {
		p, err := r.log.Prepare(t, e)
		if err != nil {
			r.t.Fatal(err)
		}
		batch = append(batch, p)
	}
	results, err := r.log.Append(r.t.Context(), batch)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, one := range results {
		if one.Outcome != eventlog.Appended {
			r.t.Fatalf("an event was not appended: %v", one)
		}
	}
	return first
}

// ledgerEvent is one of the ledger, as of now, without a body.
func (r *rig) ledgerEvent(id string) *pb.Event {
	return &pb.Event{Id: id, Time: timestamppb.New(r.now), Class: policy.Ledger, PolicyVersion: "none"}
}

func (r *rig) hold(id string, h *pb.Hold) {
	e := r.ledgerEvent(id)
	e.Body = &pb.Event_Hold{Hold: h}
	r.append(acme, e)
}

func (r *rig) erasure(id string, x *pb.Erasure) {
	e := r.ledgerEvent(id)
	e.Body = &pb.Event_Erasure{Erasure: x}
	r.append(acme, e)
}

func (r *rig) exported(id string, x *pb.Exported) {
	e := r.ledgerEvent(id)
	e.Body = &pb.Event_Exported{Exported: x}
	r.append(acme, e)
}

func (r *rig) judged(j *pb.ClockJudged) {
	e := r.ledgerEvent(r.id("clock"))
	j.Clock = e.GetTime()
	e.Body = &pb.Event_ClockJudged{ClockJudged: j}
	r.append(event.System, e)
}

func (r *rig) restored(x *pb.Restored) {
	e := r.ledgerEvent(r.id("restored"))
	e.Body = &pb.Event_Restored{Restored: x}
	r.append(event.System, e)
}

func (r *rig) apply(document, actor, reason string, approvals ...string) {
	r.t.Helper()
	d, err := policy.Parse([]byte(document))
	if err != nil {
		r.t.Fatal(err)
	}
	e := r.ledgerEvent(r.id("policy"))
	e.Body = &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{
		Version: d.Version(), Document: document, Actor: actor, Reason: reason, Approvals: approvals, Replaces: r.policy,
	}}
	r.append(acme, e)
	r.policy = d.Version()
}

// evidence appends n events of a class.
func (r *rig) evidence(n int, class string, redacted bool) (out []*storedEvent) {
	for range n {
		e := &pb.Event{
			Id: r.id("e"), Time: timestamppb.New(r.now), Class: class, PolicyVersion: r.policy,
			Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "harm"}},
		}
		s := &storedEvent{class: class, given: class, policy: r.policy, day: r.now.Truncate(day), redacted: redacted}
		s.seq = r.append(acme, e)
		out = append(out, s)
	}
	r.stored = append(r.stored, out...)
	return out
}

// classDays is how many events there are by class and day.
func classDays(events []*storedEvent) (out []*pb.ClassDay) {
	for _, s := range events {
		i := slices.IndexFunc(out, func(c *pb.ClassDay) bool { return c.GetClass() == s.class && c.GetDay().AsTime().Equal(s.day) })
		if i < 0 {
			i = len(out)
			out = append(out, &pb.ClassDay{Class: s.class, Day: timestamppb.New(s.day)})
		}
		out[i].Events++
	}
	return out
}

// count appends a count of what was appended since the one before.
func (r *rig) count(c *pb.Counted) {
	through := r.log.Size()
	c.From, c.Through = uint64(r.counted), uint64(through)
	for _, s := range r.stored {
		if s.seq < r.counted {
			continue
		}
		i := slices.IndexFunc(c.GetStrata(), func(x *pb.Counted_Stratum) bool {
			return x.GetClass() == s.given && x.GetDay().AsTime().Equal(s.day) && x.GetPolicyVersion() == s.policy
		})
		if i < 0 {
			i = len(c.GetStrata())
			c.Strata = append(c.Strata, &pb.Counted_Stratum{Class: s.given, Day: timestamppb.New(s.day), PolicyVersion: s.policy})
		}
		c.Strata[i].Events++
		if s.redacted {
			c.Strata[i].Redacted++
		}
	}
	e := r.ledgerEvent(r.id("count"))
	e.Body = &pb.Event_Counted{Counted: c}
	r.append(acme, e)
	r.counted = through
}

// promote moves events to a class, on record.
func (r *rig) promote(events []*storedEvent, class string) {
	e := r.ledgerEvent(r.id("promoted"))
	e.Body = &pb.Event_Promoted{Promoted: &pb.Promoted{Class: class, Positions: positions(events), From: classDays(events)}}
	r.append(acme, e)
	for _, s := range events {
		s.class = class
	}
}

// forget has events forgotten for good.
func (r *rig) forget(cause pb.Forgotten_Cause, request string, events []*storedEvent, quarantined ...string) {
	r.t.Helper()
	e := r.ledgerEvent(r.id("forgotten"))
	e.Body = &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: cause, Request: request, Kept: classDays(events), Quarantined: quarantined}}
	var seqs []event.Seq
	for _, s := range events {
		seqs = append(seqs, s.seq)
		s.gone = true
	}
	if err := r.log.Forget(r.t.Context(), []eventlog.Forgetting{{Tenant: acme, Ledger: e, Seqs: seqs}}, func(eventlog.ForgetProgress) {}); err != nil {
		r.t.Fatal(err)
	}
}

func positions(events []*storedEvent) (out []*pb.Forgotten_Positions) {
	seqs := make([]uint64, len(events))
	for i, s := range events {
		seqs[i] = uint64(s.seq)
	}
	slices.Sort(seqs)
	for _, s := range seqs {
		if n := len(out); n > 0 && out[n-1].GetLast()+1 == s {
			out[n-1].Last = s
			continue
		}
		out = append(out, &pb.Forgotten_Positions{First: s, Last: s})
	}
	return out
}

// there are the events that are not forgotten and for which f says so.
func (r *rig) there(f func(*storedEvent) bool) (out []*storedEvent) {
	for _, s := range r.stored {
		if !s.gone && f(s) {
			out = append(out, s)
		}
	}
	return out
}

// make audits the ledger of a tenant.
func (r *rig) make(t event.Tenant, since, until time.Time) *pb.RetentionAudit {
	r.t.Helper()
	a, err := Make(r.t.Context(), r.log, t, Request{Since: since, Until: until, Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// naive is the same, computed by reading every position of the log.
func (r *rig) naive(t event.Tenant, since, until time.Time) *pb.RetentionAudit {
	r.t.Helper()
	if until.IsZero() {
		until = r.now
	}
	a, err := audittest.Naive(r.t.Context(), r.log, t, since, until)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// document is a policy that keeps routine evidence for so many days.
func document(keep int) string {
	return fmt.Sprintf(`classes:
  routine: {keep: %dd}
  flagged: {keep: 180d, min: 90d}
  reported: {keep: 365d}
  ledger: {keep: 3650d}
rules:
  - class: routine
`, keep)
}

// pick returns some of the events.
func pick(rnd *rand.Rand, events []*storedEvent, most int) []*storedEvent {
	events = slices.Clone(events)
	rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	return events[:min(len(events), 1+rnd.IntN(most))]
}
