package audit

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Table is one part of an audit, for people: what text and HTML both draw.
type Table struct {
	Title   string
	Note    string // what its figures mean
	Columns []Column
	Rows    [][]string
	Empty   string // what is said where there are no rows; "": the table is left out
}

// A Column is one of a table.
type Column struct {
	Name   string
	Number bool // it is set to the right
}

func words(names ...string) (out []Column) {
	for _, n := range names {
		out = append(out, Column{Name: n})
	}
	return out
}

func numbers(names ...string) (out []Column) {
	for _, n := range names {
		out = append(out, Column{n, true})
	}
	return out
}

func columns(parts ...[]Column) (out []Column) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Tables returns the parts of an audit, in order. Days of append are taken
// together by month where there are many; the message has each.
func Tables(a *pb.RetentionAudit) []Table {
	all := []Table{
		policiesTable(a), reasonsTable(a), classesTable(a), keptTable(a), forgottenTotalsTable(a), forgottenTable(a),
		holdsTable(a), erasuresTable(a), exportsTable(a), redactionsTable(a), storedRedactionsTable(a),
		gapsTable(a), clocksTable(a), restoresTable(a), epochsTable(a),
	}
	var out []Table
	for _, t := range all {
		if len(t.Rows) > 0 || t.Empty != "" {
			out = append(out, t)
		}
	}
	return out
}

var balanceColumns = numbers("BEFORE", "+APPENDED", "+JOINED", "-LEFT", "-FORGOTTEN", "=KEPT")

func balanceCells(b *pb.RetentionAudit_Balance) []string {
	return []string{count(b.GetBefore()), count(b.GetAppended()), count(b.GetJoined()), count(b.GetLeft()), count(b.GetForgotten()), count(b.GetKept())}
}

func policiesTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Policies in force", Empty: "No policy was in force.",
		Note:    "EVENTS are those appended in the range that the version gave their class.",
		Columns: columns(words("VERSION", "SINCE", "UNTIL", "BY", "REASON", "APPROVED BY", "REVIEW BY"), numbers("EVENTS", "SEQ")),
	}
	for _, p := range a.GetPolicies() {
		review := date(p.GetReviewBy())
		if p.GetOverdueSince() != nil {
			review += " OVERDUE"
		}
		t.Rows = append(t.Rows, []string{
			p.GetVersion(), moment(p.GetSince()), orElse(moment(p.GetUntil()), "in force"), orElse(p.GetActor(), "the store"), dash(p.GetReason()),
			dash(strings.Join(p.GetApprovals(), ", ")), dash(review), count(p.GetEvents()), count(p.GetSeq()),
		})
	}
	return t
}

func reasonsTable(a *pb.RetentionAudit) Table {
	t := Table{Title: "What the policy in force at the end says", Columns: words("CLASS", "KEEP", "AT LEAST", "PURPOSE", "LEGAL BASIS")}
	if n := len(a.GetPolicies()); n > 0 && a.GetPolicies()[n-1].GetUntil() == nil {
		for _, r := range a.GetPolicies()[n-1].GetRules() {
			t.Rows = append(t.Rows, []string{r.GetClass(), days(r.GetKeep()), dash(days(r.GetMin())), dash(r.GetPurpose()), dash(r.GetLegalBasis())})
		}
	}
	return t
}

func classesTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Kept, by class", Empty: "No evidence was kept.",
		Note: "By the policy in force at the end. Of what is held no rule lets anything go. " +
			"JOINED and LEFT are events that were promoted from one class to another, or claimed by a hold when their time had come.",
		Columns: columns(words("CLASS", "KEEP", "AT LEAST"), balanceColumns, words("OLDEST DAY", "NEWEST DAY", "GOES FROM")),
	}
	for _, c := range a.GetClasses() {
		keep := orElse(days(c.GetRule().GetKeep()), "not declared")
		goes := "-"
		if first := c.GetOldest(); first != nil && c.GetRule().GetKeep() != nil && !c.GetHeld() {
			goes = first.AsTime().Add(day + c.GetRule().GetKeep().AsDuration()).Format(time.DateOnly)
		}
		if c.GetHeld() {
			keep, goes = keep+", then held", "held"
		}
		t.Rows = append(t.Rows, join([]string{c.GetRule().GetClass(), keep, dash(days(c.GetRule().GetMin()))},
			balanceCells(c.GetEvents()), []string{dash(date(c.GetOldest())), dash(date(c.GetNewest())), goes}))
	}
	if len(t.Rows) > 0 {
		t.Rows = append(t.Rows, join([]string{"all", "", ""}, balanceCells(a.GetTotal()), []string{"", "", ""}))
	}
	return t
}

// manyDays is from how many rows on days are taken together by month.
const manyDays = 100

func keptTable(a *pb.RetentionAudit) Table {
	layout, unit := time.DateOnly, "DAY OF APPEND"
	if len(a.GetKept()) > manyDays {
		layout, unit = "2006-01", "MONTH OF APPEND"
	}
	t := Table{
		Title: "Kept, by class and " + strings.ToLower(unit), Columns: columns(words("CLASS", unit), balanceColumns, words("GOES FROM", "TO")),
		Note: "What is kept goes, by the policy in force at the end, in the days named.",
	}
	var row []string
	var sum *pb.RetentionAudit_Balance
	for _, k := range a.GetKept() {
		if at := k.GetDay().AsTime().Format(layout); row == nil || row[0] != k.GetClass() || row[1] != at {
			row, sum = []string{k.GetClass(), at, "", "", "", "", "", "", "-", "-"}, &pb.RetentionAudit_Balance{}
			t.Rows = append(t.Rows, row)
		}
		plus(sum, k.GetEvents())
		copy(row[2:], balanceCells(sum))
		if goes := date(k.GetUntil()); goes != "" {
			row[9] = goes
			if row[8] == "-" {
				row[8] = goes
			}
		}
	}
	return t
}

