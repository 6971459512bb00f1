package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/known"
)

// A Tally is what came of the cases of one entity, tier and source.
type Tally struct {
	Expected int `json:"expected"` // spans that were to be found
	Found    int `json:"found"`
	Exact    int `json:"exact"` // with both ends
	Negative int `json:"negative"`
	// False are reported spans of the entity that meet no expected one, near
	// misses apart.
	False      int `json:"false"`
	NearMisses int `json:"nearMisses"`
}

func (t *Tally) add(o Tally) {
	t.Expected += o.Expected
	t.Found += o.Found
	t.Exact += o.Exact
	t.Negative += o.Negative
	t.False += o.False
	t.NearMisses += o.NearMisses
}

// Recall returns the share of the expected spans that were found, 1 for none.
func (t Tally) Recall() float64 { return share(t.Found, t.Expected) }

// Exactness returns the share of the expected spans found with both ends.
func (t Tally) Exactness() float64 { return share(t.Exact, t.Expected) }

// Precision returns the share of right ones among the reported.
func (t Tally) Precision() float64 { return share(t.Found, t.Found+t.False) }

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

// A Key names a line of the report.
type Key struct {
	Task   string `json:"task"`
	Entity string `json:"entity"`
	Tier   string `json:"tier"`
	Source string `json:"source"`
}

// A Miss is a case that came out otherwise than expected.
type Miss struct {
	Case  *Case
	Span  Span // the expected span that was not found, or the reported one that was not expected
	False bool
	// Got is what was reported where both ends do not agree.
	Got Span
}

// A Report is the result of scoring.
type Report struct {
	Lines  map[Key]*Tally
	Groups map[string]*Tally
	// Validate counts whole values, by [Undisputed] and the like: what should be
	// accepted and was, and what should be refused and was.
	Validate map[string]*Valid
	// Secrets are alarms of secrets in cases of other kinds.
	NonSecret, SecretAlarms int
	Benign, BenignAlarms    int
	Misses                  []Miss
}

// The kinds of judgements of whole values.
const (
	Undisputed = "undisputed"
	// Disputed are those that a second implementation judges the other way.
	Disputed = "disputed"
	// OffPlan are telephone numbers that libphonenumber, whose metadata are the
	// numbering plans in force, judges the other way.
	OffPlan = "telephone numbers against the numbering plans"
)

// libphonenumber reports whether the library takes the whole text for a valid
// number of a region.
func libphonenumber(region, text string) bool {
	n, err := phonenumbers.Parse(text, region)
	return err == nil && phonenumbers.IsValidNumber(n)
}

// Valid counts judgements of whole values.
type Valid struct {
	Accept   int `json:"accept"`
	Accepted int `json:"accepted"`
	Refuse   int `json:"refuse"`
	Refused  int `json:"refused"`
}

// Score runs every case through redactors with the default detectors, the
// case's own country as the only region.
func Score(ctx context.Context, all []Case) (*Report, error) {
	s := &scorer{redactors: map[string]*redaction.Redactor{}, report: &Report{
		Lines: map[Key]*Tally{}, Groups: map[string]*Tally{}, Validate: map[string]*Valid{},
	}}
	for i := range all {
		if err := s.score(ctx, &all[i]); err != nil {
			return nil, fmt.Errorf("case %s: %w", all[i].ID, err)
		}
	}
	return s.report, nil
}

type scorer struct {
	redactors map[string]*redaction.Redactor // by region
	report    *Report
}

func (s *scorer) score(ctx context.Context, c *Case) error {
	if c.Task == validate {
		s.validate(c)
		return nil
	}
	found, err := s.find(ctx, c, c.known())
	if err != nil {
		return err
	}
	if c.Task == document {
		s.document(c, found)
		return s.handedIn(ctx, c)
	}
	s.detect(c, found)
	return nil
}

// known returns the values that a case hands in.
func (c *Case) known() []known.Value {
	var values []known.Value
	for _, text := range c.Known {
		values = append(values, known.Value{Text: text, Type: "KNOWN_VALUE", Whole: true})
	}
	return values
}

// kinds are those of the values that documents hand in.
var kinds = map[string]known.Kind{"PERSON": known.Name, "EMAIL": known.Email, "PHONE": known.Phone, "ADDRESS": known.Address}

// handedIn scores a document whose personal details are known beforehand:
// every occurrence of each is to be found.
func (s *scorer) handedIn(ctx context.Context, c *Case) error {
	var values []known.Value
	for _, sp := range c.Spans {
		values = append(values, known.Value{Text: c.Text[sp.Start:sp.End], Kind: kinds[sp.Type], Type: "KNOWN_VALUE"})
	}
	found, err := s.find(ctx, c, values)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(f Span) bool { return f.Type != "KNOWN_VALUE" })
	spans := slices.Clone(c.Spans)
	for i := range spans {
		spans[i].Type = "KNOWN_VALUE"
	}
	var t Tally
	s.expect(c, spans, found, &t)
	for _, f := range found {
		if !slices.ContainsFunc(c.Spans, f.meets) {
			t.False++
			s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: f, False: true})
		}
	}
	s.group(groupKnown).add(t)
	k := Key{"handed in", "KNOWN_VALUE", c.Tier, c.Source}
	if s.report.Lines[k] == nil {
		s.report.Lines[k] = &Tally{}
	}
	s.report.Lines[k].add(t)
	return nil
}

