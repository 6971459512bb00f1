package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// keptRules is the policy of most of these tests.
const keptRules = `
classes: {routine: {keep: 10d}, flagged: {keep: 60d, min: 40d}, reported: {keep: 90d}, ledger: {keep: 7y, min: 7y}}
rules:
  - {when: "has(event.report)", class: reported}
  - {when: "event.source.service == \"risky\"", class: flagged}
  - {class: routine}
`

// A keeperRig is a log in which time passes as a test says.
type keeperRig struct {
	*Keeper
	t        *testing.T
	log      *eventlog.Log
	policies *Policies
	cfg      eventlog.Config
	now      time.Time
	up       time.Duration
	wall     time.Duration // by how much the clock is wrong
}

func keeping10(t *testing.T) *keeperRig {
	r := &keeperRig{t: t, cfg: config(t), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	r.cfg.Now = r.time
	r.open()
	document, err := policy.Parse([]byte(keptRules))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.policies.Ensure(t.Context(), acme, document); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *keeperRig) time() time.Time { return r.now.Add(r.wall) }

// open opens what is there, as a start does.
func (r *keeperRig) open() {
	r.t.Helper()
	r.log = openLog(r.t, r.cfg)
	r.policies = openPolicies(r.t, r.log)
	r.policies.Now = r.time
	r.up = 0
	var err error
	r.Keeper, err = NewKeeper(r.t.Context(), KeeperConfig{
		Log: r.log, Policies: r.policies, Select: r.find, Now: r.time, Uptime: func() time.Duration { return r.up },
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *keeperRig) reopen() {
	r.t.Helper()
	if err := r.log.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *keeperRig) pass(d time.Duration) { r.now, r.up = r.now.Add(d), r.up+d }

// find goes through all events.
func (r *keeperRig) find(ctx context.Context, t event.Tenant, s Scope) (iter.Seq2[event.Seq, error], error) {
	condition, err := policy.Compile(cmpOr(s.GetFilter(), "true"))
	if err != nil {
		return nil, err
	}
	return func(yield func(event.Seq, error) bool) {
		for entry, err := range r.log.Scan(ctx, t, eventlog.Selection{Order: eventlog.LogOrder}) {
			var e *pb.Event
			if err == nil {
				e, err = entry.Event()
			}
			if err != nil {
				yield(0, err)
				return
			}
			if !event.KindOf(e).Evidence() {
				continue
			}
			ok, err := condition.Match(e)
			if err != nil && s.Unsure {
				ok, err = true, nil
			}
			ok = ok && entry.Seq >= s.From && entry.Seq < s.Before &&
				(len(s.GetSessions()) == 0 || slices.Contains(s.GetSessions(), e.GetSession())) &&
				(len(s.GetUsers()) == 0 || slices.Contains(s.GetUsers(), e.GetUser())) &&
				(s.GetText() == "" || strings.Contains(e.String(), s.GetText()))
			if (ok || err != nil) && !yield(entry.Seq, err) {
				return
			}
		}
	}, nil
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// say appends an interaction of a service, and returns where it is.
func (r *keeperRig) say(id, session, user, service string) event.Seq {
	r.t.Helper()
	return r.add(&pb.Event{
		Id: id, Session: session, User: user, Source: &pb.Source{Service: service},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "about " + id}}}}}}},
	})
}

func (r *keeperRig) report(id, target string) event.Seq {
	r.t.Helper()
	return r.add(&pb.Event{Id: id, Body: &pb.Event_Report{Report: &pb.Report{Target: target, Category: "harm"}}})
}

func (r *keeperRig) add(e *pb.Event) event.Seq {
	r.t.Helper()
	e.Time = timestamppb.New(r.now)
	var err error
	if e.User, err = r.pseudonym(acme, e.GetUser()); err != nil {
		r.t.Fatal(err)
	}
	if err := r.policies.Classify(acme, e); err != nil {
		r.t.Fatal(err)
	}
	p, err := r.log.Prepare(acme, e)
	if err != nil {
		r.t.Fatal(err)
	}
	results, err := r.log.Append(r.t.Context(), []eventlog.Prepared{p})
	if err != nil || results[0].Outcome != eventlog.Appended {
		r.t.Fatal(results, err)
	}
	return results[0].Seq
}

