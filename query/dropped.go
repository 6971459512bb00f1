package query

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Dropped is what replay shows where policy took a text away, in the form of
// what stands for what redaction took out: nobody must take it for a text that
// was empty.
const Dropped = "[DROPPED]"

// marked returns the event with Dropped in the place of the texts that policy
// took away; one that has its texts is returned as it is.
func marked(e *pb.Event) *pb.Event {
	if e.GetCapture().GetContent() != pb.Capture_DROPPED {
		return e
	}
	e = proto.CloneOf(e)
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		dropInteraction(body.Interaction)
	case *pb.Event_Report:
		sayDropped(&body.Report.Comment)
	case *pb.Event_Action:
		sayDropped(&body.Action.Text)
	}
	return e
}

func sayDropped(text *string) {
	if *text == "" {
		*text = Dropped
	}
}

// dropInteraction leaves of the deltas the first, which says when the answer
// began: the others divide nothing any more.
func dropInteraction(in *pb.Interaction) {
	for _, messages := range [][]*pb.Message{in.GetInput(), in.GetOutput(), in.GetShown()} {
		for _, m := range messages {
			for _, part := range m.GetParts() {
				dropPart(part)
			}
		}
	}
	for _, d := range in.GetRetrieved() {
		sayDropped(&d.Text)
	}
	in.Deltas = in.Deltas[:min(len(in.GetDeltas()), 1)]
}

func dropPart(part *pb.Part) {
	switch k := part.GetKind().(type) {
	case *pb.Part_Text:
		sayDropped(&k.Text)
	case *pb.Part_Reasoning:
		sayDropped(&k.Reasoning)
	case *pb.Part_ToolCall:
		sayDropped(&k.ToolCall.Arguments)
	case *pb.Part_ToolResult:
		sayDropped(&k.ToolResult.Result)
	}
}
