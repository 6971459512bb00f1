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
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A testCase is a text of the shared set with the places of entities in it.
type testCase struct {
	ID, Entity, Text, Expect string
	Known                    []string
	Spans                    []labelled
}

type labelled struct {
	Start, End int
	Type       string
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

func (s *score) rates() (recall, precision float64) {
	return float64(s.covered) / float64(s.want), 1 - float64(s.falseAlarms)/float64(s.matches)
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
			recall, precision := total.rates()
			t.Logf("recall %.4f, precision %.4f, %+v", recall, precision, total)
			if recall < 0.995 || precision < 0.995 {
				t.Errorf("recall %.4f, precision %.4f; want 0.995 both", recall, precision)
			}
		})
	}
}

// TestDocumentsRespelled spells the names of the documents in other ways than
// they are handed in. What is missed in lower case are single words of the
// language (park), which count only where they are capitalised.
func TestDocumentsRespelled(t *testing.T) {
	docs := cases(t, "document.jsonl.gz")
	for _, way := range []struct {
		name   string
		recall float64
		spell  func(string) string
	}{
		{"upper", 0.995, strings.ToUpper},
		{"decomposed", 0.995, norm.NFD.String},
		{"without diacritics", 0.995, withoutDiacritics},
		{"dots", 0.995, func(s string) string { return strings.Join(strings.Fields(s), ".") }},
		{"lower snake", 0.985, func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "_")) }},
		{"last first", 0.995, lastFirst},
		{"soft hyphens", 0.995, func(s string) string { return strings.Join(strings.Split(s, ""), "\u00ad") }},
		{"no-break spaces", 0.995, func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
	} {
		t.Run(way.name, func(t *testing.T) {
			var total score
			for _, d := range docs {
				respelled, values := respellSpans(d, "PERSON", way.spell)
				missed, _ := total.count(respelled, all(compile(t, values...), respelled.Text), func(typ string) bool { return typ == "PERSON" })
				if len(missed) > 0 {
					t.Logf("%s: missed spans %v", d.ID, missed)
				}
			}
			recall, precision := total.rates()
			t.Logf("recall %.4f, precision %.4f, %+v", recall, precision, total)
			if recall < way.recall || precision < 0.995 {
				t.Errorf("recall %.4f, precision %.4f; want %.3f and 0.995", recall, precision, way.recall)
			}
		})
	}
}

func withoutDiacritics(s string) string {
	s = strings.NewReplacer("ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "æ", "ae", "Æ", "Ae", "ß", "ss", "đ", "d", "ð", "d", "þ", "th", "Þ", "Th").Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

func lastFirst(s string) string {
	words := strings.Fields(s)
	if len(words) < 2 || len(words) > maxWords {
		return s
	}
	return words[len(words)-1] + ", " + strings.Join(words[:len(words)-1], " ")
}

// respellSpans replaces the spans of a type and moves all the others.
func respellSpans(c testCase, typ string, spell func(string) string) (testCase, []Value) {
	var b strings.Builder
	var values []Value
	out, last := c, 0
	out.Spans = slices.Clone(c.Spans)
	slices.SortFunc(out.Spans, func(a, b labelled) int { return cmp.Compare(a.Start, b.Start) })
	for i, s := range out.Spans {
		b.WriteString(c.Text[last:s.Start])
		text := c.Text[s.Start:s.End]
		if last = s.End; s.Type == typ {
			values = append(values, Value{Text: text, Kind: kinds[typ]})
			text = spell(text)
		}
		out.Spans[i].Start = b.Len()
		b.WriteString(text)
		out.Spans[i].End = b.Len()
	}
	b.WriteString(c.Text[last:])
	out.Text = b.String()
	return out, values
}

// TestAllPeople hands the people of all documents in at once, as a list of
// customers would be: a false alarm is a match that overlaps no span. All of
// them are a colour at the start of a band's name, which is somebody's whole
// name elsewhere.
func TestAllPeople(t *testing.T) {
	docs := cases(t, "document.jsonl.gz")
	var values []Value
	for _, d := range docs {
		for _, s := range d.Spans {
			if s.Type == "PERSON" {
				values = append(values, Value{Text: d.Text[s.Start:s.End], Kind: Name})
			}
		}
	}
	s := compile(t, values...)
	var total score
	for _, d := range docs {
		missed, wrong := total.count(d, all(s, d.Text), func(typ string) bool { return typ == "PERSON" })
		if len(missed) > 0 || len(wrong) > 0 {
			t.Logf("%s: missed spans %v, false alarms %v", d.ID, missed, wrong)
		}
	}
	recall, precision := total.rates()
	t.Logf("%d values: recall %.4f, precision %.4f, %+v", len(values), recall, precision, total)
	if recall < 0.995 || precision < 0.985 {
		t.Errorf("recall %.4f, precision %.4f; want 0.995 and 0.985", recall, precision)
	}
}
