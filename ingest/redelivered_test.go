package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// Invariant 1, over a change of policy: an event that is delivered again when
// another policy redacts otherwise is the same event, and does not go to
// quarantine, in clear; another event of the same id does.
func TestRedeliveredUnderAnotherPolicy(t *testing.T) {
	t.Parallel()
	byVersion := map[string]Policy{}
	for version, operator := range map[string]redaction.Operator{"masks": redaction.Mask, "drops": redaction.Drop} {
		redactor, err := redaction.New(redaction.Config{Operators: map[string]redaction.Operator{"EMAIL": operator}})
		if err != nil {
			t.Fatal(err)
		}
		byVersion[version] = Policy{Redactor: redactor, Classify: func(e *pb.Event) error {
			e.Class, e.PolicyVersion = "routine", version
			return nil
		}}
	}
	var now atomic.Pointer[string]
	now.Store(new("masks"))
	r := newRig(t, func(c *Config) {
		c.Policy = func(context.Context, event.Tenant) (Policy, error) { return byVersion[*now.Load()], nil }
		c.PolicyOf = func(_ context.Context, _ event.Tenant, version string) (Policy, error) {
			if p, ok := byVersion[version]; ok {
				return Policy{Redactor: p.Redactor}, nil
			}
			return Policy{}, errors.New("no such policy")
		}
	})
	first, second := interaction("one", "call alice@example.com"), interaction("two", "call bob@example.com")
	r.publishBatch(t, first, second)
	r.drain(t)
	now.Store(new("drops"))
	other := interaction("two", "call carol@example.com, now")
	r.publishBatch(t, first, other, interaction("three", "call dave@example.com"))
	r.drain(t)

	got := map[string]string{}
	for _, e := range r.stored(t, acme) {
		got[e.Id+" by "+e.PolicyVersion] = text(e)
	}
	want := map[string]string{"one by masks": "call [EMAIL]", "two by masks": "call [EMAIL]", "three by drops": "call "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	q := r.quarantined(t, acme)
	if len(q) != 1 || q[0].Cause != pb.Quarantined_CONFLICT {
		t.Fatalf("quarantine is %v, want the one conflict", q)
	}
	wantPayload(t, q[0], other)
	if n := value(t, r.metrics.duplicates); n != 1 {
		t.Errorf("%v duplicates were counted, want 1", n)
	}

	// Of a policy that nobody knows any more nothing can be compared.
	delete(byVersion, "masks")
	r.publishBatch(t, first)
	r.drain(t)
	if q := r.quarantined(t, acme); len(q) != 2 {
		t.Errorf("quarantine is %v, want another conflict", q)
	}
}
