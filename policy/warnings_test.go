package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
)

func warned(d *Document, now time.Time) (out []string) {
	for _, w := range d.Warnings(now) {
		out = append(out, place(w.Line, w.Column, w.Reason))
	}
	return out
}

// What is allowed and hardly meant is told where it stands; what is meant is not.
func TestWarnings(t *testing.T) {
	const reason = "rationale: {purpose: p, legal_basis: l, reviewers: [r], review_by: 2027-06-30}\n"
	const classes = reason + "classes:\n  a: {keep: 30d, min: 1d}\n  b: {keep: 30d, min: 1d}\n  ledger: {keep: 7y, min: 7y}\nrules:\n"
	const last = "  - class: b\n"
	never := " condition: can never match: no event that rules are asked about has all of this"
	kind := " condition: is no kind that rules are asked about: want one of interaction, verdict, report, action, coverage"
	for _, tt := range []struct {
		name, source string
		want         []string
	}{
		{"none", classes + "  - {when: turn > 1, class: a}\n" + last, nil},
		{"no reasons", "classes: {b: {keep: 1d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: b}]\n", []string{
			"1:1 no rationale: say what evidence is kept for, what allows it, who agreed and when it is reviewed",
			"1:11 class b has no min: any later policy may shorten it"}},
		{"some reasons", "classes: {b: {keep: 1d, min: 1d, purpose: p}, c: {keep: 1d, min: 1d, legal_basis: l}, ledger: {keep: 7y, min: 7y}}\n" +
			"rules: [{when: turn > 1, class: c}, {class: b}]\nrationale: {}\n", []string{
			"1:11 class b has no legal_basis, and the policy has none",
			"1:47 class c has no purpose, and the policy has none",
			"1:87 class ledger has neither purpose nor legal_basis, and the policy has none",
			"3:1 rationale names no reviewers",
			"3:1 rationale has no review_by: nobody is reminded"}},
		{"no rule gives", classes + last, []string{"3:3 no rule gives class a"}},
		{"the same again", classes + "  - {when: source.service == 's' && turn > 1, class: a}\n  - {when: turn > 1 && \"s\" == event.source.service, class: b}\n" + last, []string{
			"8:5 is never reached: the rule at line 7 matches whatever this one does"}},
		{"more than before", classes + "  - {when: turn > 1, class: a}\n  - {when: id == 'x' || turn > 1, class: a}\n  - {when: user == 'u' && turn > 1, class: b}\n" + last, []string{
			"9:5 is never reached: the rule at line 7 matches whatever this one does"}},
		{"the same loop", classes +
			"  - {when: 'interaction.verdicts.exists(v, has(v.threshold) && v.score > v.threshold)', class: a}\n" +
			"  - {when: 'event.interaction.verdicts.exists(w, w.score > w.threshold && has(w.threshold))', class: a}\n" +
			"  - {when: 'interaction.verdicts.exists(w, w.threshold > w.score && has(w.threshold))', class: a}\n" + last, []string{
			"8:5 is never reached: the rule at line 7 matches whatever this one does"}},
		{"after everything", classes + "  - {when: true || turn > 1, class: a}\n  - {when: turn > 2, class: a}\n" + last, []string{
			"4:3 no rule gives class b",
			"8:5 is never reached: the rule at line 7 matches everything",
			"9:5 is never reached: the rule at line 7 matches everything"}},
		{"constants", classes + "  - {when: turn > 1 && 1 > 2, class: a}\n" + last, []string{"3:3 no rule gives class a", "7:12" + never}},
		{"times", classes + "  - {when: 'time < timestamp(\"2026-01-01T00:00:00Z\") && time > timestamp(\"2026-02-01T00:00:00Z\")', class: a}\n" + last,
			[]string{"3:3 no rule gives class a", "7:12" + never}},
		{"two services", classes + "  - {when: 'source.service == \"a\" && source.service in [\"b\", \"c\"]', class: a}\n" + last,
			[]string{"3:3 no rule gives class a", "7:12" + never}},
		{"two kinds", classes + "  - {when: 'has(event.report) && interaction.verdicts.exists(v, v.score > 0.5)', class: a}\n" + last,
			[]string{"3:3 no rule gives class a", "7:12" + never}},
		{"another body", classes + "  - {when: kind == 'report' && verdict.action == 'BLOCKED', class: a}\n" + last,
			[]string{"3:3 no rule gives class a", "7:12" + never}},
		{"an absent body", classes + "  - {when: kind == 'report' && verdict.action == 'ACTION_UNSPECIFIED' && interaction.finish_reason == '', class: a}\n" + last, nil},
		{"ledger", classes + "  - {when: has(event.forgotten), class: a}\n" + last, []string{"3:3 no rule gives class a", "7:12" + never}},
		{"kind of the ledger", classes + "  - {when: kind == 'forgotten', class: a}\n" + last, []string{"3:3 no rule gives class a", "7:20" + kind}},
		{"no such kind", classes + "  - when: >-\n      turn > 1 &&\n      kind in ['report', 'rapport']\n    class: a\n" + last, []string{"9:26" + kind}},
		{"not a kind", classes + "  - {when: kind != 'rapport', class: a}\n" + last, []string{
			"4:3 no rule gives class b", "7:20" + kind, "8:5 is never reached: the rule at line 7 matches everything"}},
		{"hours", classes + last + "quarantine: {keep: 36h}\noverrides: [{tenant: t, class: a, keep: 25h}, {tenant: u, class: a, keep: 48h}]\n", []string{
			"3:3 no rule gives class a",
			"8:20 keep counts from the end of the day: with 36h, what came in its morning stays 60h",
			"9:41 keep counts from the end of the day: with 25h, what came in its morning stays 49h"}},
		{"sampling", classes + "  - {when: turn > 1, class: a}\n" + last + "sampling:\n  - {when: 'false', rate: 0.5}\n  - {when: turn > 1, rate: 0}\n  - {when: turn > 1, rate: 1}\n", []string{
			"10:12" + never,
			"11:28 rate is 0: of what is never recorded nothing can be told later, not even how much there was",
			"12:5 is never reached: the rule at line 11 matches whatever this one does"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, tt.source)
			if diff := cmp.Diff(tt.want, warned(d, time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC))); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// An overdue review is told with where it can be mended, to every tenant.
func TestWarningReview(t *testing.T) {
	d := mustParse(t, reasoned+"overrides: [{tenant: t, class: routine, keep: 31d}]\n")
	before := len(d.Warnings(time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC)))
	for _, d := range []*Document{d, d.For("t")} {
		got := warned(d, time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC))
		want := "13:14 review is overdue since 2027-07-01: review the policy and name the next date"
		if len(got) != before+1 || got[len(got)-1] != want {
			t.Errorf("got %q, want also %q", got, want)
		}
	}
}

