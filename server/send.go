package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"google.golang.org/grpc"
)

// errSlowReader says that a stream ended because its reader took nothing of it
// for too long.
var errSlowReader = errors.New("the reader of this call took nothing for a minute")

// A sender sends a stream whose reader may keep nobody waiting for longer than
// writeTimeout: sending itself waits for as long as the reader stays. Not safe
// for concurrent use.
type sender[T any] struct {
	pieces chan *T
	ended  chan error // what came of sending, once
}

// newSender begins to send over out. What blocks in it ends with the call.
func newSender[T any](out grpc.ServerStreamingServer[T]) *sender[T] {
	s := &sender[T]{make(chan *T), make(chan error, 1)}
	go func() {
		for piece := range s.pieces {
			if err := out.Send(piece); err != nil {
				s.ended <- err
				return
			}
		}
		s.ended <- nil
	}()
	return s
}

// send hands on one piece. After an error nothing more may be sent but end.
func (s *sender[T]) send(ctx context.Context, piece *T) error {
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case s.pieces <- piece:
		return nil
	case err := <-s.ended:
		s.ended <- err // for end
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return errSlowReader
	}
}

// end waits until everything is sent. It is called once, always.
func (s *sender[T]) end(ctx context.Context) error {
	close(s.pieces)
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case err := <-s.ended:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return errSlowReader
	}
}

// stream calls do with what sends over out: for as long as the reader takes what
// is sent, the call is not cancelled and the server does not stop.
func stream[T any](out grpc.ServerStreamingServer[T], draining <-chan struct{}, do func(ctx context.Context, send func(*T) error) error) error {
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	go func() {
		select {
		case <-draining:
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	pieces := newSender(out)
	err := do(ctx, func(piece *T) error { return pieces.send(ctx, piece) })
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel(err) // What waits to be sent is not waited for.
	}
	return cmp.Or(err, pieces.end(ctx))
}

// errStopping ends the calls that run when the server is to stop.
var errStopping = fmt.Errorf("the server is stopping: %w", ErrUnavailable)

// streamTo sends what is found over out, each piece when due returns, and takes
// the next one only when there is room for it: a reader that is slow holds up
// what finds, and one that takes nothing for writeTimeout ends it. Where pieces
// are small it costs less than a sender: none changes hands.
func streamTo[T any](out grpc.ServerStreamingServer[T], found iter.Seq2[*T, error], due func(context.Context, *T) error) error {
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	slow, ended := make(chan struct{}, 1), make(chan error, 1)
	late := time.AfterFunc(writeTimeout, func() { slow <- struct{}{} })
	late.Stop()
	go func() {
		ended <- recovered(func() error {
			for piece, err := range found {
				if err != nil {
					return err
				}
				if err := due(ctx, piece); err != nil {
					return err
				}
				late.Reset(writeTimeout)
				err := out.Send(piece)
				late.Stop()
				if err != nil {
					return err
				}
			}
			return nil
		})()
	}()
	select {
	case err := <-ended:
		return err
	case <-slow: // What waits to be sent ends with the call.
		return errSlowReader
	}
}
