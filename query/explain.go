package query

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// explanation says how the search found what it found; nil where nobody asked.
func (s *search) explanation() *pb.Explanation {
	if s.selection.Stats == nil {
		return nil
	}
	counts := s.selection.Stats.Counts()
	return &pb.Explanation{
		PushedDown: s.pushedDown(), Evaluated: s.evaluated(),
		Blocks: counts.Blocks, BlocksSkipped: counts.Skipped, BlocksFiltered: counts.Filtered,
		MetasOpened: counts.Metas, TextsOpened: counts.Texts, BytesOpened: counts.Bytes,
		EventsExamined: s.examined, EventsMatched: s.matched,
		Elapsed: durationpb.New(time.Since(s.began)),
	}
}

// pushedDown says what was looked up.
func (s *search) pushedDown() (all []string) {
	sel := &s.selection
	for _, t := range sel.Terms {
		all = append(all, fmt.Sprintf("%s in %q", t.Field, t.Values))
	}
	if !sel.Since.IsZero() {
		all = append(all, "time >= "+sel.Since.UTC().Format(time.RFC3339Nano))
	}
	if !sel.Until.IsZero() {
		all = append(all, "time < "+sel.Until.UTC().Format(time.RFC3339Nano))
	}
	for _, what := range []struct {
		n    int
		name string
	}{{len(sel.Words), "word"}, {len(sel.Pairs), "pair of words"}, {len(sel.Prefixes), "beginning of a word"}} {
		if what.n > 0 {
			all = append(all, fmt.Sprintf("%d × %s", what.n, what.name))
		}
	}
	return all
}

// evaluated says what events were looked at for.
func (s *search) evaluated() (all []string) {
	if s.condition != nil && s.condition.MetaOnly() && !s.indexed() {
		all = append(all, "filter (meta)")
	}
	if s.text != nil {
		all = append(all, "text")
	}
	if s.condition != nil && !s.condition.MetaOnly() {
		all = append(all, "filter (whole event)")
	}
	return all
}
