package query

import (
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// shows tells whether the player's view has a frame.
func (p *player) shows(f *pb.Frame) bool {
	switch p.view {
	case pb.View_BOTH:
		return true
	case pb.View_MODEL:
		switch f.GetKind() {
		case pb.Frame_SHOWN, pb.Frame_REPORT, pb.Frame_ACTION:
			return false
		}
		return true
	}
	switch f.GetKind() {
	case pb.Frame_INTERVENTION, pb.Frame_REPORT, pb.Frame_ACTION:
		return true
	}
	return f.GetSeen()
}

// judgement returns the frame of a verdict.
func judgement(v *pb.Verdict) *pb.Frame {
	effect := map[pb.Verdict_Action]pb.Frame_Effect{
		pb.Verdict_BLOCKED: pb.Frame_BLOCKED, pb.Verdict_REPLACED: pb.Frame_REPLACED,
	}[v.GetAction()]
	kind := pb.Frame_VERDICT
	if intervenes(v) {
		kind = pb.Frame_INTERVENTION
	}
	return &pb.Frame{Kind: kind, Verdict: v, Effect: effect}
}

// effects are what actions did to what the user saw or could do.
var effects = map[pb.Action_Kind]pb.Frame_Effect{
	pb.Action_REFUSAL_CARD:     pb.Frame_NOTICED,
	pb.Action_REPLACED_ANSWER:  pb.Frame_REPLACED,
	pb.Action_DISABLED_FEATURE: pb.Frame_DISABLED,
	pb.Action_NOTICE:           pb.Frame_NOTICED,
}

// intervenes tells whether the verdict changed what the user saw.
func intervenes(v *pb.Verdict) bool {
	return v.GetAction() == pb.Verdict_BLOCKED || v.GetAction() == pb.Verdict_REPLACED
}

// withholds tells whether the verdict kept the output from the user.
func withholds(v *pb.Verdict) bool {
	return intervenes(v) && v.GetScope() != pb.Verdict_INPUT
}

// written tells whether the user could see a piece of the input: what the
// user wrote, and what the assistant answered in a call that is not here.
func written(p piece) bool {
	return (p.role == roleUser || p.role == roleAssistant) && visible(p)
}

// visible tells whether a piece is of a kind that reaches users.
func visible(p piece) bool {
	switch p.part.GetKind().(type) {
	case *pb.Part_Text, *pb.Part_Blob:
		return true
	}
	return false
}

// contentFrames returns the frames of one part: none if it is empty, two for
// a tool result with an error.
func contentFrames(part *pb.Part, tools map[string]string) []*pb.Frame {
	switch k := part.GetKind().(type) {
	case *pb.Part_Text:
		return []*pb.Frame{{Content: pb.Frame_TEXT, Text: k.Text}}
	case *pb.Part_Reasoning:
		return []*pb.Frame{{Content: pb.Frame_REASONING, Text: k.Reasoning}}
	case *pb.Part_Blob:
		return []*pb.Frame{{Content: pb.Frame_BLOB, Blob: k.Blob}}
	case *pb.Part_ToolCall:
		call := k.ToolCall
		return []*pb.Frame{{Content: pb.Frame_TOOL_CALL, Text: call.GetArguments(), Tool: call.GetName(), ToolCallId: call.GetId()}}
	case *pb.Part_ToolResult:
		return resultFrames(k.ToolResult, tools[k.ToolResult.GetId()])
	}
	return nil
}

func resultFrames(r *pb.ToolResult, tool string) []*pb.Frame {
	var frames []*pb.Frame
	if r.GetResult() != "" || r.GetError() == "" {
		frames = append(frames, &pb.Frame{Content: pb.Frame_TOOL_RESULT, Text: r.GetResult(), Tool: tool, ToolCallId: r.GetId()})
	}
	if r.GetError() != "" {
		frames = append(frames, &pb.Frame{Content: pb.Frame_TOOL_ERROR, Text: r.GetError(), Tool: tool, ToolCallId: r.GetId()})
	}
	return frames
}

// textsOf returns the texts among pieces.
func textsOf(all []piece) []string {
	var texts []string
	for _, p := range all {
		if k, is := p.part.GetKind().(*pb.Part_Text); is {
			texts = append(texts, k.Text)
		}
	}
	return texts
}

func contentText(text string) pb.Frame_Content {
	if text == "" {
		return pb.Frame_CONTENT_UNSPECIFIED
	}
	return pb.Frame_TEXT
}

// late returns the id of the event that e is about, if it is about one.
func late(e *pb.Event) string {
	switch event.KindOf(e) {
	case event.Verdict:
		return e.GetVerdict().GetTarget()
	case event.Report:
		return e.GetReport().GetTarget()
	case event.Action:
		return e.GetAction().GetTarget()
	}
	return ""
}
