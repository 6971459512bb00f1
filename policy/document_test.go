package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// minimal is a policy of the fewest words, with places for more.
const minimal = `classes:
  routine: {keep: 30d}
  ledger: {keep: 7y, min: 7y}
rules:
  - class: routine
`

func mustParse(t testing.TB, source string) *Document {
	t.Helper()
	d, err := Parse([]byte(source))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return d
}

func TestDefaultClasses(t *testing.T) {
	const day = 24 * time.Hour
	want := []Class{
		{Name: "routine", Keep: 30 * day},
		{Name: "flagged", Keep: 180 * day, Min: 180 * day},
		{Name: "reported", Keep: 365 * day},
		{Name: "ledger", Keep: 7 * 365 * day, Min: 7 * 365 * day},
	}
	if diff := cmp.Diff(want, Default().Classes()); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
}

func interactionWith(vs ...*pb.Verdict) *pb.Event {
	return &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Verdicts: vs}}}
}

func late(v *pb.Verdict) *pb.Event {
	return &pb.Event{Body: &pb.Event_Verdict{Verdict: v}}
}

func TestDefaultClassify(t *testing.T) {
	under := &pb.Verdict{Score: 0.4, Threshold: new(0.5), Action: pb.Verdict_ALLOWED}
	reached := &pb.Verdict{Score: 0.5, Threshold: new(0.5)}
	unknown := &pb.Verdict{Score: 0.99} // threshold unknown: reached nothing
	flagged := &pb.Verdict{Action: pb.Verdict_FLAGGED}
	for _, tt := range []struct {
		name  string
		event *pb.Event
		want  string
	}{
		{"no verdicts", interactionWith(), "routine"},
		{"under the threshold", interactionWith(under, under), "routine"},
		{"threshold unknown", interactionWith(unknown), "routine"},
		{"one of two reached", interactionWith(under, reached), "flagged"},
		{"flagged", interactionWith(flagged), "flagged"},
		{"blocked", interactionWith(&pb.Verdict{Action: pb.Verdict_BLOCKED}), "flagged"},
		{"replaced", interactionWith(under, &pb.Verdict{Action: pb.Verdict_REPLACED}), "flagged"},
		{"late, under", late(under), "routine"},
		{"late, threshold unknown", late(unknown), "routine"},
		{"late, reached", late(reached), "flagged"},
		{"late, flagged", late(flagged), "flagged"},
		{"report", &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{Category: "x"}}}, "reported"},
		{"empty report", &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{}}}, "reported"},
		{"action", &pb.Event{Body: &pb.Event_Action{Action: &pb.Action{}}}, "routine"},
		{"coverage", &pb.Event{Body: &pb.Event_Coverage{Coverage: &pb.Coverage{}}}, "routine"},
		{"ledger", &pb.Event{Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{}}}, "ledger"},
		{"nothing", &pb.Event{}, "routine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Default().Classify(tt.event); got != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// The first rule that matches wins.
func TestClassifyOrder(t *testing.T) {
	d := mustParse(t, `
classes: {a: {keep: 1d}, b: {keep: 1d}, ledger: {keep: 7y}}
rules:
  - {when: turn > 1, class: a}
  - {when: turn > 0, class: b}
  - class: a
`)
	for turn, want := range []string{"a", "b", "a"} {
		if got, err := d.Classify(&pb.Event{Turn: uint32(turn)}); got != want || err != nil {
			t.Errorf("turn %d: got %q, %v, want %q", turn, got, err, want)
		}
	}
}

// A rule that cannot be evaluated is an error that names it, not a class.
func TestClassifyError(t *testing.T) {
	d := mustParse(t, strings.Replace(minimal, "  - class: routine", `  - when: interaction.verdicts[0].score > 0.5
    class: routine
  - class: routine`, 1))
	_, err := d.Classify(&pb.Event{})
	if err == nil || !strings.HasPrefix(err.Error(), "policy rule at line 5: ") {
		t.Errorf("got %v, want the rule at line 5", err)
	}
}

func TestRate(t *testing.T) {
	d := mustParse(t, minimal+`sampling:
  - when: event.source.deployment == "medical-triage"
    rate: 1.0
  - {name: off, when: source.service == "batch", rate: 0}
  - rate: 0.05
`)
	for _, tt := range []struct {
		source *pb.Source
		rate   float64
		rule   string
	}{
		{&pb.Source{Deployment: "medical-triage"}, 1, "rule-1"},
		{&pb.Source{Service: "batch"}, 0, "off"},
		{nil, 0.05, "rule-3"},
	} {
		rate, rule, err := d.Rate(&pb.Event{Source: tt.source})
		if rate != tt.rate || rule != tt.rule || err != nil {
			t.Errorf("%v: got %v, %q, %v, want %v, %q", tt.source, rate, rule, err, tt.rate, tt.rule)
		}
	}
	if rate, rule, err := mustParse(t, minimal).Rate(&pb.Event{}); rate != 1 || rule != DefaultRule || err != nil {
		t.Errorf("no sampling: got %v, %q, %v, want 1, %q", rate, rule, err, DefaultRule)
	}
}

// The version is what events and ledgers name the policy by: it is the hash
// of the bytes, and nothing else.
func TestVersion(t *testing.T) {
	d := mustParse(t, minimal)
	// printf '%s\n' … | sha256sum | cut -c1-16
	if got, want := d.Version(), "sha256:e1bc9e3f9ee1ba30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if other := mustParse(t, minimal+"# a comment\n"); other.Version() == d.Version() {
		t.Error("other bytes have the same version")
	}
	d.Source()[0] = 'X'
	if got := string(d.Source()); got != minimal {
		t.Errorf("source changed to %q", got)
	}
}

