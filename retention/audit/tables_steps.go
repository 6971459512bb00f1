package audit

import (
	"fmt"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func holdsTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Holds",
		Empty: "Nothing was held.",
		Note: fmt.Sprintf("Events held at the beginning: %d; at the end: %d, by more than one hold: %d. ALONE are those that no other hold claims.",
			a.GetHeldBefore(), a.GetHeld(), a.GetHeldTwice()),
		Columns: columns(words("HOLD", "CASE", "AUTHORITY", "PLACED", "BY", "REASON", "RELEASED", "BY", "REASON"), numbers("EVENTS", "ALONE"), words("IN COMMON WITH", "SEQ")),
	}
	for _, h := range a.GetHolds() {
		alone := count(h.GetAlone())
		if h.GetReleased() != nil {
			alone = "-"
		}
		var common []string
		for _, o := range h.GetOverlaps() {
			common = append(common, fmt.Sprintf("%s: %d", o.GetHold(), o.GetEvents()))
		}
		t.Rows = append(t.Rows, []string{
			h.GetHold(), dash(h.GetCaseId()), dash(h.GetAuthority()), dash(moment(h.GetPlaced())), dash(h.GetActor()), dash(h.GetReason()),
			orElse(moment(h.GetReleased()), "holds"), dash(h.GetReleasedBy()), dash(h.GetReleaseReason()),
			count(h.GetEvents()), alone, dash(strings.Join(common, ", ")), seqText(h.GetSeqs()),
		})
	}
	return t
}

func erasuresTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Erasures",
		Empty: "None was asked for, and none was owed.",
		Note: fmt.Sprintf("Asked for in the range: %d; completed in it: %d; owed at the end: %d.",
			a.GetErasuresRequested(), a.GetErasuresCompleted(), a.GetErasuresOwed()),
		Columns: columns(words("REQUEST", "WHOSE", "ASKED FOR", "BY", "REASON", "COMPLETED"), numbers("EVENTS", "ERASED"),
			words("DEFERRED", "STILL HELD BY", "COPIES OUT"), numbers("QUARANTINED"), words("SEQ")),
	}
	for _, e := range a.GetErasures() {
		t.Rows = append(t.Rows, []string{
			e.GetRequest(), strings.ToLower(e.GetScope().String()), dash(moment(e.GetRequested())), dash(e.GetActor()), dash(e.GetReason()),
			orElse(moment(e.GetCompleted()), "OWED"), count(e.GetEvents()), count(e.GetErased()),
			dash(deferredText(e.GetDeferred())), dash(strings.Join(e.GetHolds(), ", ")), dash(strings.Join(e.GetExports(), ", ")),
			count(e.GetQuarantined()), seqText(e.GetSeqs()),
		})
	}
	return t
}

func deferredText(deferred []*pb.Erasure_Deferral) string {
	var parts []string
	for _, d := range deferred {
		switch d.GetCause() {
		case pb.Erasure_Deferral_HELD:
			parts = append(parts, fmt.Sprintf("%d held by %s", d.GetEvents(), strings.Join(d.GetHolds(), ", ")))
		case pb.Erasure_Deferral_PROMISED:
			parts = append(parts, fmt.Sprintf("%d promised as %s until %s", d.GetEvents(), d.GetClass(), date(d.GetUntil())))
		default:
			parts = append(parts, fmt.Sprintf("%d", d.GetEvents()))
		}
	}
	return strings.Join(parts, "; ")
}

func exportsTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Evidence handed out", Empty: "No evidence was exported.",
		Note:    fmt.Sprintf("Copies that left in the range: %d, of %d bytes together. Reads of single events are not on record in this version.", a.GetCopies(), a.GetCopiedBytes()),
		Columns: columns(words("EXPORT", "BY", "PURPOSE", "INCIDENT", "OF", "FORMAT", "ASKED FOR", "STAGE"), numbers("EVENTS", "COPIES", "BYTES"), words("SEQ")),
	}
	for _, x := range a.GetExports() {
		bytes := uint64(0)
		for _, c := range x.GetCopies() {
			bytes += c.GetBytes()
		}
		t.Rows = append(t.Rows, []string{
			x.GetOperation(), dash(x.GetActor()), dash(x.GetReason()), dash(x.GetIncident()), exportedOf(x), x.GetFormat().String(),
			dash(moment(x.GetRequested())), x.GetStage().String(), count(x.GetEvents()), count(uint64(len(x.GetCopies()))), count(bytes), seqText(x.GetSeqs()),
		})
	}
	return t
}

// exportedOf says what an export is of.
func exportedOf(x *pb.RetentionAudit_HandedOut) string {
	var parts []string
	if f := x.GetFilter(); f != "" {
		parts = append(parts, f)
	}
	if t := x.GetText(); t != "" {
		parts = append(parts, fmt.Sprintf("texts with %q", t))
	}
	if n := x.GetSessions(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d sessions", n))
	}
	return orElse(strings.Join(parts, "; "), "all evidence")
}

func clocksTable(a *pb.RetentionAudit) Table {
	t := Table{Title: "What the store made of its clock", Columns: columns(words("WHEN", "VERDICT", "IT SHOWED", "LAST ACCEPTED", "BY", "REASON"), numbers("SEQ"))}
	for _, c := range a.GetClocks() {
		j := c.GetJudged()
		t.Rows = append(t.Rows, []string{
			moment(c.GetTime()), j.GetVerdict().String(), dash(moment(j.GetClock())), dash(moment(j.GetLast())), dash(j.GetActor()), dash(j.GetReason()), count(c.GetSeq()),
		})
	}
	return t
}

func restoresTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Restores from backups", Note: "LOST are positions that the backup lacked; which holds and erasures were among them the ledger cannot say.",
		Columns: columns(words("WHEN"), numbers("POSITIONS OF THE BACKUP", "ITS EPOCH", "LOST", "SEQ")),
	}
	for _, r := range a.GetRestores() {
		t.Rows = append(t.Rows, []string{
			moment(r.GetTime()), count(r.GetRestored().GetSize()), count(r.GetRestored().GetEpoch()), count(r.GetRestored().GetLost()), count(r.GetSeq()),
		})
	}
	return t
}

func epochsTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Epochs of keys", Note: "With each, the keys of the one before were destroyed, and with them all that had been forgotten until then.",
		Columns: columns(numbers("EPOCH"), words("BEGAN"), numbers("SEQ")),
	}
	for _, e := range a.GetEpochs() {
		t.Rows = append(t.Rows, []string{count(e.GetEpoch()), moment(e.GetBegan()), count(e.GetSeq())})
	}
	return t
}
