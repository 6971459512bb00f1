package event

import (
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Voice says which text of an event is compared with those of others as a
// whole. Their order is part of the log's format.
type Voice uint8

// The voices.
const (
	Generated Voice = iota // what the model generated: the output
	Shown                  // what the user was shown: that, or what took its place; and what an action said
	Asked                  // the last message of the user in the input
	voices
)

// Voices is how many there are.
const Voices = int(voices)

// TextOf returns the text of an event that a voice says, "" where there is none:
// its parts, one in a line. Text and tool calls, names before arguments, stand in
// it in order; reasoning, tool results and blobs do not.
func TextOf(e *pb.Event, v Voice) string {
	var parts [8]string // Most have one.
	return strings.Join(AppendParts(parts[:0], e, v), "\n")
}

// AppendParts appends to all the parts of the text of an event that a voice says,
// none of which is empty.
func AppendParts(all []string, e *pb.Event, v Voice) []string {
	in := e.GetInteraction()
	switch v {
	case Generated:
		return appendSaid(all, in.GetOutput()...)
	case Shown:
		if a := e.GetAction(); a != nil {
			return appendSome(all, a.GetText())
		}
		if len(in.GetShown()) == 0 {
			return appendSaid(all, in.GetOutput()...)
		}
		return appendSaid(all, in.GetShown()...)
	case Asked:
		for _, m := range slices.Backward(in.GetInput()) {
			if m.GetRole() == "user" {
				return appendSaid(all, m)
			}
		}
	}
	return all
}

func appendSaid(all []string, messages ...*pb.Message) []string {
	for _, m := range messages {
		for _, p := range m.GetParts() {
			switch kind := p.GetKind().(type) {
			case *pb.Part_Text:
				all = appendSome(all, kind.Text)
			case *pb.Part_ToolCall:
				all = appendSome(all, kind.ToolCall.GetName())
				all = appendSome(all, kind.ToolCall.GetArguments())
			}
		}
	}
	return all
}

func appendSome(all []string, text string) []string {
	if text == "" {
		return all
	}
	return append(all, text)
}

// Beginning returns the first whole characters of a text that have together up to
// n bytes, in memory of their own.
func Beginning(text string, n int) string {
	n = min(len(text), n)
	for n < len(text) && n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.Clone(text[:n])
}
