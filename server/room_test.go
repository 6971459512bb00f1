package server

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A request that finds no room gets it when it is left in time, and otherwise
// is told to try again.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		leave, err := r.enter(t.Context(), 4<<20, 1<<30) // larger than the room
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := r.enter(t.Context(), 1, 0); !errors.Is(err, ErrBusy) || time.Since(began) != roomWait {
			t.Errorf("full: %v after %v, want ErrBusy after %v", err, time.Since(began), roomWait)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.enter(ctx, 1, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("full: %v, want the caller's deadline", err)
		}
		time.AfterFunc(time.Second, leave)
		began = time.Now()
		leave, err = r.enter(t.Context(), 1, 0)
		if err != nil || time.Since(began) != time.Second {
			t.Fatalf("left after a second: %v after %v, want room", err, time.Since(began))
		}
		leave()
		release, err := r.hold(roomEncoded)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.hold(1); !errors.Is(err, ErrBusy) {
			t.Errorf("full of encoded requests: %v, want ErrBusy", err)
		}
		release()
		if _, err := r.hold(1); err != nil {
			t.Errorf("released: %v", err)
		}
	})
}

// Publishing decodes nothing that there is no room for, over gRPC and HTTP,
// and leaves the room as it found it.
func TestPublishNeedsRoom(t *testing.T) {
	encodedRequest, err := proto.Marshal(&pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{{}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, publish := range map[string]func(context.Context, *Server) error{
		"gRPC": func(ctx context.Context, s *Server) error {
			_, err := events{Server: s}.publishEncoded(ctx, encodedRequest)
			return err
		},
		"HTTP": func(ctx context.Context, s *Server) error {
			r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(`{"events":[{"id":1}]}`))
			b := s.newBody(httptest.NewRecorder(), r)
			defer func() { b.leave() }()
			return new(marshaler).decode(b, new(pb.PublishEventsRequest))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			both := newRoom()
			s := &Server{room: both, webRoom: both, now: time.Now}
			leave, err := both.enter(t.Context(), roomDecoded, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := publish(t.Context(), s); !errors.Is(err, ErrBusy) {
				t.Errorf("%s: no room to decode: %v, want ErrBusy", name, err)
			}
			leave()
			release, err := both.hold(roomEncoded)
			if err != nil {
				t.Fatal(err)
			}
			if err := publish(t.Context(), s); !errors.Is(err, ErrBusy) {
				t.Errorf("%s: no room for what was sent: %v, want ErrBusy", name, err)
			}
			release()
			if err := publish(t.Context(), s); err == nil || errors.Is(err, ErrBusy) {
				t.Errorf("%s: with room: %v, want what is wrong with the event", name, err)
			}
			if !both.encoded.TryAcquire(roomEncoded) || !both.decoded.TryAcquire(roomDecoded) {
				t.Errorf("%s: the room is not as it was", name)
			}
		})
	}
}

// Searches and verifications beyond the bound wait, and are told to come back.
func TestTooManyReadersAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{searches: semaphore.NewWeighted(maxSearches), verifies: semaphore.NewWeighted(maxVerifies)}
		if !s.searches.TryAcquire(maxSearches) || !s.verifies.TryAcquire(maxVerifies) {
			t.Fatal("no turns")
		}
		began := time.Now()
		_, err := events{Server: s}.SearchEvents(t.Context(), &pb.SearchEventsRequest{Tenant: "acme"})
		if !errors.Is(err, ErrBusy) || time.Since(began) != roomWait {
			t.Errorf("search: got %v after %v, want ErrBusy after %v", err, time.Since(began), roomWait)
		}
		err = logs{Server: s}.VerifyLog(nil, &grpc.GenericServerStream[pb.VerifyLogRequest, pb.VerifyLogResponse]{ServerStream: aStream{ctx: t.Context()}})
		if !errors.Is(err, ErrBusy) {
			t.Errorf("verify: got %v, want ErrBusy", err)
		}
	})
}

// Analyses beyond the bound wait, and are told to come back; pages are found
// meanwhile.
func TestTooManyAnalysesAtATime(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *Server) error{
		"aggregate": func(ctx context.Context, s *Server) error {
			_, err := analyses{Server: s}.AggregateEvents(ctx, &pb.AggregateEventsRequest{Tenant: "acme"})
			return err
		},
		"estimate": func(ctx context.Context, s *Server) error {
			_, err := analyses{Server: s}.EstimateEvents(ctx, &pb.EstimateEventsRequest{Tenant: "acme"})
			return err
		},
		"similar": func(ctx context.Context, s *Server) error {
			_, err := similarities{Server: s}.FindSimilarEvents(ctx, &pb.FindSimilarEventsRequest{Tenant: "acme"})
			return err
		},
		"cluster": func(ctx context.Context, s *Server) error {
			_, err := similarities{Server: s}.ClusterEvents(ctx, &pb.ClusterEventsRequest{Tenant: "acme"})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &Server{searches: semaphore.NewWeighted(maxSearches), analyses: semaphore.NewWeighted(maxAnalyses)}
			for range maxAnalyses {
				if leave, err := await(t.Context(), s.analyses, 1); err != nil {
					t.Fatal(err)
				} else {
					defer leave()
				}
			}
			began := time.Now()
			if err := ask(t.Context(), s); !errors.Is(err, ErrBusy) || time.Since(began) != roomWait {
				t.Errorf("%s: got %v after %v, want ErrBusy after %v", name, err, time.Since(began), roomWait)
			}
			if !s.searches.TryAcquire(maxSearches) {
				t.Errorf("%s: it took a turn of a search", name)
			}
		})
	}
}

// aStream is a stream that nothing is sent over.
type aStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s aStream) Context() context.Context { return s.ctx }
