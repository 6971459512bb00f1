package known

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A testCase is a text of the shared set with the places of entities in it.
type testCase struct {
	ID, Entity, Text, Expect string
	Known                    []string
	Spans                    []struct {
		Start, End int
		Type       string
	}
}

// cases reads a file of the shared set, or skips the test.
func cases(t *testing.T, name string) []testCase {
	t.Helper()
	dir := cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "..", "shared"))
	f, err := os.Open(filepath.Join(dir, "redaction-cases", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []testCase
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c testCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// A score counts spans that were wanted, covered and met exactly, and matches
// that overlap no span.
type score struct{ want, covered, exact, matches, falseAlarms int }

func (s *score) count(c testCase, found []Match, judged func(typ string) bool) (missed, wrong []int) {
	for i, want := range c.Spans {
		if !judged(want.Type) {
			continue
		}
		s.want++
		at := want.Start
		for _, m := range found {
			if m.Start <= at && m.End > at {
				at = m.End
			}
			if m.Start == want.Start && m.End == want.End {
				s.exact++
			}
		}
		if at >= want.End {
			s.covered++
		} else {
			missed = append(missed, i)
		}
	}
	for i, m := range found {
		s.matches++
		overlaps := false
		for _, want := range c.Spans {
			overlaps = overlaps || m.Start < want.End && want.Start < m.End
		}
		if !overlaps {
			s.falseAlarms++
			wrong = append(wrong, i)
		}
	}
	return missed, wrong
}

func all(s *Set, text string) []Match {
	var found []Match
	for m := range s.All(text) {
		found = append(found, m)
	}
	return found
}

// TestKnownValueCases judges the rows of detect.jsonl.gz that hand values in.
func TestKnownValueCases(t *testing.T) {
	var total score
	for _, c := range cases(t, "detect.jsonl.gz") {
		if c.Entity != "KNOWN_VALUE" {
			continue
		}
		var values []Value
		for _, text := range c.Known {
			values = append(values, Value{Text: text})
		}
		missed, wrong := total.count(c, all(compile(t, values...), c.Text), func(string) bool { return true })
		if len(missed) > 0 || len(wrong) > 0 {
			t.Errorf("%s: missed spans %v, false alarms %v", c.ID, missed, wrong)
		}
	}
	t.Logf("%+v", total)
	if total.want == 0 || total.exact != total.want {
		t.Errorf("exact %d of %d", total.exact, total.want)
	}
}

var kinds = map[string]Kind{"PERSON": Name, "EMAIL": Email, "PHONE": Phone, "ADDRESS": Address}

// TestDocumentCases hands the spans of a document in as known values. Every
// span must be covered, and a false alarm is a match that overlaps no span of
// any type.
func TestDocumentCases(t *testing.T) {
	docs := cases(t, "document.jsonl.gz")
	for _, c := range []struct {
		name   string
		judged func(typ string) bool
	}{
		{"all", func(string) bool { return true }},
		{"kinds", func(typ string) bool { _, ok := kinds[typ]; return ok }},
		{"PERSON", func(typ string) bool { return typ == "PERSON" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var total score
			for _, d := range docs {
				var values []Value
				for _, s := range d.Spans {
					if c.judged(s.Type) {
						values = append(values, Value{Text: d.Text[s.Start:s.End], Kind: kinds[s.Type]})
					}
				}
				missed, wrong := total.count(d, all(compile(t, values...), d.Text), c.judged)
				if len(missed) > 0 || len(wrong) > 0 {
					t.Logf("%s: missed spans %v, false alarms %v", d.ID, missed, wrong)
				}
			}
			recall := float64(total.covered) / float64(total.want)
			precision := 1 - float64(total.falseAlarms)/float64(total.matches)
			t.Logf("recall %.4f, precision %.4f, %+v", recall, precision, total)
			if recall < 0.995 || precision < 0.995 {
				t.Errorf("recall %.4f, precision %.4f; want 0.995 both", recall, precision)
			}
		})
	}
}
