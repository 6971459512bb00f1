package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A page of large events is larger than gRPC's default of 4 MiB.
const maxReply = 64 << 20

// maxPage is the most events that the store returns in one page.
const maxPage = 1000

// dial prepares a connection to the store; nothing is sent yet. The store
// listens on loopback only, so the connection is in clear.
func (c client) dial() (*grpc.ClientConn, error) {
	if host, _, err := net.SplitHostPort(c.Server); err != nil || strings.Contains(host, "/") {
		return nil, usage("--server %q: want host:port, the gRPC address of `afterimage serve`", c.Server)
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Server,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReply)))
	if err != nil {
		return nil, usage("--server %s: %w", c.Server, err)
	}
	return conn, nil
}

// explain turns the error of a call into one line that says what to do.
func (c client) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch st.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.Unavailable:
		return fmt.Errorf("no answer from %s: is `afterimage serve` running? Its gRPC address goes into --server or AFTERIMAGE_SERVER", c.Server)
	case codes.InvalidArgument:
		return coded{errors.New(statusText(st)), exitUsage}
	case codes.DataLoss:
		return coded{fmt.Errorf("%s: run `afterimage verify`", statusText(st)), exitTampered}
	}
	return errors.New(statusText(st))
}

// statusText is the message of a status with the violations it carries.
func statusText(st *status.Status) string {
	text := st.Message()
	for _, detail := range st.Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			if line := strings.TrimPrefix(v.GetField()+": "+v.GetDescription(), ": "); !strings.Contains(text, v.GetDescription()) {
				text += "; " + line
			}
		}
	}
	return visible(text)
}

// compactJSON is proto3 JSON without white space, the same for the same
// message at all times. seq is written where proto3 would leave a zero out:
// the first event of a log has a position like any other.
func compactJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	if s, ok := m.(interface{ GetSeq() uint64 }); ok && s.GetSeq() == 0 && b.Len() > len("{}") && !hasSeq(m) {
		return append([]byte(`{"seq":"0",`), b.Bytes()[1:]...), nil
	}
	return b.Bytes(), nil
}

// hasSeq tells whether the message says its seq, which JSON then has.
func hasSeq(m proto.Message) bool {
	fd := m.ProtoReflect().Descriptor().Fields().ByName("seq")
	return fd != nil && m.ProtoReflect().Has(fd)
}

// parseTime reads RFC 3339, a date, or an age such as 90m, 2h or 3d.
func parseTime(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	age := strings.TrimSpace(strings.TrimSuffix(s, "ago"))
	if days, ok := strings.CutSuffix(age, "d"); ok {
		var n float64
		if _, err := fmt.Sscanf(days+" ", "%g ", &n); err == nil && n >= 0 {
			return now.Add(-time.Duration(n * float64(24*time.Hour))), nil
		}
	}
	if d, err := time.ParseDuration(age); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usage("%q is no time: give 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 90m, 2h or 3d", s)
}
