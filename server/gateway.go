package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
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
	return mux, registerRoutes(mux, s.inner)
}

// registerRoutes gives the gateway the routes of all services, whose calls take
// the connection.
func registerRoutes(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	ctx := context.Background() // for connections that the registrations do not make
	return errors.Join(
		pb.RegisterEventServiceHandlerClient(ctx, mux, pb.NewEventServiceClient(conn)),
		pb.RegisterSessionServiceHandlerClient(ctx, mux, pb.NewSessionServiceClient(conn)),
		pb.RegisterLogServiceHandlerClient(ctx, mux, pb.NewLogServiceClient(conn)),
		pb.RegisterQuarantineServiceHandlerClient(ctx, mux, pb.NewQuarantineServiceClient(conn)),
		pb.RegisterPolicyServiceHandlerClient(ctx, mux, pb.NewPolicyServiceClient(conn)),
		pb.RegisterRedactionServiceHandlerClient(ctx, mux, pb.NewRedactionServiceClient(conn)),
		pb.RegisterRetentionServiceHandlerClient(ctx, mux, pb.NewRetentionServiceClient(conn)),
		pb.RegisterSimilarityServiceHandlerClient(ctx, mux, pb.NewSimilarityServiceClient(conn)),
		pb.RegisterExportServiceHandlerClient(ctx, mux, pb.NewExportServiceClient(conn)),
		pb.RegisterAnalysisServiceHandlerClient(ctx, mux, pb.NewAnalysisServiceClient(conn)),
	)
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
	reason, known := webReasons[st.Code()]
	if !known {
		return st
	}
	message, bad := st.Message(), misread(st.Message())
	if bad != nil {
		message = bad.GetFieldViolations()[0].GetField() + ": " + bad.GetFieldViolations()[0].GetDescription()
	}
	return withDetails(st.Code(), message, &errdetails.ErrorInfo{Reason: reason, Domain: domain}, bad)
}

// webReasons are the reasons of what the HTTP side itself refuses.
var webReasons = map[codes.Code]string{
	codes.InvalidArgument:  reasonRequest,
	codes.NotFound:         "NOT_FOUND",
	codes.Unimplemented:    "UNIMPLEMENTED",
	codes.PermissionDenied: "REFUSED",
	codes.Unavailable:      "UNAVAILABLE",
	codes.Canceled:         "CANCELLED",
}

// misread returns the violation in what the gateway says of a parameter that it
// could not read, nil if it says something else.
func misread(message string) *errdetails.BadRequest {
	m := parameterError.FindStringSubmatch(message)
	if m == nil {
		return nil
	}
	reason := m[2]
	if inner := strings.LastIndex(reason, ": "); inner >= 0 { // of strconv, which quotes what it read
		reason = reason[inner+2:]
	}
	if strings.Contains(m[2], "parsing time ") {
		reason = "want a time such as 2026-11-22T03:00:00Z"
	}
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
		Field: camel(m[1]), Description: "cannot be read: " + reason,
	}}}
}

var parameterError = regexp.MustCompile(`^(?:type mismatch, parameter: |parsing field "|parsing list "|too many values for field ")(\w+)(?:, error|")?: (.*)$`)

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
		if bad := misspelt(v, err); bad != nil {
			return bad
		}
		return &query.RequestError{Field: "body", Reason: "is not valid: " + plain(err)}
	}
	return nil
}

// misspelt returns what is wrong with a field of a request that is an enum, if it is
// that which protojson says.
func misspelt(request any, err error) *query.RequestError {
	message, is := request.(proto.Message)
	said := enumError.FindStringSubmatch(err.Error())
	if !is || said == nil {
		return nil
	}
	field := message.ProtoReflect().Descriptor().Fields().ByJSONName(said[1])
	if field == nil || field.Enum() == nil {
		return nil
	}
	var names []string
	for i := range field.Enum().Values().Len() {
		names = append(names, string(field.Enum().Values().Get(i).Name()))
	}
	return noneOf(said[1], names)
}

var enumError = regexp.MustCompile(`invalid value for enum field (\w+): `)

// plain returns the text of a protojson error in a form that does not change
// from build to build, and without the names of types in the protos.
func plain(err error) string {
	return protoNames.Replace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: "))
}

var protoNames = strings.NewReplacer(
	"google.protobuf.Timestamp value", "time", "google.protobuf.Duration value", "duration",
	"google.protobuf.FieldMask.paths contains", "a mask contains an", "oneof afterimage.v1.FindSimilarEventsRequest.like", "one of seq, id and text",
)
