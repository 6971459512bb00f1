// Package audittest computes audits a second time, in the most naive way, so that
// tests can compare every figure of an audit with what somebody computes who reads
// the whole log and knows nothing of package audit.
package audittest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A naive audit looks at every position of the log, and answers each question by
// going through all ledger events once more. It shares nothing with package audit.
type naive struct {
	tenant       event.Tenant
	own, store   []*pb.Event // in the order of the log
	through      uint64
	since, until time.Time

	all    map[string][]flow          // made once
	covers map[string]map[uint64]bool // what each hold covers at the end, made once
}

// Naive audits what is between two times; where since is zero, all up to until. It
// has neither findings nor limits, which are words.
func Naive(ctx context.Context, log *eventlog.Log, t event.Tenant, since, until time.Time) (*pb.RetentionAudit, error) {
	n := &naive{tenant: t, through: uint64(log.Size()), since: since, until: until}
	for seq := range n.through {
		for _, of := range slices.Compact([]event.Tenant{t, event.System}) {
			e, err := log.Read(ctx, of, event.Seq(seq))
			if errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if event.KindOf(e).Evidence() {
				continue
			}
			if of == t {
				n.own = append(n.own, e)
			} else {
				n.store = append(n.store, e)
			}
		}
	}
	if since.IsZero() {
		n.since = n.first()
	}
	return n.audit(), nil
}

// A balance is what happened to events of one class and day of append.
type balance struct{ appended, joined, left, forgotten int64 }

func at(e *pb.Event) time.Time { return e.GetTime().AsTime() }

func (n *naive) in(t time.Time) bool { return !t.Before(n.since) && t.Before(n.until) }

