package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// overridden is a policy with an override of every kind.
const overridden = `classes:
  routine: {keep: 30d, min: 10d}
  flagged: {keep: 180d, min: 180d}
  ledger: {keep: 7y, min: 7y}
rules:
  - when: turn > 5
    class: flagged
  - class: routine
overrides:
  - {deployment: clinic, class: routine, keep: 90d, min: 20d, purpose: care}
  - {tenant: acme, class: routine, keep: 60d, legal_basis: contract}
  - {tenant: acme, deployment: clinic, class: routine, keep: 120d}
  - {tenant: acme, deployment: lab, class: flagged, min: 1y, keep: 1y}
  - {tenant: acme, class: ledger, keep: 10y}
`

// Whom an override names gets what it says, the narrowest first, and what it
// does not say as it is without it; nobody else gets any of it.
func TestFor(t *testing.T) {
	d := mustParse(t, overridden)
	for tenant, want := range map[event.Tenant][]Class{
		"other": {
			{Name: "routine", Keep: 30 * day, Min: 10 * day},
			{Name: "flagged", Keep: 180 * day, Min: 180 * day},
			{Name: "ledger", Keep: 7 * year, Min: 7 * year},
			{Name: "routine@clinic", Keep: 90 * day, Min: 20 * day, Purpose: "care"},
		},
		"acme": {
			{Name: "routine", Keep: 60 * day, Min: 10 * day, LegalBasis: "contract"},
			{Name: "flagged", Keep: 180 * day, Min: 180 * day},
			{Name: "ledger", Keep: 10 * year, Min: 7 * year},
			{Name: "routine@clinic", Keep: 120 * day, Min: 20 * day, Purpose: "care", LegalBasis: "contract"},
			{Name: "flagged@lab", Keep: year, Min: year},
		},
	} {
		if diff := cmp.Diff(want, d.For(tenant).Classes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tenant, diff)
		}
	}
	if d.For("other") != d || d.For("acme").For("other") != d || d.For("acme").For("acme") != d.For("acme") {
		t.Error("For makes documents of its own")
	}
	if got := d.For("acme"); got.Version() != d.Version() || string(got.Source()) != overridden {
		t.Errorf("the tenant's document has version %s, want %s", got.Version(), d.Version())
	}
}

// Events get the class of their deployment where an override declares it, and
// ledger events never do.
func TestClassifyDeployment(t *testing.T) {
	d := mustParse(t, overridden)
	for _, tt := range []struct {
		tenant     event.Tenant
		deployment string
		turn       uint32
		want       string
	}{
		{"other", "clinic", 0, "routine@clinic"},
		{"other", "clinic", 9, "flagged"},
		{"other", "lab", 9, "flagged"},
		{"other", "", 0, "routine"},
		{"acme", "clinic", 0, "routine@clinic"},
		{"acme", "lab", 0, "routine"},
		{"acme", "lab", 9, "flagged@lab"},
		{"acme", "clinic2", 0, "routine"},
	} {
		e := &pb.Event{Turn: tt.turn, Source: &pb.Source{Deployment: tt.deployment}}
		if got, err := d.For(tt.tenant).Classify(e); got != tt.want || err != nil {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
	ledger := &pb.Event{Source: &pb.Source{Deployment: "clinic"}, Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{}}}
	if got, err := d.Classify(ledger); got != Ledger || err != nil {
		t.Errorf("a ledger event got %q, %v", got, err)
	}
}

// A class of a deployment whose override is gone is the class itself: what is
// kept in it still has a time.
func TestClassOfDeployment(t *testing.T) {
	d := mustParse(t, overridden)
	for name, want := range map[string]Class{
		"routine@clinic":               {Keep: 120 * day, Min: 20 * day, Purpose: "care", LegalBasis: "contract"},
		"routine@gone":                 {Keep: 60 * day, Min: 10 * day, LegalBasis: "contract"},
		"hold:flagged+routine@clinic":  {Keep: 180 * day, Min: 180 * day, Purpose: "care", LegalBasis: "contract"},
		"gone+routine@clinic":          {Keep: 120 * day, Min: 20 * day, Purpose: "care", LegalBasis: "contract"},
		"flagged@lab+routine@anywhere": {Keep: year, Min: year, LegalBasis: "contract"},
	} {
		want.Name = name
		if got, ok := d.For("acme").Class(name); got != want || !ok {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, ok, want)
		}
	}
	if _, ok := d.Class("gone@clinic"); ok {
		t.Error("a class that is not declared was found at a deployment")
	}
}

