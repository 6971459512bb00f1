package server

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Generated code decodes a request before any interceptor sees it, and two
// bytes of an event can become a hundred in memory. Publish requests are
// therefore received as bytes, and decoded by the handler once they are looked
// through and there is room for them.

// An encoded is a PublishEventsRequest as it was sent.
type encoded []byte

// codec is gRPC's for protobuf, which leaves an encoded as it is.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(grpcproto.Name)} }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, is := v.(*encoded); is {
		*r = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// eventService describes EventService as the generated code does, but for how
// PublishEvents is received.
func eventService() *grpc.ServiceDesc {
	desc := pb.EventService_ServiceDesc
	desc.Methods = slices.Clone(desc.Methods)
	i := slices.IndexFunc(desc.Methods, func(m grpc.MethodDesc) bool { return m.MethodName == "PublishEvents" })
	desc.Methods[i].Handler = receivePublish
	return &desc
}

// receivePublish is a grpc.MethodHandler.
func receivePublish(srv any, ctx context.Context, receive func(any) error, around grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // gRPC has the context second.
	var r encoded
	if err := receive(&r); err != nil {
		return nil, err
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: pb.EventService_PublishEvents_FullMethodName}
	return around(ctx, r, info, func(ctx context.Context, _ any) (any, error) {
		return srv.(events).publishEncoded(ctx, r)
	})
}

// publishEncoded decodes a request and answers it.
func (s events) publishEncoded(ctx context.Context, r encoded) (*pb.PublishEventsResponse, error) {
	release, err := s.room.hold(len(r))
	if err != nil {
		return nil, err
	}
	defer release()
	elements, err := event.ScanRequest(r, event.Limits{})
	if err != nil {
		return nil, err
	}
	leave, err := s.room.enter(ctx, len(r), elements)
	if err != nil {
		return nil, err
	}
	defer leave()
	request := new(pb.PublishEventsRequest)
	if err := proto.Unmarshal(r, request); err != nil {
		return nil, fmt.Errorf("decode a request that was looked through: %w", err)
	}
	return s.PublishEvents(ctx, request)
}
