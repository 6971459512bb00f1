package query

import (
	"hash/maphash"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// maxAlignCells bounds the table with which a call's input is aligned with
// the conversation so far, in cells of four bytes. Calls beyond it (a few
// hundred messages inserted into a history of thousands) are aligned greedily.
const maxAlignCells = 1 << 20

// A mark is the identity of one part of a message: its role, kind and whole
// content under two secret hashes, so that no two contents can be made to
// pass for one.
type mark [2]uint64

// A history is what a session's calls have carried so far, in the order of
// the conversation. Model calls repeat it; a history tells what is new.
//
// It works on parts, not messages: clients drop the reasoning of an answer or
// split text from tool calls when they send it back.
type history struct {
	seeds [2]maphash.Seed
	known []known
	at    int // where the answer to the latest input belongs in known
}

// known is one part that was carried, and the turn that carried it first.
type known struct {
	mark mark
	turn uint32
}

func newHistory() *history {
	return &history{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// A piece is one part of one message.
type piece struct {
	role string
	part *pb.Part
	last bool // it belongs to the last of the messages
}

// pieces returns the parts of messages in order.
func pieces(messages []*pb.Message) []piece {
	var all []piece
	for i, m := range messages {
		for _, part := range m.GetParts() {
			all = append(all, piece{role: m.GetRole(), part: part, last: i == len(messages)-1})
		}
	}
	return all
}

// mark returns the identity of a piece. Tool-call ids do not count: clients
// renumber them.
func (h *history) mark(p piece) mark {
	kind, fields := contentOf(p.part)
	var id mark
	for i, seed := range h.seeds {
		var hash maphash.Hash
		hash.SetSeed(seed)
		maphash.WriteComparable(&hash, len(p.role))
		_, _ = hash.WriteString(p.role)
		maphash.WriteComparable(&hash, kind)
		for _, field := range fields {
			maphash.WriteComparable(&hash, len(field))
			_, _ = hash.WriteString(field)
		}
		id[i] = hash.Sum64()
	}
	return id
}

// Kinds of content, for mark alone.
const (
	kindText = iota + 1
	kindCall
	kindResult
	kindReasoning
	kindBlob
)

// contentOf returns what makes a part the same as another.
func contentOf(part *pb.Part) (kind int, fields []string) {
	switch k := part.GetKind().(type) {
	case *pb.Part_Text:
		return kindText, []string{k.Text}
	case *pb.Part_ToolCall:
		return kindCall, []string{k.ToolCall.GetName(), k.ToolCall.GetArguments()}
	case *pb.Part_ToolResult:
		return kindResult, []string{k.ToolResult.GetResult(), k.ToolResult.GetError()}
	case *pb.Part_Reasoning:
		return kindReasoning, []string{k.Reasoning}
	case *pb.Part_Blob:
		b := k.Blob
		return kindBlob, []string{b.GetMediaType(), string(b.GetSha256()), b.GetUri()}
	}
	return 0, nil
}

// input takes in what a call of the given turn was given and tells for each
// piece whether it is new.
//
// The input is aligned with what is known by their longest common
// subsequence: a history cut at the front, thinned in the middle or edited
// anywhere aligns where it can, and the same word said twice counts twice.
func (h *history) input(given []piece, turn uint32) (fresh []bool) {
	marks := make([]mark, len(given))
	for i, p := range given {
		marks[i] = h.mark(p)
	}
	match := align(marks, h.known)
	h.saidAgain(given, match, turn)
	merged := make([]known, 0, len(h.known)+len(given))
	next := 0 // of h.known
	fresh = make([]bool, len(given))
	for i, j := range match {
		if j < 0 {
			fresh[i] = true
			merged = append(merged, known{marks[i], turn})
			continue
		}
		merged = append(merged, h.known[next:j+1]...)
		next = j + 1
	}
	h.at = len(merged)
	h.known = append(merged, h.known[next:]...)
	return fresh
}

// saidAgain unmatches the last message where a user said in a later turn what
// was said before: a client that sends no history repeats the word, not the
// record of it.
func (h *history) saidAgain(given []piece, match []int, turn uint32) {
	for i, p := range given {
		if !p.last || p.role != roleUser || match[i] < 0 {
			continue
		}
		if before := h.known[match[i]].turn; before != 0 && turn != 0 && before != turn {
			match[i] = -1
		}
	}
}

// answer takes in what a call generated or what was shown for it.
func (h *history) answer(given []piece, turn uint32) {
	added := make([]known, len(given))
	for i, p := range given {
		added[i] = known{h.mark(p), turn}
	}
	tail := append(added, h.known[h.at:]...)
	h.known = append(h.known[:h.at:h.at], tail...)
	h.at += len(given)
}

// align returns for each of given the index of its match in old, ascending,
// or -1.
func align(given []mark, old []known) []int {
	match := make([]int, len(given))
	n := 0
	for n < len(given) && n < len(old) && given[n] == old[n].mark {
		match[n] = n
		n++
	}
	rest, left := given[n:], old[n:]
	if len(rest)*len(left) > maxAlignCells {
		alignGreedily(match[n:], rest, left)
	} else {
		alignLongest(match[n:], rest, left)
	}
	for i := n; i < len(match); i++ {
		if match[i] >= 0 {
			match[i] += n
		}
	}
	return match
}

// alignLongest matches a longest common subsequence. Where several are as
// long, what stands last in given stays new: it is what was just said.
func alignLongest(match []int, given []mark, old []known) {
	width := len(old) + 1
	length := make([]int32, (len(given)+1)*width)
	for i, p := range given {
		above, row := length[i*width:], length[(i+1)*width:]
		for j, k := range old {
			if p == k.mark {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
	}
	for i, j := len(given), len(old); i > 0; {
		switch {
		case j > 0 && given[i-1] == old[j-1].mark:
			i, j = i-1, j-1
			match[i] = j
		case j > 0 && length[i*width+j-1] > length[(i-1)*width+j]:
			j--
		default:
			i--
			match[i] = -1
		}
	}
}

// alignGreedily matches each of given with its next occurrence in old, in
// time linear in both.
func alignGreedily(match []int, given []mark, old []known) {
	places := make(map[mark][]int, len(old))
	for j, k := range old {
		places[k.mark] = append(places[k.mark], j)
	}
	next := 0
	for i, p := range given {
		match[i] = -1
		at := places[p]
		for len(at) > 0 && at[0] < next {
			at = at[1:]
		}
		places[p] = at
		if len(at) > 0 {
			match[i], next = at[0], at[0]+1
		}
	}
}
