package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
)

// An EvidenceRequest asks for evidence to be handed over: events of the kinds
// that publishers publish, for which all of this holds.
type EvidenceRequest struct {
	Filter   string    // a CEL condition as in a Request; "": all
	Text     string    // what its texts say, as in a Request; "": whatever they say
	Since    time.Time // only events at or after; zero: no bound
	Until    time.Time // only events before; zero: no bound
	Sessions []string  // only events of these, and what is about such events; none: all
	Users    []string  // only events of these people, as they are stored; none: all
	From     event.Seq // only positions at or after this
	Before   event.Seq // only positions before this
	Unsure   bool      // those too for which Filter cannot be computed, which is an error otherwise
}

// Evidence returns the positions of the tenant's evidence that is asked for, in
// the order of the log, as they are when it is ranged over. What is forgotten is
// left out. A yielded error ends it. Without sessions it holds some thousand
// positions at a time, else those of the sessions.
//
// Errors: eventlog.ErrNotFound for a tenant that has no events; otherwise those
// of Search.
func (e *Engine) Evidence(ctx context.Context, t event.Tenant, r EvidenceRequest) (iter.Seq2[event.Seq, error], error) {
	if !e.knows(t) {
		return nil, fmt.Errorf("tenant %s: %w", t, eventlog.ErrNotFound)
	}
	s, err := e.search(t, Request{Filter: r.Filter, Text: r.Text, Since: r.Since, Until: r.Until, OrderBy: "seq"})
	if err != nil {
		return nil, err
	}
	s.selection.Before = &r.Before
	if r.From > 0 {
		s.selection.After = &eventlog.Position{Seq: r.From - 1}
	}
	s.apart, s.unsure = len(r.Sessions) > 0, r.Unsure
	s.only(evidenceKinds())
	s.of(r.Users)
	scan := e.log.Scan(ctx, t, s.selection)
	if len(r.Sessions) > 0 {
		if scan, err = e.ofSessions(ctx, t, r, s.selection); err != nil {
			return nil, err
		}
	}
	return s.positions(ctx, scan), nil
}

// of leaves events of some people, none: of all.
func (s *search) of(users []string) {
	if len(users) == 0 {
		return
	}
	if s.unsettled() {
		s.users = users
	}
	s.selection.Terms = append(s.selection.Terms, eventlog.Term{Field: eventlog.FieldUser, Values: users})
}

// evidenceKinds are the kinds of events that are evidence.
func evidenceKinds() []string {
	return []string{string(event.Interaction), string(event.Verdict), string(event.Report), string(event.Action), string(event.Coverage)}
}

// ofSessions returns the evidence of sessions within a selection's range, in the
// order of the log.
func (e *Engine) ofSessions(ctx context.Context, t event.Tenant, r EvidenceRequest, within eventlog.Selection) (iter.Seq2[*eventlog.Entry, error], error) {
	all := map[event.Seq]*eventlog.Entry{}
	for _, session := range r.Sessions {
		cast, err := e.gather(ctx, t, session, &r.Before)
		if errors.Is(err, eventlog.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, s := range cast.bySeq {
			at := s.entry.Time
			if s.entry.Seq >= r.From && (within.Since.IsZero() || !at.Before(within.Since)) && (within.Until.IsZero() || at.Before(within.Until)) {
				all[s.entry.Seq] = s.entry
			}
		}
		if len(all) > MaxSeqs {
			return nil, fmt.Errorf("the sessions have more than %d events: %w", MaxSeqs, event.ErrTooLarge)
		}
	}
	return func(yield func(*eventlog.Entry, error) bool) {
		for _, seq := range slices.Sorted(maps.Keys(all)) {
			if !yield(all[seq], nil) {
				return
			}
		}
	}, nil
}

// Recorded returns a filter in the form in which it is put on record: with the
// users that it names as the pseudonyms that they are stored under. Errors as of
// Search.
func (e *Engine) Recorded(t event.Tenant, filter string) (string, error) {
	if filter == "" {
		return "", nil
	}
	return policy.Pseudonymous(filter, e.pseudonyms(t, e.knows(t)))
}
