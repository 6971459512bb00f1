package server

import (
	"context"
	"errors"
	"iter"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A stream of frames for a test: as many as there are, counted as they are
// asked for.
type endless struct {
	pb.UnimplementedSessionServiceServer
	bytes int                                    // of each frame
	due   func(context.Context, *pb.Frame) error // as in streamTo
	found int
	ended error         // what came of it
	done  chan struct{} // closed when it has ended
}

func (s *endless) ReplaySession(_ *pb.ReplaySessionRequest, out grpc.ServerStreamingServer[pb.Frame]) error {
	var frames iter.Seq2[*pb.Frame, error] = func(yield func(*pb.Frame, error) bool) {
		for {
			if s.found++; !yield(&pb.Frame{Text: strings.Repeat("x", s.bytes)}, nil) {
				return
			}
		}
	}
	s.ended = streamTo(out, frames, s.due)
	close(s.done)
	st, _ := statusOf(s.ended)
	return st.Err()
}

// replayEndless calls an endless over a connection in memory.
func replayEndless(t *testing.T, s *endless) (pb.SessionService_ReplaySessionClient, context.CancelFunc) {
	t.Helper()
	s.done = make(chan struct{})
	if s.due == nil {
		s.due = func(ctx context.Context, _ *pb.Frame) error { return ctx.Err() }
	}
	listener := bufconn.Listen(64 << 10)
	server := grpc.NewServer()
	pb.RegisterSessionServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		server.Stop()
	})
	stream, err := pb.NewSessionServiceClient(conn).ReplaySession(ctx, new(pb.ReplaySessionRequest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	return stream, cancel
}

// A reader that stops holds up the search for more, so that the server holds
// what fits into the connection and no more; and after a minute it is told so.
func TestStreamWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &endless{bytes: 32 << 10}
		stream, _ := replayEndless(t, s)
		began := time.Now()
		synctest.Wait() // until nothing goes on any more
		if got := s.found; got > 16 {
			t.Errorf("%d frames of 32 KiB were asked for and one was read", got)
		}
		for range 8 {
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		before := s.found
		<-s.done
		if took := time.Since(began); took != writeTimeout || !errors.Is(s.ended, errSlowReader) {
			t.Errorf("ended after %v with %v, want errSlowReader after %v", took, s.ended, writeTimeout)
		}
		if s.found != before {
			t.Errorf("%d more frames were asked for", s.found-before)
		}
		for {
			if _, err := stream.Recv(); err != nil {
				if status.Code(err) != codes.DeadlineExceeded {
					t.Errorf("the reader got %v, want DEADLINE_EXCEEDED", err)
				}
				return
			}
		}
	})
}

// A reader that leaves ends the stream at once, whatever it waits for: for the
// reader, or for the time of the next frame.
func TestStreamEndsWithItsReader(t *testing.T) {
	hour := func(ctx context.Context, _ *pb.Frame) error {
		p, err := newPace(1, nil)
		return errors.Join(err, p.wait(ctx, 3_600_000))
	}
	first := true
	for name, due := range map[string]func(context.Context, *pb.Frame) error{
		"full": nil,
		"between frames": func(ctx context.Context, f *pb.Frame) error {
			if first {
				first = false
				return nil
			}
			return hour(ctx, f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &endless{bytes: 32 << 10, due: due}
				_, leave := replayEndless(t, s)
				synctest.Wait()
				began := time.Now()
				leave()
				<-s.done
				if took := time.Since(began); took > 100*time.Millisecond || !errors.Is(s.ended, context.Canceled) && status.Code(s.ended) != codes.Canceled {
					t.Errorf("ended after %v with %v, want at once, cancelled", took, s.ended)
				}
			})
		})
	}
}
