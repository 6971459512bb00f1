package retention

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Of several who change a policy that they looked at, one succeeds, and each of the
// others is told both versions; nobody's change is lost, and the ledger has it with
// who, why and who agreed, the newest first.
func TestStale(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	p.Now = func() time.Time { return at }
	first := document(t, "1d", "1d")
	if err := p.Apply(t.Context(), acme, Change{Document: first, Replaces: "sha256:0000000000000000"}); !errors.Is(err, ErrStale) {
		t.Errorf("nothing is in force, and something was to be replaced: got %v, want ErrStale", err)
	}
	if err := p.Apply(t.Context(), acme, Change{Document: first}); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = p.Apply(t.Context(), acme, Change{
				Document: document(t, fmt.Sprintf("%dd", i+2), "1d"), Actor: fmt.Sprint("officer ", i), Reason: "ticket",
				Approvals: []string{"duty manager"}, Replaces: first.Version(),
			})
		})
	}
	wg.Wait()
	winner := -1
	in, _ := p.InForce(acme)
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), first.Version()) || !strings.Contains(err.Error(), in.GetVersion()):
			t.Errorf("got %v, want ErrStale that names %s and %s", err, in.GetVersion(), first.Version())
		}
	}
	if winner < 0 || log.Size() != 2 {
		t.Fatalf("%d events are in the log, want the first policy and one more", log.Size())
	}
	won := document(t, fmt.Sprintf("%dd", winner+2), "1d")
	want := []*pb.Policy{
		{Version: won.Version(), Document: string(won.Source()), Seq: 1, Time: timestamppb.New(at), Actor: fmt.Sprint("officer ", winner), Reason: "ticket", Approvals: []string{"duty manager"}, Replaces: first.Version()},
		{Version: first.Version(), Document: string(first.Source()), Seq: 0, Time: timestamppb.New(at)},
	}
	for _, p := range []*Policies{p, openPolicies(t, log)} {
		var got []*pb.Policy
		for one, err := range p.History(t.Context(), acme) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, one)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if in, _ := p.InForce(acme); !cmp.Equal(in, want[0], protocmp.Transform()) {
			t.Errorf("in force is %v", in)
		}
	}
}

// Events stay in a class that a later policy does not declare any more, for as long
// as the last that did says; that is so after a start, too, and those policies stay
// in the ledger.
func TestKept(t *testing.T) {
	r := keeping10(t)
	apply := func(source string) {
		t.Helper()
		d, err := policy.Parse([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), r.policies, acme, d); err != nil {
			t.Fatal(err)
		}
	}
	r.say("e1", "s", "u", "chat") // of class routine
	const rest = "flagged: {keep: 60d, min: 40d}, ledger: {keep: 7y, min: 7y}"
	apply("classes: {routine: {keep: 12d}, " + rest + "}\nrules: [{class: routine}]\noverrides: [{deployment: clinic, class: routine, keep: 90d}]\n")
	apply("classes: {other: {keep: 1d}, " + rest + "}\nrules: [{class: other}]\n")
	check := func(want map[string]int) {
		t.Helper()
		for class, days := range want {
			c, ok := r.policies.Kept(acme, class)
			if ok != (days > 0) || c.Keep != time.Duration(days)*24*time.Hour || c.Name != class {
				t.Errorf("class %s is kept for %v, %v, want %d days", class, c.Keep, ok, days)
			}
		}
	}
	gone := map[string]int{"routine": 12, "routine@clinic": 90, "hold:routine": 12, "flagged+routine": 60, "routine+routine@clinic": 90, "other": 1, "reported": 90, "nobody's": 0}
	check(gone)
	if c, _ := r.policies.Kept(acme, "flagged+routine"); c.Min != 40*24*time.Hour {
		t.Errorf("of two classes the promise of one is %v", c.Min)
	}
	r.reopen()
	check(gone)
	if needed := r.policies.needed(acme); needed.GetCardinality() != 2 {
		t.Errorf("needed are policies at %v, want the one in force and the last with routine", needed.ToArray())
	}
	r.pass(13 * 24 * time.Hour)
	seq, err := r.log.Lookup(t.Context(), acme, "e1")
	if err != nil {
		t.Fatal(err)
	}
	r.expireConfirmed()
	r.there(map[event.Seq]bool{seq: false})

	// Declared again, without the override, the class is what it says now, there too.
	apply("classes: {routine: {keep: 5d}, " + rest + "}\nrules: [{class: routine}]\n")
	check(map[string]int{"routine": 5, "routine@clinic": 5, "other": 1})
	r.reopen()
	check(map[string]int{"routine": 5, "routine@clinic": 5, "other": 1})
}

// Whoever watches is told what is in force, and what comes into force, tenant by
// tenant, until its context ends or it fails.
func TestWatch(t *testing.T) {
	p := openPolicies(t, openLog(t, config(t)))
	if err := put(t.Context(), p, "other", document(t, "9d", "1d")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- p.Watch(ctx, func(t event.Tenant, d *policy.Document) error { told <- string(t) + " " + d.Version(); return nil })
	}()
	next := func(tenant event.Tenant, keep string) {
		t.Helper()
		if got, want := <-told, string(tenant)+" "+document(t, keep, "1d").Version(); got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
	}
	next("other", "9d")
	for _, keep := range []string{"1d", "2d", "1d"} {
		if err := put(t.Context(), p, acme, document(t, keep, "1d")); err != nil {
			t.Fatal(err)
		}
		next(acme, keep)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("watch returned %v", err)
	}
	failed := errors.New("no more")
	if err := p.Watch(t.Context(), func(event.Tenant, *policy.Document) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("watch returned %v, want the function's error", err)
	}
}

// An overdue review is told of with the policy.
func TestReviewOverdue(t *testing.T) {
	p := openPolicies(t, openLog(t, config(t)))
	d, err := policy.Parse(append(document(t, "1d", "1d").Source(), "rationale: {review_by: 2026-11-20}\n"...))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), p, acme, d); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"2026-11-20T23:59:59Z": false, "2026-11-21T00:00:00Z": true} {
		p.Now = func() time.Time { now, _ := time.Parse(time.RFC3339, at); return now }
		if in, _ := p.InForce(acme); (in.GetReviewOverdue() != nil) != want {
			t.Errorf("at %s the review is overdue since %v, want %v", at, in.GetReviewOverdue().AsTime(), want)
		}
	}
}

// What is complained about moves to the complaint's class also out of a class that
// the policy in force does not declare any more.
func TestPromoteFromDropped(t *testing.T) {
	r := keeping10(t)
	seq := r.say("e1", "s", "u", "chat") // of class routine
	d, err := policy.Parse([]byte("classes: {other: {keep: 1d}, flagged: {keep: 60d, min: 40d}, ledger: {keep: 7y, min: 7y}}\nrules: [{when: has(event.report), class: flagged}, {class: other}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), r.policies, acme, d); err != nil {
		t.Fatal(err)
	}
	r.report("r1", "e1")
	pr, err := r.policies.promoter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := pr.want(acme, "flagged", seq); err != nil {
		t.Fatal(err)
	}
	if err := pr.move(t.Context()); err != nil {
		t.Fatal(err)
	}
	if class, err := r.log.Class(acme, seq); err != nil || class != "flagged" {
		t.Errorf("it is kept in class %s, %v, want flagged", class, err)
	}
}
