package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// script makes messages from lines such as `user: hello`.
func script(lines ...string) []*pb.Message {
	var messages []*pb.Message
	for _, line := range lines {
		role, text, _ := strings.Cut(line, ": ")
		messages = append(messages, &pb.Message{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}})
	}
	return messages
}

// A call is one model call of a conversation, in lines.
type call struct {
	turn   uint32
	input  []string
	answer []string
	want   []string // what of the input is new
}

func TestHistory(t *testing.T) {
	for _, test := range []struct {
		name  string
		calls []call
	}{
		{"each call repeats the conversation", []call{
			{1, []string{"system: s", "user: a"}, []string{"assistant: b"}, []string{"system: s", "user: a"}},
			{2, []string{"system: s", "user: a", "assistant: b", "user: c"}, []string{"assistant: d"}, []string{"user: c"}},
			{3, []string{"system: s", "user: a", "assistant: b", "user: c", "assistant: d", "user: e"}, nil, []string{"user: e"}},
		}},
		{"the same word said again is new", []call{
			{1, []string{"user: yes"}, []string{"assistant: ok"}, []string{"user: yes"}},
			{2, []string{"user: yes", "assistant: ok", "user: yes"}, []string{"assistant: ok"}, []string{"user: yes"}},
			{3, []string{"user: yes", "assistant: ok", "user: yes", "assistant: ok", "user: yes"}, nil, []string{"user: yes"}},
		}},
		{"a window slides over the conversation", []call{
			{1, []string{"system: s", "user: a"}, []string{"assistant: b"}, []string{"system: s", "user: a"}},
			{2, []string{"system: s", "user: a", "assistant: b", "user: c"}, []string{"assistant: d"}, []string{"user: c"}},
			{3, []string{"system: s", "user: c", "assistant: d", "user: a"}, nil, []string{"user: a"}},
		}},
		{"the system prompt changes", []call{
			{1, []string{"system: noon", "user: a"}, []string{"assistant: b"}, []string{"system: noon", "user: a"}},
			{2, []string{"system: one", "user: a", "assistant: b", "user: c"}, nil, []string{"system: one", "user: c"}},
		}},
		{"the history is edited", []call{
			{1, []string{"user: a"}, []string{"assistant: b"}, []string{"user: a"}},
			{2, []string{"user: a", "assistant: B", "user: c"}, nil, []string{"assistant: B", "user: c"}},
		}},
		{"two answers to one turn, either goes on", []call{
			{1, []string{"user: a"}, []string{"assistant: b"}, []string{"user: a"}},
			{1, []string{"user: a"}, []string{"assistant: c"}, nil},
			{2, []string{"user: a", "assistant: b", "user: d"}, nil, []string{"user: d"}},
			{2, []string{"user: a", "assistant: c", "user: e"}, nil, []string{"user: e"}},
		}},
		{"a client that sends no history", []call{
			{1, []string{"user: yes"}, []string{"assistant: ok"}, []string{"user: yes"}},
			{2, []string{"user: yes"}, []string{"assistant: ok"}, []string{"user: yes"}},
			{3, []string{"user: no"}, nil, []string{"user: no"}},
		}},
		{"two agents take turns in one session", []call{
			{1, []string{"system: A", "user: a"}, []string{"assistant: b"}, []string{"system: A", "user: a"}},
			{2, []string{"system: B", "user: x"}, []string{"assistant: y"}, []string{"system: B", "user: x"}},
			{3, []string{"system: A", "user: a", "assistant: b", "user: c"}, []string{"assistant: d"}, []string{"user: c"}},
			{4, []string{"system: B", "user: x", "assistant: y", "user: z"}, nil, []string{"user: z"}},
		}},
		{"of two that could be the old one, the last is new", []call{
			{0, []string{"system: s", "user: yes"}, []string{"assistant: ok"}, []string{"system: s", "user: yes"}},
			{0, []string{"system: t", "user: yes", "assistant: hm", "user: yes"}, nil, []string{"system: t", "assistant: hm", "user: yes"}},
		}},
		{"the turns before were not captured", []call{
			{3, []string{"user: a", "assistant: b", "user: c"}, nil, []string{"user: a", "assistant: b", "user: c"}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHistory()
			for i, c := range test.calls {
				if got := fresh(h, c); !cmp.Equal(got, c.want) {
					t.Errorf("call %d: new input (-want +got):\n%s", i+1, cmp.Diff(c.want, got))
				}
			}
		})
	}
}

// fresh takes a call in and returns what of its input was new, in lines.
func fresh(h *history, c call) []string {
	given := pieces(script(c.input...))
	var lines []string
	for i, fresh := range h.input(given, c.turn) {
		if fresh {
			lines = append(lines, given[i].role+": "+given[i].part.GetText())
		}
	}
	h.answer(pieces(script(c.answer...)), c.turn)
	return lines
}

// Reasoning is dropped and messages are split when clients send answers back;
// neither makes the rest new.
func TestHistoryByParts(t *testing.T) {
	h := newHistory()
	h.input(pieces(script("user: a")), 1)
	text := &pb.Part{Kind: &pb.Part_Text{Text: "b"}}
	tool := &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "1", Name: "f", Arguments: "{}"}}}
	again := &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "other", Name: "f", Arguments: "{}"}}}
	h.answer(pieces([]*pb.Message{{Role: roleAssistant, Parts: []*pb.Part{{Kind: &pb.Part_Reasoning{Reasoning: "hm"}}, text, tool}}}), 1)
	next := append(script("user: a"), &pb.Message{Role: roleAssistant, Parts: []*pb.Part{text}}, &pb.Message{Role: roleAssistant, Parts: []*pb.Part{again}})
	for i, fresh := range h.input(pieces(next), 2) {
		if fresh {
			t.Errorf("piece %d is new, want known", i)
		}
	}
}

// Whatever the calls carry, in whatever order: a text is never held back
// before it was shown, and with a table too small for it neither.
func TestHistoryHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"user", "assistant", "tool"}).Draw(t, "role") + ": " + rapid.StringN(1, 1, 1).Draw(t, "text")
		})
		lines := rapid.SliceOfN(line, 0, 12)
		h := newHistory()
		shown := map[string]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "calls") {
			c := call{turn: rapid.Uint32Range(0, 3).Draw(t, "turn"), input: lines.Draw(t, "input"), answer: lines.Draw(t, "answer")}
			for _, line := range fresh(h, c) {
				shown[line] = true
			}
			for _, line := range c.input {
				if !shown[line] {
					t.Fatalf("%q was never shown", line)
				}
			}
			for _, line := range c.answer {
				shown[line] = true
			}
		}
	})
}

// Greedy alignment gives up length, not order: matches ascend and match.
func TestAlignGreedily(t *testing.T) {
	old := []known{{mark: mark{1}}, {mark: mark{2}}, {mark: mark{1}}, {mark: mark{3}}}
	given := []mark{{2}, {1}, {9}, {1}, {3}}
	got := make([]int, len(given))
	alignGreedily(got, given, old)
	if want := []int{1, 2, -1, -1, 3}; !cmp.Equal(got, want) {
		t.Errorf("matches = %v, want %v", got, want)
	}
}

func BenchmarkHistory(b *testing.B) {
	var lines []string
	for i := range 40 {
		lines = append(lines, []string{"user: ", "assistant: "}[i%2]+strings.Repeat("word ", 200)+string(rune('a'+i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		h := newHistory()
		for turn := 1; turn <= 20; turn++ {
			h.input(pieces(script(lines[:2*turn-1]...)), uint32(turn))
			h.answer(pieces(script(lines[2*turn-1])), uint32(turn))
		}
	}
}
