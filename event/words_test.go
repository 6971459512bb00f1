package event_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A tenant is one token of a subject: what could be two, or a wildcard, would
// let one tenant reach another's evidence (invariant 8).
func TestParseTenant(t *testing.T) {
	for _, good := range []string{"a", "acme", "Acme-2_eu", "0", strings.Repeat("x", 64)} {
		if got, err := event.ParseTenant(good); err != nil || string(got) != good {
			t.Errorf("%q: got %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "a.b", "a b", "*", ">", "a>", "_system", "-a", "ä", "a\x00", "a\n", strings.Repeat("x", 65)} {
		if got, err := event.ParseTenant(bad); err == nil || got != "" {
			t.Errorf("%q: got %q, want it refused", bad, got)
		}
	}
}

// A kind that Kinds leaves out could not be searched for.
func TestKinds(t *testing.T) {
	bodies := new(pb.Event).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	if got, want := len(event.Kinds()), bodies.Len(); got != want {
		t.Errorf("got %d kinds, want those of %d bodies", got, want)
	}
	for i := range bodies.Len() {
		e := new(pb.Event)
		e.ProtoReflect().Mutable(bodies.Get(i))
		if kind := event.KindOf(e); !slices.Contains(event.Kinds(), kind) {
			t.Errorf("%s has the kind %q, which is not among %v", bodies.Get(i).Name(), kind, event.Kinds())
		}
	}
}

func TestParseSubject(t *testing.T) {
	for _, test := range []struct {
		in     string
		tenant event.Tenant
		kind   event.Kind
		err    string
	}{
		{"evidence.acme.report", "acme", event.Report, ""},
		{"evidence.acme.policy_applied", "acme", "",
			"subject: names no kind of evidence: want interaction, verdict, report, action or coverage"},
		{"evidence.acme.", "acme", "",
			"subject: names no kind of evidence: want interaction, verdict, report, action or coverage"},
		{"evidence.a b.report", "", "",
			"tenant: has ' ' at character 2: only letters, digits, and, after the first, _ and - are allowed"},
		{"evidence.acme.eu.report", "", "", "subject: is not evidence.<tenant>.<kind>"},
		{"other.acme.report", "", "", "subject: is not evidence.<tenant>.<kind>"},
		{"", "", "", "subject: is not evidence.<tenant>.<kind>"},
	} {
		tenant, kind, err := event.ParseSubject(test.in)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if tenant != test.tenant || kind != test.kind || got != test.err {
			t.Errorf("%s: got %q, %q, %q; want %q, %q, %q", test.in, tenant, kind, got, test.tenant, test.kind, test.err)
		}
	}
	for _, e := range append(others(), interaction()) {
		subject := event.Subject("acme", event.KindOf(e))
		if _, kind, err := event.ParseSubject(subject); err != nil || kind != event.KindOf(e) {
			t.Errorf("%s: got %q, %v", subject, kind, err)
		}
	}
}
