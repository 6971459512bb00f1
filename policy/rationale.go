package policy

import (
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Rationale is why a policy is as it is. The zero value is that of a policy
// that does not say.
type Rationale struct {
	Purpose    string   // what evidence is kept for
	LegalBasis string   // what allows it
	Reviewers  []string // who agreed to it
	// ReviewBy is the day, at its beginning in UTC, at whose end the policy must
	// have been reviewed. Zero: none is named.
	ReviewBy time.Time
}

// A Record is what a record of processing activities says beside what the store
// knows by itself: GDPR Art. 30(1)(a) to (g). The zero value is that of a policy
// that does not say.
type Record struct {
	Controller     Party
	Joint          []string // controllers
	Representative string   // of the controller, with contact details
	DPO            string   // the data protection officer, likewise
	Subjects       []string // categories of data subjects
	Data           []string // categories of personal data
	Recipients     []string // categories of recipients
	Transfers      []string // to third countries, with their safeguards
	Measures       []string // technical and organisational, for security
}

// A Party is somebody who answers for something.
type Party struct{ Name, Contact string }

// Rationale returns why the policy is as it is. The caller may change the copy.
func (d *Document) Rationale() Rationale {
	r := d.rationale
	r.Reviewers = slices.Clone(r.Reviewers)
	return r
}

// Record returns what the policy says for a record of processing activities. The
// caller may change the copy.
func (d *Document) Record() Record {
	r := d.record
	for _, list := range []*[]string{&r.Joint, &r.Subjects, &r.Data, &r.Recipients, &r.Transfers, &r.Measures} {
		*list = slices.Clone(*list)
	}
	return r
}

// ReviewOverdue reports whether the day is over by whose end the policy was to be
// reviewed, and since when: the end of that day, UTC.
func (d *Document) ReviewOverdue(now time.Time) (since time.Time, overdue bool) {
	if d.rationale.ReviewBy.IsZero() {
		return time.Time{}, false
	}
	end := d.rationale.ReviewBy.AddDate(0, 0, 1)
	if now.Before(end) {
		return time.Time{}, false
	}
	return end, true
}

// DefaultQuarantineKeep is how long quarantined messages are kept where the policy
// does not say.
const DefaultQuarantineKeep = 30 * day

// QuarantineKeep returns how long what is quarantined is kept from the end of the
// day on which it came.
func (d *Document) QuarantineKeep() time.Duration { return d.quarantine }

// Limits of what a policy says in words.
const (
	maxWords = 1024 // characters of a purpose or a legal basis
	maxName  = 256  // characters of a name or an element of a list
	maxList  = 64
)

// rationale reads the rationale, and where the day of the review stands.
func (p *parser) rationale(n *yaml.Node) (r Rationale, at Warning) {
	fields := p.mapping(n, "rationale", "purpose", "legal_basis", "reviewers", "review_by")
	r.Purpose, r.LegalBasis = p.purpose(fields)
	r.Reviewers = p.texts(fields["reviewers"], "reviewers")
	if by := fields["review_by"]; by != nil {
		r.ReviewBy, at = p.date(by), Warning{Line: by.Line, Column: by.Column}
	}
	return r, at
}

// purpose reads what a document, a class and an override can say for themselves.
func (p *parser) purpose(fields map[string]*yaml.Node) (purpose, legalBasis string) {
	return p.text(fields["purpose"], "purpose", maxWords), p.text(fields["legal_basis"], "legal_basis", maxWords)
}

func (p *parser) record(n *yaml.Node) (r Record) {
	fields := p.mapping(n, "record", "controller", "joint_controllers", "representative", "dpo",
		"subjects", "data", "recipients", "transfers", "measures")
	if controller := fields["controller"]; controller != nil {
		party := p.mapping(controller, "controller", "name", "contact")
		r.Controller = Party{p.text(party["name"], "name", maxName), p.text(party["contact"], "contact", maxName)}
	}
	r.Joint = p.texts(fields["joint_controllers"], "joint_controllers")
	r.Representative = p.text(fields["representative"], "representative", maxName)
	r.DPO = p.text(fields["dpo"], "dpo", maxName)
	r.Subjects = p.texts(fields["subjects"], "subjects")
	r.Data = p.texts(fields["data"], "data")
	r.Recipients = p.texts(fields["recipients"], "recipients")
	r.Transfers = p.texts(fields["transfers"], "transfers")
	r.Measures = p.texts(fields["measures"], "measures")
	return r
}

// text reads one line of words; "" where there is none, and after a complaint.
func (p *parser) text(n *yaml.Node, what string, most int) string {
	if n == nil || !p.plain(n, yaml.ScalarNode, what, "a text") {
		return ""
	}
	switch bad, odd := unprintable(n.Value); {
	case n.Value == "":
		p.fail(n, "%s is empty: leave it out", what)
	case utf8.RuneCountInString(n.Value) > most:
		p.fail(n, "%s is longer than %d characters", what, most)
	case odd:
		p.fail(n, "%s has the unprintable character %U: want one line, as >- folds it", what, bad)
	default:
		return n.Value
	}
	return ""
}

func unprintable(s string) (bad rune, odd bool) {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return r, true
		}
	}
	return 0, false
}

// texts reads a list of texts.
func (p *parser) texts(n *yaml.Node, what string) (texts []string) {
	if n == nil {
		return nil
	}
	items := p.words(n, what)
	if len(items) > maxList {
		p.fail(n, "%s has %d elements, the limit is %d", what, len(items), maxList)
		return nil
	}
	for _, item := range items {
		if text := p.text(item, "element of "+what, maxName); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// date reads a day; zero after a complaint.
func (p *parser) date(n *yaml.Node) time.Time {
	if !p.plain(n, yaml.ScalarNode, "date", "like 2027-06-30") {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil || t.Year() < 1970 {
		p.fail(n, "%s is no date: want one like 2027-06-30", short(n.Value))
		return time.Time{}
	}
	return t
}

func (p *parser) quarantine(n *yaml.Node) time.Duration {
	fields := p.mapping(n, Quarantine, "keep")
	if fields == nil {
		return 0
	}
	if keep := p.required(n, fields, "keep"); keep != nil {
		return p.keep(keep)
	}
	return 0
}
