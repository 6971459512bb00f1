package event

import (
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

// TextOf returns the text of an event that a voice says, "" where there is none.
// Text and tool calls, names before arguments, stand in it in order, one in a
// line; reasoning, tool results and blobs do not.
func TextOf(e *pb.Event, v Voice) string {
	in := e.GetInteraction()
	switch v {
	case Generated:
		return said(in.GetOutput())
	case Shown:
		if a := e.GetAction(); a != nil {
			return a.GetText()
		}
		if len(in.GetShown()) == 0 {
			return said(in.GetOutput())
		}
		return said(in.GetShown())
	case Asked:
		input := in.GetInput()
		for i := len(input) - 1; i >= 0; i-- {
			if input[i].GetRole() == "user" {
				return said(input[i : i+1])
			}
		}
	}
	return ""
}

// said returns what messages say. A single text, as most are, is not copied.
func said(messages []*pb.Message) string {
	var first string
	var more *strings.Builder
	add := func(s string) {
		switch {
		case s == "":
		case more != nil:
			more.WriteByte('\n')
			more.WriteString(s)
		case first == "":
			first = s
		default:
			more = &strings.Builder{}
			more.WriteString(first + "\n" + s)
		}
	}
	for _, m := range messages {
		for _, p := range m.GetParts() {
			switch kind := p.GetKind().(type) {
			case *pb.Part_Text:
				add(kind.Text)
			case *pb.Part_ToolCall:
				add(kind.ToolCall.GetName())
				add(kind.ToolCall.GetArguments())
			}
		}
	}
	if more != nil {
		return more.String()
	}
	return first
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
