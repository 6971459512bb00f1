package retention

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/certificate"
)

// certified builds a certificate, and verifies what it says.
func (r *keeperRig) certified(request string) *certificate.Verified {
	r.t.Helper()
	c, err := certificate.Build(r.t.Context(), r.log, acme, request, r.time())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := certificate.Verify(c.HTML(), r.log.VerifierKey()); err != nil {
		r.t.Fatal(err)
	}
	v, err := certificate.Verify(c.JSON(), r.log.VerifierKey())
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func positionsOf(seqs ...event.Seq) (out []certificate.Range) {
	for _, s := range seqs {
		out = append(out, certificate.Range{First: uint64(s), Last: uint64(s)})
	}
	return out
}

// What the Keeper did is what its certificates say: of an erasure of which a hold
// deferred a part, before and after that was released, and of an expiry.
func TestCertified(t *testing.T) {
	r := keeping10(t)
	var ann, others []event.Seq
	for range 6 {
		id := r.time().Format(time.RFC3339)
		ann = append(ann, r.say("a"+id, "s-ann", "ann", "chat"))
		others = append(others, r.say("b"+id, "s-bob", "bob", "chat"))
		r.pass(time.Hour)
	}
	held := r.say("held", "s-case", "ann", "chat")
	hold := r.place(&pb.Hold_Scope{Sessions: []string{"s-case"}}, "lawyer")
	before := r.log.Size()
	erased := r.erase("ann")
	v := r.certified(erased.GetRequest())
	if v.Complete || v.Kind != certificate.Erasure || v.Actor != "officer" || v.Reason != "ticket" || v.Scope != "PERSON" ||
		v.Before.Size < uint64(before) || v.Deleted.Events != erased.GetErased() || v.Remains.Owed != 1 ||
		len(v.Deleted.ByClass) != 1 || v.Deleted.ByClass[0].Events != erased.GetErased() {
		t.Errorf("deferred in part: got %+v, deleted %+v, of %v", v.Stated, v.Deleted, erased)
	}
	if diff := cmp.Diff(positionsOf(ann...), v.Deleted.Positions); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	if len(v.Remains.Deferred) != 1 || !cmp.Equal(v.Remains.Deferred[0].Holds, []string{hold}) || v.Remains.Deferred[0].Cause != "HELD" {
		t.Errorf("deferred: got %+v, want by %s", v.Remains.Deferred, hold)
	}
	r.release(hold, "lawyer")
	r.expireNow()
	v = r.certified(erased.GetRequest())
	if diff := cmp.Diff(positionsOf(append(ann, held)...), v.Deleted.Positions); diff != "" {
		t.Errorf("deleted when the hold was released (-want +got):\n%s", diff)
	}
	if !v.Complete || v.Remains.Owed != 0 || v.Remains.Deferred != nil || v.Done == nil || len(v.Epochs) != 2 || len(v.Policies) != 1 {
		t.Errorf("when the hold was released: got %+v, remains %+v, epochs %v", v.Stated, v.Remains, v.Epochs)
	}
	for range 11 {
		r.pass(24 * time.Hour)
		for _, x := range r.expireNow() {
			if x.GetRequest() == "" {
				continue
			}
			v = r.certified(x.GetRequest())
			if diff := cmp.Diff(positionsOf(others...), v.Deleted.Positions); diff != "" {
				t.Errorf("expired (-want +got):\n%s", diff)
			}
			others = nil
			if !v.Complete || v.Kind != certificate.Expiry || len(v.Deleted.ByClass) != 1 || v.Deleted.ByClass[0].Class != "routine" || v.Deleted.ByClass[0].Events != 6 {
				t.Errorf("expired: got %+v, deleted %+v", v.Stated, v.Deleted)
			}
		}
	}
	if others != nil {
		t.Error("nothing expired")
	}
}
