package query

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The size of snippets.
const (
	maxSnippets   = 3   // of an event
	snippetBefore = 60  // characters before what was found
	snippetLength = 220 // characters in all
)

// matchOf returns where an event says what is looked for; without any place if
// it was forgotten meanwhile.
func (q *textQuery) matchOf(entry *eventlog.Entry) (*pb.Match, error) {
	m := &pb.Match{Seq: uint64(entry.Seq)}
	seen := map[string]bool{}
	err := entry.Stored(func(stored []byte) error {
		return event.EachText(stored, func(kind event.TextKind, text []byte) bool {
			if s := string(text); kind&q.kinds != 0 && !seen[s] {
				seen[s] = true
				if places := q.places(s); len(places) > 0 {
					m.Snippets = append(m.Snippets, snippet(kind, s, places))
				}
			}
			return len(m.Snippets) < maxSnippets
		})
	})
	if isErased(err) {
		return m, nil
	}
	return m, err
}

// places returns where the text has what is looked for, in order and apart.
func (q *textQuery) places(text string) (places [][2]int) {
	form, at := words.Canonical(text)
	for i := range q.terms {
		t := &q.terms[i]
		for from := 0; !t.not; from++ {
			if from = t.next(form, from); from < 0 {
				break
			}
			end := from + len(t.form)
			for t.prefix && end < len(form) && form[end] != ' ' { // the whole word
				end++
			}
			places = append(places, [2]int{at[from][0], at[end-1][1]})
		}
	}
	slices.SortFunc(places, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], b[1]-a[1]) })
	apart := places[:0]
	for _, p := range places {
		if n := len(apart); n > 0 && p[0] < apart[n-1][1] {
			apart[n-1][1] = max(apart[n-1][1], p[1])
		} else {
			apart = append(apart, p)
		}
	}
	return apart
}

// snippet returns the piece of the text around the first of the places.
func snippet(kind event.TextKind, text string, places [][2]int) *pb.Snippet {
	from := back(text, places[0][0], snippetBefore)
	to := forth(text, from, snippetLength)
	s := &pb.Snippet{Kind: nameOf(kind), CutBefore: from > 0, CutAfter: to < len(text)}
	add := func(start, end int, match bool) {
		if start < end {
			s.Segments = append(s.Segments, &pb.Snippet_Segment{Text: strings.ToValidUTF8(text[start:end], "\uFFFD"), Match: match})
		}
	}
	at := from
	for _, p := range places {
		if p[0] >= to {
			break
		}
		end := min(p[1], to) // What separates words may be long.
		add(at, p[0], false)
		add(p[0], end, true)
		at = end
	}
	add(at, to, false)
	return s
}

// back returns the place n characters before at, or where a word begins soon
// after it.
func back(text string, at, n int) int {
	start := at
	for ; start > 0 && n > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	if start == 0 {
		return 0
	}
	if i := strings.IndexAny(text[start:at], " \n\t"); i >= 0 && i < 20 {
		return start + i + 1
	}
	return start
}

// forth returns the place n characters after at.
func forth(text string, at, n int) int {
	for ; at < len(text) && n > 0; n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

// nameOf returns the kind of a text as the API spells it.
func nameOf(kind event.TextKind) pb.TextKind {
	for _, k := range textKinds {
		if kind&k.kind != 0 {
			return k.name
		}
	}
	return pb.TextKind_TEXT_KIND_UNSPECIFIED
}

var textKinds = []struct {
	kind event.TextKind
	name pb.TextKind
}{
	{event.TextInput, pb.TextKind_TEXT_INPUT}, {event.TextOutput, pb.TextKind_TEXT_OUTPUT}, {event.TextShown, pb.TextKind_TEXT_SHOWN},
	{event.TextTool, pb.TextKind_TEXT_TOOL}, {event.TextRetrieved, pb.TextKind_TEXT_RETRIEVED}, {event.TextComment, pb.TextKind_TEXT_COMMENT},
}

// KindsOf returns the kinds of texts as a set; a *RequestError where one is
// unknown.
func KindsOf(names []pb.TextKind) (set event.TextKind, err error) {
	for _, name := range names {
		i := slices.IndexFunc(textKinds, func(k struct {
			kind event.TextKind
			name pb.TextKind
		}) bool {
			return k.name == name
		})
		if i < 0 {
			return 0, &RequestError{"textKinds", "name another text than TEXT_INPUT, TEXT_OUTPUT, TEXT_SHOWN, TEXT_TOOL, TEXT_RETRIEVED and TEXT_COMMENT"}
		}
		set |= textKinds[i].kind
	}
	return set, nil
}
