package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// timeoutMargin is how long before the deadline of a call a search ends, so that
// what it found still arrives.
const timeoutMargin = 100 * time.Millisecond

// SearchEvents implements EventService.
func (s events) SearchEvents(ctx context.Context, r *pb.SearchEventsRequest) (*pb.SearchEventsResponse, error) {
	t, request, err := searchRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.searches, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	page, err := s.cfg.Query.Search(ctx, t, request)
	if err != nil {
		return nil, err
	}
	return &pb.SearchEventsResponse{
		Events: page.Events, Matches: page.Matches, NextPageToken: page.Next, TimedOut: page.TimedOut, Explanation: page.Explanation,
	}, nil
}

// StreamEvents implements EventService.
func (s events) StreamEvents(r *pb.SearchEventsRequest, out grpc.ServerStreamingServer[pb.StreamEventsResponse]) error {
	t, request, err := searchRequest(out.Context(), r)
	if err != nil {
		return err
	}
	leave, err := await(out.Context(), s.feeds, 1)
	if err != nil {
		return err
	}
	defer leave()
	return stream(out, s.draining, func(ctx context.Context, send func(*pb.StreamEventsResponse) error) error {
		end, err := s.cfg.Query.Stream(ctx, t, request, func(f query.Found) error {
			return send(&pb.StreamEventsResponse{Event: f.Event, Match: f.Match})
		})
		if err != nil {
			return err
		}
		return send(&pb.StreamEventsResponse{Done: true, NextPageToken: end.Next, TimedOut: end.TimedOut, Explanation: end.Explanation})
	})
}

// countEvery is how often a count tells how far it is, at most.
const countEvery = 200 * time.Millisecond

// CountEvents implements EventService.
func (s events) CountEvents(r *pb.SearchEventsRequest, out grpc.ServerStreamingServer[pb.CountEventsResponse]) error {
	t, request, err := searchRequest(out.Context(), r)
	if err != nil {
		return err
	}
	leave, err := await(out.Context(), s.feeds, 1)
	if err != nil {
		return err
	}
	defer leave()
	return stream(out, s.draining, func(ctx context.Context, send func(*pb.CountEventsResponse) error) error {
		var told time.Time
		c, err := s.cfg.Query.Count(ctx, t, request, func(c query.Count) error {
			if time.Since(told) < countEvery {
				return nil
			}
			told = time.Now() //nolint:forbidigo // It is no evidence.
			return send(countResponse(c))
		})
		if err != nil {
			return err
		}
		last := countResponse(c)
		last.Done = true
		return send(last)
	})
}

func countResponse(c query.Count) *pb.CountEventsResponse {
	return &pb.CountEventsResponse{
		Count: new(c.Count), Examined: c.Examined, DoneBlocks: int64(c.Done), Blocks: int64(c.Blocks),
		TimedOut: c.TimedOut, Explanation: c.Explanation,
	}
}

// searchRequest returns what is asked for.
func searchRequest(ctx context.Context, r *pb.SearchEventsRequest) (t event.Tenant, q query.Request, err error) {
	if t, err = readTenant(r.GetTenant()); err != nil {
		return t, q, err
	}
	q = query.Request{
		Filter: r.GetFilter(), Text: r.GetText(), OrderBy: r.GetOrderBy(),
		PageSize: int(r.GetPageSize()), PageToken: r.GetPageToken(), ReadMask: r.GetReadMask(),
		Snippets: r.GetSnippets(), Explain: r.GetExplain(),
	}
	if q.Since, err = instant("since", r.GetSince()); err != nil {
		return t, q, err
	}
	if q.Until, err = instant("until", r.GetUntil()); err != nil {
		return t, q, err
	}
	if q.TextKinds, err = query.KindsOf(r.GetTextKinds()); err != nil {
		return t, q, err
	}
	q.Timeout, err = timeout(ctx, r)
	return t, q, err
}

// timeout returns how long a search may take: as long as it is asked to, and no
// longer than its caller waits; 0 for as long as it takes.
func timeout(ctx context.Context, r *pb.SearchEventsRequest) (time.Duration, error) {
	d := time.Duration(0)
	if r.GetTimeout() != nil {
		if d = r.GetTimeout().AsDuration(); !r.GetTimeout().IsValid() || d <= 0 {
			return 0, &query.RequestError{Field: "timeout", Reason: "is not above 0"}
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		if left := max(time.Until(deadline)-timeoutMargin, query.MinTimeout); d == 0 || left < d {
			d = left
		}
	}
	return d, nil
}
