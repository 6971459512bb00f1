package query

import (
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A step is a stretch of text that reached the user at once.
type step struct {
	text     string
	offsetMS uint64 // since the request
}

// A streamer cuts the texts of an answer, one after the other, into the steps
// in which they reached the user.
//
// Deltas count bytes of the text as it was streamed. Where redaction has
// changed the text since, the cuts are off by as much, but no byte is lost:
// what the deltas do not cover comes with the last of them. Cuts fall between
// characters.
type streamer struct {
	deltas []*pb.Delta // the current one first
	bound  int         // where the current one ends, in bytes of all texts
	pos    int         // where the current text begins, likewise
}

func newStreamer(deltas []*pb.Delta) *streamer {
	s := &streamer{deltas: deltas}
	if len(deltas) > 0 {
		s.bound = int(deltas[0].GetBytes())
	}
	return s
}

// cut returns the steps of the next text; at least one, and together they are
// the text.
func (s *streamer) cut(text string) []step {
	if len(s.deltas) == 0 {
		return []step{{text: text}}
	}
	var steps []step
	start := 0
	for len(s.deltas) > 1 && s.bound-s.pos < len(text) {
		end := charStart(text, s.bound-s.pos)
		if end > start {
			steps = append(steps, step{text[start:end], s.offset()})
			start = end
		}
		s.deltas = s.deltas[1:]
		s.bound += int(s.deltas[0].GetBytes())
	}
	steps = append(steps, step{text[start:], s.offset()})
	s.pos += len(text)
	return steps
}

// offset returns when the current step reached the user.
func (s *streamer) offset() uint64 {
	if len(s.deltas) == 0 {
		return 0
	}
	return uint64(s.deltas[0].GetOffsetMs())
}

// charStart returns the largest beginning of a character in text that is not
// after i.
func charStart(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return max(i, 0)
}