// there checks which events can be read.
func (r *keeperRig) there(want map[event.Seq]bool) {
	r.t.Helper()
	for seq, there := range want {
		_, err := r.log.Read(r.t.Context(), acme, seq)
		if there && err != nil || !there && !errors.Is(err, eventlog.ErrErased) {
			r.t.Errorf("event %d: got %v, want it there: %t", seq, err, there)
		}
	}
}

func (r *keeperRig) expireNow() []*pb.Expiry {
	r.t.Helper()
	out, err := r.Expire(r.t.Context(), false, silent)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *keeperRig) place(scope *pb.Hold_Scope, actor string) string {
	r.t.Helper()
	placed, err := r.PlaceHold(r.t.Context(), acme, &pb.PlaceHoldRequest{
		Scope: scope, CaseId: "case-1", Reason: "litigation", Authority: "court", Actor: actor,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return placed.GetHold().GetHold()
}

func (r *keeperRig) release(id, actor string) *pb.ReleaseHoldResponse {
	r.t.Helper()
	out, err := r.ReleaseHold(r.t.Context(), acme, &pb.ReleaseHoldRequest{Hold: id, Actor: actor, Reason: "settled"})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *keeperRig) erase(user string) *pb.ErasureState {
	r.t.Helper()
	out, err := r.Erase(r.t.Context(), acme, &pb.EraseEventsRequest{User: user, Actor: "officer", Reason: "ticket", DryRun: new(false)}, silent)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// An event for which a hold's condition cannot be computed stays, and keeps neither
// the hold from being released nor anything else from going.
func TestHoldThatCannotTell(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "7", "ann", "chat")
	filter := &pb.Hold_Scope{Filter: "int(session) > 5"}
	hold := r.place(filter, "ruth")
	odd, other := r.say("b", "odd", "bob", "chat"), r.say("c", "3", "cy", "chat")
	if _, err := r.PlaceHold(t.Context(), acme, &pb.PlaceHoldRequest{Scope: filter, DryRun: true}); err == nil {
		t.Error("a hold that cannot tell of what is there can be placed")
	}
	r.pass(20 * 24 * time.Hour)
	r.expireNow()
	r.there(map[event.Seq]bool{a: true, odd: true, other: false})
	r.reopen()
	r.release(hold, "ruth")
	r.there(map[event.Seq]bool{a: false, odd: false})
}

// What keeps one tenant's events from expiring keeps no other's.
func TestExpireOtherTenants(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	document, err := policy.Parse([]byte(keptRules))
	if err == nil {
		err = r.policies.Ensure(t.Context(), "aaa", document)
	}
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("it cannot be told")
	find := r.Keeper.cfg.Select
	r.Keeper.cfg.Select = func(ctx context.Context, t event.Tenant, s Scope) (iter.Seq2[event.Seq, error], error) {
		if t == "aaa" && s.From > 0 {
			return nil, broken
		}
		return find(ctx, t, s)
	}
	_, err = r.PlaceHold(t.Context(), "aaa", &pb.PlaceHoldRequest{Scope: &pb.Hold_Scope{Filter: "true"}, CaseId: "1", Reason: "r", Authority: "court", Actor: "ruth"})
	if err != nil {
		t.Fatal(err)
	}
	r.pass(20 * 24 * time.Hour)
	done, err := r.Expire(t.Context(), false, silent)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "aaa") || len(done) != 1 {
		t.Errorf("got %v, %v: want that of aaa nothing expires, and what does of acme", done, err)
	}
	r.there(map[event.Seq]bool{a: false})
}

// What is held stays when its bucket goes, what comes later and is claimed too,
// and what two hold stays until both let go; then its own clock has run out.
func TestHold(t *testing.T) {
	r := keeping10(t)
	a, b, c := r.say("a", "s-1", "ann", "chat"), r.say("b", "s-2", "bob", "chat"), r.say("c", "s-3", "cy", "chat")
	said := r.report("ra", "a")
	one := r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	two := r.place(&pb.Hold_Scope{Users: []string{"ann", "cy"}}, "sam")
	r.pass(24 * time.Hour)
	later := r.say("d", "s-1", "ann", "chat")
	other := r.say("e", "s-9", "eve", "chat")
	r.there(map[event.Seq]bool{a: true, b: true, c: true, later: true, other: true})

	r.pass(20 * 24 * time.Hour)
	expired := r.expireNow()
	if len(expired) != 1 || total(expired[0].GetGone()) != 2 || total(expired[0].GetHeld()) != 2 { // a is as reported as the report
		t.Errorf("got %v, want 2 gone and 2 held", expired)
	}
	r.there(map[event.Seq]bool{a: true, b: false, c: true, later: true, other: false, said: true})
	if class, err := r.log.Class(acme, a); err != nil || class != "reported" {
		t.Errorf("event a is in class %q, %v: a report promoted it", class, err)
	}
	if class, err := r.log.Class(acme, later); err != nil || class != "hold:routine" {
		t.Errorf("event d is in class %q, %v: want hold:routine", class, err)
	}
	verified(t, r.log)
	r.reopen()

	state, err := r.Hold(t.Context(), acme, one)
	if err != nil || state.GetEvents() != 3 { // a, d, and the report on a
		t.Errorf("hold one: %v, %v, want 3 events", state, err)
	}
	if steps := state.GetSteps(); len(steps) != 1 || steps[0].GetActor() != "ruth" || steps[0].GetReason() != "litigation" || steps[0].GetStage() != pb.Hold_PLACED {
		t.Errorf("steps of hold one: %v", steps)
	}
	would, err := r.ReleaseHold(t.Context(), acme, &pb.ReleaseHoldRequest{Hold: two, DryRun: true})
	if err != nil || total(would.GetReleased()) != 1 || total(would.GetExpiring()) != 1 {
		t.Errorf("releasing two would do %v, %v, want one event gone", would, err)
	}
	did := r.release(two, "sam")
	if total(did.GetReleased()) != 1 || total(did.GetExpiring()) != 1 {
		t.Errorf("releasing two did %v", did)
	}
	r.there(map[event.Seq]bool{a: true, c: false, later: true, said: true})
	r.release(one, "ruth")
	r.there(map[event.Seq]bool{a: true, later: false, said: true})
	verified(t, r.log)
}

// What is asked to be erased goes, but for what is held or promised, which goes by
// itself when it may.
func TestErase(t *testing.T) {
	r := keeping10(t)
	a, b, c := r.say("a", "s-1", "ann", "chat"), r.say("b", "s-2", "ann", "risky"), r.say("c", "s-3", "ann", "chat")
	other := r.say("o", "s-4", "bob", "chat")
	said := r.report("ra", "a")
	hold := r.place(&pb.Hold_Scope{Sessions: []string{"s-3"}}, "ruth")

	would, err := r.Erase(t.Context(), acme, &pb.EraseEventsRequest{User: "ann"}, silent)
	if err != nil || would.GetEvents() != 4 || would.GetErased() != 2 || len(would.GetDeferred()) != 2 {
		t.Fatalf("dry run: %v, %v, want 4 events, 2 at once, and two deferrals", would, err)
	}
	r.there(map[event.Seq]bool{a: true, b: true, c: true, other: true, said: true})
	did := r.erase("ann")
	if did.GetEvents() != 4 || did.GetErased() != 2 || fmt.Sprint(did.GetDeferred()) != fmt.Sprint(would.GetDeferred()) || did.GetCompleted() != nil {
		t.Errorf("got %v, want what the dry run said: %v", did, would)
	}
	r.there(map[event.Seq]bool{a: false, b: true, c: true, other: true, said: false})
	again := r.erase("ann")
	if again.GetEvents() != 2 || again.GetErased() != 0 || !slices.Equal(again.GetOwedAlready(), []string{did.GetRequest()}) {
		t.Errorf("asked for again: got %v, want that %s owes them already", again, did.GetRequest())
	}
	r.reopen()
	r.release(hold, "ruth")
	r.there(map[event.Seq]bool{b: true, c: false, other: true})
	r.pass(42 * 24 * time.Hour)
	r.pass(0)
	r.expireConfirmed()
	r.there(map[event.Seq]bool{b: false, other: false})
	state, err := r.Erasure(t.Context(), acme, did.GetRequest())
	if err != nil || state.GetCompleted() == nil || state.GetErased() != 4 || len(state.GetDeferred()) != 0 || total(state.GetGone()) != 4 {
		t.Errorf("got %v, %v, want it completed", state, err)
	}
	if second, err := r.Erasure(t.Context(), acme, again.GetRequest()); err != nil || second.GetCompleted() == nil || second.GetErased() != 2 || second.GetOtherwise() != 2 {
		t.Errorf("the second: got %v, %v, want that all went by the first", second, err)
	}
	if _, err := r.Erase(t.Context(), acme, &pb.EraseEventsRequest{User: "ann", Actor: "o", Reason: "r", DryRun: new(false)}, silent); !errors.Is(err, ErrUnknownPerson) {
		t.Errorf("erasing again: %v, want ErrUnknownPerson", err)
	}
	verified(t, r.log)
}

// expireConfirmed expires after somebody vouched for the clock.
func (r *keeperRig) expireConfirmed() []*pb.Expiry {
	r.t.Helper()
	if _, err := r.Confirm(r.t.Context(), "operator", "the machine was off"); err != nil {
		r.t.Fatal(err)
	}
	return r.expireNow()
}

// Nothing expires by a clock that jumped, in a running process or over a restart,
// nor after one that went back; and that is on record, once.
func TestClock(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	r.expireNow()
	stopped := func(what string) {
		t.Helper()
		if _, err := r.Expire(t.Context(), false, silent); !errors.Is(err, ErrStopped) {
			t.Errorf("%s: got %v, want ErrStopped", what, err)
		}
		if _, err := r.Expire(t.Context(), true, silent); !errors.Is(err, ErrStopped) {
			t.Errorf("%s, dry: got %v, want ErrStopped", what, err)
		}
		if state, err := r.State(t.Context()); err != nil || state.GetStopped() == "" {
			t.Errorf("%s: state %v, %v", what, state, err)
		}
		r.there(map[event.Seq]bool{a: true})
	}
	r.wall = 365 * 24 * time.Hour
	before := r.log.Size()
	stopped("a year ahead")
	stopped("still")
	if n := r.log.Size() - before; n != 1 {
		t.Errorf("%d ledger events say that the clock is refused, want 1", n)
	}
	r.say("late", "s-2", "ann", "chat") // by the wrong clock
	r.reopen()
	stopped("a year ahead, after a restart")
	r.wall = -time.Hour
	stopped("an hour back")
	r.wall = 0
	r.expireNow()
	r.pass(9 * 24 * time.Hour)
	r.expireNow()
	r.there(map[event.Seq]bool{a: true})
	r.pass(2 * 24 * time.Hour)
	r.expireNow()
	r.there(map[event.Seq]bool{a: false})
	if state, err := r.State(t.Context()); err != nil || len(state.GetWarnings()) == 0 {
		t.Errorf("nobody says that an event was stored by a clock that was ahead: %v, %v", state, err)
	}
	r.wall = 30 * 24 * time.Hour
	if _, err := r.Confirm(t.Context(), "operator", ""); err == nil {
		t.Error("the clock was confirmed without a reason")
	}
	r.expireConfirmed()
}

// What is said of what is said is found in whichever order it came, of few events
// as of many.
func TestLateAbout(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	want := roaring64.New()
	want.Add(uint64(r.report("third", "second")))
	want.Add(uint64(r.report("second", "first")))
	want.Add(uint64(r.report("first", "a")))
	want.Add(uint64(r.report("fourth", "third")))
	r.report("other", "nothing")
	for _, others := range []uint64{0, lookedUp} {
		set := setOf([]event.Seq{a})
		set.AddRange(1<<20, 1<<20+others)
		got, err := r.lateAbout(t.Context(), acme, set, 0, r.log.Size())
		if err != nil || !got.Equals(want) {
			t.Errorf("beside %d others: got %v, %v, want %v", others, got, err, want)
		}
	}
}

// A clock that goes too fast has nothing expire either: each hour it is less than a
// day ahead of the hour before.
func TestClockThatRuns(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	r.expireNow()
	err := error(nil)
	for range 20 {
		r.wall += 23 * time.Hour
		r.pass(time.Hour)
		if _, err = r.Expire(t.Context(), false, silent); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
	r.there(map[event.Seq]bool{a: true})
	// One of a machine that sleeps by night goes well.
	r = keeping10(t)
	a = r.say("a", "s-1", "ann", "chat")
	for range 9 {
		for range 8 {
			r.pass(time.Hour)
			r.expireNow()
		}
		r.wall += 16 * time.Hour
		r.expireNow()
	}
	r.there(map[event.Seq]bool{a: true})
}

// What is wrong is refused by name, and nothing changes.
func TestKeeperRefuses(t *testing.T) {
	r := keeping10(t)
	r.say("a", "s-1", "ann", "chat")
	hold := r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	good := func() *pb.PlaceHoldRequest {
		return &pb.PlaceHoldRequest{Scope: &pb.Hold_Scope{Filter: "true"}, CaseId: "c", Reason: "r", Authority: "a", Actor: "x"}
	}
	place := func(change func(*pb.PlaceHoldRequest)) func() error {
		return func() error {
			q := good()
			change(q)
			_, err := r.PlaceHold(t.Context(), acme, q)
			return err
		}
	}
	release := func(id, actor, reason string) func() error {
		return func() error {
			_, err := r.ReleaseHold(t.Context(), acme, &pb.ReleaseHoldRequest{Hold: id, Actor: actor, Reason: reason})
			return err
		}
	}
	erase := func(q *pb.EraseEventsRequest) func() error {
		return func() error {
			q.DryRun = new(false)
			_, err := r.Erase(t.Context(), acme, q, silent)
			return err
		}
	}
	size := r.log.Size()
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"no reason":          {place(func(q *pb.PlaceHoldRequest) { q.Reason = " " }), "reason: is missing"},
		"no case":            {place(func(q *pb.PlaceHoldRequest) { q.CaseId = "" }), "caseId: is missing"},
		"no authority":       {place(func(q *pb.PlaceHoldRequest) { q.Authority = "" }), "authority: is missing"},
		"no actor":           {place(func(q *pb.PlaceHoldRequest) { q.Actor = "" }), "actor: is missing"},
		"no scope":           {place(func(q *pb.PlaceHoldRequest) { q.Scope = nil }), "scope: claims nothing"},
		"bad filter":         {place(func(q *pb.PlaceHoldRequest) { q.Scope.Filter = "user ==" }), "line 1"},
		"many owners":        {place(func(q *pb.PlaceHoldRequest) { q.Owners = make([]string, 17) }), "owners: are 17"},
		"empty session":      {place(func(q *pb.PlaceHoldRequest) { q.Scope.Sessions = []string{""} }), "empty"},
		"somebody else's":    {release(hold, "sam", "r"), "not an owner"},
		"release, no reason": {release(hold, "ruth", ""), "reason: is missing"},
		"no such hold":       {release("nope", "ruth", "r"), "not found"},
		"erase nobody":       {erase(&pb.EraseEventsRequest{Actor: "a", Reason: "r"}), "user: is missing"},
		"erase a stranger":   {erase(&pb.EraseEventsRequest{User: "zed", Actor: "a", Reason: "r"}), "nothing is stored of this person"},
		"erase, no reason":   {erase(&pb.EraseEventsRequest{User: "ann", Actor: "a"}), "reason: is missing"},
		"erase both":         {erase(&pb.EraseEventsRequest{User: "ann", Everything: true, Actor: "a", Reason: "r"}), "everything: goes without"},
	} {
		err := c.do()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for _, user := range []string{"[USER:short]", "[USER:kbn3zudk6ogo", "USER:kbn3zudk6ogo"} {
		if err := erase(&pb.EraseEventsRequest{User: user, Actor: "a", Reason: "r"})(); err == nil || !strings.Contains(err.Error(), "no whole pseudonym") {
			t.Errorf("erase %s: got %v", user, err)
		}
	}
	if _, err := r.PlaceHold(t.Context(), "nobody", good()); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("a tenant that is not there: %v", err)
	}
	if r.log.Size() != size {
		t.Errorf("the log grew from %d to %d", size, r.log.Size())
	}
	r.release(hold, "ruth")
	if err := release(hold, "ruth", "r")(); !errors.Is(err, ErrReleased) {
		t.Errorf("releasing twice: %v", err)
	}
}

// What is held is not redacted, and is counted.
func TestHeldIsNotRedacted(t *testing.T) {
	r := keeping10(t)
	a, b := r.say("write to ann@example.com", "s-1", "ann", "chat"), r.say("write to bob@example.com", "s-2", "bob", "chat")
	r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	s := stored(t, r.log, redaction.Config{})
	s.Guard = r.Guard
	preview := s.preview(t, []event.Seq{a, b})
	if preview.GetHeld() != 1 || preview.GetChanged() != 1 {
		t.Errorf("preview: got %v, want one changed and one held", preview)
	}
	did := s.redact(t, []event.Seq{a, b})
	if did.GetHeld() != 1 || did.GetChanged() != 1 {
		t.Errorf("got %v, want one changed and one held", did)
	}
	if text := textOf(readBack(t, r.log, a)); !strings.Contains(text, "ann@example.com") {
		t.Errorf("what is held became %q", text)
	}
	if text := textOf(readBack(t, r.log, b)); strings.Contains(text, "bob@example.com") {
		t.Errorf("what is not held is still %q", text)
	}
}

// A quarantined message of a person goes with the erasure, those beside it stay;
// and all of a day go when their time has passed.
func TestEraseQuarantined(t *testing.T) {
	r := keeping10(t)
	message := func(n uint64, payload string) {
		t.Helper()
		err := r.log.Quarantine(t.Context(), acme, []*pb.Quarantined{{
			Time: timestamppb.New(r.now), Cause: pb.Quarantined_INVALID, StreamSequence: n, Payload: []byte(payload), ContentType: "application/json",
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := func() (payloads []string) {
		t.Helper()
		for e, err := range r.log.QuarantineList(t.Context(), acme, "") {
			if err != nil {
				t.Fatal(err)
			}
			whole, err := r.log.Quarantined(t.Context(), acme, e.GetId())
			if err != nil {
				t.Fatal(err)
			}
			payloads = append(payloads, string(whole.GetPayload()))
		}
		return payloads
	}
	message(1, `{"user":"ann","bad":1}`)
	message(2, `{"user":"joann","bad":1}`)
	message(3, `{"id":"x","user":"ann","time":"2026-03-01T09:00:00Z","interaction":{"output":[{"role":"a","parts":[{"text":"x"}]}]}}`)
	counted := func() (n uint64) {
		t.Helper()
		for entry, err := range r.log.Scan(t.Context(), acme, eventlog.Selection{
			Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Counted)}}},
		}) {
			if err != nil {
				t.Fatal(err)
			}
			e, err := entry.Event()
			if err != nil {
				t.Fatal(err)
			}
			n += e.GetCounted().GetQuarantined()
		}
		return n
	}
	did := r.erase("ann")
	if n := counted(); n != 3 {
		t.Errorf("%d quarantined messages are counted, want 3", n)
	}
	if did.GetQuarantined() != 2 || did.GetCompleted() == nil {
		t.Errorf("got %v, want two messages gone", did)
	}
	if got := list(); len(got) != 1 || !strings.Contains(got[0], "joann") {
		t.Errorf("in quarantine are %q, want joann's alone", got)
	}
	r.pass(31 * 24 * time.Hour)
	done := r.expireConfirmed()
	if n := counted(); n != 3 {
		t.Errorf("%d quarantined messages are counted in the end, want 3", n)
	}
	if len(done) != 1 || done[0].GetQuarantined() != 1 || len(list()) != 0 {
		t.Errorf("got %v, and %q are left", done, list())
	}
}

// What a verdict promises holds whichever comes first, the verdict or the report
// that has the event kept for longer.
func TestPromisesWhicheverComesFirst(t *testing.T) {
	for _, order := range [][]string{{"verdict", "report"}, {"report", "verdict"}} {
		r := keeping10(t)
		a := r.say("a", "s-1", "ann", "chat")
		for _, what := range order {
			if what == "report" {
				r.report("r", "a")
			} else {
				r.add(&pb.Event{Id: "v", Source: &pb.Source{Service: "risky"}, Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "a", Category: "harm", Score: 1}}})
			}
		}
		r.expireNow()
		if class, err := r.log.Class(acme, a); err != nil || class != "flagged+reported" {
			t.Errorf("%v: the event is in class %q, %v", order, class, err)
		}
	}
}

