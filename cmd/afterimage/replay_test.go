package main

import (
	"bytes"
	"strings"
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A report and a verdict that came hours apart are two events, and each says
// when it was; the frames of one event share a header.
func TestTranscriptHeaders(t *testing.T) {
	frames := []*pb.Frame{
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_GENERATED, Seen: true, Text: "an answer"},
		{Event: "turn", Seq: new(uint64(12)), Turn: 1, Kind: pb.Frame_GENERATED, Seen: true, Text: " in two", Continued: true},
		{Event: "report", Seq: new(uint64(13)), Kind: pb.Frame_REPORT},
		{Event: "late", Seq: new(uint64(19)), Kind: pb.Frame_VERDICT, Verdict: &pb.Verdict{}},
		{Event: "again", Seq: new(uint64(20)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
		{Event: "other", Seq: new(uint64(21)), Turn: 1, Kind: pb.Frame_INPUT, Role: "user", Text: "hello"},
	}
	var out bytes.Buffer
	show := newTranscript(&out, &out, false).frame
	for _, f := range frames {
		if err := show(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, seq := range []string{"seq 12 ", "seq 13 ", "seq 19 ", "seq 20 ", "seq 21 "} {
		if got := strings.Count(out.String(), seq); got != 1 {
			t.Errorf("%s: got %d headers, want 1, in\n%s", seq, got, out.String())
		}
	}
}
