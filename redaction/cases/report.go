package cases

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Print writes the report as tables: a line for each entity, tier and source,
// and the summary by group.
func (r *Report) Print(w io.Writer) {
	r.PrintLines(w)
	fmt.Fprintln(w)
	r.PrintSummary(w)
}

// PrintLines writes a line for each entity, tier and source.
func (r *Report) PrintLines(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "task\tentity\ttier\tsource\texpected\tfound\trecall\texact\tnegative\tfalse\tnear misses\tprecision")
	for _, k := range r.keys() {
		t := r.Lines[k]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%d\t%.4f\t%.4f\t%d\t%d\t%d\t%.4f\n", k.Task, k.Entity, k.Tier, k.Source,
			t.Expected, t.Found, t.Recall(), t.Exactness(), t.Negative, t.False, t.NearMisses, t.Precision())
	}
	tw.Flush()
}

// PrintSummary writes the summary by group.
func (r *Report) PrintSummary(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "group\texpected\tfound\trecall\texact\tnegative\tfalse\tnear misses\tprecision")
	for _, g := range groups {
		if t := r.Groups[g]; t != nil {
			fmt.Fprintf(tw, "%s\t%d\t%d\t%.4f\t%.4f\t%d\t%d\t%d\t%.4f\n", g, t.Expected, t.Found, t.Recall(), t.Exactness(), t.Negative, t.False, t.NearMisses, t.Precision())
		}
	}
	tw.Flush()
	for _, name := range slices.Sorted(maps.Keys(r.Validate)) {
		v := r.Validate[name]
		fmt.Fprintf(w, "whole values, %s: accepted %d of %d (%.4f), refused %d of %d (%.4f)\n", name,
			v.Accepted, v.Accept, share(v.Accepted, v.Accept), v.Refused, v.Refuse, share(v.Refused, v.Refuse))
	}
	fmt.Fprintf(w, "secrets: %d alarms in %d cases without any; benign: %d alarms in %d\n", r.SecretAlarms, r.NonSecret, r.BenignAlarms, r.Benign)
}

func (r *Report) keys() []Key {
	return slices.SortedFunc(maps.Keys(r.Lines), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Source, b.Source))
	})
}

// A Summary is a report as JSON.
type Summary struct {
	Lines        []SummaryLine     `json:"lines"`
	Groups       map[string]*Tally `json:"groups"`
	Validate     map[string]*Valid `json:"validate"`
	NonSecret    int               `json:"nonSecret"`
	SecretAlarms int               `json:"secretAlarms"`
	Benign       int               `json:"benign"`
	BenignAlarms int               `json:"benignAlarms"`
}

// A SummaryLine is the tally of one entity, tier and source.
type SummaryLine struct {
	Key
	Tally
}

// Summary returns the report without its misses.
func (r *Report) Summary() Summary {
	s := Summary{Groups: r.Groups, Validate: r.Validate, NonSecret: r.NonSecret, SecretAlarms: r.SecretAlarms, Benign: r.Benign, BenignAlarms: r.BenignAlarms}
	for _, k := range r.keys() {
		s.Lines = append(s.Lines, SummaryLine{k, *r.Lines[k]})
	}
	return s
}

// String returns one line that says what was missed, or reported and not
// there, and in which text.
func (m Miss) String() string {
	what := "missed"
	if m.False {
		what = "false"
	} else if m.Got.Type != "" {
		what = fmt.Sprintf("inexact (%d–%d for %d–%d)", m.Got.Start, m.Got.End, m.Span.Start, m.Span.End)
	}
	value := ""
	if m.Span.End <= len(m.Case.Text) {
		value = m.Case.Text[m.Span.Start:m.Span.End]
	}
	return fmt.Sprintf("%s %s/%s/%s %s %s: %q in %q", what, m.Case.Entity, m.Case.Tier, m.Case.Source, m.Case.Locale, m.Span.Type, value, m.Case.Text)
}
