package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// MaxSeqs is how many positions a TextRequest may name.
const MaxSeqs = 100_000

// A TextRequest asks for events that have text.
type TextRequest struct {
	Filter string    // a CEL condition as in a Request; "": everything
	Since  time.Time // only events at or after; zero: no bound
	Until  time.Time // only events before; zero: no bound
	// Seqs are just these events, in any order; the other fields must then be
	// zero. At most MaxSeqs.
	Seqs []event.Seq
}

// withTexts are the kinds of events that have text of people.
func withTexts() []string {
	return []string{string(event.Interaction), string(event.Report), string(event.Action)}
}

// Texts returns the positions, in the order of the log, of those events of the
// tenant that have text and match, as they are when it is ranged over: what
// comes later is not among them, and what is forgotten is left out. A yielded
// error ends it. It holds some thousand positions at a time.
//
// Errors: eventlog.ErrNotFound for a tenant that has no events, and, while ranged
// over, for a position that is not the tenant's; otherwise those of Search.
func (e *Engine) Texts(ctx context.Context, t event.Tenant, r TextRequest) (iter.Seq2[event.Seq, error], error) {
	if !e.knows(t) {
		return nil, fmt.Errorf("tenant %s: %w", t, eventlog.ErrNotFound)
	}
	if len(r.Seqs) > 0 {
		return e.named(ctx, t, r)
	}
	s, err := e.search(t, Request{Filter: r.Filter, Since: r.Since, Until: r.Until, OrderBy: "seq"})
	if err != nil {
		return nil, err
	}
	s.only(withTexts())
	return s.positions(ctx, e.log.Scan(ctx, t, s.selection)), nil
}

// only leaves events of some kinds.
func (s *search) only(kinds []string) {
	if s.unsettled() {
		s.kinds = kinds
	}
	s.selection.Terms = append(s.selection.Terms, eventlog.Term{Field: eventlog.FieldKind, Values: kinds})
}

// unsettled tells whether the index does not settle a term, so that each event is
// looked at: where events are looked up by id no other term is, and those that come
// apart were not looked up at all.
func (s *search) unsettled() bool {
	return s.apart || slices.ContainsFunc(s.selection.Terms, func(t eventlog.Term) bool { return t.Field == eventlog.FieldID })
}

// positions yields the positions of those that match of what a scan yields.
func (s *search) positions(ctx context.Context, scan iter.Seq2[*eventlog.Entry, error]) iter.Seq2[event.Seq, error] {
	return func(yield func(event.Seq, error) bool) {
		if err := s.each(scan, func(batch []*eventlog.Entry) (bool, error) {
			found, err := s.sift(ctx, nil, batch)
			for _, entry := range found {
				if err == nil && !yield(entry.Seq, nil) {
					return false, nil
				}
			}
			return true, err
		}); err != nil {
			yield(0, err)
		}
	}
}

// textBatch is how many entries are matched at a time.
const textBatch = 4096

// each hands on what a scan yields, batch by batch, until do says that it is
// enough.
func (s *search) each(scan iter.Seq2[*eventlog.Entry, error], do func([]*eventlog.Entry) (bool, error)) error {
	batch := make([]*eventlog.Entry, 0, textBatch)
	for entry, err := range scan {
		if err != nil {
			return err
		}
		if batch = append(batch, entry); len(batch) < textBatch {
			continue
		}
		if on, err := do(batch); err != nil || !on {
			return err
		}
		batch = batch[:0]
	}
	_, err := do(batch)
	return err
}

// named returns the positions that a request names.
func (e *Engine) named(ctx context.Context, t event.Tenant, r TextRequest) (iter.Seq2[event.Seq, error], error) {
	switch {
	case r.Filter != "" || !r.Since.IsZero() || !r.Until.IsZero():
		return nil, &RequestError{"seqs", "go without filter, since and until"}
	case len(r.Seqs) > MaxSeqs:
		return nil, &RequestError{"seqs", fmt.Sprintf("are %d, the limit is %d", len(r.Seqs), MaxSeqs)}
	}
	seqs := slices.Clone(r.Seqs)
	slices.Sort(seqs)
	seqs = slices.Compact(seqs)
	return func(yield func(event.Seq, error) bool) {
		for _, seq := range seqs {
			err := e.hasText(ctx, t, seq)
			if errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if !yield(seq, err) || err != nil {
				return
			}
		}
	}, nil
}

// hasText reports whether an event has text.
func (e *Engine) hasText(ctx context.Context, t event.Tenant, seq event.Seq) error {
	got, err := e.log.Read(ctx, t, seq)
	if err != nil {
		return fmt.Errorf("event %d: %w", seq, err)
	}
	if kind := event.KindOf(got); !slices.Contains(withTexts(), string(kind)) {
		return &RequestError{"seqs", fmt.Sprintf("name event %d, which is of kind %s and has no text", seq, kind)}
	}
	return nil
}
