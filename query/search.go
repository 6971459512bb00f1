package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// The sizes of a page.
const (
	DefaultPage = 50
	MaxPage     = 1_000
	// pageBytes is how much a page of more than one event may hold, encoded.
	// A page with its envelope then stays below the 4 MiB that gRPC clients
	// accept by default.
	pageBytes = 3 << 20
)

// A Request asks for events.
type Request struct {
	Filter    string    // a CEL condition, see package policy; "": everything
	Since     time.Time // only events at or after; zero: no bound
	Until     time.Time // only events before; zero: no bound
	OrderBy   string    // "time desc" or "", newest first; "time", oldest first; "seq", log order; "seq desc"
	PageSize  int       // the most events to return, 1 to MaxPage; 0: DefaultPage
	PageToken string    // Page.Next of the page before; the other fields but PageSize and ReadMask as they were

	// ReadMask says which fields to return; nil: all. Where none of them holds
	// text, none is read.
	ReadMask *fieldmaskpb.FieldMask
}

// A Page is some of the events that were asked for.
type Page struct {
	Events []*pb.Event // with their `seq`, in the order asked for
	Next   string      // asks for the page after this; "" on the last one
}

// Search returns a page of the tenant's events that match. Events of the same
// time are in the order of the log, or its reverse. A tenant that has no
// events has none that match. A page has fewer events than asked for where
// these are large; only an empty Next says that it is the last.
//
// In the filter, a constant that is compared with `user` stands for the
// pseudonym under which that user's events are stored.
//
// Errors: *policy.Error for the filter, with position and reason; also for a
// condition that cannot be computed for some event. *RequestError for the
// other fields.
func (e *Engine) Search(ctx context.Context, t event.Tenant, r Request) (Page, error) {
	s, err := e.search(t, r)
	if err != nil || s == nil {
		return Page{}, err
	}
	found, err := s.find(ctx, e.log.Scan(ctx, t, s.selection))
	if err != nil {
		return Page{}, err
	}
	events, n, err := page(ctx, found[:min(len(found), s.size)], s.wanted)
	if err != nil || n == len(found) {
		return Page{Events: events}, err
	}
	last := eventlog.Position{Time: found[n-1].Time, Seq: found[n-1].Seq}
	next, err := e.pageToken(t, s.identity, last)
	return Page{Events: events, Next: next}, err
}

// A search is a request made ready.
type search struct {
	selection eventlog.Selection
	condition *policy.Condition // nil: everything
	wanted    *mask             // nil: all fields
	size      int
	identity  []byte // what a page token is bound to
}

// search makes a request ready; nil where the tenant has no events.
func (e *Engine) search(t event.Tenant, r Request) (*search, error) {
	s := &search{size: r.PageSize, identity: r.identity(t)}
	var err error
	if s.size, err = pageSize(r.PageSize, DefaultPage); err != nil {
		return nil, err
	}
	if s.wanted, err = newMask(r.ReadMask); err != nil {
		return nil, err
	}
	if s.selection, err = r.selection(); err != nil {
		return nil, err
	}
	known := e.knows(t)
	if r.Filter != "" {
		if err := s.filter(r.Filter, e.pseudonyms(t, known)); err != nil {
			return nil, err
		}
	}
	if r.PageToken != "" {
		after, ok := e.position(t, s.identity, r.PageToken)
		if !ok || !known {
			return nil, &RequestError{"pageToken", "is not one that this search returned; tenant, filter, since, until and orderBy must be as they were then"}
		}
		s.selection.After = &after
	}
	if !known {
		return nil, nil
	}
	return s, nil
}

// pageSize checks a page size.
func pageSize(n, byDefault int) (int, error) {
	switch {
	case n == 0:
		return byDefault, nil
	case n < 0 || n > MaxPage:
		return 0, &RequestError{"pageSize", fmt.Sprintf("%d is not between 1 and %d", n, MaxPage)}
	}
	return n, nil
}

// selection returns the range and order asked for.
func (r Request) selection() (eventlog.Selection, error) {
	s := eventlog.Selection{Since: clamp(r.Since), Until: clamp(r.Until)}
	switch r.OrderBy {
	case "", "time desc":
		s.Order = eventlog.NewestFirst
	case "time", "time asc":
		s.Order = eventlog.OldestFirst
	case "seq", "seq asc":
		s.Order = eventlog.LogOrder
	case "seq desc":
		s.Order = eventlog.LogReverse
	default:
		return s, &RequestError{"orderBy", "is unknown: want `time desc`, `time`, `seq` or `seq desc`"}
	}
	return s, nil
}

