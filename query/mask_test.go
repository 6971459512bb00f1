package query

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A mask keeps what it names and its seq, and knows whether text is wanted.
func TestMask(t *testing.T) {
	event := func() *pb.Event {
		return &pb.Event{Id: "e1", Seq: new(uint64(7)), Session: "s", Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model: &pb.Model{Provider: "openai", Name: "gpt-4o"}, FinishReason: "stop",
			Input: []*pb.Message{{Role: "user"}},
		}}}
	}
	for _, c := range []struct {
		paths []string
		text  bool
		want  *pb.Event
	}{
		{[]string{"seq"}, false, &pb.Event{Seq: new(uint64(7))}},
		{[]string{"id", "session"}, false, &pb.Event{Id: "e1", Seq: new(uint64(7)), Session: "s"}},
		{[]string{"interaction.model.name"}, false, &pb.Event{Seq: new(uint64(7)), Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Model: &pb.Model{Name: "gpt-4o"}}}}},
		{[]string{"interaction.input"}, true, &pb.Event{Seq: new(uint64(7)), Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{{Role: "user"}}}}}},
		{[]string{"interaction.model.name", "interaction"}, true, &pb.Event{Seq: new(uint64(7)), Body: event().Body}},
		{[]string{"interaction", "interaction.model"}, true, &pb.Event{Seq: new(uint64(7)), Body: event().Body}},
		{[]string{"capture"}, true, &pb.Event{Seq: new(uint64(7))}},
		{[]string{"interaction.finishReason"}, false, &pb.Event{Seq: new(uint64(7)), Body: &pb.Event_Interaction{Interaction: &pb.Interaction{FinishReason: "stop"}}}},
		{[]string{"interaction.finish_reason"}, false, &pb.Event{Seq: new(uint64(7)), Body: &pb.Event_Interaction{Interaction: &pb.Interaction{FinishReason: "stop"}}}},
	} {
		m, err := newMask(&fieldmaskpb.FieldMask{Paths: c.paths})
		if err != nil {
			t.Fatal(err)
		}
		if m.text != c.text {
			t.Errorf("%v: text is %v, want %v", c.paths, m.text, c.text)
		}
		got := event()
		m.fields.keep(got.ProtoReflect())
		if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.paths, diff)
		}
	}
	for _, all := range []*fieldmaskpb.FieldMask{nil, {}, {Paths: []string{"*"}}, {Paths: []string{"id", "*"}}} {
		if m, err := newMask(all); m != nil || err != nil {
			t.Errorf("%v: got %v, %v, want nil", all, m, err)
		}
	}
}

// A mask that names what is not there would silently return nothing of it.
func TestMaskRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"nothing":                   `"nothing" is not a field of an event`,
		"":                          `"" is not a field of an event`,
		"interaction.nothing":       `"interaction.nothing" is not a field of an event`,
		"interaction..model":        `"interaction..model" is not a field of an event`,
		"body":                      `"body" is not a field of an event`, // the name of a oneof
		"id.x":                      `"id.x": id has no fields to choose from`,
		"interaction.verdicts.name": `"interaction.verdicts.name": interaction.verdicts has no fields to choose from`,
	} {
		_, err := newMask(&fieldmaskpb.FieldMask{Paths: []string{"id", path}})
		if bad, is := errors.AsType[*RequestError](err); !is || bad.Field != "readMask" || bad.Reason != want {
			t.Errorf("%q: got %v, want readMask: %s", path, err, want)
		}
	}
}
