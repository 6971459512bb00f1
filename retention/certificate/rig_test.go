package certificate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const acme event.Tenant = "acme"

var morning = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// A rig is a log that forgets.
type rig struct {
	testing.TB
	cfg eventlog.Config
	log *eventlog.Log
	now time.Time
	n   int // events added
}

func newRig(t testing.TB, configure func(*eventlog.Config)) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{TB: t, now: morning}
	cfg := eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, Now: func() time.Time { return r.now }}
	if configure != nil {
		configure(&cfg)
	}
	r.cfg = cfg
	r.open()
	t.Cleanup(func() {
		if err := r.log.Close(); err != nil && !errors.Is(err, eventlog.ErrClosed) {
			t.Error(err)
		}
	})
	document := policy.Default()
	r.ledger(&pb.Event{Id: "policy", Body: &pb.Event_PolicyApplied{
		PolicyApplied: &pb.PolicyApplied{Version: document.Version(), Document: string(document.Source())},
	}})
	return r
}

func (r *rig) open() {
	r.Helper()
	var err error
	if r.log, err = eventlog.Open(context.Background(), r.cfg); err != nil {
		r.Fatal(err)
	}
}

// add appends events of acme, and returns where they are.
func (r *rig) add(n int, class string) (seqs []event.Seq) {
	r.Helper()
	for n > 0 {
		var batch []eventlog.Prepared
		for range min(n, eventlog.MaxAppend) {
			r.n++
			n--
			p, err := r.log.Prepare(acme, &pb.Event{
				Id: fmt.Sprintf("e-%d", r.n), Time: timestamppb.New(r.now), Session: fmt.Sprintf("s-%d", r.n%7), Class: class, PolicyVersion: policy.Default().Version(),
				Body: &pb.Event_Report{Report: &pb.Report{Target: "e-0", Category: "harm", Comment: "it told me something wrong"}},
			})
			if err != nil {
				r.Fatal(err)
			}
			batch = append(batch, p)
		}
		results, err := r.log.Append(context.Background(), batch)
		if err != nil {
			r.Fatal(err)
		}
		for _, result := range results {
			seqs = append(seqs, result.Seq)
		}
	}
	return seqs
}

// ledger appends a ledger event of acme.
func (r *rig) ledger(e *pb.Event) {
	r.Helper()
	e.Time, e.Class = timestamppb.New(r.now), policy.Ledger
	p, err := r.log.Prepare(acme, e)
	if err != nil {
		r.Fatal(err)
	}
	if results, err := r.log.Append(context.Background(), []eventlog.Prepared{p}); err != nil || results[0].Outcome != eventlog.Appended {
		r.Fatal(results, err)
	}
}

// asked puts on record that an erasure was asked for.
func (r *rig) asked(request string, seqs []event.Seq, deferred ...*pb.Erasure_Deferral) {
	r.Helper()
	e := &pb.Erasure{
		Stage: pb.Erasure_REQUESTED, Request: request, Actor: "privacy-2", Reason: "GDPR Art. 17, ticket <41> & \"more\"", Scope: pb.Erasure_PERSON,
		Events: uint64(len(seqs)), Deferred: deferred, Exports: []string{"export-9"},
	}
	for _, s := range seqs {
		e.Positions = append(e.Positions, &pb.Forgotten_Positions{First: uint64(s), Last: uint64(s)})
	}
	r.ledger(&pb.Event{Id: request, Body: &pb.Event_Erasure{Erasure: e}})
}

// completed puts on record that all of an erasure is done.
func (r *rig) completed(request string, events int) {
	r.Helper()
	r.ledger(&pb.Event{Id: request + "-completed", Body: &pb.Event_Erasure{Erasure: &pb.Erasure{
		Stage: pb.Erasure_COMPLETED, Request: request, Events: uint64(events),
	}}})
}

// forgetting is one of a request of acme.
func (r *rig) forgetting(request, id string, cause pb.Forgotten_Cause, kept ...*pb.ClassDay) eventlog.Forgetting {
	return eventlog.Forgetting{Tenant: acme, Ledger: &pb.Event{
		Id: id, Time: timestamppb.New(r.now), Class: policy.Ledger, PolicyVersion: policy.Default().Version(),
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: cause, Request: request, Kept: kept}},
	}}
}

func (r *rig) forget(what eventlog.Forgetting) {
	r.Helper()
	if err := r.log.Forget(context.Background(), []eventlog.Forgetting{what}, func(eventlog.ForgetProgress) {}); err != nil {
		r.Fatal(err)
	}
}

// erase forgets single events for a request.
func (r *rig) erase(request, id string, seqs ...event.Seq) {
	r.Helper()
	what := r.forgetting(request, id, pb.Forgotten_ERASED, &pb.ClassDay{
		Class: "reported", Day: timestamppb.New(r.now.Truncate(24 * time.Hour)), Events: uint64(len(seqs)),
	})
	what.Seqs = seqs
	r.forget(what)
}

// expire forgets all of a class for a request.
func (r *rig) expire(request, class string) {
	r.Helper()
	what := r.forgetting(request, request, pb.Forgotten_EXPIRED)
	counts := map[time.Time]uint64{}
	for _, b := range r.log.Buckets() {
		if b.Tenant == acme && b.Class == class {
			what.Buckets = append(what.Buckets, b.ID)
			counts[b.Day] += uint64(b.Events)
		}
	}
	for day, n := range counts {
		f := what.Ledger.GetForgotten()
		f.Kept = append(f.Kept, &pb.ClassDay{Class: class, Day: timestamppb.New(day), Events: n})
	}
	r.forget(what)
}

// build makes a certificate and verifies it, in both its forms.
func (r *rig) build(request string) (*Certificate, *Verified) {
	r.Helper()
	c, err := Build(context.Background(), r.log, acme, request, r.now.Add(time.Hour))
	if err != nil {
		r.Fatal(err)
	}
	for name, data := range map[string][]byte{"JSON": c.JSON(), "HTML": c.HTML()} {
		v, err := Verify(data, r.log.VerifierKey())
		if err != nil {
			r.Fatalf("%s: %v\n%s", name, err, data)
		}
		if v.OwnKey {
			r.Errorf("%s: the key was given, and it says that it was not", name)
		}
	}
	v, err := Verify(c.JSON(), "")
	if err != nil || !v.OwnKey {
		r.Fatalf("by its own key: got %+v, %v", v, err)
	}
	return c, v
}

// clone is a deep copy of what a certificate says.
func clone(t testing.TB, c *Certificate) *file {
	t.Helper()
	f, err := decode(c.JSON())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stored spells a ledger event as it is stored.
func stored(t testing.TB, c Cited, change func(*pb.Event)) []byte {
	t.Helper()
	e, err := event.Unmarshal(c.Event)
	if err != nil {
		t.Fatal(err)
	}
	e = proto.CloneOf(e)
	change(e)
	b, err := event.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
