package redaction

import (
	"slices"
	"testing"
)

// What the record names must be what was run: no type that stays, and the
// analyser where there is one.
func TestDetectors(t *testing.T) {
	detectors := func(cfg Config) []string {
		t.Helper()
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return r.Detectors()
	}
	all := detectors(Config{})
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("the names are not sorted, or some are there twice")
	}
	isEmail := func(s string) bool { return len(s) > 6 && s[:6] == "EMAIL/" }
	if !slices.ContainsFunc(all, isEmail) {
		t.Errorf("no detector of addresses is among %d", len(all))
	}
	kept := detectors(Config{Operators: map[string]Operator{"EMAIL": Keep}})
	if slices.ContainsFunc(kept, isEmail) || len(kept) >= len(all) {
		t.Error("EMAIL stays, and its detectors are named")
	}
	if got := detectors(Config{DropContent: true}); !slices.Equal(got, []string{"content dropped"}) {
		t.Errorf("content is dropped: got %q", got)
	}
	if got := detectors(Config{Analyzer: &nameAnalyzer{}}); !slices.Contains(got, "analyzer") {
		t.Error("the analyser is not named")
	}
}
