package identifier

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A sharedCase is a row of the cases that are not part of the repository.
type sharedCase struct {
	ID, Entity, Text, Expect, Locale, Tier string
	Disputed                               bool
	Spans                                  []struct {
		Start, End int
		Type       string
	}
}

// sharedCases reads a file of the redaction cases, at $AFTERIMAGE_SHARED or
// beside the repository, and skips the test where there is none.
func sharedCases(t *testing.T, name string) []sharedCase {
	t.Helper()
	dir := os.Getenv("AFTERIMAGE_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	f, err := os.Open(filepath.Join(dir, "redaction-cases", name))
	if err != nil {
		t.Skipf("no shared cases: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var cases []sharedCase
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c sharedCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Locale == "any" {
			c.Locale = ""
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// known are the entities that Valid decides about.
func known() map[string]bool {
	entities := map[string]bool{}
	for _, f := range Forms() {
		entities[f.Entity] = true
		for _, e := range f.Also {
			entities[e] = true
		}
	}
	for _, w := range wholes() {
		entities[w.entity] = true
	}
	return entities
}

// A score counts the rows judged as they ask, and all.
type score struct{ right, all int }

func (s *score) add(right bool) {
	s.all++
	if right {
		s.right++
	}
}

// knownWrong are entities with undisputed rows that the specification judges
// otherwise, and how many of them.
var knownWrong = map[string]int{}

func TestSharedValues(t *testing.T) {
	entities := known()
	type scores struct{ match, noMatch, disputed score }
	measured := map[string]*scores{}
	for _, c := range sharedCases(t, "validate.jsonl.gz") {
		if !entities[c.Entity] {
			continue
		}
		s := measured[c.Entity]
		if s == nil {
			s = &scores{}
			measured[c.Entity] = s
		}
		right := Valid(c.Entity, c.Locale, c.Text) == (c.Expect == "match")
		switch {
		case c.Disputed:
			s.disputed.add(right)
		case c.Expect == "match":
			s.match.add(right)
		default:
			s.noMatch.add(right)
		}
		if !right && !c.Disputed {
			t.Logf("%s %s: want %s (%s)", c.Entity, c.Locale, c.Expect, c.ID)
		}
	}
	for _, e := range slices.Sorted(maps.Keys(measured)) {
		s := measured[e]
		t.Logf("%-26s match %3d/%3d  no match %3d/%3d  disputed %2d/%2d", e,
			s.match.right, s.match.all, s.noMatch.right, s.noMatch.all, s.disputed.right, s.disputed.all)
		right, all := s.match.right+s.noMatch.right, s.match.all+s.noMatch.all
		if right+knownWrong[e] < all && float64(right+knownWrong[e]) < 0.99*float64(all) {
			t.Errorf("%s: %d of %d undisputed values are judged right, want 99%%", e, right, all)
		}
	}
}
