package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// kept is the account of evidence by class and day of append.
type kept struct {
	span
	rows    map[classDay]*balance
	days    map[classDay]*balance // what happened on the days of the range
	given   map[string]uint64     // by version of the policy, in the range
	counted time.Time             // the last day that a count says anything of: later ones are not over
	// what redaction did to what was appended in the range, by class
	redacted, dropped map[string]uint64
}

type classDay struct {
	class string
	day   time.Time
}

// A balance is signed: a ledger that lacks counts may forget more than it kept.
type balance struct{ before, appended, joined, left, forgotten int64 }

func (b *balance) kept() int64 { return b.before + b.appended + b.joined - b.left - b.forgotten }

func (b *balance) add(o *balance) {
	b.before += o.before
	b.appended += o.appended
	b.joined += o.joined
	b.left += o.left
	b.forgotten += o.forgotten
}

func newKept(s span) kept {
	return kept{
		span: s, rows: map[classDay]*balance{}, days: map[classDay]*balance{}, given: map[string]uint64{},
		redacted: map[string]uint64{}, dropped: map[string]uint64{},
	}
}

// evidence tells whether a class is one of evidence. The ledger's own events, and
// quarantined messages, are in no count.
func evidence(class string) bool { return class != policy.Ledger && class != policy.Quarantine }

// enter enters what happened at a time to n events of a class and day.
func (k *kept) enter(at time.Time, class string, appended time.Time, n int64, of func(*balance) *int64) {
	if !evidence(class) {
		return
	}
	row := entry(k.rows, classDay{class, appended.Truncate(day)})
	if k.begun(at) {
		*of(row) += n
		*of(entry(k.days, classDay{class, at.Truncate(day)})) += n
		return
	}
	one := balance{}
	*of(&one) = n
	row.before += one.kept()
}

// entry returns the value of a key, made if it is not there.
func entry[K comparable, V any](m map[K]*V, key K) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

func (k *kept) append(s *pb.Counted_Stratum) {
	d := s.GetDay().AsTime()
	if k.counted.Before(d) {
		k.counted = d
	}
	k.enter(d, s.GetClass(), d, int64(s.GetEvents()), func(b *balance) *int64 { return &b.appended })
	if k.begun(d) && evidence(s.GetClass()) {
		k.given[s.GetPolicyVersion()] += s.GetEvents()
		k.redacted[s.GetClass()] += s.GetRedacted()
		k.dropped[s.GetClass()] += s.GetDropped()
	}
}

func (k *kept) forget(at time.Time, g *pb.ClassDay) {
	k.enter(at, g.GetClass(), g.GetDay().AsTime(), int64(g.GetEvents()), func(b *balance) *int64 { return &b.forgotten })
}

func (k *kept) promote(at time.Time, p *pb.Promoted) {
	for _, f := range p.GetFrom() {
		d, n := f.GetDay().AsTime(), int64(f.GetEvents())
		k.enter(at, f.GetClass(), d, n, func(b *balance) *int64 { return &b.left })
		k.enter(at, p.GetClass(), d, n, func(b *balance) *int64 { return &b.joined })
	}
}

// close says what was kept. document is the policy in force at the end, or nil.
func (k *kept) close(out *pb.RetentionAudit, s span, document *policy.Document) {
	out.Total = &pb.RetentionAudit_Balance{}
	before := map[string]int64{}
	byClass := map[string]*pb.RetentionAudit_KeptClass{}
	for _, at := range slices.SortedFunc(maps.Keys(k.rows), compareClassDays) {
		row := k.rows[at]
		before[at.class] += row.before
		if *row == (balance{}) {
			continue
		}
		if n := -row.kept(); n > 0 && at.day.Before(k.counted) {
			out.Findings = append(out.Findings, fmt.Sprintf(
				"%d more events of class %s of %s went than the counts say there were: the counts of that day are older than the ledger, or were never taken", n, at.class, at.day.Format(time.DateOnly)))
		}
		c := byClass[at.class]
		if c == nil {
			c = k.class(at.class, document)
			byClass[at.class] = c
			out.Classes = append(out.Classes, c)
		}
		one := keptDay(at, row, c)
		out.Kept = append(out.Kept, one)
		plus(c.GetEvents(), one.GetEvents())
		plus(out.GetTotal(), one.GetEvents())
	}
	out.Days = k.series(s, before)
}