func floor(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// first is the first day on record.
func (n *naive) first() time.Time {
	var all []time.Time
	for _, e := range n.own {
		if at(e).Before(n.until) {
			all = append(all, floor(at(e)))
		}
		for _, s := range e.GetCounted().GetStrata() {
			if d := s.GetDay().AsTime(); d.Before(n.until) {
				all = append(all, d)
			}
		}
	}
	if len(all) == 0 {
		return floor(n.until)
	}
	return slices.MinFunc(all, time.Time.Compare)
}

// A flow is one thing that happened to a class and day of append.
type flow struct {
	at  time.Time
	set func(*balance, int64)
	n   uint64
}

// happened lists all that happened, by class and day of append.
func (n *naive) happened() map[string][]flow {
	if n.all != nil {
		return n.all
	}
	n.all = map[string][]flow{}
	note := func(class string, d *timestamppb.Timestamp, f flow) {
		if class != "ledger" && class != "quarantine" {
			n.all[class+" "+d.AsTime().Format(time.RFC3339)] = append(n.all[class+" "+d.AsTime().Format(time.RFC3339)], f)
		}
	}
	for _, e := range n.own {
		for _, s := range e.GetCounted().GetStrata() {
			note(s.GetClass(), s.GetDay(), flow{s.GetDay().AsTime(), func(b *balance, n int64) { b.appended += n }, s.GetEvents()})
		}
		for _, k := range e.GetForgotten().GetKept() {
			note(k.GetClass(), k.GetDay(), flow{at(e), func(b *balance, n int64) { b.forgotten += n }, k.GetEvents()})
		}
		for _, k := range e.GetPromoted().GetFrom() {
			note(k.GetClass(), k.GetDay(), flow{at(e), func(b *balance, n int64) { b.left += n }, k.GetEvents()})
			note(e.GetPromoted().GetClass(), k.GetDay(), flow{at(e), func(b *balance, n int64) { b.joined += n }, k.GetEvents()})
		}
	}
	return n.all
}

// flows sums what happened to a class and day of append between two times.
func (n *naive) flows(class string, appended, from, to time.Time) (b balance) {
	for _, f := range n.happened()[class+" "+appended.Format(time.RFC3339)] {
		if !f.at.Before(from) && f.at.Before(to) {
			f.set(&b, int64(f.n))
		}
	}
	return b
}

// cells are all classes and days of append that the ledger names.
func (n *naive) cells() []string { return slices.Sorted(maps.Keys(n.happened())) }

// upTo is the state of a cell before a time: nothing happened before year 1.
func (n *naive) upTo(class string, appended, to time.Time) int64 {
	b := n.flows(class, appended, time.Time{}, to)
	return b.appended + b.joined - b.left - b.forgotten
}

func (n *naive) audit() *pb.RetentionAudit {
	out := &pb.RetentionAudit{
		Tenant: string(n.tenant), Since: timestamppb.New(n.since), Until: timestamppb.New(n.until), Through: n.through,
		Total: &pb.RetentionAudit_Balance{}, Redactions: &pb.RetentionAudit_Redactions{},
	}
	for _, e := range n.own {
		if at(e).Before(n.until) {
			out.LedgerEvents++
		}
	}
	for _, e := range n.store {
		if at(e).Before(n.until) && (e.GetEpochBegan() != nil || e.GetRestored() != nil || e.GetClockJudged() != nil) {
			out.LedgerEvents++
		}
	}
	n.policies(out)
	n.kept(out)
	n.forgotten(out)
	n.holds(out)
	n.erasures(out)
	n.exports(out)
	n.redactions(out)
	n.gaps(out)
	n.ofStore(out)
	return out
}

func (n *naive) policies(out *pb.RetentionAudit) {
	var applied []*pb.Event
	for _, e := range n.own {
		if e.GetPolicyApplied() != nil && at(e).Before(n.until) {
			applied = append(applied, e)
		}
	}
	for i, e := range applied {
		a := e.GetPolicyApplied()
		d, err := policy.Parse([]byte(a.GetDocument()))
		if err != nil {
			panic("internal error: " + err.Error())
		}
		d = d.For(n.tenant)
		p := &pb.RetentionAudit_PolicyInForce{
			Version: a.GetVersion(), Since: e.GetTime(), Seq: e.GetSeq(), Actor: a.GetActor(), Reason: a.GetReason(),
			Approvals: a.GetApprovals(), Replaces: a.GetReplaces(), Purpose: d.Rationale().Purpose,
			LegalBasis: d.Rationale().LegalBasis, Reviewers: d.Rationale().Reviewers,
		}
		for _, c := range d.Classes() {
			p.Rules = append(p.Rules, naiveRule(d, c.Name))
		}
		if by := d.Rationale().ReviewBy; !by.IsZero() {
			p.ReviewBy = timestamppb.New(by)
		}
		if i+1 < len(applied) {
			p.Until = applied[i+1].GetTime()
			if !at(applied[i+1]).After(n.since) {
				continue
			}
		} else {
			r := d.Record()
			out.QuarantineKeep = durationpb.New(d.QuarantineKeep())
			out.Record = &pb.RetentionAudit_Record{
				Controller: r.Controller.Name, Contact: r.Controller.Contact, JointControllers: r.Joint, Representative: r.Representative,
				Dpo: r.DPO, Subjects: r.Subjects, Data: r.Data, Recipients: r.Recipients, Transfers: r.Transfers, Measures: r.Measures,
			}
			if by := d.Rationale().ReviewBy; !by.IsZero() && !n.until.Before(by.Add(24*time.Hour)) {
				p.OverdueSince = timestamppb.New(by.Add(24 * time.Hour))
			}
		}
		for _, e := range n.own {
			for _, s := range e.GetCounted().GetStrata() {
				if s.GetPolicyVersion() == p.GetVersion() && n.in(s.GetDay().AsTime()) {
					p.Events += s.GetEvents()
				}
			}
		}
		out.Policies = append(out.Policies, p)
	}
}

func naiveRule(d *policy.Document, class string) *pb.RetentionAudit_Rule {
	r := &pb.RetentionAudit_Rule{Class: class}
	if d == nil {
		return r
	}
	c, ok := d.Class(class)
	if !ok {
		return r
	}
	r.Keep, r.Purpose, r.LegalBasis = durationpb.New(c.Keep), c.Purpose, c.LegalBasis
	if c.Min != 0 {
		r.Min = durationpb.New(c.Min)
	}
	return r
}

// inForceAt is the policy in force at the end.
func (n *naive) inForceAt() (d *policy.Document) {
	for _, e := range n.own {
		if a := e.GetPolicyApplied(); a != nil && at(e).Before(n.until) {
			parsed, err := policy.Parse([]byte(a.GetDocument()))
			if err != nil {
				panic("internal error: " + err.Error())
			}
			d = parsed.For(n.tenant)
		}
	}
	return d
}

func (n *naive) kept(out *pb.RetentionAudit) {
	d := n.inForceAt()
	classes := map[string]bool{}
	for _, cell := range n.cells() {
		var class, when string
		if _, err := fmt.Sscan(cell, &class, &when); err != nil {
			panic("internal error: " + err.Error())
		}
		appended, err := time.Parse(time.RFC3339, when)
		if err != nil {
			panic("internal error: " + err.Error())
		}
		classes[class] = true
		b := n.flows(class, appended, n.since, n.until)
		before, kept := n.upTo(class, appended, n.since), n.upTo(class, appended, n.until)
		if before == 0 && b == (balance{}) {
			continue
		}
		rule := naiveRule(d, class)
		row := &pb.RetentionAudit_KeptDay{Class: class, Day: timestamppb.New(appended), Events: &pb.RetentionAudit_Balance{
			Before: uint64(before), Appended: uint64(b.appended), Joined: uint64(b.joined), Left: uint64(b.left),
			Forgotten: uint64(b.forgotten), Kept: uint64(kept),
		}}
		held := len(class) > 5 && class[:5] == "hold:"
		if kept > 0 && rule.GetKeep() != nil && !held {
			row.Until = timestamppb.New(appended.Add(24*time.Hour + rule.GetKeep().AsDuration()))
		}
		out.Kept = append(out.Kept, row)
		if c := len(out.GetClasses()); c == 0 || out.GetClasses()[c-1].GetRule().GetClass() != class {
			out.Classes = append(out.Classes, &pb.RetentionAudit_KeptClass{Rule: rule, Events: &pb.RetentionAudit_Balance{}, Held: held})
		}
		c := out.GetClasses()[len(out.GetClasses())-1]
		for _, sum := range []*pb.RetentionAudit_Balance{c.GetEvents(), out.GetTotal()} {
			sum.Before += row.GetEvents().GetBefore()
			sum.Appended += row.GetEvents().GetAppended()
			sum.Joined += row.GetEvents().GetJoined()
			sum.Left += row.GetEvents().GetLeft()
			sum.Forgotten += row.GetEvents().GetForgotten()
			sum.Kept += row.GetEvents().GetKept()
		}
		if kept > 0 {
			if c.Oldest == nil {
				c.Oldest = row.GetDay()
			}
			c.Newest = row.GetDay()
		}
	}
	n.redacted(out)
	n.days(out, slices.Sorted(maps.Keys(classes)))
}

func (n *naive) redacted(out *pb.RetentionAudit) {
	for _, c := range out.GetClasses() {
		for _, e := range n.own {
			for _, s := range e.GetCounted().GetStrata() {
				if s.GetClass() == c.GetRule().GetClass() && n.in(s.GetDay().AsTime()) {
					c.Redacted += s.GetRedacted()
					c.Dropped += s.GetDropped()
					out.Redactions.Redacted += s.GetRedacted()
					out.Redactions.Dropped += s.GetDropped()
				}
			}
		}
	}
}

func (n *naive) days(out *pb.RetentionAudit, classes []string) {
	for d := n.since; d.Before(n.until); d = d.Add(24 * time.Hour) {
		end := d.Add(24 * time.Hour)
		if n.until.Before(end) {
			end = n.until
		}
		one := &pb.RetentionAudit_Day{Day: timestamppb.New(d), Held: uint64(len(n.heldAt(end)))}
		for _, class := range classes {
			c := &pb.RetentionAudit_DayClass{Class: class}
			for _, cell := range n.cells() {
				var of, when string
				if _, err := fmt.Sscan(cell, &of, &when); err != nil {
					panic("internal error: " + err.Error())
				}
				if of != class {
					continue
				}
				appended, err := time.Parse(time.RFC3339, when)
				if err != nil {
					panic("internal error: " + err.Error())
				}
				b := n.flows(class, appended, d, end)
				c.Appended += uint64(b.appended)
				c.Forgotten += uint64(b.forgotten)
				c.Kept += uint64(n.upTo(class, appended, end))
			}
			if c.GetAppended()+c.GetForgotten()+c.GetKept() > 0 {
				one.Classes = append(one.Classes, c)
			}
		}
		out.Days = append(out.Days, one)
	}
}

func (n *naive) forgotten(out *pb.RetentionAudit) {
	totals := map[string]*pb.RetentionAudit_ForgottenTotal{}
	named := map[*pb.RetentionAudit_Forgetting]uint64{} // where nothing is said by class
	for _, e := range n.own {
		f := e.GetForgotten()
		if f == nil || !n.in(at(e)) {
			continue
		}
		i := slices.IndexFunc(out.GetForgotten(), func(o *pb.RetentionAudit_Forgetting) bool {
			return o.GetRequest() == f.GetRequest() && o.GetCause() == f.GetCause()
		})
		if i < 0 {
			i = len(out.GetForgotten())
			out.Forgotten = append(out.Forgotten, &pb.RetentionAudit_Forgetting{Request: f.GetRequest(), Cause: f.GetCause(), First: e.GetTime()})
		}
		one := out.GetForgotten()[i]
		one.Last, one.Seqs = e.GetTime(), append(one.Seqs, e.GetSeq())
		one.Quarantined += uint64(len(f.GetQuarantined()))
		for _, p := range f.GetPositions() {
			named[one] += p.GetLast() - p.GetFirst() + 1
		}
		for _, b := range f.GetBlocks() {
			named[one] += uint64(b.GetEvents())
		}
		for _, k := range f.GetKept() {
			one.Events += k.GetEvents()
			key := f.GetCause().String() + k.GetClass()
			if totals[key] == nil {
				totals[key] = &pb.RetentionAudit_ForgottenTotal{Cause: f.GetCause(), Class: k.GetClass()}
			}
			totals[key].Events += k.GetEvents()
			j := slices.IndexFunc(one.GetGone(), func(o *pb.ClassDay) bool {
				return o.GetClass() == k.GetClass() && o.GetDay().AsTime().Equal(k.GetDay().AsTime())
			})
			if j < 0 {
				j = len(one.GetGone())
				one.Gone = append(one.Gone, &pb.ClassDay{Class: k.GetClass(), Day: k.GetDay()})
			}
			one.Gone[j].Events += k.GetEvents()
		}
	}
	for _, one := range out.GetForgotten() {
		if one.GetEvents() == 0 && named[one] > 0 {
			one.Events = named[one]
			if key := one.GetCause().String(); totals[key] == nil {
				totals[key] = &pb.RetentionAudit_ForgottenTotal{Cause: one.GetCause()}
			}
			totals[one.GetCause().String()].Events += named[one]
		}
		slices.SortFunc(one.GetGone(), func(a, b *pb.ClassDay) int {
			return cmp.Or(cmp.Compare(a.GetClass(), b.GetClass()), a.GetDay().AsTime().Compare(b.GetDay().AsTime()))
		})
		for _, e := range n.allOfStore() {
			if b := e.GetEpochBegan(); b != nil && e.GetSeq() > slices.Max(one.GetSeqs()) && at(e).Before(n.until) {
				one.Epoch, one.EpochBegan = b.GetEpoch(), e.GetTime()
				break
			}
		}
	}
	for _, t := range totals {
		out.ForgottenTotals = append(out.ForgottenTotals, t)
	}
	slices.SortFunc(out.ForgottenTotals, func(a, b *pb.RetentionAudit_ForgottenTotal) int {
		return cmp.Or(cmp.Compare(a.GetCause(), b.GetCause()), cmp.Compare(a.GetClass(), b.GetClass()))
	})
}

func (n *naive) allOfStore() []*pb.Event {
	if n.tenant == event.System {
		return n.own
	}
	return n.store
}
