package event

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What counting goes by is what the whole event says.
func TestOutline(t *testing.T) {
	e := &pb.Event{
		Id: "e-1", Session: "s", User: "[USER:aaaaaaaaaaaa]", Time: timestamppb.New(time.Unix(1, 0)), Salt: make([]byte, 16),
		Received: timestamppb.New(time.Unix(2, 3)), Class: "routine", PolicyVersion: "sha256:1",
		Source:  &pb.Source{Service: "chat", Instance: "chat-1", Deployment: "clinic"},
		Capture: &pb.Capture{Sequence: 7, Content: pb.Capture_REDACTED, Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 2}}},
		Body:    &pb.Event_Report{Report: &pb.Report{Target: "x", Category: "harm", Comment: "said"}},
	}
	stored, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Outline(stored)
	want := &pb.Event{Source: e.GetSource(), Capture: e.GetCapture(), Received: e.GetReceived(), Class: e.GetClass(), PolicyVersion: e.GetPolicyVersion()}
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	if _, err := Outline(stored[:len(stored)-1]); err == nil {
		t.Error("what is cut short was read")
	}
}
