package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/query"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// gateway returns the handler of /v1/, a client of the gRPC server.
func (s *Server) gateway() (http.Handler, error) {
	parameters, err := parametersOf(openAPI)
	if err != nil {
		return nil, err
	}
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &marshaler{runtime.JSONPb{
			UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
		}}),
		// Session ids have slashes, percent signs and whatever else.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllCharacters),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMiddlewares(parameters.check),
		runtime.WithErrorHandler(handleError),
	)
	ctx := context.Background() // for connections that the registrations do not make
	for _, register := range []func() error{
		func() error { return pb.RegisterEventServiceHandlerClient(ctx, mux, pb.NewEventServiceClient(s.inner)) },
		func() error {
			return pb.RegisterSessionServiceHandlerClient(ctx, mux, pb.NewSessionServiceClient(s.inner))
		},
		func() error { return pb.RegisterLogServiceHandlerClient(ctx, mux, pb.NewLogServiceClient(s.inner)) },
		func() error {
			return pb.RegisterQuarantineServiceHandlerClient(ctx, mux, pb.NewQuarantineServiceClient(s.inner))
		},
		func() error {
			return pb.RegisterPolicyServiceHandlerClient(ctx, mux, pb.NewPolicyServiceClient(s.inner))
		},
		func() error {
			return pb.RegisterRedactionServiceHandlerClient(ctx, mux, pb.NewRedactionServiceClient(s.inner))
		},
		func() error {
			return pb.RegisterAnalysisServiceHandlerClient(ctx, mux, pb.NewAnalysisServiceClient(s.inner))
		},
	} {
		if err := register(); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// handleError writes an error as the JSON of its google.rpc.Status.
func handleError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if b, is := r.Body.(*body); is && b.err != nil {
		// What the decoder found; the generated code keeps but its text.
		st, _ := statusOf(b.err)
		err = st.Err()
	}
	st := withReason(status.Convert(err))
	err = st.Err()
	if reasonOf(st) == reasonTooLarge {
		err = &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: err}
	} else if st.Code() == codes.Unimplemented {
		err = &runtime.HTTPStatusError{HTTPStatus: http.StatusMethodNotAllowed, Err: err}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

// withReason completes a status that the gateway itself made.
func withReason(st *status.Status) *status.Status {
	if len(st.Details()) > 0 {
		return st
	}
	reason := map[codes.Code]string{
		codes.InvalidArgument:  reasonRequest,
		codes.NotFound:         "NOT_FOUND",
		codes.Unimplemented:    "UNIMPLEMENTED",
		codes.PermissionDenied: "REFUSED",
		codes.Unavailable:      "UNAVAILABLE",
		codes.Canceled:         "CANCELLED",
	}[st.Code()]
	if reason == "" {
		return st
	}
	return withDetails(st.Code(), st.Message(), &errdetails.ErrorInfo{Reason: reason, Domain: domain}, nil)
}

func reasonOf(st *status.Status) string {
	for _, d := range st.Details() {
		if info, is := d.(*errdetails.ErrorInfo); is {
			return info.GetReason()
		}
	}
	return ""
}

// A marshaler is protojson in the one form the product emits, without white
// space, with a decoder of its own for what is published.
type marshaler struct{ runtime.JSONPb }

// Marshal implements runtime.Marshaler.
func (m *marshaler) Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	open, end := "", ""
	// A piece of a stream: as a message in an object it would be marshalled
	// twice.
	if piece, is := v.(map[string]any); is && len(piece) == 1 {
		if result, is := piece["result"].(proto.Message); is {
			v, open, end = result, `{"result":`, `}`
		}
	}
	spaced, err := m.JSONPb.Marshal(v)
	if err != nil {
		return nil, err
	}
	out.Grow(len(open) + len(spaced) + len(end))
	out.WriteString(open)
	if err := json.Compact(&out, spaced); err != nil {
		return nil, err
	}
	out.WriteString(end)
	return out.Bytes(), nil
}

// StreamContentType implements runtime.StreamContentType.
func (m *marshaler) StreamContentType(any) string { return "application/x-ndjson" }

// NewDecoder implements runtime.Marshaler. r is a *body.
func (m *marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, is := r.(*body)
		if !is {
			return m.JSONPb.NewDecoder(r).Decode(v)
		}
		b.err = m.decode(b, v)
		return b.err
	})
}

// decode reads a request from its whole body.
func (m *marshaler) decode(b *body, v any) error {
	raw, err := io.ReadAll(b)
	if err != nil {
		return err
	}
	if publish, is := v.(*pb.PublishEventsRequest); is {
		if err := b.enter(raw); err != nil {
			return err
		}
		publish.Events, err = decodeEvents(raw)
		return err
	}
	if len(raw) == 0 {
		return nil
	}
	if err := m.Unmarshal(raw, v); err != nil {
		return &query.RequestError{Field: "body", Reason: "is not valid: " + plain(err)}
	}
	return nil
}

// plain returns the text of a protojson error in a form that does not change
// from build to build.
func plain(err error) string {
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
}
