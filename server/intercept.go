package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// unaryTimeout bounds a call that answers with one message.
const unaryTimeout = time.Minute

// unary is around every call that answers with one message.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	ctx, cancel := context.WithTimeout(ctx, unaryTimeout)
	defer cancel()
	err = s.observe(ctx, info.FullMethod, func() (err error) {
		resp, err = handle(ctx, req)
		return err
	})
	return resp, err
}

// stream is around every call that answers with a stream.
func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return s.observe(ss.Context(), info.FullMethod, func() error { return handle(srv, ss) })
}

// observe calls do, counts it, and turns its error into a status.
func (s *Server) observe(ctx context.Context, method string, do func() error) error {
	done := s.metrics.begin(method)
	if !endsWith(method) {
		do = recovered(do)
	}
	err := do()
	if err == nil {
		done(0)
		return nil
	}
	st, request := statusOf(err)
	if request != "" {
		s.log.ErrorContext(ctx, "call failed", "method", shortMethod(method), "request", request, "err", err)
	}
	done(st.Code())
	return st.Err()
}

// endsWith tells whether a panic in a method ends the process: what is in memory may
// then not be what is on record, and what is kept, or is to go, is decided by it.
// JetStream delivers again, and a start reads the record.
func endsWith(method string) bool {
	switch method {
	case pb.EventService_PublishEvents_FullMethodName, pb.PolicyService_ApplyPolicy_FullMethodName,
		pb.RetentionService_PlaceHold_FullMethodName, pb.RetentionService_ExtendHold_FullMethodName, pb.RetentionService_ReleaseHold_FullMethodName,
		pb.RetentionService_EraseEvents_FullMethodName, pb.RetentionService_ExpireEvents_FullMethodName, pb.RetentionService_ConfirmRetention_FullMethodName:
		return true
	}
	return false
}

// recovered makes an error of a panic in do. The error says where it was, and
// what only where that cannot be content.
func recovered(do func() error) func() error {
	return func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				what := fmt.Sprintf("%T", p)
				if r, is := p.(runtime.Error); is {
					what = r.Error()
				}
				err = fmt.Errorf("panic: %s\n%s", what, debug.Stack())
			}
		}()
		return do()
	}
}

// discard is the logger of who gave none.
func discard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
