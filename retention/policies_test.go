package retention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const acme event.Tenant = "acme"

// config is that of a fresh log in a directory of the test's.
func config(t *testing.T) eventlog.Config {
	dir := t.TempDir()
	return eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1}
}

func openLog(t *testing.T, cfg eventlog.Config) *eventlog.Log {
	t.Helper()
	log, err := eventlog.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil && !errors.Is(err, eventlog.ErrClosed) {
			t.Error(err)
		}
	})
	return log
}

func openPolicies(t *testing.T, log *eventlog.Log) *Policies {
	t.Helper()
	p, err := Open(t.Context(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// document returns a policy with one class of evidence, `kept`.
func document(t *testing.T, keep, minimum string) *policy.Document {
	t.Helper()
	d, err := policy.Parse(fmt.Appendf(nil,
		"classes: {kept: {keep: %s, min: %s}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: kept}]\n", keep, minimum))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put applies a document in the place of whichever is in force.
func put(ctx context.Context, p *Policies, t event.Tenant, d *policy.Document) error {
	in, _ := p.InForce(t)
	return p.Apply(ctx, t, Change{Document: d, Replaces: in.GetVersion()})
}

// checkCurrent fails unless want is in force for the tenant.
func checkCurrent(t *testing.T, p *Policies, tenant event.Tenant, want *policy.Document) {
	t.Helper()
	got, _, _, ok := p.Current(tenant)
	if !ok {
		t.Fatalf("no policy in force, want %s", want.Version())
	}
	if got.Version() != want.Version() {
		t.Errorf("policy in force is %s, want %s", got.Version(), want.Version())
	}
}

// Nothing is classified by a policy that nobody put in force.
func TestNoPolicy(t *testing.T) {
	p := openPolicies(t, openLog(t, config(t)))
	e := new(pb.Event)
	if err := p.Classify(acme, e); !errors.Is(err, ErrNoPolicy) || e.Class != "" {
		t.Errorf("got %v and class %q, want ErrNoPolicy", err, e.Class)
	}
	if _, _, _, ok := p.Current(acme); ok {
		t.Error("a policy is in force")
	}
}

func TestClassify(t *testing.T) {
	p := openPolicies(t, openLog(t, config(t)))
	if err := p.Ensure(t.Context(), acme, policy.Default()); err != nil {
		t.Fatal(err)
	}
	e := &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{Category: "harm"}}}
	if err := p.Classify(acme, e); err != nil {
		t.Fatal(err)
	}
	if e.Class != "reported" || e.PolicyVersion != policy.Default().Version() {
		t.Errorf("got class %q by %q, want reported by %q", e.Class, e.PolicyVersion, policy.Default().Version())
	}
}

// An event that a rule cannot be evaluated for gets no class and keeps none.
func TestClassifyError(t *testing.T) {
	p := openPolicies(t, openLog(t, config(t)))
	d, err := policy.Parse([]byte("classes: {a: {keep: 1d}, ledger: {keep: 7y}}\nrules: [{when: 'interaction.verdicts[0].score > 0.5', class: a}, {class: a}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), p, acme, d); err != nil {
		t.Fatal(err)
	}
	e := new(pb.Event)
	if err := p.Classify(acme, e); err == nil || e.Class != "" || e.PolicyVersion != "" {
		t.Errorf("got %v and class %q by %q, want an error and none", err, e.Class, e.PolicyVersion)
	}
}

// The ledger carries what came into force, byte for byte, and when.
func TestLedgerEvent(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	at := time.Date(2026, 11, 22, 3, 0, 0, 5, time.UTC)
	p.Now = func() time.Time { return at }
	d := document(t, "30d", "1d")
	if err := put(t.Context(), p, acme, d); err != nil {
		t.Fatal(err)
	}
	_, seq, since, _ := p.Current(acme)
	if !since.Equal(at) {
		t.Errorf("in force since %v, want %v", since, at)
	}
	got, err := log.Read(t.Context(), acme, seq)
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.Event{
		Id: got.GetId(), Salt: got.GetSalt(), Received: got.GetReceived(), Seq: new(uint64(seq)),
		Time: timestamppb.New(at), Class: "ledger", PolicyVersion: d.Version(),
		Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{Version: d.Version(), Document: string(d.Source())}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("ledger event (-want +got):\n%s", diff)
	}
}

// Invariant 7: what is in force is read from the log alone, and the last
// policy in the log wins even if the clock was set back before it.
func TestReopen(t *testing.T) {
	cfg := config(t)
	log := openLog(t, cfg)
	p := openPolicies(t, log)
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	p.Now = func() time.Time { day = day.Add(-24 * time.Hour); return day }
	for _, keep := range []string{"1d", "2d", "3d"} {
		if err := put(t.Context(), p, acme, document(t, keep, "1d")); err != nil {
			t.Fatal(err)
		}
	}
	_, seq, since, _ := p.Current(acme)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}

	again := openPolicies(t, openLog(t, cfg))
	checkCurrent(t, again, acme, document(t, "3d", "1d"))
	if _, s, at, _ := again.Current(acme); s != seq || !at.Equal(since) {
		t.Errorf("got seq %d at %v, want %d at %v", s, at, seq, since)
	}
}

// Applying what is in force already leaves no trace.
func TestApplyTwice(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	for range 3 {
		if err := put(t.Context(), p, acme, policy.Default()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Ensure(t.Context(), acme, document(t, "1d", "1d")); err != nil {
		t.Fatal(err)
	}
	checkCurrent(t, p, acme, policy.Default())
	if got := log.Size(); got != 1 {
		t.Errorf("log has %d events, want 1", got)
	}
}

// What was promised stays promised, also over several changes.
func TestPromises(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	if err := put(t.Context(), p, acme, document(t, "30d", "10d")); err != nil {
		t.Fatal(err)
	}
	other, err := policy.Parse([]byte("classes: {other: {keep: 99d}, ledger: {keep: 7y, min: 6y}}\nrules: [{class: other}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		next *policy.Document
		want []string // none: allowed
	}{
		{"shorter", document(t, "9d", "9d"), []string{"class kept"}},
		{"kept but no longer promised", document(t, "30d", "9d"), []string{"class kept"}},
		{"gone", other, []string{"class kept", "class ledger"}},
		{"keep down to the promise", document(t, "10d", "10d"), nil},
		{"promise more", document(t, "30d", "20d"), nil},
		{"back to the first", document(t, "30d", "10d"), []string{"class kept"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, _, _, _ := p.Current(acme)
			err := put(t.Context(), p, acme, tt.next)
			if tt.want == nil {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				checkCurrent(t, p, acme, tt.next)
				return
			}
			if !errors.Is(err, ErrPromised) {
				t.Fatalf("got %v, want ErrPromised", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %s", err, w)
				}
			}
			checkCurrent(t, p, acme, before)
		})
	}
}

// A document is in force as it is for the tenant, after the store was opened again
// too, and what its overrides promise a tenant and a deployment is a promise.
func TestOverrides(t *testing.T) {
	parse := func(overrides string) *policy.Document {
		d, err := policy.Parse([]byte("classes: {kept: {keep: 30d, min: 10d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: kept}]\n" + overrides))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	promising := parse("overrides:\n  - {tenant: acme, class: kept, min: 20d}\n  - {deployment: clinic, class: kept, min: 15d, keep: 60d}\n")
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	for _, tenant := range []event.Tenant{acme, "other"} {
		if err := put(t.Context(), p, tenant, promising); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*Policies{p, openPolicies(t, log)} {
		e := &pb.Event{Source: &pb.Source{Deployment: "clinic"}}
		if err := p.Classify("other", e); err != nil || e.Class != "kept@clinic" {
			t.Errorf("got class %q, %v", e.Class, err)
		}
		for tenant, want := range map[event.Tenant]time.Duration{acme: 20, "other": 10} {
			d, _, _, _ := p.Current(tenant)
			if c, _ := d.Class("kept"); c.Min != want*24*time.Hour {
				t.Errorf("%s: min is %v, want %d days", tenant, c.Min, want)
			}
		}
	}
	for _, tt := range []struct {
		tenant    event.Tenant
		overrides string
		want      string // "": nothing is broken
	}{
		{acme, "", "min of class kept was 20d"},
		{"other", "", "min of class kept@clinic was 15d"},
		{"other", "overrides: [{deployment: clinic, class: kept, min: 15d}]\n", ""},
		{"other", "overrides: [{tenant: other, class: kept, min: 15d}]\n", ""}, // at the clinic too
		{acme, "overrides: [{tenant: acme, class: kept, min: 20d}]\n", ""},
		{acme, "overrides: [{tenant: acme, class: kept, min: 19d}]\n", "min of class kept was 20d"},
	} {
		err := p.Check(tt.tenant, Change{Document: parse(tt.overrides), Replaces: promising.Version()})
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrPromised) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

// Invariant 8: one tenant's policy is no other's.
func TestTenants(t *testing.T) {
	cfg := config(t)
	log := openLog(t, cfg)
	p := openPolicies(t, log)
	a, b := document(t, "1d", "1d"), document(t, "2d", "2d")
	for tenant, d := range map[event.Tenant]*policy.Document{"a": a, "b": b} {
		if err := put(t.Context(), p, tenant, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*Policies{p, openPolicies(t, log)} {
		checkCurrent(t, p, "a", a)
		checkCurrent(t, p, "b", b)
		if err := p.Classify("c", new(pb.Event)); !errors.Is(err, ErrNoPolicy) {
			t.Errorf("third tenant: got %v, want ErrNoPolicy", err)
		}
	}
}

// A policy that could not be made durable is not in force.
func TestApplyFails(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	first := document(t, "1d", "1d")
	if err := put(t.Context(), p, acme, first); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), p, acme, document(t, "2d", "1d")); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	checkCurrent(t, p, acme, first)
}

// A ledger event whose document is not the one that its version names stops
// Open: no evidence is classified by a policy that nobody applied.
func TestOpenRefuses(t *testing.T) {
	for name, body := range map[string]*pb.PolicyApplied{
		"other version": {Version: "sha256:0000000000000000", Document: string(policy.Default().Source())},
		"no policy":     {Version: policy.Default().Version(), Document: "classes: {}"},
	} {
		t.Run(name, func(t *testing.T) {
			log := openLog(t, config(t))
			appendEvent(t, log, &pb.Event{
				Id: "p", Time: timestamppb.Now(), Class: "ledger", PolicyVersion: body.GetVersion(),
				Body: &pb.Event_PolicyApplied{PolicyApplied: body},
			})
			_, err := Open(t.Context(), log, nil)
			if err == nil || !strings.Contains(err.Error(), "policy at seq 0") {
				t.Errorf("got %v, want an error that names seq 0", err)
			}
		})
	}
}

func appendEvent(t *testing.T, log *eventlog.Log, e *pb.Event) {
	t.Helper()
	prepared, err := log.Prepare(acme, e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []eventlog.Prepared{prepared}); err != nil {
		t.Fatal(err)
	}
}

// However many ask at once, a tenant gets its first policy once, and those
// who classify meanwhile see one policy or another, never half of one.
func TestConcurrently(t *testing.T) {
	log := openLog(t, config(t))
	p := openPolicies(t, log)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := p.Ensure(t.Context(), acme, policy.Default()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := log.Size(); got != 1 {
		t.Errorf("log has %d events, want 1", got)
	}

	const other event.Tenant = "other"
	versions := map[string]bool{}
	for i := range 5 {
		versions[document(t, fmt.Sprintf("%dd", i+1), "1d").Version()] = true
	}
	if err := put(t.Context(), p, other, document(t, "1d", "1d")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range 5 {
			if err := put(context.WithoutCancel(t.Context()), p, other, document(t, fmt.Sprintf("%dd", i+1), "1d")); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			e := new(pb.Event)
			if err := p.Classify(other, e); err != nil || e.Class != "kept" || !versions[e.PolicyVersion] {
				t.Errorf("got %v, class %q by %q", err, e.Class, e.PolicyVersion)
				return
			}
		}
	})
	wg.Wait()
}

// Every policy change is one line in the operator's log, without the text.
func TestLogged(t *testing.T) {
	log := openLog(t, config(t))
	var out bytes.Buffer
	p, err := Open(t.Context(), log, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), p, acme, policy.Default()); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("msg=\"policy applied\" version=%s seq=0\n", policy.Default().Version())
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want one line that ends in %q", got, want)
	}
}
