package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// MinTimeout is the shortest time that a search may be given.
const MinTimeout = 10 * time.Millisecond

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
	Filter    string         // a CEL condition, see package policy; "": everything
	Text      string         // what the event's texts say, see parseText; "": whatever they say
	TextKinds event.TextKind // which texts Text looks into; 0: all
	Since     time.Time      // only events at or after; zero: no bound
	Until     time.Time      // only events before; zero: no bound
	OrderBy   string         // "time desc" or "", newest first; "time", oldest first; "seq", log order; "seq desc"
	PageSize  int            // the most events to return, 1 to MaxPage; 0: DefaultPage
	PageToken string         // Page.Next of the page before; the fields above but PageSize as they were then

	// ReadMask says which fields to return; nil: all. Where none of them holds
	// text, none is read.
	ReadMask *fieldmaskpb.FieldMask
	Snippets bool // return where the events say what Text looks for
	// Timeout is after how long what was found so far is returned; 0: never.
	Timeout time.Duration
	Explain bool // return how the answer was found
}

// A Page is some of the events that were asked for.
type Page struct {
	Events   []*pb.Event // with their `seq`, in the order asked for
	Matches  []*pb.Match // of each, if Snippets was set
	Next     string      // asks for the page after this; "" on the last one
	TimedOut bool        // the time was up before the page was full

	Explanation *pb.Explanation // how it was found, if Explain was set
}

// Search returns a page of the tenant's events that match. Events of the same
// time are in the order of the log, or its reverse. A tenant that has no
// events has none that match. A page has fewer events than asked for where
// these are large or the time is up; only an empty Next says that it is the
// last.
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
	found, at, err := s.find(ctx, e.log)
	if err != nil {
		return Page{}, err
	}
	p, n, err := s.page(ctx, found[:min(len(found), s.size)])
	if err != nil {
		return Page{}, err
	}
	p.Explanation = s.explanation()
	if n < len(found) { // There are more, known already.
		at = &eventlog.Position{Time: found[n-1].Time, Seq: found[n-1].Seq}
		p.TimedOut = n < s.size && s.late()
	} else {
		p.TimedOut = at != nil
	}
	if at != nil {
		p.Next, err = e.pageToken(t, s.identity, *at)
	}
	return p, err
}

// A search is a request made ready.
type search struct {
	tenant    event.Tenant
	selection eventlog.Selection
	condition *policy.Condition // nil: everything
	text      *textQuery        // nil: whatever is said
	kinds     []string          // nil: any, or those of the selection
	users     []string          // nil: anybody's, or those of the selection
	apart     bool              // what is matched was not found by the selection
	unsure    bool              // what the condition cannot be computed for matches
	wanted    *mask             // nil: all fields
	snippets  bool
	size      int
	identity  []byte // what a page token is bound to

	scratches         sync.Pool // of *scratch
	began             time.Time
	examined, matched int64 // events so far
}

// search makes a request ready; nil where the tenant has no events.
func (e *Engine) search(t event.Tenant, r Request) (*search, error) {
	s := &search{tenant: t, size: r.PageSize, snippets: r.Snippets, identity: r.identity(t), began: time.Now()} //nolint:forbidigo // It is no evidence.
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
	terms, err := parseText(r.Text)
	if err != nil {
		return nil, err
	}
	known := e.knows(t)
	if r.Filter != "" {
		if err := s.filter(r.Filter, e.pseudonyms(t, known)); err != nil {
			return nil, err
		}
	}
	s.text = newTextQuery(terms, r.TextKinds)
	if s.text == nil && r.Snippets {
		return nil, &RequestError{"snippets", "go with text"}
	}
	if s.text == nil && r.TextKinds != 0 {
		return nil, &RequestError{"textKinds", "go with text"}
	}
	demand(terms, &s.selection)
	if r.Timeout != 0 {
		if r.Timeout < MinTimeout {
			return nil, &RequestError{"timeout", fmt.Sprintf("is below %v", MinTimeout)}
		}
		s.selection.Deadline = s.began.Add(r.Timeout)
	}
	if r.Explain {
		s.selection.Stats = new(eventlog.Stats)
	}
	if r.PageToken != "" {
		after, ok := e.position(t, s.identity, r.PageToken)
		if !ok || !known {
			return nil, &RequestError{"pageToken", "is not one that this search returned; tenant, filter, text, since, until and orderBy must be as they were then"}
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
	if !r.Since.IsZero() && !r.Until.IsZero() && !r.Since.Before(r.Until) {
		return s, &RequestError{"until", "is not after since: nothing is between them"}
	}
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
		if err := areKinds(term); err != nil {
			return err
		}
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

// areKinds refuses a term that asks for a kind that there is not: it would find
// nothing, which reads as if nothing had happened.
func areKinds(term policy.Term) error {
	if eventlog.Field(term.Field) != eventlog.FieldKind {
		return nil
	}
	for _, value := range term.Values {
		if !slices.Contains(event.Kinds(), event.Kind(value)) {
			return &RequestError{"filter", fmt.Sprintf("asks for the kind %.64q, and there are only %s", value, named(event.Kinds()))}
		}
	}
	return nil
}

// named puts kinds in a row.
func named(kinds []event.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
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

// page reads events until the page is full or the time is up, at least one, and
// returns them, and of how many entries they are: forgotten ones are left out.
func (s *search) page(ctx context.Context, entries []*eventlog.Entry) (p Page, n int, err error) {
	size := 0
	for len(entries) > n {
		part := entries[n:min(n+stretch, len(entries))]
		events, matches, err := s.load(ctx, part)
		if err != nil {
			return Page{}, 0, err
		}
		for i, e := range events {
			if e != nil {
				if size += proto.Size(e) + proto.Size(matches[i]); size > pageBytes && len(p.Events) > 0 {
					return p, n, nil
				}
				p.Events = append(p.Events, e)
				if s.snippets {
					p.Matches = append(p.Matches, matches[i])
				}
			}
			n++
		}
		if s.late() && len(p.Events) > 0 {
			break
		}
	}
	return p, n, nil
}

// load reads entries, and where each says what was looked for, if that is wanted.
func (s *search) load(ctx context.Context, entries []*eventlog.Entry) ([]*pb.Event, []*pb.Match, error) {
	events, err := load(ctx, entries, s.wanted, s.unchecked())
	matches := make([]*pb.Match, len(entries))
	if err != nil || !s.snippets {
		return events, matches, err
	}
	return events, matches, shared(ctx, entries, func(i int) (err error) {
		if events[i] != nil {
			matches[i], err = s.text.matchOf(entries[i])
		}
		return err
	})
}

// late tells whether the time is up.
func (s *search) late() bool {
	return !s.selection.Deadline.IsZero() && time.Until(s.selection.Deadline) <= 0
}

// unchecked returns what is left to be asked of an event that matches; nil if
// nothing is. The index names a term by a hash of 64 bits, so that of a condition
// that is all terms one look is left, which costs nothing where the event is read
// anyway.
func (s *search) unchecked() func(*pb.Event) (bool, error) {
	if !s.indexed() {
		return nil
	}
	return s.condition.Match
}