// The document keeps its own copy of what it was parsed from.
func TestParseCopies(t *testing.T) {
	source := []byte(minimal)
	d := mustParse(t, string(source))
	fromBytes, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	clear(source)
	if got := string(fromBytes.Source()); got != string(d.Source()) {
		t.Errorf("source became %q", got)
	}
}

// Everything wrong is said at once, each with line and column.
func TestParseErrors(t *testing.T) {
	const classes = "classes:\n  routine: {keep: 30d}\n  ledger: {keep: 7y}\n"
	const rules = "rules:\n  - class: routine\n"
	for _, tt := range []struct {
		name, source string
		want         []string
	}{
		{"empty", "", []string{"1:1 the policy is empty"}},
		{"comment only", "# nothing\n", []string{"1:1 the policy is empty"}},
		{"a list", "- a\n", []string{"1:1 policy is not a mapping"}},
		{"nothing in it", "{}\n", []string{"1:1 classes is missing", "1:1 rules is missing"}},
		{"syntax", "classes: [\n", []string{"1:1 did not find expected node content"}},
		{"not UTF-8", "classes:\n  \xff: 1\n", []string{"2:3 is not valid UTF-8"}},
		{"odd line ends", "classes:\r\n  a\rb: 1\n", []string{"2:4 ends a line as only YAML does: want a line feed"}},
		{"two documents", minimal + "---\nx: 1\n", []string{"6:1 a second document begins here"}},
		{"unknown key", classes + rules + "holds: 3\n", []string{"6:1 holds is no key of a policy: want classes, rules, overrides, sampling, redaction, quarantine, rationale, record"}},
		{"key twice", classes + "rules: []\n" + rules, []string{
			"4:8 no rule matches everything: the last one must have a class and no condition", "5:1 rules is given twice"}},
		{"class twice", "classes:\n  ledger: {keep: 7y}\n  ledger: {keep: 7y}\n  routine: {keep: 1d}\n" + rules,
			[]string{"3:3 ledger is given twice"}},
		{"class names", "classes: {Routine: {keep: 1d}, \"a b\": {keep: 1d}, ledger: {keep: 7y}, routine: {keep: 1d}}\n" + rules, []string{
			"1:11 Routine is no name of a class: want a letter, then letters, digits, - and _, up to 64, all lower case",
			"1:32 a b is no name of a class: want a letter, then letters, digits, - and _, up to 64, all lower case"}},
		{"no ledger", "classes:\n  routine: {keep: 30d}\n" + rules, []string{"2:3 class ledger is missing"}},
		{"no keep", "classes:\n  routine: {}\n  ledger: {keep: 7y}\n" + rules, []string{"2:12 keep is missing"}},
		{"class without body", "classes:\n  routine:\n  ledger: {keep: 7y}\n" + rules, []string{"2:11 class is not a mapping"}},
		{"min over keep", "classes:\n  routine: {keep: 30d, min: 31d}\n  ledger: {keep: 7y}\n" + rules,
			[]string{"2:29 min of class routine is longer than keep"}},
		{"durations", "classes:\n  routine: {keep: 30, min: 1.5d}\n  ledger: {keep: 101y}\n  other: {keep: 0d}\n  more: {keep: [1d]}\n" + rules, []string{
			"2:19 30 is no duration: want one like 12h, 30d or 7y",
			"2:28 1.5d is no duration: want one like 12h, 30d or 7y",
			"3:18 101y is longer than 100y",
			"4:17 0d is no duration: want one like 12h, 30d or 7y",
			"5:16 duration is not like 12h, 30d or 7y"}},
		{"no rule for all", classes + "rules:\n  - {when: turn > 1, class: routine}\n", []string{
			"5:3 no rule matches everything: the last one must have a class and no condition"}},
		{"rule after all", classes + "rules:\n  - class: routine\n  - {when: turn > 1, class: routine}\n", []string{
			"6:5 is never reached: a rule before it matches everything"}},
		{"unknown class", classes + "rules:\n  - class: flagged\n", []string{"5:12 flagged is no class of this policy"}},
		{"a class of the log's own", "classes: {routine: {keep: 30d}, quarantine: {keep: 30d}, ledger: {keep: 7y}}\nrules:\n  - class: routine\n", []string{
			"1:33 class quarantine is kept for what is quarantined: choose another name"}},
		{"evidence in the ledger", classes + "rules:\n  - class: ledger\n", []string{"5:12 class ledger is kept for ledger events"}},
		{"rule without class", classes + "rules:\n  - when: turn > 1\n  - class: routine\n", []string{"5:5 class is missing"}},
		{"rule of words", classes + "rules:\n  - routine\n", []string{"5:5 rule is not a mapping"}},
		{"rules of words", classes + "rules: routine\n", []string{"4:8 rules is not a list"}},
		{"misspelt when", classes + "rules:\n  - {whn: turn > 1, class: routine}\n  - class: routine\n", []string{
			"5:6 whn is no key of a rule: want when, class"}},
		{"rates", classes + rules + "sampling:\n  - {when: turn > 1, rate: 1.1}\n  - {when: turn > 2, rate: -0.1}\n  - {when: turn > 3, rate: NaN}\n  - {rate: \"0.5\"}\n", []string{
			"7:28 1.1 is no rate: want a number from 0 to 1",
			"8:28 -0.1 is no rate: want a number from 0 to 1",
			"9:28 NaN is no rate: want a number from 0 to 1",
			"10:12 0.5 is no rate: want a number from 0 to 1"}},
		{"sampling after all", classes + rules + "sampling:\n  - rate: 1\n  - rate: 1\n", []string{
			"8:5 is never reached: a rule before it matches everything"}},
		{"sampling without rate", classes + rules + "sampling:\n  - name: x\n", []string{"7:5 rate is missing"}},
		{"anchors", "classes:\n  routine: &a {keep: 30d}\n  ledger: *a\n" + rules, []string{
			"2:12 anchors and aliases have no meaning in a policy", "3:11 anchors and aliases have no meaning in a policy"}},
		{"tags", classes + "rules:\n  - class: !!str routine\n", []string{"5:12 tags have no meaning in a policy"}},
		{"condition", classes + "rules:\n  - {when: usr == 1, class: routine}\n  - class: routine\n", []string{
			"5:12 condition: unknown name usr"}},
		{"condition not bool", classes + "rules:\n  - when: turn\n    class: routine\n  - class: routine\n", []string{
			"5:11 condition: is int, want bool"}},
		{"condition empty", classes + "rules:\n  - when:\n    class: routine\n  - class: routine\n", []string{
			"5:10 condition: unexpected end"}},
		{"condition on what comes later", classes + "rules:\n  - when: event.class == \"x\" || seq > 1\n    class: routine\n  - class: routine\n", []string{
			"5:16 condition: class is not known when a policy is evaluated"}},
		{"many things", "classes:\n  routine: {keep: x}\nrules:\n  - when: foo\n    class: none\n", []string{
			"2:3 class ledger is missing",
			"2:19 x is no duration: want one like 12h, 30d or 7y",
			"4:3 no rule matches everything: the last one must have a class and no condition",
			"4:11 condition: unknown name foo",
			"5:12 none is no class of this policy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse([]byte(tt.source))
			if d != nil || err == nil {
				t.Fatalf("got %v, %v, want an error", d, err)
			}
			list, ok := errors.AsType[Errors](err)
			if !ok {
				t.Fatalf("got %T, want Errors", err)
			}
			var got []string
			for _, e := range list {
				got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Reason))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if first, ok := errors.AsType[*Error](err); !ok || first != list[0] {
				t.Errorf("errors.As found %v, want the first problem", first)
			}
		})
	}
}

