package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/afterimage/afterimage/client"
)

// What went wrong is one line that says what to do, and a code for scripts.
func TestExplain(t *testing.T) {
	store := storeFlag{Server: "127.0.0.1:1"}
	for _, c := range []struct {
		err  error
		want string
		code int
	}{
		{&client.Error{Reason: client.ErrInvalidFilter, Code: codes.InvalidArgument, Message: "line 1,\x1b column 6", Violations: []client.Violation{
			{Field: "filter", Reason: "line 1,\x1b column 6"}, {Field: "pageSize", Reason: "is negative"},
		}}, "--filter: line 1,␛ column 6; --limit: is negative", exitUsage},
		{&client.Error{Reason: client.ErrInvalidField, Code: codes.InvalidArgument, Message: "pageToken: x", Violations: []client.Violation{
			{Field: "pageToken", Reason: "is not one; tenant and orderBy must be as they were"},
		}}, "--page-token: is not one; tenant and --order must be as they were", exitUsage},
		{&client.Error{Reason: client.ErrInvalidField, Code: codes.InvalidArgument, Message: "it cannot be"}, "it cannot be", exitUsage},
		{&client.Error{Reason: client.ErrTampered, Code: codes.DataLoss, Message: "block 7"}, "block 7: run `afterimage verify`", exitTampered},
		{&client.Error{Reason: client.ErrUnavailable, Code: codes.Unavailable}, "no answer from 127.0.0.1:1: is `afterimage serve` running? Its gRPC address goes into --server or AFTERIMAGE_SERVER", exitFailed},
		{&client.Error{Reason: client.ErrNotFound, Code: codes.NotFound, Message: "event 7"}, "event 7", exitFailed},
		{client.ErrCutOff, "the answer of 127.0.0.1:1 was cut off", exitFailed},
		{fmt.Errorf("wait: %w", &client.Error{Reason: "CANCELLED", Code: codes.Canceled}), "context canceled", exitFailed},
		{errors.New("of ours"), "of ours", exitFailed},
	} {
		err := store.explain(c.err)
		code := exitFailed
		if e, is := errors.AsType[coded](err); is {
			code = e.code
		}
		if err.Error() != c.want || code != c.code {
			t.Errorf("%v: got %q with %d, want %q with %d", c.err, err, code, c.want, c.code)
		}
	}
	if !errors.Is(store.explain(&client.Error{Code: codes.Canceled}), context.Canceled) || store.explain(nil) != nil {
		t.Error("what was cancelled is no failure, and nothing is none")
	}
}
