package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Config says which store to speak to.
type Config struct {
	// Address is the store's gRPC address, host:port. Required.
	Address string
	// Credentials secure the connection. nil: it is in clear, as a store takes it
	// that listens on loopback.
	Credentials credentials.TransportCredentials
	// Tries is how often a call is made that the store gave no answer to, where
	// that is safe; 1 to 5, 0: 3. There are 0.1 s between the first two, and three
	// times as long between any other two, give or take a fifth. Requests over
	// 256 KiB are made once.
	Tries int
	// Dial are further options of the connection.
	Dial []grpc.DialOption
}

// defaultTries is Config.Tries where that is 0; gRPC makes 5 at most.
const (
	defaultTries = 3
	maxTries     = 5
)

// maxAnswer is the most bytes of one message: a page of large events is larger
// than gRPC's default of 4 MiB.
const maxAnswer = 64 << 20

// A Client speaks to a store. It is safe for concurrent use.
type Client struct {
	conn *grpc.ClientConn

	events     pb.EventServiceClient
	sessions   pb.SessionServiceClient
	similar    pb.SimilarityServiceClient
	analysis   pb.AnalysisServiceClient
	exports    pb.ExportServiceClient
	log        pb.LogServiceClient
	quarantine pb.QuarantineServiceClient
	policies   pb.PolicyServiceClient
	redactions pb.RedactionServiceClient
	retentions pb.RetentionServiceClient
}

// New makes a client and checks its configuration. It connects with the first
// call. Close it.
func New(cfg Config) (*Client, error) {
	if host, _, err := net.SplitHostPort(cfg.Address); err != nil || strings.Contains(host, "/") {
		return nil, fmt.Errorf("client configuration: Address %q: want host:port", cfg.Address)
	}
	if cfg.Tries < 0 || cfg.Tries > maxTries {
		return nil, fmt.Errorf("client configuration: Tries %d: want 1 to %d, or 0 for %d", cfg.Tries, maxTries, defaultTries)
	}
	if cfg.Tries == 0 {
		cfg.Tries = defaultTries
	}
	if cfg.Credentials == nil {
		cfg.Credentials = insecure.NewCredentials()
	}
	service, err := serviceConfig(cfg.Tries)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+cfg.Address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(cfg.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDefaultServiceConfig(service),
	}, cfg.Dial...)...)
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	return &Client{
		conn:   conn,
		events: pb.NewEventServiceClient(conn), sessions: pb.NewSessionServiceClient(conn),
		similar: pb.NewSimilarityServiceClient(conn), analysis: pb.NewAnalysisServiceClient(conn), exports: pb.NewExportServiceClient(conn), log: pb.NewLogServiceClient(conn), quarantine: pb.NewQuarantineServiceClient(conn),
		policies: pb.NewPolicyServiceClient(conn), redactions: pb.NewRedactionServiceClient(conn), retentions: pb.NewRetentionServiceClient(conn),
	}, nil
}

// Close ends the connection, and with it all calls.
func (c *Client) Close() error { return c.conn.Close() }

// Conn is the connection, for what the client has no method for. Errors of calls
// on it are gRPC's; FromStatus makes the client's of them.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// serviceConfig says, in gRPC's words, that methods that the protos call
// idempotent are tried again where the store is not there.
func serviceConfig(tries int) (string, error) {
	if tries == 1 {
		return "{}", nil
	}
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	names := []name{}
	protoregistry.GlobalFiles.RangeFilesByPackage("afterimage.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for i := range service.Methods().Len() {
				if m := service.Methods().Get(i); repeatable(m) {
					names = append(names, name{string(service.FullName()), string(m.Name())})
				}
			}
		}
		return true
	})
	text, err := json.Marshal(map[string]any{"methodConfig": []any{map[string]any{
		"name": names,
		"retryPolicy": map[string]any{
			"maxAttempts": tries, "initialBackoff": "0.1s", "maxBackoff": "2.7s", "backoffMultiplier": 3,
			"retryableStatusCodes": []string{"UNAVAILABLE"},
		},
	}}})
	return string(text), err
}

// repeatable tells whether a method may be called twice for once.
func repeatable(m protoreflect.MethodDescriptor) bool {
	options, _ := m.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}

// receive returns the messages of a call that answers with a stream.
func receive[M any](ctx context.Context, call func(context.Context) (grpc.ServerStreamingClient[M], error)) iter.Seq2[*M, error] {
	return func(yield func(*M, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := call(ctx)
		if err != nil {
			yield(nil, FromStatus(err))
			return
		}
		for {
			m, err := stream.Recv()
			switch {
			case err == io.EOF: //nolint:errorlint // Wrapped, it is of a call that was tried too often, and no end.
				return
			case err != nil:
				yield(nil, FromStatus(err))
				return
			case !yield(m, nil):
				return
			}
		}
	}
}

// pages returns what is on the pages of a list, one after the other. next asks
// for the page behind a token.
func pages[T any](next func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			page, after, err := next(token)
			if err != nil {
				var none T
				yield(none, FromStatus(err))
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
			}
			if token = after; token == "" {
				return
			}
		}
	}
}
