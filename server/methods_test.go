package server_test

import (
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Invariant 8, and what clients decide on: whatever method is called for what is
// no tenant refuses it, by the field's name and with a reason; and no method says
// that something is wrong without one.
func TestEveryMethodRefuses(t *testing.T) {
	s := startExporting(t)
	s.must(interaction("e1", "c-1", "hello", "good day"))
	seen := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("afterimage.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for i := range methods.Len() {
				method := methods.Get(i)
				seen++
				for _, tenant := range []string{"", "a.b", "acme\x00", "other"} {
					checkRefusal(t, s.conn, method, tenant)
				}
			}
		}
		return true
	})
	if seen < 20 {
		t.Errorf("only %d methods were called", seen)
	}
}

func checkRefusal(t *testing.T, conn *grpc.ClientConn, method protoreflect.MethodDescriptor, tenant string) {
	t.Helper()
	request := dynamicpb.NewMessage(method.Input())
	field := method.Input().Fields().ByName("tenant")
	if field != nil {
		request.Set(field, protoreflect.ValueOfString(tenant))
	}
	st := status.Convert(call(t, conn, method, request))
	if st.Code() != codes.OK && infoOf(st).GetDomain() != "afterimage" {
		t.Errorf("%s of tenant %q: %v, without a reason", method.FullName(), tenant, st)
	}
	if field != nil && tenant != "other" && (st.Code() != codes.InvalidArgument || violation(st) != "tenant") {
		t.Errorf("%s of tenant %q: got %v, want a violation of tenant", method.FullName(), tenant, st)
	}
}

// call makes a call and returns the error that its first answer is.
func call(t *testing.T, conn *grpc.ClientConn, method protoreflect.MethodDescriptor, request *dynamicpb.Message) error {
	path := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	answer := dynamicpb.NewMessage(method.Output())
	if !method.IsStreamingServer() {
		return conn.Invoke(t.Context(), path, request, answer)
	}
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, path)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(answer)
}

func infoOf(st *status.Status) *errdetails.ErrorInfo {
	for _, d := range st.Details() {
		if info, is := d.(*errdetails.ErrorInfo); is {
			return info
		}
	}
	return nil
}