func compareClassDays(a, b classDay) int {
	return cmp.Or(cmp.Compare(a.class, b.class), a.day.Compare(b.day))
}

// class begins the total of a class.
func (k *kept) class(name string, document *policy.Document) *pb.RetentionAudit_KeptClass {
	_, held := policy.Unheld(name)
	c := &pb.RetentionAudit_KeptClass{
		Rule: &pb.RetentionAudit_Rule{Class: name}, Events: &pb.RetentionAudit_Balance{}, Held: held,
		Redacted: k.redacted[name], Dropped: k.dropped[name],
	}
	if document == nil {
		return c
	}
	if declared, ok := document.Class(name); ok {
		c.Rule = rule(declared)
	}
	return c
}

func rule(c policy.Class) *pb.RetentionAudit_Rule {
	r := &pb.RetentionAudit_Rule{Class: c.Name, Keep: durationpb.New(c.Keep), Purpose: c.Purpose, LegalBasis: c.LegalBasis}
	if c.Min > 0 {
		r.Min = durationpb.New(c.Min)
	}
	return r
}

// keptDay says what was kept of one class and day, and until when its class says.
func keptDay(at classDay, b *balance, of *pb.RetentionAudit_KeptClass) *pb.RetentionAudit_KeptDay {
	d := &pb.RetentionAudit_KeptDay{Class: at.class, Day: timestamppb.New(at.day), Events: told(b)}
	if d.GetEvents().GetKept() == 0 {
		return d
	}
	if keep := of.GetRule().GetKeep(); keep != nil && !of.GetHeld() {
		d.Until = timestamppb.New(at.day.Add(day + keep.AsDuration()))
	}
	if of.Oldest == nil {
		of.Oldest = d.GetDay()
	}
	of.Newest = d.GetDay()
	return d
}

// told is a balance as it is told. What is below nothing is told by a finding.
func told(b *balance) *pb.RetentionAudit_Balance {
	return &pb.RetentionAudit_Balance{
		Before: uint64(max(b.before, 0)), Appended: uint64(b.appended), Joined: uint64(b.joined),
		Left: uint64(b.left), Forgotten: uint64(b.forgotten), Kept: uint64(max(b.kept(), 0)),
	}
}

func plus(sum, b *pb.RetentionAudit_Balance) {
	sum.Before += b.GetBefore()
	sum.Appended += b.GetAppended()
	sum.Joined += b.GetJoined()
	sum.Left += b.GetLeft()
	sum.Forgotten += b.GetForgotten()
	sum.Kept += b.GetKept()
}

// series is what was kept day by day; before is what was at the beginning, by
// class.
func (k *kept) series(s span, before map[string]int64) (out []*pb.RetentionAudit_Day) {
	classes := slices.Sorted(maps.Keys(before))
	for d := s.since; d.Before(s.until); d = d.Add(day) {
		one := &pb.RetentionAudit_Day{Day: timestamppb.New(d)}
		for _, class := range classes {
			b := balance{before: before[class]}
			if happened := k.days[classDay{class, d}]; happened != nil {
				b.add(happened)
			}
			before[class] = b.kept()
			if c := told(&b); c.GetAppended() > 0 || c.GetForgotten() > 0 || c.GetKept() > 0 {
				one.Classes = append(one.Classes, &pb.RetentionAudit_DayClass{
					Class: class, Appended: c.GetAppended(), Forgotten: c.GetForgotten(), Kept: c.GetKept(),
				})
			}
		}
		out = append(out, one)
	}
	return out
}
