package client_test

import (
	"errors"
	"testing"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A hold is placed, seen, extended and released; and what keeps it from being is an
// error to decide on.
func TestHolds(t *testing.T) {
	s := start(t)
	s.publish(t, 3)
	scope := &pb.Hold_Scope{Sessions: []string{"c-17"}}
	would, err := s.PlaceHold(t.Context(), &pb.PlaceHoldRequest{Tenant: "acme", Scope: scope, DryRun: true})
	if err != nil || would.GetHold().GetEvents() != 3 {
		t.Fatalf("dry run: %v, %v; want 3 events", would, err)
	}
	placed, err := s.PlaceHold(t.Context(), &pb.PlaceHoldRequest{
		Tenant: "acme", Scope: scope, CaseId: "INC-7", Reason: "r", Authority: "a", Actor: "legal",
	})
	if err != nil {
		t.Fatal(err)
	}
	id := placed.GetHold().GetHold()
	if h, err := s.Hold(t.Context(), "acme", id); err != nil || len(h.GetPositions()) != 1 {
		t.Errorf("show: %v, %v; want one range", h, err)
	}
	if e, err := s.ExtendHold(t.Context(), &pb.ExtendHoldRequest{Tenant: "acme", Hold: id, Owners: []string{"deputy"}, Actor: "legal", Reason: "r"}); err != nil || len(e.GetHold().GetOwners()) != 2 {
		t.Errorf("extend: %v, %v; want two owners", e, err)
	}
	release := &pb.ReleaseHoldRequest{Tenant: "acme", Hold: id, Actor: "mallory", Reason: "r"}
	if _, err := s.ReleaseHold(t.Context(), release); !errors.Is(err, client.ErrNotOwner) {
		t.Errorf("somebody else: got %v, want ErrNotOwner", err)
	}
	release.Actor = "deputy"
	if r, err := s.ReleaseHold(t.Context(), release); err != nil || r.GetHold().GetReleasedBy() != "deputy" {
		t.Errorf("release: %v, %v", r, err)
	}
	if _, err := s.ReleaseHold(t.Context(), release); !errors.Is(err, client.ErrReleased) {
		t.Errorf("again: got %v, want ErrReleased", err)
	}
	if all, err := s.Holds(t.Context(), "acme", false); err != nil || len(all) != 1 {
		t.Errorf("all: %v, %v; want the one", all, err)
	}
	if active, err := s.Holds(t.Context(), "acme", true); err != nil || len(active) != 0 {
		t.Errorf("active: %v, %v; want none", active, err)
	}
	if _, err := s.Hold(t.Context(), "acme", "none"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("none: got %v, want ErrNotFound", err)
	}
}

// Evidence is erased and expired with progress, and certified; the last message has
// what came of it.
func TestEraseAndExpire(t *testing.T) {
	s := start(t)
	s.publish(t, 3)
	erase := func(r *pb.EraseEventsRequest) (last *pb.ErasureState, err error) {
		r.Tenant, r.Actor, r.Reason = "acme", "a", "r"
		for m, err := range s.Erase(t.Context(), r) {
			if err != nil {
				return nil, err
			}
			last = m.GetErasure()
		}
		return last, nil
	}
	if _, err := erase(&pb.EraseEventsRequest{User: "nobody", DryRun: new(false)}); !errors.Is(err, client.ErrUnknownPerson) {
		t.Errorf("nobody: got %v, want ErrUnknownPerson", err)
	}
	if e, err := erase(&pb.EraseEventsRequest{Everything: true}); err != nil || e.GetErased() != 3 || e.GetRequest() != "" {
		t.Errorf("dry run: %v, %v; want 3 that would go", e, err)
	}
	done, err := erase(&pb.EraseEventsRequest{Everything: true, DryRun: new(false)})
	if err != nil || done.GetErased() != 3 {
		t.Fatalf("erase: %v, %v; want 3", done, err)
	}
	if e, err := s.Erasure(t.Context(), "acme", done.GetRequest()); err != nil || e.GetCompleted() == nil {
		t.Errorf("erasure: %v, %v; want it completed", e, err)
	}
	if all, err := s.Erasures(t.Context(), "acme"); err != nil || len(all) != 1 {
		t.Errorf("erasures: %v, %v; want the one", all, err)
	}
	if c, err := s.Certificate(t.Context(), "acme", done.GetRequest()); err != nil || len(c.GetJson()) == 0 || len(c.GetHtml()) == 0 {
		t.Errorf("certificate: %d and %d bytes, %v", len(c.GetJson()), len(c.GetHtml()), err)
	}
	for _, dryRun := range []bool{true, false} {
		var last *pb.ExpireEventsResponse
		for m, err := range s.Expire(t.Context(), dryRun) {
			if err != nil {
				t.Fatal(err)
			}
			last = m
		}
		if !last.GetFinished() || len(last.GetExpiries()) != 0 {
			t.Errorf("expire, dry %v: %v; want that nothing is due", dryRun, last)
		}
	}
	if state, err := s.Retention(t.Context()); err != nil || state.GetStopped() != "" || state.GetLastRun() == nil {
		t.Errorf("state: %v, %v", state, err)
	}
	if state, err := s.ConfirmRetention(t.Context(), "operator", "checked"); err != nil || state.GetClock().GetActor() != "operator" {
		t.Errorf("confirm: %v, %v", state, err)
	}
}
