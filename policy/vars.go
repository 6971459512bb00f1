package policy

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// vars gives a condition its variables. It is one pointer wide, so that
// handing it to CEL allocates nothing.
type vars struct{ e *pb.Event }

// Parent returns nil: there are no other variables.
func (vars) Parent() interpreter.Activation { return nil }

// ResolveName returns the value of a variable: the event, its kind, or one of
// its fields by proto or JSON name. A leading dot, which CEL adds where a
// local variable has the same name, makes no difference.
func (v vars) ResolveName(name string) (any, bool) {
	if len(name) > 0 && name[0] == '.' {
		name = name[1:]
	}
	e := v.e
	switch name {
	case "event":
		return e, true
	case "kind":
		return types.String(event.KindOf(e)), true
	case "id":
		return types.String(e.GetId()), true
	case "time":
		return types.Timestamp{Time: e.GetTime().AsTime()}, true
	case "session":
		return types.String(e.GetSession()), true
	case "turn":
		return types.Int(e.GetTurn()), true
	case "user":
		return types.String(e.GetUser()), true
	case "salt":
		return types.Bytes(e.GetSalt()), true
	case "received":
		return types.Timestamp{Time: e.GetReceived().AsTime()}, true
	case "class":
		return types.String(e.GetClass()), true
	case "policy_version", "policyVersion":
		return types.String(e.GetPolicyVersion()), true
	case "seq":
		return types.Int(e.GetSeq()), true
	}
	return v.message(name)
}

func (v vars) message(name string) (any, bool) {
	e := v.e
	switch name {
	case "source":
		return e.GetSource(), true
	case "capture":
		return e.GetCapture(), true
	case "trace":
		return e.GetTrace(), true
	case "interaction":
		return e.GetInteraction(), true
	case "verdict":
		return e.GetVerdict(), true
	case "report":
		return e.GetReport(), true
	case "action":
		return e.GetAction(), true
	case "coverage":
		return e.GetCoverage(), true
	case "policy_applied", "policyApplied":
		return e.GetPolicyApplied(), true
	case "forgotten":
		return e.GetForgotten(), true
	case "epoch_began", "epochBegan":
		return e.GetEpochBegan(), true
	case "restored":
		return e.GetRestored(), true
	case "redacted":
		return e.GetRedacted(), true
	case "exported":
		return e.GetExported(), true
	case "hold":
		return e.GetHold(), true
	case "erasure":
		return e.GetErasure(), true
	case "counted":
		return e.GetCounted(), true
	case "promoted":
		return e.GetPromoted(), true
	case "clock_judged", "clockJudged":
		return e.GetClockJudged(), true
	}
	return nil, false
}
