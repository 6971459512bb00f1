package main

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What the message says already is not said again.
func TestStatusText(t *testing.T) {
	st, err := status.New(codes.InvalidArgument, "line 1, column 6: unexpected =").WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "filter", Description: "line 1, column 6: unexpected ="},
			{Field: "pageSize", Description: "is negative"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := statusText(st), "line 1, column 6: unexpected =; pageSize: is negative"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
