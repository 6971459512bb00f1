package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/retention/certificate"
	"github.com/afterimage/afterimage/server"
)

// newKeeper returns what holds, expires and erases in a log.
func newKeeper(t testing.TB, log *eventlog.Log, engine *query.Engine) *retention.Keeper {
	t.Helper()
	return newKeeperAt(t, log, engine, func() time.Time { return noon })
}

// newKeeperAt is newKeeper with a clock.
func newKeeperAt(t testing.TB, log *eventlog.Log, engine *query.Engine, now func() time.Time) *retention.Keeper {
	t.Helper()
	policies, err := retention.Open(t.Context(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := retention.NewKeeper(t.Context(), retention.KeeperConfig{
		Log: log, Policies: policies, Now: now,
		Select: func(ctx context.Context, t event.Tenant, s retention.Scope) (iter.Seq2[event.Seq, error], error) {
			r := query.EvidenceRequest{Filter: s.GetFilter(), Text: s.GetText(), Sessions: s.GetSessions(), Users: s.GetUsers(), From: s.From, Before: s.Before, Unsure: s.Unsure}
			if s.GetSince() != nil {
				r.Since = s.GetSince().AsTime()
			}
			if s.GetUntil() != nil {
				r.Until = s.GetUntil().AsTime()
			}
			return engine.Evidence(ctx, t, r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return keeper
}

// hold places a hold on a session of acme's and returns its id.
func (s *store) hold(session string) string {
	s.t.Helper()
	placed, err := pb.NewRetentionServiceClient(s.conn).PlaceHold(s.t.Context(), &pb.PlaceHoldRequest{
		Tenant: "acme", Scope: &pb.Hold_Scope{Sessions: []string{session}}, CaseId: "INC-7", Reason: "doses", Authority: "court", Actor: "legal", Owners: []string{"counsel"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return placed.GetHold().GetHold()
}

// A hold is placed, seen, extended and released over HTTP as over gRPC, and a dry run
// of each changes nothing.
func TestHolds(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "a/b", "hello", "good day"), interaction("e2", "c", "hi", "hey"))
	const path, none = "/v1/tenants/acme/holds", "{}"
	ask := func(method, path, body, want string) {
		t.Helper()
		if code, text := s.do(method, path, body); code != http.StatusOK || !strings.Contains(text, want) || want == none && text != none {
			t.Errorf("%s %s %s: got %d %s, want %q", method, path, body, code, text, want)
		}
	}
	ask("POST", path, `{"scope":{"filter":"true"},"dryRun":true}`, `"events":"2"`)
	ask("POST", path, `{"scope":{"users":["alice@example.com"]},"dryRun":true}`, `"users":["`+s.userOf("acme", "alice@example.com")+`"]`)
	ask("GET", path, "", none)
	id := s.hold("a/b")
	ask("GET", path+"?active=true", "", `"hold":"`+id+`"`)
	ask("GET", path+"/"+id, "", `"positions":[{}]`) // 0 to 0
	ask("POST", path+"/"+id+":extend", `{"scope":{"sessions":["c"]},"actor":"counsel","dryRun":true}`, `"events":"2"`)
	ask("GET", path+"/"+id, "", `"events":"1"`)
	ask("POST", path+"/"+id+":extend", `{"scope":{"sessions":["c"]},"owners":["deputy"],"actor":"counsel","reason":"c too"}`, `"owners":["counsel","deputy","legal"]`)
	ask("GET", path+"/"+id, "", `"events":"2"`)
	ask("POST", path+"/"+id+":release", `{"actor":"deputy","dryRun":true}`, `"released":[{"class":"routine"`)
	ask("GET", path+"?active=true", "", `"hold":"`+id+`"`)
	ask("POST", path+"/"+id+":release", `{"actor":"deputy","reason":"closed"}`, `"releasedBy":"deputy"`)
	ask("GET", path+"?active=true", "", none)
	ask("GET", path, "", `"releaseReason":"closed"`)
}

// What cannot be done is refused by the name of the field, or with its reason, and
// nothing of it is on record.
func TestHoldsRefuse(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "s", "hello", "good day"))
	id := s.hold("s")
	size := s.log.Size()
	api := pb.NewRetentionServiceClient(s.conn)
	place := func(change func(*pb.PlaceHoldRequest)) func() error {
		return func() error {
			r := &pb.PlaceHoldRequest{Tenant: "acme", Scope: &pb.Hold_Scope{Filter: "true"}, CaseId: "c", Reason: "r", Authority: "a", Actor: "w"}
			change(r)
			_, err := api.PlaceHold(t.Context(), r)
			return err
		}
	}
	for _, tt := range []struct {
		name   string
		do     func() error
		code   codes.Code
		reason string
		field  string
	}{
		{"no case", place(func(r *pb.PlaceHoldRequest) { r.CaseId = "" }), codes.InvalidArgument, "INVALID_REQUEST", "caseId"},
		{"no reason", place(func(r *pb.PlaceHoldRequest) { r.Reason = " " }), codes.InvalidArgument, "INVALID_REQUEST", "reason"},
		{"no authority", place(func(r *pb.PlaceHoldRequest) { r.Authority = "" }), codes.InvalidArgument, "INVALID_REQUEST", "authority"},
		{"nobody", place(func(r *pb.PlaceHoldRequest) { r.Actor = "" }), codes.InvalidArgument, "INVALID_REQUEST", "actor"},
		{"no scope", place(func(r *pb.PlaceHoldRequest) { r.Scope = nil }), codes.InvalidArgument, "INVALID_REQUEST", "scope"},
		{"an address for a case", place(func(r *pb.PlaceHoldRequest) { r.CaseId = "of bob@example.com" }), codes.InvalidArgument, "INVALID_REQUEST", "caseId"},
		{"an address for an owner", place(func(r *pb.PlaceHoldRequest) { r.Owners = []string{"a", "bob@example.com"} }), codes.InvalidArgument, "INVALID_REQUEST", "owners"},
		{"an address in a text", place(func(r *pb.PlaceHoldRequest) { r.Scope.Text = "bob@example.com" }), codes.InvalidArgument, "INVALID_REQUEST", "scope.text"},
		{"an address in a filter", place(func(r *pb.PlaceHoldRequest) { r.Scope.Filter = `session == "bob@example.com"` }), codes.InvalidArgument, "INVALID_REQUEST", "scope.filter"},
		{"too many owners", place(func(r *pb.PlaceHoldRequest) { r.Owners = strings.Split(strings.Repeat("o,", 20), ",")[:17] }), codes.InvalidArgument, "INVALID_REQUEST", "owners"},
		{"a filter", place(func(r *pb.PlaceHoldRequest) { r.Scope.Filter = "user ==" }), codes.InvalidArgument, "INVALID_FILTER", "filter"},
		{"a text", place(func(r *pb.PlaceHoldRequest) { r.Scope = &pb.Hold_Scope{Text: `"`} }), codes.InvalidArgument, "INVALID_REQUEST", "text"},
		{"another tenant", place(func(r *pb.PlaceHoldRequest) { r.Tenant = "globex" }), codes.NotFound, "NOT_FOUND", ""},
		{"the store itself", place(func(r *pb.PlaceHoldRequest) { r.Tenant = "_system" }), codes.InvalidArgument, "INVALID_EVENT", "tenant"},
		{"somebody else's", func() error {
			_, err := api.ReleaseHold(t.Context(), &pb.ReleaseHoldRequest{Tenant: "acme", Hold: id, Actor: "mallory", Reason: "r"})
			return err
		}, codes.PermissionDenied, "NOT_OWNER", ""},
		{"one that there is not", func() error {
			_, err := api.ReleaseHold(t.Context(), &pb.ReleaseHoldRequest{Tenant: "acme", Hold: "none", Actor: "legal", Reason: "r"})
			return err
		}, codes.NotFound, "NOT_FOUND", ""},
		{"an extension by nobody", func() error {
			_, err := api.ExtendHold(t.Context(), &pb.ExtendHoldRequest{Tenant: "acme", Hold: id, Owners: []string{"o"}, Reason: "r"})
			return err
		}, codes.InvalidArgument, "INVALID_REQUEST", "actor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := status.Convert(tt.do())
			if st.Code() != tt.code || infoOf(st).GetReason() != tt.reason || violation(st) != tt.field {
				t.Errorf("got %v %s of %q, want %v %s of %q", st, infoOf(st).GetReason(), violation(st), tt.code, tt.reason, tt.field)
			}
		})
	}
	if got := s.log.Size(); got != size {
		t.Errorf("the log has %d events, want %d", got, size)
	}
	if _, err := api.ReleaseHold(t.Context(), &pb.ReleaseHoldRequest{Tenant: "acme", Hold: id, Actor: "legal", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	_, err := api.ReleaseHold(t.Context(), &pb.ReleaseHoldRequest{Tenant: "acme", Hold: id, Actor: "legal", Reason: "r"})
	if st := status.Convert(err); st.Code() != codes.FailedPrecondition || infoOf(st).GetReason() != "RELEASED" {
		t.Errorf("released twice: got %v", err)
	}
}

// erase calls EraseEvents and returns what came of it.
func (s *store) erase(r *pb.EraseEventsRequest) (*pb.ErasureState, error) {
	s.t.Helper()
	stream, err := pb.NewRetentionServiceClient(s.conn).EraseEvents(s.t.Context(), r)
	if err != nil {
		return nil, err
	}
	var last *pb.EraseEventsResponse
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last.GetErasure(), nil
		}
		if err != nil {
			return nil, err
		}
		if last.GetErasure() != nil {
			s.t.Error("something came after the result")
		}
		last = m
	}
}

// Who asks without a word about it erases nothing; who asks for an erasure has what
// may go erased, and what may not on record as owed, with its certificate.
func TestEraseEvents(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "held", "hello", "good day"), interaction("e2", "s", "hi", "hey"))
	id := s.hold("held")
	const path = "/v1/tenants/acme/erasures"
	for _, body := range []string{`{"user":"alice@example.com"}`, `{"user":"alice@example.com","dryRun":true}`, `{"everything":true}`} {
		code, text := s.do("POST", path, body)
		if code != http.StatusOK || !strings.Contains(text, `"events":"2","erased":"1"`) || !strings.Contains(text, `"holds":["`+id+`"]`) {
			t.Errorf("%s: got %d %s", body, code, text)
		}
	}
	if code, text := s.do("GET", path, ""); code != http.StatusOK || text != "{}" {
		t.Errorf("dry runs are on record: %d %s", code, text)
	}
	done, err := s.erase(&pb.EraseEventsRequest{Tenant: "acme", User: "alice@example.com", DryRun: new(false), Actor: "privacy office", Reason: "ticket 1"})
	if err != nil || done.GetErased() != 1 || done.GetEvents() != 2 || len(done.GetDeferred()) != 1 {
		t.Fatalf("got %v, %v", done, err)
	}
	if code, text := s.do("GET", "/v1/tenants/acme/events/1", ""); code != http.StatusNotFound || !strings.Contains(text, `"ERASED"`) {
		t.Errorf("what was erased: got %d %s", code, text)
	}
	if code, text := s.do("GET", "/v1/tenants/acme/events/0", ""); code != http.StatusOK {
		t.Errorf("what is held: got %d %s", code, text)
	}
	if code, text := s.do("GET", path+"/"+done.GetRequest(), ""); code != http.StatusOK || strings.Contains(text, "alice") || !strings.Contains(text, `"erased":"1"`) {
		t.Errorf("got %d %s", code, text)
	}
	certified := func(complete bool) {
		t.Helper()
		c, err := pb.NewRetentionServiceClient(s.conn).GetCertificate(t.Context(), &pb.GetCertificateRequest{Tenant: "acme", Request: done.GetRequest()})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{c.GetJson(), c.GetHtml()} {
			v, err := certificate.Verify(text, s.log.VerifierKey())
			if err != nil || v.Statement.Complete != complete {
				t.Errorf("got complete %v, %v; want %v", v.Statement.Complete, err, complete)
			}
		}
	}
	certified(false)
	if _, err := pb.NewRetentionServiceClient(s.conn).ReleaseHold(t.Context(), &pb.ReleaseHoldRequest{Tenant: "acme", Hold: id, Actor: "legal", Reason: "closed"}); err != nil {
		t.Fatal(err)
	}
	if code, text := s.do("GET", "/v1/tenants/acme/events/0", ""); code != http.StatusNotFound {
		t.Errorf("what was owed: got %d %s", code, text)
	}
	certified(true)
}

// An erasure that cannot be is refused with its reason, and then nothing is.
func TestEraseEventsRefuses(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "s", "hello", "good day"))
	erase := func(user, actor, reason string) *pb.EraseEventsRequest {
		return &pb.EraseEventsRequest{Tenant: "acme", User: user, DryRun: new(false), Actor: actor, Reason: reason}
	}
	for _, tt := range []struct {
		name   string
		r      *pb.EraseEventsRequest
		code   codes.Code
		reason string
		field  string
	}{
		{"nobody's", erase("", "a", "r"), codes.InvalidArgument, "INVALID_REQUEST", "user"},
		{"by nobody", erase("alice@example.com", "", "r"), codes.InvalidArgument, "INVALID_REQUEST", "actor"},
		{"for nothing", erase("alice@example.com", "a", ""), codes.InvalidArgument, "INVALID_REQUEST", "reason"},
		{"with an address", erase("alice@example.com", "a", "asked by alice@example.com"), codes.InvalidArgument, "INVALID_REQUEST", "reason"},
		{"of an unknown person", erase("bob@example.com", "a", "r"), codes.NotFound, "UNKNOWN_PERSON", ""},
		{"of another tenant", &pb.EraseEventsRequest{Tenant: "globex", User: "alice@example.com"}, codes.NotFound, "NOT_FOUND", ""},
		{"of a person and everybody", &pb.EraseEventsRequest{Tenant: "acme", User: "alice@example.com", Everything: true}, codes.InvalidArgument, "INVALID_REQUEST", "everything"},
		{"between no times", &pb.EraseEventsRequest{Tenant: "acme", User: "alice@example.com", Since: timestamppb.New(noon), Until: timestamppb.New(noon)}, codes.InvalidArgument, "INVALID_REQUEST", "until"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.erase(tt.r)
			if st := status.Convert(err); st.Code() != tt.code || infoOf(st).GetReason() != tt.reason || violation(st) != tt.field {
				t.Errorf("got %v %s of %q, want %v %s of %q", st, infoOf(st).GetReason(), violation(st), tt.code, tt.reason, tt.field)
			}
		})
	}
	if got := s.log.Size(); got != 1 {
		t.Errorf("the log has %d events, want 1", got)
	}
}

