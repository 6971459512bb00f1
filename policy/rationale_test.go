package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// place is a problem or a warning as tests tell it.
func place(line, column int, reason string) string {
	return fmt.Sprintf("%d:%d %s", line, column, reason)
}

const reasoned = minimal + `quarantine: {keep: 14d}
rationale:
  purpose: >-
    to find out what users
    saw
  legal_basis: "GDPR Art. 6(1)(f)"
  reviewers: [data protection officer, works council]
  review_by: 2027-06-30
record:
  controller: {name: Acme, contact: privacy@acme.example}
  joint_controllers: [Bcme]
  representative: Acme Europe, Dublin
  dpo: dpo@acme.example
  subjects: [users]
  data: [what they ask, what they are answered]
  recipients: [none]
  transfers: [none]
  measures: [redaction, encryption]
`

func TestRationale(t *testing.T) {
	d := mustParse(t, reasoned)
	want := Rationale{
		Purpose: "to find out what users saw", LegalBasis: "GDPR Art. 6(1)(f)",
		Reviewers: []string{"data protection officer", "works council"},
		ReviewBy:  time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, d.Rationale()); diff != "" {
		t.Errorf("rationale (-want +got):\n%s", diff)
	}
	record := Record{
		Controller: Party{"Acme", "privacy@acme.example"}, Joint: []string{"Bcme"},
		Representative: "Acme Europe, Dublin", DPO: "dpo@acme.example", Subjects: []string{"users"},
		Data:       []string{"what they ask", "what they are answered"},
		Recipients: []string{"none"}, Transfers: []string{"none"}, Measures: []string{"redaction", "encryption"},
	}
	if diff := cmp.Diff(record, d.Record()); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	d.Rationale().Reviewers[0], d.Record().Subjects[0] = "x", "x"
	if d.Rationale().Reviewers[0] == "x" || d.Record().Subjects[0] == "x" {
		t.Error("the document changed")
	}
}

// What a class says of itself counts, else what the document says.
func TestClassPurpose(t *testing.T) {
	d := mustParse(t, strings.Replace(reasoned, "routine: {keep: 30d}", "routine: {keep: 30d, purpose: support}", 1))
	for name, want := range map[string]Class{
		"routine": {Name: "routine", Keep: 30 * day, Purpose: "support", LegalBasis: "GDPR Art. 6(1)(f)"},
		"ledger":  {Name: "ledger", Keep: 7 * year, Min: 7 * year, Purpose: "to find out what users saw", LegalBasis: "GDPR Art. 6(1)(f)"},
		"ledger+routine": {Name: "ledger+routine", Keep: 7 * year, Min: 7 * year,
			Purpose: "to find out what users saw; support", LegalBasis: "GDPR Art. 6(1)(f)"},
	} {
		if got, _ := d.Class(name); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// A review is due until the end of its day, UTC.
func TestReviewOverdue(t *testing.T) {
	d := mustParse(t, reasoned)
	end := time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)
	if since, overdue := d.ReviewOverdue(end.Add(-1)); overdue || !since.IsZero() {
		t.Errorf("on the day itself it is overdue since %v", since)
	}
	if since, overdue := d.ReviewOverdue(end); !overdue || !since.Equal(end) {
		t.Errorf("got %v, %v, want %v", since, overdue, end)
	}
	if _, overdue := mustParse(t, minimal).ReviewOverdue(end); overdue {
		t.Error("overdue without a date")
	}
}

func TestQuarantineKeep(t *testing.T) {
	for source, want := range map[string]time.Duration{minimal: 30 * day, reasoned: 14 * day} {
		if got := mustParse(t, source).QuarantineKeep(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestRationaleErrors(t *testing.T) {
	for _, tt := range []struct {
		name, more string
		want       []string
	}{
		{"quarantine", "quarantine: {keep: 3}\n", []string{"6:20 3 is no duration: want one like 12h, 30d or 7y"}},
		{"quarantine without keep", "quarantine: {}\n", []string{"6:13 keep is missing"}},
		{"dates", "rationale: {review_by: 30.6.2027}\n", []string{"6:24 30.6.2027 is no date: want one like 2027-06-30"}},
		{"no such day", "rationale: {review_by: 2027-02-29}\n", []string{"6:24 2027-02-29 is no date: want one like 2027-06-30"}},
		{"empty", "rationale: {purpose: ''}\n", []string{"6:22 purpose is empty: leave it out"}},
		{"too long", "rationale: {purpose: " + strings.Repeat("ä", 1025) + "}\n", []string{"6:22 purpose is longer than 1024 characters"}},
		{"lines", "rationale:\n  purpose: |\n    a\n    b\n", []string{
			"7:12 purpose has the unprintable character U+000A: want one line, as >- folds it"}},
		{"bidi", "record: {dpo: \"a\\u202eb\"}\n", []string{
			"6:15 dpo has the unprintable character U+202E: want one line, as >- folds it"}},
		{"key", "record: {officer: x}\n", []string{
			"6:10 officer is no key of a record: want controller, joint_controllers, representative, dpo, subjects, data, recipients, transfers, measures"}},
		{"controller", "record: {controller: Acme}\n", []string{"6:22 controller is not a mapping"}},
		{"list", "record: {subjects: users}\n", []string{"6:20 subjects is not a list"}},
		{"twice", "record: {subjects: [a, a]}\n", []string{"6:24 a is given twice"}},
		{"long list", "record:\n  subjects: [" + strings.Repeat("a", 257) + "]\n", []string{"7:14 element of subjects is longer than 256 characters"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(minimal + tt.more))
			if diff := cmp.Diff(tt.want, problems(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
