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
	"strings"
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
	"EMAIL": {"EMAIL"}, "PHONE": {"PHONE"}, "CREDIT_CARD": {"CREDIT_CARD"}, "IBAN": {"IBAN"}, "US_SSN": {"US_SSN"}, "IP_ADDRESS": {"IP_ADDRESS"},
	"URL_CREDENTIALS": secretTypes, "JWT": secretTypes, "PRIVATE_KEY": secretTypes, "API_KEY": secretTypes,
	"WEBHOOK_URL": secretTypes, "PASSWORD": secretTypes, "GENERIC_SECRET": secretTypes,
	"BENIGN": append(slices.Clone(secretTypes), "EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "IP_ADDRESS"),
}

var secretTypes = []string{"API_KEY", "JWT", "PRIVATE_KEY", "URL_CREDENTIALS", "PASSWORD", "GENERIC_SECRET", "WEBHOOK_URL"}

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

// A bar is what the detectors reached when it was set: how many of the spans
// they found, at least, and how many false alarms they gave, at most. What is
// missed on purpose: addresses of nobody (::1), national telephone and bare
// social security numbers without a word before them, keys made of one
// repeated letter, keys that only their vendor's name gives away and that do
// not look random, Kubernetes manifests whose whole line is expected.
// The false alarms are valid telephone numbers of another region than the
// case's, and real credentials beside the entity that the case is about.
var bars = map[string]struct{ found, falseAlarms int }{
	"API_KEY/context": {310, 0}, "API_KEY/format": {452, 2}, "BENIGN/format": {0, 0}, "CREDIT_CARD/checksum": {19, 0},
	"EMAIL/format": {10, 0}, "GENERIC_SECRET/context": {12, 0}, "GENERIC_SECRET/format": {11, 0}, "IBAN/checksum": {111, 0},
	"IP_ADDRESS/checksum": {56, 0}, "JWT/format": {22, 1}, "PASSWORD/context": {41, 0}, "PHONE/context": {156, 0},
	"PHONE/format": {158, 3}, "PRIVATE_KEY/format": {3, 0}, "URL_CREDENTIALS/format": {1, 0}, "US_SSN/format": {8, 0},
	"WEBHOOK_URL/format": {8, 0},
}

// TestCases measures the detectors on the shared cases.
func TestCases(t *testing.T) {
	got := map[string]*score{}
	redactors := map[string]*Redactor{}
	for _, c := range readCases(t) {
		region := ""
		if c.Entity == "PHONE" && len(c.Locale) == 2 && c.Locale != "ZZ" {
			region = c.Locale
		}
		if redactors[region] == nil {
			redactors[region] = newRedactor(t, Config{Regions: regionsOf(region)})
		}
		types := typesOf[c.Entity]
		if types == nil {
			continue
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
		got[key].add(c, found)
	}
	for key, s := range got {
		t.Logf("%s: found %d of %d, %d exactly; %d false alarms and %d near misses in %d", key, s.found, s.want, s.exact, s.falseAlarms, s.nearMisses, s.negatives)
		if bar := bars[key]; s.found < bar.found || s.falseAlarms > bar.falseAlarms {
			t.Errorf("%s: found %d, false alarms %d; want at least %d, at most %d", key, s.found, s.falseAlarms, bar.found, bar.falseAlarms)
		}
	}
}

func regionsOf(region string) []string {
	if region == "" {
		return nil
	}
	return []string{region}
}

func (s *score) add(c detectCase, found []Finding) {
	if c.Expect == "no_match" {
		s.negatives++
	}
	for _, want := range c.Spans {
		want.End = want.Start + len(bareAddress(c.Entity, c.Text[want.Start:want.End]))
		s.want++
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Start <= want.Start && want.End <= f.End })
		if i < 0 {
			continue
		}
		s.found++
		if found[i].Start == want.Start && found[i].End == want.End {
			s.exact++
		}
	}
	for _, f := range found {
		switch {
		case slices.ContainsFunc(c.Spans, func(w struct{ Start, End int }) bool { return f.Start < w.End && w.Start < f.End }):
		case c.NearMiss:
			s.nearMisses++
		default:
			s.falseAlarms++
		}
	}
}

// bareAddress drops the prefix length or port from an IP address.
func bareAddress(entity, s string) string {
	if entity != "IP_ADDRESS" {
		return s
	}
	s, _, _ = strings.Cut(s, "/")
	if host, _, ok := strings.Cut(s, ":"); ok && strings.Count(host, ".") == 3 {
		return host
	}
	return s
}