// clamp returns a bound within the times that the log can compare: whole
// nanoseconds in 64 bits around 1970. No event is outside 1970 to 2200.
func clamp(t time.Time) time.Time {
	switch year := t.Year(); {
	case t.IsZero():
		return t
	case year < 1970:
		return time.Unix(0, 0).UTC()
	case year > 2200:
		return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// filter compiles a condition and hands what it demands of indexed fields and
// of time to the selection.
func (s *search) filter(expr string, pseudonym func(string) (string, error)) error {
	c, err := policy.Compile(expr)
	if err != nil {
		return err
	}
	if s.condition, err = c.Rewrite(pseudonym); err != nil {
		return err
	}
	for _, term := range s.condition.Terms() {
		s.selection.Terms = append(s.selection.Terms, eventlog.Term{Field: eventlog.Field(term.Field), Values: term.Values})
	}
	s.selection.Words = s.condition.Words()
	since, until := s.condition.Between()
	since, until = clamp(since), clamp(until)
	if since.After(s.selection.Since) {
		s.selection.Since = since
	}
	if sel := s.selection.Until; !until.IsZero() && (sel.IsZero() || until.Before(sel)) {
		s.selection.Until = until
	}
	return nil
}

// pseudonyms returns what turns a user of the tenant into the stored
// pseudonym. A tenant without events has no key for pseudonyms, and a search
// must not make one: users are then left as they are.
func (e *Engine) pseudonyms(t event.Tenant, known bool) func(string) (string, error) {
	if !known {
		return func(user string) (string, error) { return user, nil }
	}
	return func(user string) (string, error) {
		return redaction.User(user, func(value string) (string, error) { return e.log.Pseudonym(t, value) })
	}
}

// find returns the first entries that match: one more than fit the page if
// there are as many, so that one knows whether it is the last.
func (s *search) find(ctx context.Context, scan iter.Seq2[*eventlog.Entry, error]) ([]*eventlog.Entry, error) {
	want := s.size + 1
	var found, batch []*eventlog.Entry
	limit := min(want, maxBatch)
	for entry, err := range scan {
		if err != nil {
			return nil, err
		}
		if batch = append(batch, entry); len(batch) < limit {
			continue
		}
		if found, err = s.sift(ctx, found, batch); err != nil {
			return nil, err
		}
		if len(found) >= want {
			return found[:want], nil
		}
		batch, limit = nil, min(2*limit, maxBatch)
	}
	found, err := s.sift(ctx, found, batch)
	return found[:min(len(found), want)], err
}

// maxBatch is how many entries are matched at a time. Where events were not
// appended in the order of their times, an order by time leads back and forth
// between blocks; a large batch, matched in the order of the log, opens each
// block once. Searches that match much begin with less, so that they do not
// match in vain.
const maxBatch = 1 << 16

// sift appends to found what matches of batch.
func (s *search) sift(ctx context.Context, found, batch []*eventlog.Entry) ([]*eventlog.Entry, error) {
	if s.condition == nil {
		return append(found, batch...), nil
	}
	matches := make([]bool, len(batch))
	err := shared(ctx, bySeq(batch), func(i int) (err error) {
		matches[i], err = s.match(batch[i])
		return err
	})
	for i, entry := range batch {
		if matches[i] {
			found = append(found, entry)
		}
	}
	return found, err
}

// match tells whether one event matches. Forgotten events do not.
func (s *search) match(entry *eventlog.Entry) (bool, error) {
	read := entry.Event
	if s.condition.MetaOnly() {
		read = entry.Meta
	}
	e, err := read()
	if errors.Is(err, eventlog.ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.condition.Match(e)
}

// page reads events until the page is full and returns them, and of how many
// entries they are: forgotten ones are left out.
func page(ctx context.Context, entries []*eventlog.Entry, wanted *mask) (events []*pb.Event, n int, err error) {
	size := 0
	for part := range slices.Chunk(entries, stretch) {
		read, err := load(ctx, part, wanted)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range read {
			if e != nil {
				size += proto.Size(e)
				if size > pageBytes && len(events) > 0 {
					return events, n, nil
				}
				events = append(events, e)
			}
			n++
		}
	}
	return events, n, nil
}