// find returns the spans that are reported in the text of a case.
func (s *scorer) find(ctx context.Context, c *Case, values []known.Value) ([]Span, error) {
	region := c.Locale
	if len(region) != 2 {
		region = ""
	}
	r := s.redactors[region]
	if r == nil {
		cfg := redaction.Config{ReportKept: true}
		if region != "" {
			cfg.Regions = []string{region}
		}
		var err error
		if r, err = redaction.New(cfg); err != nil {
			return nil, err
		}
		s.redactors[region] = r
	}
	_, replaced, kept, err := r.Explain(ctx, c.Text, noToken, values...)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for _, f := range slices.Concat(replaced, kept) {
		if sp := (Span{f.Start, f.End, f.Type}); !slices.Contains(spans, sp) {
			spans = append(spans, sp)
		}
	}
	return spans, nil
}

// noToken makes all pseudonyms the same: only places are looked at.
func noToken(string) (string, error) { return "aaaaaaaaaaaa", nil }

func (s *scorer) line(c *Case, entity string) *Tally {
	k := Key{c.Task, entity, c.Tier, c.Source}
	if s.report.Lines[k] == nil {
		s.report.Lines[k] = &Tally{}
	}
	return s.report.Lines[k]
}

func (s *scorer) group(name string) *Tally {
	if s.report.Groups[name] == nil {
		s.report.Groups[name] = &Tally{}
	}
	return s.report.Groups[name]
}

// detect scores a case with the places of one entity.
func (s *scorer) detect(c *Case, found []Span) {
	s.alarms(c, found)
	if c.Entity == "BENIGN" {
		return
	}
	var t Tally
	if c.Expect == "no_match" {
		t.Negative++
	}
	value := ""
	if len(c.Spans) > 0 {
		value = c.Text[c.Spans[0].Start:c.Spans[0].End]
	} else if plus := strings.IndexByte(c.Text, '+'); plus >= 0 {
		value = c.Text[plus:]
	}
	s.expect(c, c.Spans, found, &t)
	for _, f := range found {
		if f.Type != c.Entity && !(isSecret(c.Entity) && isSecret(f.Type)) || slices.ContainsFunc(c.Spans, f.meets) {
			continue
		}
		if c.NearMiss {
			t.NearMisses++
			continue
		}
		t.False++
		s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: f, False: true})
	}
	s.line(c, c.Entity).add(t)
	s.group(c.group(c.Entity, value)).add(t)
}

// expect counts the expected spans that were found.
func (s *scorer) expect(c *Case, spans, found []Span, t *Tally) {
	for _, want := range spans {
		t.Expected++
		best := -1
		for i, f := range found {
			if covers(f.Type, want.Type) && f.Start <= want.Start && want.End <= f.End && (best < 0 || f.End-f.Start < found[best].End-found[best].Start) {
				best = i
			}
		}
		if best < 0 {
			s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: want})
			continue
		}
		t.Found++
		if found[best].Start == want.Start && found[best].End == want.End {
			t.Exact++
			continue
		}
		s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: want, Got: found[best]})
	}
}

func (s Span) meets(o Span) bool { return s.Start < o.End && o.Start < s.End }

// alarms counts what is reported in texts that have nothing of the kind.
func (s *scorer) alarms(c *Case, found []Span) {
	secret := slices.ContainsFunc(found, func(f Span) bool { return isSecret(f.Type) && !slices.ContainsFunc(c.Spans, f.meets) })
	if !c.NearMiss && (!isSecret(c.Entity) || c.Expect == "no_match") {
		s.report.NonSecret++
		if secret {
			s.report.SecretAlarms++
			s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: Span{Type: "secret"}, False: true})
		}
	}
	if c.Entity != "BENIGN" {
		return
	}
	s.report.Benign++
	for _, f := range found {
		if f.Type == "DATE" || f.Type == "URL" || f.Type == "DOMAIN" {
			continue
		}
		s.report.BenignAlarms++
		s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: f, False: true})
	}
}

// document scores a case with the places of all entities, each by itself.
func (s *scorer) document(c *Case, found []Span) {
	byType := map[string][]Span{}
	for _, sp := range c.Spans {
		byType[sp.Type] = append(byType[sp.Type], sp)
	}
	for typ, spans := range byType {
		s.expect(c, spans, found, s.line(c, typ))
	}
	if c.Complete != nil && !*c.Complete {
		return
	}
	for _, f := range found {
		if !slices.ContainsFunc(c.Spans, f.meets) {
			s.line(c, f.Type).False++
			s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: f, False: true})
		}
	}
}

// validate scores the judgement of a whole value.
func (s *scorer) validate(c *Case) {
	country := c.Locale
	if country == "any" {
		country = ""
	}
	valid := redaction.Valid(c.Entity, country, c.Text)
	name := Undisputed
	switch {
	case c.Disputed:
		name = Disputed
	case c.Entity == "PHONE" && libphonenumber(country, c.Text) != (c.Expect == "match"):
		name = OffPlan
	}
	v := s.report.Validate[name]
	if v == nil {
		v = &Valid{}
		s.report.Validate[name] = v
	}
	t := s.line(c, c.Entity)
	if c.Expect == "match" {
		v.Accept++
		t.Expected++
		if valid {
			v.Accepted++
			t.Found++
			t.Exact++
		}
	} else {
		v.Refuse++
		t.Negative++
		if !valid {
			v.Refused++
		} else {
			t.False++
		}
	}
	if valid != (c.Expect == "match") && name == Undisputed {
		s.report.Misses = append(s.report.Misses, Miss{Case: c, Span: Span{Type: c.Entity}, False: valid})
	}
}