func TestParseBounds(t *testing.T) {
	var classes, rules strings.Builder
	for i := range MaxClasses {
		fmt.Fprintf(&classes, "  c%d: {keep: 1d}\n", i)
	}
	for range MaxRules {
		rules.WriteString("  - {when: turn > 1, class: c0}\n")
	}
	for name, tt := range map[string]struct{ source, want string }{
		"bytes":   {minimal + "#" + strings.Repeat("x", MaxSource), "the policy is longer than 65536 bytes"},
		"classes": {"classes:\n  ledger: {keep: 7y}\n" + classes.String() + "rules:\n  - class: c0\n", "has 65 classes, the limit is 64"},
		"rules":   {minimal + rules.String(), "has 257 rules, the limit is 256"},
		"depth":   {"classes: " + strings.Repeat("[", 20000), "exceeded max depth"},
	} {
		if _, err := Parse([]byte(tt.source)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if _, err := Parse([]byte(minimal + "#" + strings.Repeat("x", MaxSource-len(minimal)-1))); err != nil {
		t.Errorf("%d bytes: %v", MaxSource, err)
	}
}

// A problem in a condition is shown where it stands in the YAML, however the
// condition is written there. The caret is where `usr` begins.
func TestParseConditionPosition(t *testing.T) {
	for name, when := range map[string]string{
		"plain":           `when: turn > 1 && usr == 1`,
		"plain, folded":   "when: turn > 1 &&\n      turn > 2 &&\n\n      usr == 1",
		"single quotes":   `when: 'user == ''its'' && usr == 1'`,
		"double quotes":   `when: "user == \"\\x41\\u00e9\" && \x74urn > 1 && usr == 1"`,
		"double, folded":  "when: \"turn > 1 &&\n      turn > 2 && \\\n      usr == 1\"",
		"literal":         "when: |\n      turn > 1 &&\n        turn > 2 &&\n        usr == 1",
		"literal, header": "when: |2- # why\n       turn > 1 &&\n       usr == 1",
		"folded":          "when: >-\n      turn > 1 &&\n      turn > 2\n\n      && usr == 1",
		"wide characters": `when: user == "日本語🙂" && usr == 1`,
		"Windows lines":   "when: |\r\n      turn > 1 &&\r\n      usr == 1\r",
		"tabs":            "when: turn > 1\t&&\tusr == 1",
	} {
		source := strings.Replace(minimal, "  - class: routine", "  - "+when+"\n    class: routine\n  - class: routine", 1)
		_, err := Parse([]byte(source))
		list, ok := errors.AsType[Errors](err)
		if !ok || len(list) != 1 || !strings.HasSuffix(list[0].Reason, "unknown name usr") {
			t.Errorf("%s: got %v, want one unknown name", name, err)
			continue
		}
		at := strings.Index(source, "usr == 1")
		line := strings.Count(source[:at], "\n") + 1
		column := len([]rune(source[strings.LastIndexByte(source[:at], '\n')+1:at])) + 1
		if list[0].Line != line || list[0].Column != column {
			t.Errorf("%s: got line %d, column %d, want line %d, column %d", name, list[0].Line, list[0].Column, line, column)
		}
	}
}

// The policy by which the design explains itself is one.
func TestParseDesignExample(t *testing.T) {
	d := mustParse(t, `classes:
  routine:  {keep: 30d}
  flagged:  {keep: 180d, min: 180d}   # min: no policy change may shorten it afterwards
  reported: {keep: 365d}
  ledger:   {keep: 7y,  min: 7y}
rules:                                 # first match wins
  - when: event.interaction.verdicts.exists(v, v.score >= v.threshold)
    class: flagged
  - class: routine
sampling:
  - when: event.source.deployment == "medical-triage"
    rate: 1.0
  - rate: 0.05
`)
	e := sampleEvent()
	if class, err := d.Classify(e); class != "flagged" || err != nil {
		t.Errorf("class: got %q, %v, want flagged", class, err)
	}
	if rate, _, err := d.Rate(e); rate != 1 || err != nil {
		t.Errorf("rate: got %v, %v, want 1", rate, err)
	}
}

// The example of the documentation is a policy.
func TestExampleOfDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	source, _, ends := strings.Cut(rest, "```\n")
	if !found || !ends {
		t.Fatal("docs/policy.md has no example")
	}
	d, err := Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	e := &pb.Event{Source: &pb.Source{Deployment: "medical-triage"}, Body: &pb.Event_Interaction{
		Interaction: &pb.Interaction{Model: &pb.Model{Name: "triage-2b"}},
	}}
	if class, err := d.Classify(e); err != nil || class != "flagged" {
		t.Errorf("class %q, error %v, want flagged", class, err)
	}
}
