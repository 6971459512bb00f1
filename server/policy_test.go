package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/server"
)

// policies has a server change the policies of its log.
func (s *store) policies(cfg *server.Config) {
	s.t.Helper()
	inForce, err := retention.Open(s.t.Context(), s.log, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	redactor, err := redaction.New(redaction.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.ApplyPolicy, cfg.Policies = inForce.Apply, inForce.History
	cfg.PreviewPolicy = func(ctx context.Context, t event.Tenant, d *policy.Document, progress func(eventlog.ForgetProgress)) (*pb.PolicyPreview, error) {
		p := &retention.Preview{Policies: inForce, Tenant: t, Document: d, Redactor: redactor, Now: func() time.Time { return noon }}
		return p.Run(ctx, progress)
	}
	cfg.Policy = func(t event.Tenant) (*pb.Policy, error) {
		if in, ok := inForce.InForce(t); ok {
			return in, nil
		}
		return &pb.Policy{Version: "1", Document: "rules of " + string(t)}, nil
	}
}

const short, long = "classes: {routine: {keep: 1d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: routine}]\n",
	"classes: {routine: {keep: 9d, min: 5d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: routine}]\n"

// A policy comes into force on record, with who and why, once; a second change
// that did not know of the first is refused, and so is one that breaks a promise.
func TestApplyPolicy(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c", "a", "b"))
	client := pb.NewPolicyServiceClient(s.conn)
	apply := func(document, replaces string) (*pb.Policy, error) {
		return client.ApplyPolicy(t.Context(), &pb.ApplyPolicyRequest{
			Tenant: "acme", Document: document, Actor: "privacy office", Reason: "DPIA 4", Approvals: []string{"duty manager"}, Replaces: replaces,
		})
	}
	first, err := apply(long, "")
	if err != nil {
		t.Fatal(err)
	}
	if first.GetDocument() != long || first.GetActor() != "privacy office" || first.GetReason() != "DPIA 4" || first.GetApprovals()[0] != "duty manager" {
		t.Errorf("in force is %v", first)
	}
	size := s.log.Size()
	for _, c := range []struct{ document, replaces, reason, names string }{
		{long + "# other\n", "", "STALE", first.GetVersion()},
		{long + "# other\n", "sha256:0000000000000000", "STALE", "sha256:0000000000000000"},
		{short, first.GetVersion(), "PROMISED", "class routine"},
	} {
		_, err := apply(c.document, c.replaces)
		st := status.Convert(err)
		if st.Code() != codes.FailedPrecondition || infoOf(st).GetReason() != c.reason || !strings.Contains(st.Message(), c.names) {
			t.Errorf("got %v, want %s that names %s", st, c.reason, c.names)
		}
	}
	if s.log.Size() != size {
		t.Error("a refused policy is on record")
	}
	if _, err := apply(long, ""); err != nil || s.log.Size() != size {
		t.Errorf("again: %v, log of %d events, want %d", err, s.log.Size(), size)
	}
	second, err := apply(long+"# other\n", first.GetVersion())
	if err != nil || second.GetReplaces() != first.GetVersion() {
		t.Errorf("got %v, %v", second, err)
	}
	code, body := s.do("GET", "/v1/tenants/acme/policy:history", "")
	var list struct {
		Policies []struct{ Version, Actor string }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != 200 || len(list.Policies) != 2 ||
		list.Policies[0].Version != second.GetVersion() || list.Policies[1].Version != first.GetVersion() {
		t.Errorf("history: %d %s", code, body)
	}
}

// What is wrong with a request is said by field, a document with its places, and
// nothing personal gets into the ledger.
func TestApplyPolicyRefuses(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ change, field, says string }{
		{`"actor":""`, "actor", "missing"},
		{`"reason":" "`, "reason", "missing"},
		{`"actor":"alice@example.com"`, "actor", "EMAIL"},
		{`"approvals":["bob@example.com"]`, "approvals[0]", "EMAIL"},
		{`"approvals":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]`, "approvals", "limit is 16"},
		{`"document":""`, "document", "missing"},
		{`"document":"classes: {a: {keep: 3x}, ledger: {keep: 7y}}\nrules: [{when: foo == 1, class: a}, {class: a}]"`, "document", "line 2, column "},
		{`"document":"classes: {a: {keep: 3x}, ledger: {keep: 7y}}\nrules: [{when: foo == 1, class: a}, {class: a}]"`, "document", "line 1, column "},
	} {
		var fields map[string]any
		if err := json.Unmarshal([]byte("{"+c.change+"}"), &fields); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]any{"document": short, "actor": "office", "reason": "case 1"} {
			if _, set := fields[name]; !set {
				fields[name] = value
			}
		}
		body, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		code, got := s.do("POST", "/v1/tenants/acme/policy:apply", string(body))
		if code != 400 || !strings.Contains(got, `"field":"`+c.field+`"`) || !strings.Contains(got, c.says) {
			t.Errorf("%s: %d %s, want a violation of %s that says %q", c.change, code, got, c.field, c.says)
		}
	}
	if s.log.Size() != 0 {
		t.Error("a refused policy is on record")
	}
}

// A preview says when what is stored would go, and what would become of the last
// day, and changes nothing.
func TestPreviewPolicy(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c", "a", "b"))
	size := s.log.Size()
	body, err := json.Marshal(map[string]string{"document": short})
	if err != nil {
		t.Fatal(err)
	}
	code, got := s.do("POST", "/v1/tenants/acme/policy:preview", string(body))
	lines := strings.Split(strings.TrimSpace(got), "\n")
	var last struct {
		Result struct {
			Preview struct {
				Earlier []struct{ Class, Events, To string }
				Traffic string
			}
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || code != 200 {
		t.Fatalf("%d %s", code, got)
	}
	p := last.Result.Preview
	if len(p.Earlier) != 1 || p.Earlier[0].Class != "routine" || p.Earlier[0].Events != "1" || p.Earlier[0].To != "2026-11-22T00:00:00Z" || p.Traffic != "1" {
		t.Errorf("got %+v", p)
	}
	if s.log.Size() != size {
		t.Error("a preview changed the log")
	}
}
