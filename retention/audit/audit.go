package audit

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention"
)

const day = 24 * time.Hour

// again is the request of what a restore forgets again.
const again = "restore"

// maxDays bounds the range of one audit, in days: 20 years.
const maxDays = 20 * 366

// A Request says what an audit is to be of.
type Request struct {
	Since time.Time // the beginning of the first day, UTC; zero: the first that is on record
	Until time.Time // the end of the last day, UTC; zero: Now
	Now   time.Time // required
}

// Make reads the ledger of a tenant, as it is now, and says what retention did.
// The ledger may be that of the store itself, which has epochs, restores and
// judgements of the clock. A tenant without events has an audit with nothing in
// it. Errors: *retention.RequestError, or those of eventlog.
func Make(ctx context.Context, log *eventlog.Log, t event.Tenant, r Request) (*pb.RetentionAudit, error) {
	s, err := r.span()
	if err != nil {
		return nil, err
	}
	through := log.Size()
	b := newBooks(t, s)
	if err := read(ctx, log, t, through, b.add); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if t != event.System {
		if err := read(ctx, log, event.System, through, b.store.add); err != nil {
			return nil, fmt.Errorf("audit: the store's own ledger: %w", err)
		}
	}
	return b.audit(t, through)
}

// span checks the range of a request.
func (r Request) span() (span, error) {
	s := span{r.Since.UTC(), r.Until.UTC()}
	if r.Until.IsZero() {
		s.until = r.Now.UTC()
	} else if s.until.Truncate(day) != s.until {
		return span{}, &retention.RequestError{Field: "until", Reason: "is not the end of a day in UTC: an audit is of whole days"}
	} else if s.until.After(r.Now.Add(day)) {
		return span{}, &retention.RequestError{Field: "until", Reason: "is in the future: leave it out for an audit up to now"}
	}
	if s.bounded() && s.since.Truncate(day) != s.since {
		return span{}, &retention.RequestError{Field: "since", Reason: "is not the beginning of a day in UTC: an audit is of whole days"}
	}
	if s.bounded() && !s.since.Before(s.until) {
		return span{}, &retention.RequestError{Field: "since", Reason: "is not before the end of the range"}
	}
	return s, s.check()
}

// A span is a range of time; since is zero where nothing bounds it.
type span struct{ since, until time.Time }

func (s span) bounded() bool           { return !s.since.IsZero() }
func (s span) begun(t time.Time) bool  { return !t.Before(s.since) }
func (s span) before(t time.Time) bool { return t.Before(s.until) }
func (s span) has(t time.Time) bool    { return s.begun(t) && s.before(t) }

// check refuses ranges that are too long.
func (s span) check() error {
	if n := s.until.Sub(s.since) / day; s.bounded() && (n > maxDays || s.until.Year()-s.since.Year() > maxDays/365) {
		return &retention.RequestError{Field: "since", Reason: fmt.Sprintf("is more than %d days before the end of the range: ask for less", maxDays)}
	}
	return nil
}

// ledger are the kinds that an audit reads.
func ledger() (kinds []string) {
	for _, k := range event.Kinds() {
		if !k.Evidence() {
			kinds = append(kinds, string(k))
		}
	}
	return kinds
}

// read calls f with each ledger event of a tenant, in the order of the log.
func read(ctx context.Context, log *eventlog.Log, t event.Tenant, before event.Seq, f func(*pb.Event)) error {
	selection := eventlog.Selection{
		Terms:  []eventlog.Term{{Field: eventlog.FieldKind, Values: ledger()}},
		Order:  eventlog.LogOrder,
		Before: &before,
	}
	for entry, err := range log.Scan(ctx, t, selection) {
		if err != nil {
			return err
		}
		e, err := entry.Event()
		if err != nil {
			return fmt.Errorf("event %d: %w", entry.Seq, err)
		}
		f(e)
	}
	return nil
}

// books are the accounts that an audit is made from: each ledger event is entered
// into those that it concerns, in the order of the log.
type books struct {
	span
	events     uint64
	first      time.Time // of all that is on record; zero: nothing is
	kept       kept
	counts     counts
	policies   policies
	forgotten  forgotten
	holds      holds
	erasures   erasures
	exports    exports
	redactions []*pb.RetentionAudit_StoredRedaction
	store      store
}

