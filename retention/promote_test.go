package retention

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What is complained about is kept as long as the complaint, and nothing is kept
// for less long than before; whatever is gone, or not there, holds nothing up.
func TestPromote(t *testing.T) {
	cfg := config(t)
	log := openLog(t, cfg)
	p := openPolicies(t, log)
	document, err := policy.Parse([]byte(`
classes: {routine: {keep: 30d}, flagged: {keep: 180d}, reported: {keep: 365d}, ledger: {keep: 7y, min: 7y}}
rules:
  - {when: "has(event.report)", class: reported}
  - {when: "has(event.verdict) && event.verdict.score >= 0.5", class: flagged}
  - {class: routine}
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), p, acme, document); err != nil {
		t.Fatal(err)
	}
	publish := func(events ...*pb.Event) {
		t.Helper()
		var batch []eventlog.Prepared
		for _, e := range events {
			e.Time = timestamppb.New(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC))
			if err := p.Classify(acme, e); err != nil {
				t.Fatal(err)
			}
			prepared, err := log.Prepare(acme, e)
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, prepared)
		}
		if _, err := log.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	said := func(id, session string) *pb.Event {
		return &pb.Event{Id: id, Session: session, Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}}
	}
	verdict := func(id, target string, score float64) *pb.Event {
		return &pb.Event{Id: id, Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: target, Category: "harm", Score: score}}}
	}
	report := func(id, target, session string) *pb.Event {
		return &pb.Event{Id: id, Body: &pb.Event_Report{Report: &pb.Report{Target: target, Session: session, Category: "harm"}}}
	}
	restarted := func() *promoter {
		t.Helper()
		pr, err := p.promoter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return pr
	}
	pr := restarted()
	run := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		last := log.Size() - 1
		err := log.Consume(ctx, promotion, func(ctx context.Context, batch []*eventlog.Followed) error {
			defer func() {
				if batch[len(batch)-1].Seq == last {
					cancel()
				}
			}()
			return pr.promote(ctx, batch)
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	check := func(want map[string]string) {
		t.Helper()
		for id, class := range want {
			seq, err := log.Lookup(t.Context(), acme, id)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := log.Class(acme, seq); err != nil || got != class {
				t.Errorf("%s is kept as %q, %v: want %q", id, got, err, class)
			}
		}
	}
	for n := range 6 {
		publish(said(fmt.Sprint("a", n), "a"), said(fmt.Sprint("b", n), "b"))
	}
	publish(verdict("v1", "a1", 0.9), verdict("v2", "a2", 0.1), verdict("v3", "nothing", 0.9), report("r1", "a3", "a"), report("r2", "", "b"))
	run()
	check(map[string]string{
		"a0": "routine", "a1": "flagged", "a2": "routine", "a3": "reported", "a4": "routine",
		"b0": "reported", "b5": "reported",
	})
	// Later, and of what was moved already: it goes up and never down.
	publish(verdict("v4", "a3", 0.9), report("r3", "a1", ""))
	run()
	check(map[string]string{"a1": "reported", "a3": "reported", "a2": "routine"})
	// Several things said of one event at a time: it goes where it is kept longest,
	// in whichever order they came.
	for n := range 8 {
		a, b := fmt.Sprint("both", n), fmt.Sprint("both-", n)
		publish(said(a, "d"), said(b, "d"))
		publish(verdict("v"+a, a, 0.9), report("r"+a, a, ""), report("r"+b, b, ""), verdict("v"+b, b, 0.9))
		run()
		check(map[string]string{a: "reported", b: "reported"})
	}
	// Targets that come after what is said of them: at once, and after a restart.
	publish(verdict("v5", "late1", 0.9), report("r4", "late1", ""), verdict("v6", "late2", 0.1), verdict("v7", "late3", 0.9), report("r5", "late4", ""))
	run()
	publish(said("late1", "c"), said("late2", "c"), said("b6", "b"))
	run()
	check(map[string]string{"b6": "reported"})
	check(map[string]string{"late1": "reported", "late2": "routine"})
	pr = restarted()
	publish(said("late3", "c"), said("b7", "b"))
	run()
	check(map[string]string{"late3": "flagged", "b7": "reported"})
	publish(said("late4", "c"), said("b8", "b"))
	restarted() // It died after the target came and before it was moved.
	check(map[string]string{"late4": "reported", "b8": "reported"})
	run()
	check(map[string]string{"late1": "reported", "late2": "routine", "late3": "flagged", "late4": "reported"})
	// A report on what is in the ledger holds nothing up, though it would be kept for
	// longer.
	for entry, err := range log.Scan(t.Context(), acme, eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldClass, Values: []string{eventlog.LedgerClass}}}}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Promote(t.Context(), acme, []event.Seq{entry.Seq}, "reported"); err != nil {
			t.Errorf("promote a ledger event: %v", err)
		}
	}
	if _, err := log.Verify(t.Context(), func(f eventlog.Finding) { t.Errorf("finding: %+v", f) }, func(eventlog.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Class("umbrella", 1); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("class of another tenant's event: got %v, want ErrNotFound", err)
	}
}

// changing puts other rules in force.
func (r *keeperRig) changing(rules string) {
	r.t.Helper()
	document, err := policy.Parse([]byte(rules))
	if err == nil {
		err = put(r.t.Context(), r.policies, acme, document)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// told is where the ledger says that an event is kept.
func (r *keeperRig) told(seq event.Seq) string {
	r.t.Helper()
	class := "routine"
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Promoted)}}}, Order: eventlog.LogOrder,
	}
	for entry, err := range r.log.Scan(r.t.Context(), acme, selection) {
		if err != nil {
			r.t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			r.t.Fatal(err)
		}
		moved := roaring64.New()
		if addRanges(moved, e.GetPromoted().GetPositions()); moved.Contains(uint64(seq)) {
			class = e.GetPromoted().GetClass()
		}
	}
	return class
}

// What moves back to a class that it was moved to before is on record again: the
// audit says from the ledger alone where events are kept.
func TestPromoteBackIsOnRecord(t *testing.T) {
	const rules = `
classes: {routine: {keep: 10d}, flagged: {keep: 60d, min: 40d}, alarm: {keep: %dd}, reported: {keep: 90d}, ledger: {keep: 7y, min: 7y}}
rules:
  - {when: "has(event.report)", class: reported}
  - {when: "has(event.verdict)", class: alarm}
  - {class: routine}
`
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	verdict := judged("v", "a")
	for _, step := range []struct {
		days int // that an alarm is kept
		say  func()
		want string
	}{
		{60, func() { r.report("r1", "a") }, "reported"},
		{120, func() { r.add(verdict) }, "alarm"},
		{60, func() { r.report("r2", "a") }, "reported"},
	} {
		r.changing(fmt.Sprintf(rules, step.days))
		step.say()
		r.expireNow()
		class, err := r.log.Class(acme, a)
		if err != nil || class != step.want || r.told(a) != step.want {
			t.Errorf("it is kept as %q, %v, and on record as %q: want %q", class, err, r.told(a), step.want)
		}
		r.reopen()
	}
}

// judged is a verdict on an event.
func judged(id, target string) *pb.Event {
	return &pb.Event{Id: id, Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: target, Category: "harm", Score: 1}}}
}

// Whoever promotes may have looked before an expiry did, which has seen more: what
// is kept for longer meanwhile does not move back.
func TestPromoteWhatMovedMeanwhile(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	verdict := judged("v", "a")
	verdict.Source = &pb.Source{Service: "risky"}
	at := r.add(verdict)
	pr, err := r.policies.promoter(t.Context())
	if err == nil {
		err = pr.look(t.Context(), acme, at, verdict)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.report("r", "a")
	r.expireNow()
	if err := pr.move(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "flagged+reported"
	if class, err := r.log.Class(acme, a); err != nil || class != want || r.told(a) != want {
		t.Errorf("it is kept as %q, %v, and on record as %q: want %q", class, err, r.told(a), want)
	}
}
