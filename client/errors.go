package client

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Reason is why the store refused or failed, as docs/api.md lists them. It is
// what errors.Is finds in an *Error. One that is not below may be compared too.
type Reason string

// Error is the reason.
func (r Reason) Error() string { return string(r) }

// The reasons to decide on.
const (
	ErrInvalid          Reason = "INVALID"           // any of the four that follow: the request cannot be as it is
	ErrInvalidEvent     Reason = "INVALID_EVENT"     // an event does not hold to the contract
	ErrInvalidFilter    Reason = "INVALID_FILTER"    // a condition is malformed
	ErrInvalidPolicy    Reason = "INVALID_POLICY"    // a policy document is wrong; with a violation for each problem
	ErrInvalidField     Reason = "INVALID_REQUEST"   // another field
	ErrNotFound         Reason = "NOT_FOUND"         // there is no such thing, or it is another tenant's
	ErrErased           Reason = "ERASED"            // it was there and was forgotten
	ErrTooLarge         Reason = "TOO_LARGE"         // something is over a limit
	ErrBusy             Reason = "BUSY"              // too much at once: the same may be sent again later
	ErrDiskFull         Reason = "DISK_FULL"         // there is no room: likewise
	ErrUnavailable      Reason = "UNAVAILABLE"       // no answer: the store is not there, starting or closing
	ErrStale            Reason = "STALE"             // another policy is in force than the one to be replaced
	ErrPromised         Reason = "PROMISED"          // the policy in force promises more
	ErrNotReady         Reason = "NOT_READY"         // an export is not done
	ErrExpired          Reason = "EXPIRED"           // an export was done too long ago
	ErrChanged          Reason = "CHANGED"           // evidence of an export was forgotten or redacted since
	ErrOtherBytes       Reason = "OTHER_BYTES"       // what is there of a download is not what would be sent now
	ErrUnknownPerson    Reason = "UNKNOWN_PERSON"    // nothing is stored of the person, under this name
	ErrNotOwner         Reason = "NOT_OWNER"         // only owners of a hold extend and release it
	ErrReleased         Reason = "RELEASED"          // the hold was released
	ErrRetentionStopped Reason = "RETENTION_STOPPED" // nothing expires until somebody confirms what the store doubts
	ErrTampered         Reason = "TAMPERED"          // stored bytes are not what was written
	ErrUnimplemented    Reason = "UNIMPLEMENTED"     // this store does not do that
	ErrInternal         Reason = "INTERNAL"          // anything else; Error.Request is what to look for in the store's log
)

// Errors of answers that are not whole.
var (
	// ErrCutOff says that an answer ended before its end.
	ErrCutOff = errors.New("the answer was cut off")
	// ErrTimedOut says that the time was up: there may be more than was returned.
	ErrTimedOut = errors.New("the time was up before the answer was whole")
)

// An Error is what the store says of a call that failed.
type Error struct {
	Reason     Reason
	Code       codes.Code
	Message    string      // for people
	Violations []Violation // what is wrong with the request, field by field
	Request    string      // of ErrInternal: what to look for in the store's log
}

// A Violation is what is wrong with one field of a request.
type Violation struct {
	Field  string // as JSON spells it, e.g. `events[3].interaction.verdicts[0].score`
	Reason string // completes a sentence that begins with the field
}

// Error is the message with the violations that it does not tell.
func (e *Error) Error() string {
	text := e.Message
	for _, v := range e.Violations {
		if !strings.Contains(text, v.Reason) {
			text += "; " + strings.TrimPrefix(v.Field+": "+v.Reason, ": ")
		}
	}
	return text
}

// Is tells whether target is the reason, or, of a call that ended with its
// context, context's error.
func (e *Error) Is(target error) bool {
	switch target {
	case e.Reason:
		return true
	case ErrInvalid:
		return e.Code == codes.InvalidArgument
	case context.Canceled:
		return e.Code == codes.Canceled
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	}
	return false
}

// GRPCStatus lets status.FromError find the code.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// reasons are those of statuses that gRPC itself makes.
var reasons = map[codes.Code]Reason{
	codes.Unavailable:       ErrUnavailable,
	codes.Unimplemented:     ErrUnimplemented,
	codes.ResourceExhausted: ErrTooLarge, // a message over a limit
	codes.Canceled:          "CANCELLED",
	codes.DeadlineExceeded:  "DEADLINE",
}

// FromStatus returns the *Error of an error that a gRPC call returned; nil for
// nil, and other errors as they are.
func FromStatus(err error) error {
	if e, is := errors.AsType[*Error](err); is {
		return e
	}
	of, is := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !is {
		if errors.Is(err, io.EOF) { // of a connection that ended while the request was sent
			return &Error{Reason: ErrUnavailable, Code: codes.Unavailable, Message: "the connection ended"}
		}
		return err
	}
	st := of.GRPCStatus() // not that of err, which may say around it how often it was tried
	e := &Error{Code: st.Code(), Message: st.Message(), Reason: reasons[st.Code()]}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Request = Reason(d.GetReason()), d.GetMetadata()["request"]
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Violations = append(e.Violations, Violation{v.GetField(), v.GetDescription()})
			}
		}
	}
	if e.Reason == "" {
		e.Reason = ErrInternal
	}
	return e
}