func forgottenTotalsTable(a *pb.RetentionAudit) Table {
	t := Table{Title: "Forgotten, by cause and class", Empty: "Nothing was forgotten.", Columns: columns(words("CAUSE", "CLASS"), numbers("EVENTS"))}
	for _, f := range a.GetForgottenTotals() {
		t.Rows = append(t.Rows, []string{f.GetCause().String(), orElse(f.GetClass(), "not said"), count(f.GetEvents())})
	}
	return t
}

func forgottenTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title:   "Forgotten, by request",
		Note:    "From the epoch named on, no key that exists opens what went.",
		Columns: columns(words("WHEN", "CAUSE", "REQUEST"), numbers("EVENTS"), words("CLASSES AND DAYS"), numbers("QUARANTINED", "EPOCH"), words("SEQ")),
	}
	for _, f := range a.GetForgotten() {
		epoch := "not yet"
		if f.GetEpoch() > 0 {
			epoch = count(f.GetEpoch())
		}
		t.Rows = append(t.Rows, []string{
			moment(f.GetFirst()), f.GetCause().String(), dash(f.GetRequest()), count(f.GetEvents()), dash(goneText(f.GetGone())), count(f.GetQuarantined()), epoch, seqText(f.GetSeqs()),
		})
	}
	return t
}

// goneText is what went by class, with the days that it is of.
func goneText(gone []*pb.ClassDay) string {
	var parts []string
	for i := 0; i < len(gone); {
		first, n, j := gone[i], uint64(0), i
		for ; j < len(gone) && gone[j].GetClass() == first.GetClass(); j++ {
			n += gone[j].GetEvents()
		}
		of := date(first.GetDay())
		if last := date(gone[j-1].GetDay()); last != of {
			of += " to " + last
		}
		parts = append(parts, fmt.Sprintf("%d %s of %s", n, first.GetClass(), of))
		i = j
	}
	return strings.Join(parts, ", ")
}

func redactionsTable(a *pb.RetentionAudit) Table {
	r := a.GetRedactions()
	t := Table{
		Title:   "Redaction of what was appended",
		Empty:   fmt.Sprintf("Events that redaction changed: %d; that policy took all texts away from: %d; messages that were quarantined: %d.", r.GetRedacted(), r.GetDropped(), r.GetQuarantined()),
		Columns: columns(words("TYPE", "REPLACED BY"), numbers("TIMES")),
	}
	if len(r.GetCounts()) > 0 {
		t.Note = t.Empty
	}
	for _, c := range r.GetCounts() {
		t.Rows = append(t.Rows, []string{c.GetType(), operator(c.GetOperator()), count(c.GetCount())})
	}
	return t
}

func storedRedactionsTable(a *pb.RetentionAudit) Table {
	t := Table{Title: "Redaction of what was stored", Columns: columns(words("WHEN", "BY", "REASON"), numbers("EVENTS"), words("REPLACED"), numbers("SEQ"))}
	for _, r := range a.GetStoredRedactions() {
		var what []string
		for _, c := range r.GetCounts() {
			what = append(what, fmt.Sprintf("%d %s", c.GetCount(), c.GetType()))
		}
		t.Rows = append(t.Rows, []string{moment(r.GetTime()), dash(r.GetActor()), dash(r.GetReason()), count(r.GetEvents()), dash(strings.Join(what, ", ")), count(r.GetSeq())})
	}
	return t
}

func operator(o pb.Redaction_Operator) string {
	if o == pb.Redaction_OPERATOR_UNSPECIFIED {
		o = pb.Redaction_PSEUDONYM
	}
	return o.String()
}

func gapsTable(a *pb.RetentionAudit) Table {
	t := Table{
		Title: "Gaps in capture", Empty: "Counts taken in the range miss nothing.",
		Note:    "Numbers of the instances' own counting that counts taken in the range miss. One that came later stays missing here.",
		Columns: columns(words("SERVICE", "INSTANCE"), numbers("MISSING"), words("LAST MISSED")),
	}
	for _, g := range a.GetGaps() {
		t.Rows = append(t.Rows, []string{dash(g.GetService()), dash(g.GetInstance()), count(g.GetMissing()), moment(g.GetAsOf())})
	}
	if n := a.GetOtherMissing(); n > 0 {
		t.Rows = append(t.Rows, []string{"others", "-", count(n), "-"})
	}
	return t
}

// text is a cell: one line, and nothing that a terminal would take for a command.
func text(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func dash(s string) string          { return orElse(s, "-") }
func orElse(s, other string) string { return text(cmp.Or(s, other)) }
func count(n uint64) string         { return strconv.FormatUint(n, 10) }
func join(parts ...[]string) []string {
	return append(append(append([]string{}, parts[0]...), parts[1]...), parts[2]...)
}

// moment is a time to the second, "" for none.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format("2006-01-02 15:04:05")
}

// date is a day, "" for none.
func date(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.DateOnly)
}

// days is a duration as a policy says it, "" for none.
func days(d *durationpb.Duration) string {
	switch of := d.AsDuration(); {
	case d == nil:
		return ""
	case of%day == 0:
		return fmt.Sprintf("%dd", of/day)
	case of%time.Hour == 0:
		return fmt.Sprintf("%dh", of/time.Hour)
	default:
		return of.String()
	}
}

// seqText is positions as a filter takes them, the first few.
func seqText(seqs []uint64) string {
	const most = 4
	var parts []string
	for _, s := range seqs[:min(len(seqs), most)] {
		parts = append(parts, count(s))
	}
	if more := len(seqs) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, " ")
}
