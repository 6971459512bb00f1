package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Bounds and defaults of a SimilarRequest and a ClusterRequest.
const (
	DefaultThreshold = 0.4     // of texts of four words and more; see SimilarRequest
	MinThreshold     = 0.2     // below it hardly any text is left out by its sketch
	MaxText          = 1 << 20 // bytes
	MaxResults       = 1_000
	DefaultResults   = 50
	// maxSeqs is how many positions are given of the events with one text.
	maxSeqs = 100
)

// A SimilarRequest asks for texts that are nearly the same as one: of Seq, ID
// and Text just one is set.
type SimilarRequest struct {
	Seq  *event.Seq // the position of an event
	ID   string     // the id of one
	Text string     // the text itself, as it would be stored; up to MaxText bytes

	// Voices are which texts of an event are compared; the text of the event that
	// is asked for is that of the first voice that says any. None: what was
	// generated, and what was shown.
	Voices []event.Voice
	// Threshold is how alike texts are at least, MinThreshold to 1. 0: DefaultThreshold,
	// or, for a text of two or three words, as much as one changed word leaves.
	Threshold float64

	Filter     string    // a CEL condition, as in a Request
	Since      time.Time // only events at or after; zero: no bound
	Until      time.Time // only events before; zero: no bound
	MaxResults int       // 1 to MaxResults; 0: DefaultResults

	// ReadMask says which fields of each text's event to return; nil: all but
	// texts.
	ReadMask *fieldmaskpb.FieldMask
}

// Similar is what is nearly the same.
type Similar struct {
	Texts     []SimilarText // the most alike first
	Count     int           // of all texts, with those beyond MaxResults
	Reach     Reach         // of all of them
	Threshold float64       // that applied
	Work      eventlog.AlikeWork
}

// A SimilarText is a text that is nearly the same.
type SimilarText struct {
	Text       string  // its beginning
	Similarity float64 // up to 1
	Reach      Reach
	Event      *pb.Event   // the first in the log that has it
	Seqs       []event.Seq // of the events that have it, ascending; up to 100
}

// A Reach is how many events there are of something.
type Reach struct {
	Events   int
	Weighted float64 // how many there were by estimate: the sum of 1/probability of their capture, where it is known
	Unknown  int     // events of which it is not known
}

func (r *Reach) add(probability float64) {
	r.Events++
	if probability > 0 {
		r.Weighted += 1 / probability
	} else {
		r.Unknown++
	}
}

// Similar finds the tenant's texts that are nearly the same as one; see
// eventlog.Log.Alike for what is missed. A tenant without events has none.
//
// Errors: as of Search; eventlog.ErrNotFound or ErrErased for the event that is
// asked for, *RequestError where it says nothing.
func (e *Engine) Similar(ctx context.Context, t event.Tenant, r SimilarRequest) (*Similar, error) {
	s, like, err := e.similar(ctx, t, r)
	if err != nil {
		return nil, err
	}
	out := &Similar{Threshold: like.Threshold}
	if s == nil {
		return out, nil
	}
	found, err := e.log.Alike(ctx, t, s.selection, like)
	if err != nil {
		return nil, err
	}
	out.Work = found.Work
	texts, err := s.keep(ctx, found.Texts)
	if err != nil {
		return nil, err
	}
	out.Count = len(texts)
	out.Reach = reachOf(texts)
	out.Texts, err = s.show(ctx, texts[:min(len(texts), s.size)])
	return out, err
}

// similar makes a request ready; the search is nil where the tenant has no
// events.
func (e *Engine) similar(ctx context.Context, t event.Tenant, r SimilarRequest) (*search, eventlog.Likeness, error) {
	like := eventlog.Likeness{Voices: said(r.Voices)}
	var err error
	if like.Threshold, err = threshold(r.Threshold); err != nil {
		return nil, like, err
	}
	size, err := bounded("maxResults", r.MaxResults, DefaultResults, MaxResults)
	if err != nil {
		return nil, like, err
	}
	s, err := e.search(t, Request{Filter: r.Filter, Since: r.Since, Until: r.Until, ReadMask: r.ReadMask})
	if err != nil {
		return nil, like, err
	}
	if like.Text, err = e.wanted(ctx, t, r, like.Voices); err != nil || s == nil {
		return nil, like, err
	}
	if n := len(words.Of(like.Text)); r.Threshold == 0 && 1 < n && n < 4 {
		like.Threshold = float64(n-1) / float64(n+3)
	}
	s.size = size
	return s, like, nil
}

// said returns which texts are compared.
func said(voices []event.Voice) []event.Voice {
	if len(voices) == 0 {
		return []event.Voice{event.Generated, event.Shown}
	}
	return voices
}

func threshold(given float64) (float64, error) {
	switch {
	case given == 0:
		return DefaultThreshold, nil
	case given >= MinThreshold && given <= 1:
		return given, nil
	}
	return 0, &RequestError{"threshold", fmt.Sprintf("is not between %v and 1", MinThreshold)}
}

