package redaction

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Where content is dropped every text that redaction would have looked at is
// empty, whatever stands in it, and all else is as it was.
func TestDropContent(t *testing.T) {
	r := newRedactor(t, Config{DropContent: true})
	e := parseEvent(t, everywhere)
	e.Capture.Escrow = []*pb.Sealed{{Type: "EMAIL", Token: "k7m2qa5d3hx4", Ciphertext: []byte("sealed")}}
	e.GetInteraction().Deltas = []*pb.Delta{{OffsetMs: 5, Bytes: 4}, {OffsetMs: 9, Bytes: 9}}
	counts, err := r.Event(t.Context(), e, pseudonym)
	if err != nil || counts != nil {
		t.Fatalf("got %v, %v", counts, err)
	}
	want := parseEvent(t, strings.ReplaceAll(everywhere, "b@example.com", ""))
	in := want.GetInteraction()
	parts := in.Input[0].Parts
	parts[2].GetToolCall().Arguments, parts[3].GetToolResult().Error, parts[4].GetBlob().Uri = "", "", ""
	token, _ := pseudonym("a@example.com")
	want.User, want.Capture.Content = "[USER:"+token+"]", pb.Capture_DROPPED
	in.Deltas = []*pb.Delta{{OffsetMs: 5}, {OffsetMs: 9}}
	if diff := cmp.Diff(want, e, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if counts, err := r.Event(t.Context(), e, pseudonym); err != nil || counts != nil || cmp.Diff(want, e, protocmp.Transform()) != "" {
		t.Errorf("a second pass: %v, %v, %v", counts, err, e)
	}
}

// Kinds without free text are not said to have lost any, and text without
// anything to find in it goes too: nobody must take it for raw.
func TestDropContentByKind(t *testing.T) {
	r := newRedactor(t, Config{DropContent: true})
	for body, want := range map[string]pb.Capture_Content{
		`{"report":{"comment":"nothing in it"}}`:                                        pb.Capture_DROPPED,
		`{"action":{"text":"nothing in it"}}`:                                           pb.Capture_DROPPED,
		`{"interaction":{"output":[{"parts":[{"text":"nothing "},{"text":"in it"}]}]}}`: pb.Capture_DROPPED,
		`{"interaction":{}}`:                                                            pb.Capture_DROPPED,
		`{"verdict":{"category":"harm"}}`:                                               pb.Capture_CONTENT_UNSPECIFIED,
		`{"coverage":{}}`:                                                               pb.Capture_CONTENT_UNSPECIFIED,
	} {
		e := parseEvent(t, body)
		if _, err := r.Event(t.Context(), e, pseudonym); err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.GetCapture().GetContent(); got != want || strings.Contains(string(text), "in it") {
			t.Errorf("%s: %v, %s", body, got, text)
		}
	}
}
