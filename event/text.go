package event

import pb "github.com/afterimage/afterimage/proto/afterimage/v1"

// Texts calls f for every text of the event that search looks into: what
// messages say (input, output, shown), reasoning, tools' names, arguments,
// results and errors, titles and texts of retrieved documents, comments, and
// what an action told the user.
func Texts(e *pb.Event, f func(text string)) {
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		i := body.Interaction
		messageTexts(i.GetInput(), f)
		for _, d := range i.GetRetrieved() {
			text(d.GetTitle(), f)
			text(d.GetText(), f)
		}
		messageTexts(i.GetOutput(), f)
		messageTexts(i.GetShown(), f)
	case *pb.Event_Report:
		text(body.Report.GetComment(), f)
	case *pb.Event_Action:
		text(body.Action.GetName(), f)
		text(body.Action.GetText(), f)
	}
}

func text(s string, f func(string)) {
	if s != "" {
		f(s)
	}
}

func messageTexts(messages []*pb.Message, f func(string)) {
	for _, m := range messages {
		for _, p := range m.GetParts() {
			switch kind := p.GetKind().(type) {
			case *pb.Part_Text:
				text(kind.Text, f)
			case *pb.Part_Reasoning:
				text(kind.Reasoning, f)
			case *pb.Part_ToolCall:
				text(kind.ToolCall.GetName(), f)
				text(kind.ToolCall.GetArguments(), f)
			case *pb.Part_ToolResult:
				text(kind.ToolResult.GetResult(), f)
				text(kind.ToolResult.GetError(), f)
			}
		}
	}
}