// A caller who leaves in the middle leaves nothing half erased: it is on record, and
// done.
func TestEraseEventsCallerLeaves(t *testing.T) {
	s := start(t, nil)
	const n = 300
	for i := range n {
		s.must(interaction(fmt.Sprint("e", i), "s", "hello", "good day"))
	}
	ctx, leave := context.WithCancel(t.Context())
	stream, err := pb.NewRetentionServiceClient(s.conn).EraseEvents(ctx, &pb.EraseEventsRequest{
		Tenant: "acme", User: "alice@example.com", DryRun: new(false), Actor: "privacy office", Reason: "ticket 1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	leave()
	// The next one gets its turn only when the first is finished with.
	if _, err := s.erase(&pb.EraseEventsRequest{Tenant: "acme", User: "alice@example.com"}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want that nothing is left", err)
	}
	code, text := s.do("GET", "/v1/tenants/acme/erasures", "")
	if code != http.StatusOK || strings.Count(text, `"request"`) != 1 || !strings.Contains(text, `"completed"`) || !strings.Contains(text, `"erased":"300"`) {
		t.Errorf("got %d %s", code, text)
	}
}

// Expiry is asked for, doubted and vouched for over the API.
func TestExpireEvents(t *testing.T) {
	now := noon
	s := start(t, func(cfg *server.Config) {
		cfg.Keeper = newKeeperAt(t, cfg.Log, cfg.Query, func() time.Time { return now })
	})
	s.must(interaction("e1", "s", "hello", "good day"))
	expire := func(body string, code int, want string) {
		t.Helper()
		if got, text := s.do("POST", "/v1/retention:expire", body); got != code || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %s, want %d with %q", body, got, text, code, want)
		}
	}
	expire(`{}`, 200, `"finished":true`)
	expire(`{"dryRun":false}`, 200, `"finished":true`)
	now = noon.Add(60 * 24 * time.Hour)
	expire(`{"dryRun":false}`, 400, `"RETENTION_STOPPED"`)
	if code, text := s.do("GET", "/v1/retention", ""); code != 200 || !strings.Contains(text, `"stopped":"retention has stopped: the clock shows`) {
		t.Errorf("got %d %s", code, text)
	}
	for body, field := range map[string]string{`{"reason":"r"}`: "actor", `{"actor":"a"}`: "reason", `{"actor":"bob@example.com","reason":"r"}`: "actor"} {
		if code, text := s.do("POST", "/v1/retention:confirm", body); code != 400 || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: got %d %s", body, code, text)
		}
	}
	if code, text := s.do("POST", "/v1/retention:confirm", `{"actor":"operator","reason":"checked"}`); code != 200 || strings.Contains(text, `"stopped":"r`) {
		t.Errorf("got %d %s", code, text)
	}
	expire(`{}`, 200, `"gone":[{"class":"routine"`)
	if code, text := s.do("GET", "/v1/tenants/acme/events/0", ""); code != 200 {
		t.Errorf("a dry run expired something: %d %s", code, text)
	}
	expire(`{"dryRun":false}`, 200, `"gone":[{"class":"routine"`)
	if code, text := s.do("GET", "/v1/tenants/acme/events/0", ""); code != 404 || !strings.Contains(text, `"ERASED"`) {
		t.Errorf("got %d %s", code, text)
	}
}
