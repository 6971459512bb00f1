package redaction

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
	"testing"
)

// shared opens a file of the shared test data, or skips the test by name.
func shared(t testing.TB, name string) *os.File {
	t.Helper()
	dir := cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "shared"))
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A detectCase is a text with the places of one kind of entity in it.
type detectCase struct {
	ID, Source, Entity, Text, Expect, Locale, Tier string
	NearMiss                                       bool `json:"near_miss"`
	Spans                                          []struct{ Start, End int }
}

// typesOf says which of our types cover an entity of the cases: any of the
// same category.
var typesOf = map[string][]string{
	"EMAIL": {"EMAIL"}, "PHONE": {"PHONE"}, "CREDIT_CARD": {"CARD"}, "IBAN": {"IBAN"}, "US_SSN": {"SSN"}, "IP_ADDRESS": {"IP"},
	"URL_CREDENTIALS": secretTypes, "JWT": secretTypes, "PRIVATE_KEY": secretTypes, "API_KEY": secretTypes,
	"WEBHOOK_URL": secretTypes, "PASSWORD": secretTypes, "GENERIC_SECRET": secretTypes,
}

var secretTypes = []string{"API_KEY", "JWT", "PRIVATE_KEY", "CREDENTIALS", "PASSWORD", "SECRET"}

type score struct{ want, found, exact, negatives, falseAlarms, nearMisses int }

func readCases(t *testing.T) []detectCase {
	zr, err := gzip.NewReader(shared(t, "redaction-cases/detect.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []detectCase
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c detectCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

func TestCases(t *testing.T) {
	got := map[string]*score{}
	redactors := map[string]*Redactor{}
	for _, c := range readCases(t) {
		types, ours := typesOf[c.Entity]
		if c.Entity == "BENIGN" {
			types, ours = append(secretTypes[:len(secretTypes):len(secretTypes)], "EMAIL", "PHONE", "CARD", "IBAN", "SSN", "IP"), true
		}
		if !ours {
			continue
		}
		region := ""
		if c.Entity == "PHONE" && len(c.Locale) == 2 && c.Locale != "ZZ" {
			region = c.Locale
		}
		if redactors[region] == nil {
			redactors[region] = newRedactor(t, Config{Detectors: Default(region)})
		}
		_, found, err := redactors[region].Text(t.Context(), c.Text, pseudonym)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		found = slices.DeleteFunc(found, func(f Finding) bool { return !slices.Contains(types, f.Type) })
		key := c.Entity + "/" + c.Tier
		if got[key] == nil {
			got[key] = &score{}
		}
		got[key].add(t, c, found)
	}
	for e, s := range got {
		t.Logf("%-28s found %d/%d exact %d  false %d/%d near-miss %d", e, s.found, s.want, s.exact, s.falseAlarms, s.negatives, s.nearMisses)
	}
}

func (s *score) add(t *testing.T, c detectCase, found []Finding) {
	if c.Expect == "no_match" {
		s.negatives++
	}
	s.want += len(c.Spans)
	for _, want := range c.Spans {
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Start <= want.Start && want.End <= f.End })
		if i < 0 {
			t.Logf("MISS %s/%s %s: %.200q in %.300q", c.Entity, c.Tier, c.ID, c.Text[want.Start:want.End], c.Text)
			continue
		}
		s.found++
		if found[i].Start == want.Start && found[i].End == want.End {
			s.exact++
		}
	}
	for _, f := range found {
		if !slices.ContainsFunc(c.Spans, func(w struct{ Start, End int }) bool { return f.Start < w.End && w.Start < f.End }) {
			if c.NearMiss {
				s.nearMisses++
				continue
			}
			t.Logf("FALSE %s/%s %s: %s %.100q in %.300q", c.Entity, c.Tier, c.ID, f.Type, c.Text[f.Start:f.End], c.Text)
			s.falseAlarms++
		}
	}
}
