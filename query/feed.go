package query

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func isErased(err error) bool { return errors.Is(err, eventlog.ErrErased) }

// Found is one event of a search that streams.
type Found struct {
	Event *pb.Event // with its `seq`
	Match *pb.Match // where it says what was looked for, if Snippets was set
}

// An End is how a search that streams ended.
type End struct {
	Next        string // asks for what comes after what was handed on; "" if that was all
	TimedOut    bool   // the time was up
	Explanation *pb.Explanation
}

// Stream hands on the events that a search finds as they are found, in order, up
// to r.PageSize of them; 0: all. It reads up to a stretch of them ahead. Errors
// are those of Search, and what found returns.
func (e *Engine) Stream(ctx context.Context, t event.Tenant, r Request, found func(Found) error) (End, error) {
	want := r.PageSize
	if want < 0 {
		return End{}, &RequestError{"pageSize", "is below 0"}
	}
	r.PageSize = 0
	s, err := e.search(t, r)
	if err != nil || s == nil {
		return End{}, err
	}
	handed, more := 0, false
	var last eventlog.Position
	limit := 0
	if want > 0 {
		limit = want + 1 // as in Search
	}
	at, err := s.run(ctx, e.log, limit, func(some []*eventlog.Entry) error {
		if want > 0 && handed+len(some) > want {
			some, more = some[:want-handed], true
		}
		for len(some) > 0 {
			p, n, err := s.page(ctx, some)
			if err != nil {
				return err
			}
			for i, ev := range p.Events {
				f := Found{Event: ev}
				if s.snippets {
					f.Match = p.Matches[i]
				}
				if err := found(f); err != nil {
					return err
				}
			}
			last = eventlog.Position{Time: some[n-1].Time, Seq: some[n-1].Seq}
			handed, some = handed+n, some[n:]
		}
		return nil
	})
	if err != nil {
		return End{}, err
	}
	end := End{TimedOut: at != nil, Explanation: s.explanation()}
	if more {
		at, end.TimedOut = &last, false
	}
	if at != nil {
		end.Next, err = e.pageToken(t, s.identity, *at)
	}
	return end, err
}

// Count is how far a count has come.
type Count struct {
	Count, Examined int64
	Done, Blocks    int  // blocks that are done, of those that may have any
	TimedOut        bool // on the last one: there are Count or more
	Explanation     *pb.Explanation
}

// Count counts the events that a search would find, and tells after each block how
// far it is, on any goroutine but one at a time. r has no order, page and mask.
// Errors are those of Search, and what progress returns.
func (e *Engine) Count(ctx context.Context, t event.Tenant, r Request, progress func(Count) error) (Count, error) {
	for field, set := range map[string]bool{
		"orderBy": r.OrderBy != "", "pageSize": r.PageSize != 0, "pageToken": r.PageToken != "", "readMask": r.ReadMask != nil, "snippets": r.Snippets,
	} {
		if set {
			return Count{}, &RequestError{field, "does not go with counting"}
		}
	}
	s, err := e.search(t, r)
	if err != nil || s == nil {
		return Count{}, err
	}
	var mu sync.Mutex
	var c Count
	at, err := e.log.EachBlock(ctx, t, s.selection, runtime.GOMAXPROCS(0), func(entries []*eventlog.Entry, at eventlog.Sweep) error {
		n, err := s.count(ctx, entries)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		c.Count, c.Examined = c.Count+n, c.Examined+int64(len(entries))
		c.Done, c.Blocks = max(c.Done, at.Done), at.Blocks
		return progress(c)
	})
	c.Done, c.Blocks = at.Done, at.Blocks
	if _, paused := errors.AsType[*eventlog.Paused](err); paused {
		c.TimedOut, err = true, nil
	}
	s.examined, s.matched = c.Examined, c.Count
	c.Explanation = s.explanation()
	return c, err
}

// count returns how many of the entries match.
func (s *search) count(ctx context.Context, entries []*eventlog.Entry) (n int64, err error) {
	if s.decided() {
		return int64(len(entries)), nil
	}
	if len(entries) == 0 {
		return 0, nil
	}
	turn := entries[0].Turn()
	defer turn.End()
	for _, entry := range entries {
		if err := turn.Next(ctx); err != nil {
			return 0, err
		}
		ok, err := s.match(entry)
		if err != nil {
			return 0, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}