// Warnings are bounded as problems are.
func TestWarningsBound(t *testing.T) {
	source := minimal[:strings.Index(minimal, "  - class")]
	for i := range 200 {
		source += fmt.Sprintf("  - {when: turn > %d && 'a' == 'b', class: routine}\n", i)
	}
	if got := len(mustParse(t, source+"  - class: routine\n").Warnings(time.Time{})); got != maxErrors-1 {
		t.Errorf("got %d warnings, want %d", got, maxErrors-1)
	}
}

// Conditions are one only if they mean the same: a rule that is wrongly said to be
// another's would be thrown away by whoever believes it.
func TestCanonical(t *testing.T) {
	text := func(expr string) string {
		c := mustCompile(t, expr)
		return inspect(c.ast).canonical(c.ast.Expr(), nil)
	}
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"turn > 1 && (user == 'u' && id == 'x')", "(id == \"x\" && event.turn > 1) && 'u' == user", true},
		{"interaction.finish_reason == 'stop'", "event.interaction.finishReason == 'stop'", true},
		{"user == 'u' || user == 'u' || id == 'x'", "id == 'x' || user == 'u'", true},
		{"interaction.verdicts.exists(v, v.score > 0.5)", "interaction.verdicts.exists(user, user.score > 0.5)", true},
		{"turn > 1", "turn > 2", false},
		{"turn > 1", "turn >= 1", false},
		{"turn > 1", "1 > turn", false},
		{"interaction.verdicts[0].score > 1.0", "interaction.verdicts[0].score > 1", false},
		{"user == '1'", "user in ['1']", false},
		{"has(event.report)", "has(event.verdict)", false},
		{"event.report.comment == ''", "has(event.report.comment)", false},
		{"interaction.verdicts.exists(v, v.score > 0.5)", "interaction.verdicts.all(v, v.score > 0.5)", false},
		{"user == 'u' && (id == 'x' || id == 'y')", "(user == 'u' && id == 'x') || id == 'y'", false},
		{"interaction.verdicts.exists(a, interaction.verdicts.exists(b, a.score > b.score))",
			"interaction.verdicts.exists(a, interaction.verdicts.exists(b, a.score > a.score))", false},
		{"['a'].exists(user, user == 'a')", "['a'].exists(user, .user == 'a')", false},
		{"user == 'a, b'", "user == 'a' + ', b'", false},
	} {
		if got := text(tt.a) == text(tt.b); got != tt.same {
			t.Errorf("%s and %s: same is %v:\n%s\n%s", tt.a, tt.b, got, text(tt.a), text(tt.b))
		}
	}
}

// What is said of a condition before any event was seen holds for every event of
// evidence: what never matches does not, what matches everything does, and what an
// earlier rule covers, that rule matches.
func TestDecidedHolds(t *testing.T) {
	never, always, covered := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		expr := drawCondition(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		other := drawCondition(t, 1)
		switch rapid.IntRange(0, 3).Draw(t, "more") {
		case 0:
			other = fmt.Sprintf("(%s) && (%s)", other, expr)
		case 1:
			expr = fmt.Sprintf("(%s) && (kind != %q || 2 > 3)", expr, rapid.SampledFrom([]string{"forgotten", "report"}).Draw(t, "kind"))
		case 2:
			expr = rapid.SampledFrom([]string{"kind != 'hold'", "1 < 2 || turn > 1", "!(kind == 'erasure')"}).Draw(t, "always")
		}
		c, err := Compile(expr)
		if err != nil {
			t.Fatalf("Compile(%s): %v", expr, err)
		}
		d, err := Compile(other)
		if err != nil {
			t.Fatalf("Compile(%s): %v", other, err)
		}
		all := demand{all: c.conjuncts()}
		covers := all.covers(demand{all: d.conjuncts()})
		for range 20 {
			e := drawEvent(t)
			if !event.KindOf(e).Evidence() {
				continue
			}
			got, err := c.Match(e)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			if c.never() {
				if never++; got {
					t.Fatalf("%s matches %v", expr, e)
				}
			}
			if len(all.all) == 0 {
				if always++; !got {
					t.Fatalf("%s does not match %v", expr, e)
				}
			}
			if is, _ := d.Match(e); covers && is {
				if covered++; !got {
					t.Fatalf("%s covers %s, and matches %v less", expr, other, e)
				}
			}
		}
	})
	if never == 0 || always == 0 || covered == 0 {
		t.Errorf("%d never, %d always, %d covered: nothing was tested", never, always, covered)
	}
}
