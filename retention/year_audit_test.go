package retention_test

import (
	"maps"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/audit"
	"github.com/afterimage/afterimage/retention/audit/audittest"
)

// audit fails unless the audit of the year so far is there within 10 seconds, says
// that exactly that is kept, in its class, which the model says, and is in every
// figure what the raw log says, of the whole and of the last days of it.
func (y *year) audit() {
	y.Helper()
	y.pass(time.Second) // The end of an audit is not part of it.
	for _, t := range append([]event.Tenant{event.System}, tenants...) {
		began := time.Now()
		got, err := audit.Make(y.Context(), y.log, t, audit.Request{Now: y.now})
		if err != nil {
			y.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			y.Errorf("the audit of %s took %v", t, took)
		}
		y.auditKept(t, got)
		y.auditRaw(t, got, time.Time{})
		if week := y.now.Truncate(24*time.Hour).AddDate(0, 0, -7); week.After(got.GetSince().AsTime()) {
			if got, err = audit.Make(y.Context(), y.log, t, audit.Request{Since: week, Now: y.now}); err != nil {
				y.Fatal(err)
			}
			y.auditRaw(t, got, week)
		}
	}
}

// auditKept compares what is kept with the model.
func (y *year) auditKept(t event.Tenant, a *pb.RetentionAudit) {
	y.Helper()
	got, want := map[string]uint64{}, map[string]uint64{}
	for _, k := range a.GetKept() {
		if n := k.GetEvents().GetKept(); n > 0 {
			got[k.GetClass()+" of "+k.GetDay().AsTime().Format(time.DateOnly)] = n
		}
	}
	for e := range y.model.alive(t) {
		want[e.class+" of "+e.day.Format(time.DateOnly)]++
	}
	if !maps.Equal(got, want) {
		y.Errorf("kept of %s (-model +audit):\n%s", t, cmp.Diff(want, got))
	}
	if held := uint64(len(y.model.held(t))); a.GetHeld() != held {
		y.Errorf("held of %s: the audit says %d, want %d", t, a.GetHeld(), held)
	}
	for _, f := range a.GetFindings() { // What went after a backup goes again, whatever its ledger says of holds.
		if !strings.Contains(f, "a restore forgot again") {
			y.Errorf("the audit of %s finds %q", t, f)
		}
	}
}

// auditRaw compares every figure with what somebody computes who reads the whole
// log.
func (y *year) auditRaw(t event.Tenant, got *pb.RetentionAudit, since time.Time) {
	y.Helper()
	want, err := audittest.Naive(y.Context(), y.log, t, since, y.now)
	if err != nil {
		y.Fatal(err)
	}
	want.Limits, want.Findings = got.GetLimits(), got.GetFindings()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		y.Errorf("the audit of %s since %v (-naive +audit):\n%s", t, since, diff)
	}
}