// bounded checks how many of something are asked for.
func bounded(field string, n, byDefault, most int) (int, error) {
	switch {
	case n == 0:
		return byDefault, nil
	case n < 0 || n > most:
		return 0, &RequestError{field, fmt.Sprintf("%d is not between 1 and %d", n, most)}
	}
	return n, nil
}

// wanted returns the text that is looked for.
func (e *Engine) wanted(ctx context.Context, t event.Tenant, r SimilarRequest, voices []event.Voice) (string, error) {
	if n := len(r.Text); n > MaxText {
		return "", &RequestError{"text", fmt.Sprintf("has %d bytes, the limit is %d", n, MaxText)}
	}
	var like *pb.Event
	var err error
	field := "seq"
	switch {
	case (r.Seq != nil) == (r.ID != "" || r.Text != "") || r.ID != "" && r.Text != "":
		return "", &RequestError{"like", "is missing: give one of seq, id and text"}
	case r.Text != "":
		return r.Text, nil
	case r.Seq != nil:
		like, err = e.Get(ctx, t, *r.Seq)
	default:
		field = "id"
		like, err = e.Lookup(ctx, t, r.ID)
	}
	if err != nil {
		return "", err
	}
	for _, v := range voices {
		if text := event.TextOf(like, v); text != "" {
			return text, nil
		}
	}
	return "", &RequestError{field, "names an event that has no such text"}
}

// keep leaves of the texts the events that match, and the texts that have any.
func (s *search) keep(ctx context.Context, texts []eventlog.AlikeText) ([]eventlog.AlikeText, error) {
	if s.condition == nil {
		return texts, nil
	}
	var all []*eventlog.Entry
	for _, t := range texts {
		for i := range t.Sightings {
			all = append(all, &t.Sightings[i].Entry)
		}
	}
	matches := make([]bool, len(all))
	if err := shared(ctx, all, func(i int) (err error) {
		matches[i], err = s.match(all[i])
		return err
	}); err != nil {
		return nil, err
	}
	kept := texts[:0]
	for _, t := range texts {
		seen := t.Sightings[:0]
		for i, s := range t.Sightings {
			if matches[i] {
				seen = append(seen, s)
			}
		}
		matches = matches[len(t.Sightings):]
		if t.Sightings, t.Events = seen, len(seen); len(seen) > 0 {
			kept = append(kept, t)
		}
	}
	return kept, nil
}

// reachOf returns how far texts reach together. An event counts once.
func reachOf(texts []eventlog.AlikeText) (all Reach) {
	twice := map[event.Seq]bool{}
	for _, t := range texts {
		for _, s := range t.Sightings {
			if s.Twice {
				if twice[s.Seq] {
					continue
				}
				twice[s.Seq] = true
			}
			all.add(s.Probability)
		}
		all.Events += t.Events - len(t.Sightings)
		all.Unknown += t.Events - len(t.Sightings)
	}
	return all
}

// show returns what is told of texts, as many as fit a page.
func (s *search) show(ctx context.Context, texts []eventlog.AlikeText) ([]SimilarText, error) {
	firsts, beside := make([]*eventlog.Entry, len(texts)), make([]int, len(texts))
	for i, t := range texts {
		firsts[i], beside[i] = &t.Sightings[0].Entry, besideEvent(t.Text, len(t.Sightings))
	}
	events, err := describe(ctx, firsts, beside, s.wanted)
	if err != nil {
		return nil, err
	}
	out := make([]SimilarText, len(events))
	for i, e := range events {
		t := texts[i]
		out[i] = SimilarText{Text: t.Text, Similarity: t.Similarity, Reach: reachOf(texts[i : i+1]), Event: e}
		for _, s := range t.Sightings[:min(len(t.Sightings), maxSeqs)] {
			out[i].Seqs = append(out[i].Seqs, s.Seq)
		}
	}
	return out, nil
}

// besideEvent is how many bytes at most are told, encoded, of a text or a cluster
// beside an event: a text, so many positions, and some numbers.
func besideEvent(text string, seqs int) int {
	return len(text) + 10*min(seqs, maxSeqs) + 96
}

// describe returns what is wanted of events, all but texts if nothing is said, as
// many as fit a page with what is told beside each. Of one that was forgotten
// meanwhile there is nothing but its position.
func describe(ctx context.Context, entries []*eventlog.Entry, beside []int, wanted *mask) (events []*pb.Event, err error) {
	size := 0
	for part := range slices.Chunk(entries, stretch) {
		read := make([]*pb.Event, len(part))
		if err := shared(ctx, part, func(i int) (err error) {
			read[i], err = brief(part[i], wanted)
			return err
		}); err != nil {
			return nil, err
		}
		for _, e := range read {
			if size += proto.Size(e) + beside[len(events)]; size > pageBytes && len(events) > 0 {
				return events, nil
			}
			events = append(events, e)
		}
	}
	return events, nil
}

func brief(entry *eventlog.Entry, wanted *mask) (e *pb.Event, err error) {
	if wanted != nil {
		e, err = wanted.read(entry)
	} else if e, err = entry.Meta(); errors.Is(err, eventlog.ErrErased) {
		e, err = nil, nil
	}
	if err == nil && e == nil {
		e = &pb.Event{Seq: new(uint64(entry.Seq))}
	}
	return e, err
}