// Overrides that contradict the class, or one another, are refused where they
// stand.
func TestOverrideErrors(t *testing.T) {
	const classes = "classes:\n  routine: {keep: 30d, min: 10d}\n  ledger: {keep: 7y}\nrules:\n  - class: routine\noverrides:\n"
	for _, tt := range []struct {
		name, overrides string
		want            []string
	}{
		{"for nobody", "  - {class: routine, keep: 1d}\n", []string{"7:5 says for whom by neither tenant nor deployment"}},
		{"no class", "  - {tenant: a, keep: 30d}\n", []string{"7:5 class is missing"}},
		{"unknown class", "  - {tenant: a, class: other, keep: 30d}\n", []string{"7:24 other is no class of this policy"}},
		{"ledger of a deployment", "  - {deployment: a, class: ledger, keep: 30d}\n", []string{
			"7:28 ledger events are of no deployment: class ledger can be overridden for a tenant only"}},
		{"nothing", "  - {tenant: a, class: routine}\n", []string{"7:5 overrides nothing: want keep, min, purpose or legal_basis"}},
		{"names", "  - {tenant: _a, deployment: a@b, class: routine, keep: 30d}\n", []string{
			"7:14 _a is no name of a tenant: want letters, digits, and, after the first, _ and -, up to 64",
			"7:30 a@b is no name of a deployment that can have overrides: want letters, digits, and, after the first, ., _ and -, up to 60"}},
		{"min below the floor", "  - {tenant: a, class: routine, min: 9d}\n", []string{
			"7:38 min of routine of a is below the 10d that it has without: a floor can only be raised"}},
		{"keep below min", "  - {deployment: d, class: routine, keep: 9d}\n", []string{
			"7:5 is contradictory: keep of routine@d comes to 9d, and min to 10d"}},
		{"min over keep", "  - {deployment: d, class: routine, min: 31d}\n", []string{
			"7:5 is contradictory: keep of routine@d comes to 30d, and min to 31d"}},
		{"twice", "  - {tenant: a, deployment: d, class: routine, keep: 20d}\n  - {deployment: d, tenant: a, class: routine, min: 20d}\n", []string{
			"8:5 is contradictory: line 7 overrides routine@d of a already"}},
		{"of both", "  - {tenant: a, class: routine, keep: 60d, min: 60d}\n  - {deployment: d, class: routine, keep: 40d}\n", []string{
			"8:5 is contradictory: keep of routine@d of a comes to 40d, and min to 60d"}},
		{"min below the floor of the tenant", "  - {tenant: a, class: routine, min: 20d}\n  - {tenant: a, deployment: d, class: routine, min: 19d}\n", []string{
			"8:53 min of routine@d of a is below the 20d that it has without: a floor can only be raised"}},
		{"misspelt", "  - {tenant: a, class: routine, kep: 20d}\n", []string{
			"7:5 overrides nothing: want keep, min, purpose or legal_basis",
			"7:33 kep is no key of a class override: want tenant, deployment, class, keep, min, purpose, legal_basis"}},
		{"no list", "  tenant: a\n", []string{"7:3 overrides is not a list"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(classes + tt.overrides))
			if diff := cmp.Diff(tt.want, problems(err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
	many := classes + strings.Repeat("  - {tenant: a, class: routine, keep: 30d}\n", MaxRules+1)
	if _, err := Parse([]byte(many)); err == nil || !strings.Contains(err.Error(), "has 257 overrides, the limit is 256") {
		t.Errorf("got %v", err)
	}
}

func problems(err error) (out []string) {
	list, _ := err.(Errors) //nolint:errorlint // what Parse returns, as it returns it
	for _, e := range list {
		out = append(out, place(e.Line, e.Column, e.Reason))
	}
	return out
}

// drawDuration draws one of few, so that overrides often contradict one another.
func drawDuration(t *rapid.T, what string) string {
	return rapid.SampledFrom([]string{"", "10d", "20d", "30d", "40d"}).Draw(t, what)
}

func drawOverride(t *rapid.T) string {
	text := "  - {class: " + rapid.SampledFrom([]string{"a", "b", "ledger"}).Draw(t, "class")
	for key, value := range map[string]string{
		"tenant":     rapid.SampledFrom([]string{"", "", "t", "u"}).Draw(t, "tenant"),
		"deployment": alphabet.Draw(t, "deployment"),
		"keep":       drawDuration(t, "keep"), "min": drawDuration(t, "min"),
	} {
		if value != "" {
			text += ", " + key + ": " + value
		}
	}
	return text + "}\n"
}

// Of whatever overrides a document is accepted with: every event gets a class that
// is declared for its tenant; none is kept shorter than promised, nor promised less
// than the class as it is for everybody; and what one tenant's overrides say does
// not reach another.
func TestOverridesHold(t *testing.T) {
	accepted, elsewhere := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		source := "classes: {a: {keep: 30d, min: 10d}, b: {keep: 20d}, ledger: {keep: 7y}}\n" +
			"rules:\n  - {when: turn > 0, class: a}\n  - class: b\noverrides:\n"
		for range rapid.IntRange(1, 6).Draw(t, "overrides") {
			source += drawOverride(t)
		}
		d, err := Parse([]byte(source))
		if err != nil {
			return
		}
		accepted++
		for _, tenant := range []event.Tenant{"t", "u", "v"} {
			own := d.For(tenant)
			checkClasses(t, own, d)
			e := drawEvent(t)
			class, err := own.Classify(e)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(own.Classes(), func(c Class) bool { return c.Name == class }) {
				t.Fatalf("%s: class %q is not declared", source, class)
			}
			if base, deployment, at := strings.Cut(class, deployed); at {
				elsewhere++
				if deployment != e.GetSource().GetDeployment() || base == Ledger {
					t.Fatalf("an event of deployment %q got class %q", e.GetSource().GetDeployment(), class)
				}
			}
		}
		if strings.Contains(source, "tenant: t") && !strings.Contains(source, "tenant: u") && d.For("u") != d {
			t.Fatalf("%s: is another for a tenant that it does not name", source)
		}
	})
	if accepted == 0 || elsewhere == 0 {
		t.Errorf("%d documents were accepted and %d events were of a deployment: nothing was tested", accepted, elsewhere)
	}
}

func checkClasses(t *rapid.T, own, d *Document) {
	names := map[string]bool{}
	for _, c := range own.Classes() {
		base, _, _ := strings.Cut(c.Name, deployed)
		if everybodys, _ := d.Class(base); names[c.Name] || c.Keep < c.Min || everybodys.Min > c.Min {
			t.Fatalf("%s: got class %+v", d.Source(), c)
		}
		names[c.Name] = true
	}
}

// A year of 365 days and what is no whole year, as they are written.
func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0d", 12 * time.Hour: "12h", 30 * day: "30d", 7 * year: "7y", 36 * time.Hour: "36h", 366 * day: "366d"} {
		if got := Span(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