// A publisher that calls what it replaced by more names than an event of the ledger
// can have is counted nevertheless.
func TestCountManyTypes(t *testing.T) {
	r := keeping10(t)
	var list []*pb.Redaction
	for n := range event.MaxRedactions {
		list = append(list, &pb.Redaction{Type: fmt.Sprintf("T%d", n), Count: 2})
	}
	for n, more := range []string{"", "MORE"} {
		e := &pb.Event{Id: fmt.Sprint("e", n), Capture: &pb.Capture{Redactions: slices.Clone(list)}, Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}}
		if more != "" {
			e.Capture.Redactions[0] = &pb.Redaction{Type: more, Count: 1}
		}
		r.add(e)
	}
	r.pass(24 * time.Hour)
	r.expireNow()
	counted, all := 0, uint64(0)
	for entry, err := range r.log.Scan(t.Context(), acme, eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Counted)}}}}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		counted = max(counted, len(e.GetCounted().GetRedactions()))
		for _, one := range e.GetCounted().GetRedactions() {
			all += uint64(one.GetCount())
		}
	}
	if counted != event.MaxRedactions || all != 2*2*event.MaxRedactions-1 {
		t.Errorf("%d types are counted, %d times in all: want %d and %d", counted, all, event.MaxRedactions, 2*2*event.MaxRedactions-1)
	}
}