func newBooks(t event.Tenant, s span) *books {
	b := &books{span: s, kept: newKept(s), counts: newCounts(s), forgotten: newForgotten(s), store: store{span: s}}
	b.policies.span, b.policies.tenant = s, t
	b.holds, b.erasures, b.exports = newHolds(), newErasures(), newExports()
	return b
}

// add enters an event of the tenant.
func (b *books) add(e *pb.Event) {
	at := e.GetTime().AsTime()
	if !b.before(at) {
		if c := e.GetCounted(); c != nil { // It says what was appended before it was taken.
			b.count(at, c)
		}
		return
	}
	b.events++
	b.seen(at)
	switch body := e.GetBody().(type) {
	case *pb.Event_PolicyApplied:
		b.policies.add(e)
	case *pb.Event_Forgotten:
		positions := bitmap(body.Forgotten.GetPositions())
		b.forgotten.add(e, b.counts.covered.AndCardinality(positions))
		if b.has(at) {
			b.holds.lose(positions, body.Forgotten.GetRequest() == again)
		}
		for _, g := range body.Forgotten.GetKept() {
			b.kept.forget(at, g)
		}
	case *pb.Event_Promoted:
		b.kept.promote(at, body.Promoted)
	case *pb.Event_Counted:
		b.count(at, body.Counted)
	case *pb.Event_Hold:
		b.holds.add(e)
	case *pb.Event_Erasure:
		b.erasures.add(e)
	case *pb.Event_Exported:
		b.exports.add(e)
	case *pb.Event_Redacted:
		b.redact(e)
	default:
		b.store.enter(e)
	}
}

// seen notes the first time that is on record.
func (b *books) seen(t time.Time) {
	if t = t.Truncate(day); b.first.IsZero() || t.Before(b.first) {
		b.first = t
	}
}

func (b *books) count(at time.Time, c *pb.Counted) {
	for _, s := range c.GetStrata() {
		if d := s.GetDay().AsTime(); b.before(d) {
			b.seen(d)
			b.kept.append(s)
		}
	}
	b.counts.add(at, c)
}

func (b *books) redact(e *pb.Event) {
	at, r := e.GetTime().AsTime(), e.GetRedacted()
	if !b.has(at) {
		return
	}
	n := tally{}
	for _, one := range r.GetEvents() {
		n.add(one.GetRedactions())
	}
	b.redactions = append(b.redactions, &pb.RetentionAudit_StoredRedaction{
		Time: e.GetTime(), Seq: e.GetSeq(), Actor: r.GetActor(), Reason: r.GetReason(),
		Events: uint64(len(r.GetEvents())), Counts: n.counts(),
	})
}

// audit closes the books.
func (b *books) audit(t event.Tenant, through event.Seq) (*pb.RetentionAudit, error) {
	if !b.bounded() {
		b.since = b.first
		if b.since.IsZero() {
			b.since = b.until.Truncate(day)
		}
		if err := b.check(); err != nil {
			return nil, err
		}
	}
	out := &pb.RetentionAudit{
		Tenant: string(t), Since: timestamppb.New(b.since), Until: timestamppb.New(b.until),
		Through: uint64(through), LedgerEvents: b.events + b.store.events, StoredRedactions: b.redactions,
		Limits: limits(),
	}
	b.policies.close(out, b.kept.given)
	b.kept.close(out, b.span, b.policies.inForce())
	b.counts.close(out, through)
	b.forgotten.close(out, &b.store)
	b.holds.close(out, b.span)
	b.erasures.close(out, b)
	b.exports.close(out, b.span)
	b.store.close(out)
	return out, nil
}

// limits is what the ledger says nothing about.
func limits() []string {
	return []string{
		"Searches, replays and reads of single events are not on record in this version: of evidence that left the store, only exports are listed.",
		"Copies of the key files that were made outside the store are not on record: a copy of the data and of the keys, both from before an epoch began, opens what was forgotten with it.",
		"What publishers did not send, and why, is on record only as gaps in their own numbering.",
	}
}
