package server

import (
	"context"
	"maps"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
)

// inner is how the gateway reaches the gRPC server of this process. A call that
// only reads and answers with one message runs in the caller's goroutine, with
// the interceptor around it as any other: over a connection, even one in
// memory, waking the goroutines at its ends costs as much as the read. The
// other calls take such a connection: streams, and what must not go on after a
// panic, which net/http would recover. Safe for concurrent use.
type inner struct {
	*grpc.ClientConn // for what is not in methods
	server           *grpc.Server
	listener         *bufconn.Listener

	methods map[string]method // by the full name
	around  grpc.UnaryServerInterceptor

	ending context.Context // ends the calls of methods
	end    context.CancelFunc

	mu      sync.Mutex // guards what follows
	stopped bool
	calls   sync.WaitGroup // of methods; none are added once stopped
}

// A method is one that inner calls by itself.
type method struct {
	service any
	handle  grpc.MethodHandler
}

// newInner connects the gateway, on first use. It may have as many calls at a
// time as there may be connections over HTTP.
func (s *Server) newInner() (*inner, error) {
	in := &inner{server: s.newGRPC(maxConns), listener: bufconn.Listen(innerBuffer), methods: map[string]method{}, around: s.unary}
	in.ending, in.end = context.WithCancel(context.Background())
	s.register(in)
	maps.DeleteFunc(in.methods, func(name string, _ method) bool { return endsWith(name) })
	var err error
	in.ClientConn, err = grpc.NewClient("passthrough:///inner",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return in.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse), grpc.MaxCallSendMsgSize(maxRequest)),
	)
	return in, err
}

// RegisterService implements grpc.ServiceRegistrar.
func (in *inner) RegisterService(desc *grpc.ServiceDesc, service any) {
	for _, m := range desc.Methods {
		in.methods["/"+desc.ServiceName+"/"+m.MethodName] = method{service, m.Handler}
	}
}

// Invoke implements grpc.ClientConnInterface.
func (in *inner) Invoke(ctx context.Context, name string, request, reply any, options ...grpc.CallOption) error {
	m, ok := in.methods[name]
	if !ok {
		return in.ClientConn.Invoke(ctx, name, request, reply, options...)
	}
	if err := in.begin(); err != nil {
		return err
	}
	defer in.calls.Done()
	// A request's own context outlives its connection where the client has sent
	// more than the request.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.ending, cancel)()
	receive := func(into any) error {
		proto.Merge(into.(proto.Message), request.(proto.Message))
		return nil
	}
	answer, err := m.handle(m.service, ctx, receive, in.around)
	if err != nil {
		return err
	}
	proto.Merge(reply.(proto.Message), answer.(proto.Message))
	return nil
}

func (in *inner) begin() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		return status.Error(codes.Unavailable, "the server is stopping")
	}
	in.calls.Add(1)
	return nil
}

// Close ends the calls that run, refuses those that come later, and returns
// when there are none.
func (in *inner) Close() error {
	in.mu.Lock()
	in.stopped = true
	in.mu.Unlock()
	in.end()
	in.calls.Wait()
	return in.ClientConn.Close()
}
