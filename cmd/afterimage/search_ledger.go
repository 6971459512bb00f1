package main

import (
	"fmt"
	"strings"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// ledgerSummary is what a person would recognise a ledger event by.
func ledgerSummary(e *pb.Event) string {
	switch body := e.GetBody().(type) {
	case *pb.Event_PolicyApplied:
		return "policy " + body.PolicyApplied.GetVersion() + " came into force"
	case *pb.Event_Forgotten:
		return strings.ToLower(body.Forgotten.GetCause().String()) + ": events were forgotten " + body.Forgotten.GetRequest()
	case *pb.Event_Redacted:
		r := body.Redacted
		return fmt.Sprintf("redacted by %s: %d events, %s", r.GetActor(), len(r.GetEvents()), r.GetReason())
	case *pb.Event_Exported:
		return exportSummary(body.Exported)
	case *pb.Event_EpochBegan:
		return fmt.Sprintf("epoch %d of the keys began", body.EpochBegan.GetEpoch())
	case *pb.Event_Restored:
		return fmt.Sprintf("restored from a backup of %d events, %d fewer than there were", body.Restored.GetSize(), body.Restored.GetLost())
	case *pb.Event_Hold:
		return holdSummary(body.Hold)
	case *pb.Event_Erasure:
		return erasureSummary(body.Erasure)
	case *pb.Event_Promoted:
		return fmt.Sprintf("%s from here on kept as %s", numbered(sumDays(body.Promoted.GetFrom()), "event is", "events are"), body.Promoted.GetClass())
	case *pb.Event_Counted:
		var n uint64
		for _, s := range body.Counted.GetStrata() {
			n += s.GetEvents()
		}
		return fmt.Sprintf("counted %s at positions %d to %d", numbered(n, "event", "events"), body.Counted.GetFrom(), max(body.Counted.GetThrough(), 1)-1)
	case *pb.Event_ClockJudged:
		j := body.ClockJudged
		return fmt.Sprintf("the clock, at %s, was %s%s", j.GetClock().AsTime().Format(time.RFC3339), strings.ToLower(j.GetVerdict().String()), byWhom(j.GetActor(), j.GetReason()))
	}
	return ""
}

func holdSummary(h *pb.Hold) string {
	what := strings.ToLower(h.GetStage().String())
	switch h.GetStage() {
	case pb.Hold_PLACED:
		what += byWhom(h.GetActor(), "case "+h.GetCaseId()+", "+h.GetReason())
	case pb.Hold_COVERED:
		var n uint64
		for _, r := range h.GetPositions() {
			n += r.GetLast() - r.GetFirst() + 1
		}
		what += " " + numbered(n, "event more", "events more")
	default:
		what += byWhom(h.GetActor(), h.GetReason())
	}
	return what + "; hold " + h.GetHold()
}

func erasureSummary(e *pb.Erasure) string {
	what := strings.ToLower(e.GetStage().String()) + byWhom(e.GetActor(), e.GetReason())
	if e.GetEvents() > 0 { // or it is what did not fit into the event before
		what += ", " + numbered(e.GetEvents(), "event", "events")
	}
	return what + "; erasure " + e.GetRequest()
}

// byWhom says who did something and why, as far as that is said.
func byWhom(actor, reason string) string {
	by := strings.TrimSuffix(" by "+actor, " by ")
	return by + strings.TrimSuffix(": "+reason, ": ")
}
