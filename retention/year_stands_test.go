package retention_test

import (
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A standing is what a restore must not lose of a tenant.
type standing struct {
	policy   string // the document
	holds    []*pb.HoldState
	erasures []*pb.ErasureState
}

// stands returns what stands, but for what it comes to.
func (y *year) stands() map[event.Tenant]standing {
	y.Helper()
	out := map[event.Tenant]standing{}
	for _, t := range tenants {
		var s standing
		in, ok := y.policies.InForce(t)
		holds, err := y.keeper.Holds(y.Context(), t, false)
		if err != nil || !ok {
			y.Fatal(ok, err)
		}
		s.policy = in.GetDocument()
		for _, h := range holds {
			h.Events, h.Through = 0, 0
			s.holds = append(s.holds, h)
		}
		erasures, err := y.keeper.Erasures(y.Context(), t)
		if err != nil {
			y.Fatal(err)
		}
		for _, x := range erasures {
			s.erasures = append(s.erasures, &pb.ErasureState{
				Request: x.GetRequest(), Scope: x.GetScope(), Actor: x.GetActor(), Reason: x.GetReason(), Requested: x.GetRequested(), Completed: x.GetCompleted(),
			})
		}
		out[t] = s
	}
	return out
}

// stand fails unless a restore left all that stood as it was.
func (y *year) stand(before map[event.Tenant]standing) {
	y.Helper()
	if diff := cmp.Diff(before, y.stands(), cmp.AllowUnexported(standing{}), protocmp.Transform()); diff != "" {
		y.Errorf("a restore changed what stands (-before +after):\n%s", diff)
	}
}
