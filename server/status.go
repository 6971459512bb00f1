package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/export"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/retention"
)

// ErrUnavailable says that something the store needs does not answer, and that
// the same request may be sent again.
var ErrUnavailable = errors.New("unavailable")

// domain is the ErrorInfo domain of every status.
const domain = "afterimage"

// The reasons that other files decide on.
const (
	reasonTooLarge = "TOO_LARGE"
	reasonInternal = "INTERNAL"
	reasonRequest  = "INVALID_REQUEST"
)

// A rule maps some errors to a status.
type rule struct {
	is     func(error) bool
	code   codes.Code
	reason string
}

// rules is the one table from errors to status; the first that applies wins.
var rules = []rule{
	{causedBy[*event.ValidationError], codes.InvalidArgument, "INVALID_EVENT"},
	{causedBy[policy.Errors], codes.InvalidArgument, "INVALID_POLICY"},
	{causedBy[*policy.Error], codes.InvalidArgument, "INVALID_FILTER"},
	{causedBy[*query.RequestError], codes.InvalidArgument, reasonRequest},
	{causedBy[*retention.RequestError], codes.InvalidArgument, reasonRequest},
	{wraps(retention.ErrUnknownPerson), codes.NotFound, "UNKNOWN_PERSON"},
	{wraps(retention.ErrNotOwner), codes.PermissionDenied, "NOT_OWNER"},
	{wraps(retention.ErrReleased), codes.FailedPrecondition, "RELEASED"},
	{wraps(retention.ErrStopped), codes.FailedPrecondition, "RETENTION_STOPPED"},
	{wraps(eventlog.ErrErased), codes.NotFound, "ERASED"},
	{wraps(eventlog.ErrNotFound), codes.NotFound, "NOT_FOUND"},
	{wraps(event.ErrTooLarge), codes.ResourceExhausted, reasonTooLarge},
	{wraps(ErrBusy), codes.ResourceExhausted, "BUSY"},
	{wraps(eventlog.ErrBusy), codes.ResourceExhausted, "BUSY"},
	{wraps(retention.ErrStale), codes.FailedPrecondition, "STALE"},
	{wraps(retention.ErrPromised), codes.FailedPrecondition, "PROMISED"},
	{wraps(errNoBackups), codes.FailedPrecondition, "NO_BACKUPS"},
	{wraps(errNoExports), codes.Unimplemented, "UNIMPLEMENTED"},
	{wraps(export.ErrBusy), codes.ResourceExhausted, "BUSY"},
	{wraps(export.ErrNotReady), codes.FailedPrecondition, "NOT_READY"},
	{wraps(export.ErrExpired), codes.FailedPrecondition, "EXPIRED"},
	{wraps(export.ErrChanged), codes.Aborted, "CHANGED"},
	{wraps(export.ErrOtherBytes), codes.OutOfRange, "OTHER_BYTES"},
	{wraps(analyzer.ErrUnavailable), codes.FailedPrecondition, "ANALYSER_UNAVAILABLE"}, // the policy's, that stored events are to be redacted with
	{wraps(eventlog.ErrDiskFull), codes.ResourceExhausted, "DISK_FULL"},
	{wraps(eventlog.ErrClosed), codes.Unavailable, "UNAVAILABLE"},
	{wraps(ErrUnavailable), codes.Unavailable, "UNAVAILABLE"},
	{wraps(eventlog.ErrTampered), codes.DataLoss, "TAMPERED"},
	{wraps(errSlowReader), codes.DeadlineExceeded, "DEADLINE"},
	{wraps(context.Canceled), codes.Canceled, "CANCELLED"},
	{wraps(context.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE"},
	{wraps(os.ErrDeadlineExceeded), codes.DeadlineExceeded, "DEADLINE"}, // a connection's
}

func causedBy[T error](err error) bool {
	_, is := errors.AsType[T](err)
	return is
}

func wraps(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// statusOf returns the status of an error that a handler returned, and a
// request id if the error is one to be logged and not told.
func statusOf(err error) (st *status.Status, request string) {
	if st, is := status.FromError(err); is {
		return st, "" // from gRPC itself, such as a stream that broke
	}
	for _, r := range rules {
		if r.is(err) {
			info := &errdetails.ErrorInfo{Reason: r.reason, Domain: domain}
			return withDetails(r.code, message(err), info, badRequest(err)), ""
		}
	}
	request = rand.Text()[:12]
	info := &errdetails.ErrorInfo{Reason: reasonInternal, Domain: domain, Metadata: map[string]string{"request": request}}
	return withDetails(codes.Internal, "internal error: the log of the server has more under request "+request, info, nil), request
}

func withDetails(code codes.Code, message string, info *errdetails.ErrorInfo, bad *errdetails.BadRequest) *status.Status {
	details := []protoadapt.MessageV1{info}
	if len(bad.GetFieldViolations()) > 0 {
		details = append(details, bad)
	}
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic("internal error: status details: " + err.Error())
	}
	return st
}

// Bounds on what one status says: it travels in HTTP/2 headers.
const (
	maxViolations = 100
	maxMessage    = 1 << 10 // bytes
)

// badRequest returns the field violations of an error that has any.
func badRequest(err error) *errdetails.BadRequest {
	bad := new(errdetails.BadRequest)
	add := func(field, description string) {
		bad.FieldViolations = append(bad.FieldViolations,
			&errdetails.BadRequest_FieldViolation{Field: field, Description: description})
	}
	if v, is := errors.AsType[*event.ValidationError](err); is {
		for _, v := range v.Violations[:min(len(v.Violations), maxViolations)] {
			add(v.Path, v.Reason)
		}
		if more := len(v.Violations) - maxViolations; more > 0 {
			add("", fmt.Sprintf("and %d more", more))
		}
	} else if all, is := errors.AsType[policy.Errors](err); is {
		for _, p := range all[:min(len(all), maxViolations)] {
			add("document", p.Error())
		}
		if more := len(all) - maxViolations; more > 0 {
			add("document", fmt.Sprintf("and %d more", more))
		}
	} else if p, is := errors.AsType[*policy.Error](err); is {
		add("filter", p.Error())
	} else if q, is := errors.AsType[*query.RequestError](err); is {
		add(q.Field, q.Reason)
	} else if k, is := errors.AsType[*retention.RequestError](err); is {
		add(k.Field, k.Reason)
	}
	return bad
}

// message returns the text of an error, cut where it is too long.
func message(err error) string {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + " …"
}
