package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/escrow"
)

// keys returns a keyset of escrow, both sides of it as people have them.
func keys(t testing.TB) (private, public string) {
	t.Helper()
	handle, err := escrow.Generate()
	if err != nil {
		t.Fatal(err)
	}
	line, err := escrow.Public(handle)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " "), strings.TrimSpace(string(line))
}

func TestRedaction(t *testing.T) {
	_, public := keys(t)
	d := mustParse(t, minimal+`redaction:
  regions: [DE, NO]
  operators: {CREDIT_CARD: generalise, DATE: mask, LOCATION: drop, TICKET: keep}
  off: [PHONE]
  content: keep
  escrow:
    types: [EMAIL, PERSON]
    key: '`+public+`'
  analyzer:
    url: https://presidio.internal/api
    language: de
    entities: [PERSON, LOCATION, ticket]
    threshold: 0.4
    timeout: 750ms
`)
	want := Redaction{
		Regions: []string{"DE", "NO"},
		Operators: map[string]redaction.Operator{
			"CREDIT_CARD": redaction.Generalise, "DATE": redaction.Mask, "LOCATION": redaction.Drop, "TICKET": redaction.Keep, "PHONE": redaction.Keep,
		},
		EscrowTypes: []string{"EMAIL", "PERSON"}, EscrowKey: []byte(public),
		Analyzer: analyzer.Config{
			URL: "https://presidio.internal/api", Language: "de", Entities: []string{"PERSON", "LOCATION", "ticket"},
			Threshold: 0.4, Timeout: 750 * time.Millisecond,
		},
	}
	got := d.Redaction()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	got.Regions[0], got.EscrowTypes[0], got.EscrowKey[0], got.Analyzer.Entities[0] = "FR", "PHONE", 'x', "x"
	clear(got.Operators)
	if diff := cmp.Diff(want, d.Redaction()); diff != "" {
		t.Errorf("the document changed with what it returned:\n%s", diff)
	}
	if diff := cmp.Diff(Redaction{}, mustParse(t, minimal).Redaction()); diff != "" {
		t.Errorf("without the section:\n%s", diff)
	}
	if !mustParse(t, minimal+"redaction: {content: drop}\n").Redaction().DropContent {
		t.Error("content is not dropped")
	}
	if got := mustParse(t, minimal+"redaction: {analyzer: {url: 'http://127.0.0.1:3000'}}\n").Redaction().Analyzer.Timeout; got != defaultAnalysis {
		t.Errorf("timeout %v", got)
	}
}

// Each type, detector and region that redaction knows can be named: what could
// not would stay as the default has it.
func TestRedactionKnows(t *testing.T) {
	var b strings.Builder
	for _, typ := range redaction.Types() {
		fmt.Fprintf(&b, "    %s: mask\n", typ)
		for _, name := range redaction.DetectorsOf(typ) {
			fmt.Fprintf(&b, "    %s/%s: mask\n", typ, name)
		}
	}
	source := minimal + "redaction:\n  operators:\n" + b.String() + "  regions: [" + strings.Join(redaction.Regions(), ", ") + "]\n"
	r := mustParse(t, source).Redaction()
	if got, want := len(r.Operators), strings.Count(b.String(), "\n"); got != want {
		t.Errorf("%d operators, want %d", got, want)
	}
	if diff := cmp.Diff(redaction.Regions(), r.Regions); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

// Whatever would be a setting without effect is refused where it stands.
func TestRedactionErrors(t *testing.T) {
	private, public := keys(t)
	for _, tt := range []struct {
		name, section string
		want          []string // line 7 is the first of the section
	}{
		{"a word", "redaction: strict", []string{"6:12 redaction is not a mapping"}},
		{"nothing", "redaction:", []string{"6:11 redaction is not a mapping"}},
		{"unknown key", "redaction:\n  regoins: [DE]", []string{
			"7:3 regoins is no key of a redaction: want regions, operators, off, content, escrow, analyzer"}},
		{"regions", "redaction:\n  regions: [DE, UK, de, DE, [FR]]", []string{
			"7:17 UK is no region that redaction knows: want the ISO 3166 code of a country, like DE",
			"7:21 de is no region that redaction knows: want the ISO 3166 code of a country, like DE",
			"7:25 DE is given twice", "7:29 element of regions is not a word"}},
		{"a region", "redaction:\n  regions: DE", []string{"7:12 regions is not a list"}},
		{"unknown type", "redaction:\n  operators:\n    E_MAIL: mask\n    Zebra: mask\n    IBA: mask", []string{
			"8:5 E_MAIL is no type that redaction knows", "9:5 Zebra is no type that redaction knows",
			"10:5 IBA is no type that redaction knows: perhaps IBAN"}},
		{"the user", "redaction:\n  off: [USER]", []string{"7:9 USER is no type that redaction knows"}},
		{"unknown operator", "redaction:\n  operators: {EMAIL: hash, PHONE: [mask], IBAN: }", []string{
			"7:22 hash is no operator: want pseudonym, mask, drop, generalise or keep", "7:35 operator is not a word",
			"7:49 nothing is no operator: want pseudonym, mask, drop, generalise or keep"}},
		{"operator twice", "redaction:\n  operators: {EMAIL: mask, EMAIL: drop}", []string{"7:28 EMAIL is given twice"}},
		{"unknown detector", "redaction:\n  operators: {EMAIL/emial: mask, PERSON/analyzer: mask, ORGANIZATION/x: mask}", []string{
			"7:15 emial is no detector of EMAIL: want email",
			"7:34 analyzer is no detector of PERSON", "7:57 x is no detector of ORGANIZATION: it has none of its own without an analyzer"}},
		{"off and on", "redaction:\n  operators: {EMAIL: mask, PHONE/phone: mask}\n  off: [EMAIL, IBAN, IBAN, JWTS]", []string{
			"8:9 EMAIL is off and has an operator", "8:22 IBAN is given twice", "8:28 JWTS is no type that redaction knows: perhaps JWT"}},
		{"content", "redaction:\n  content: raw", []string{"7:12 raw is not keep or drop"}},
		{"content of lists", "redaction:\n  content: [drop]", []string{"7:12 content is not keep or drop"}},
		{"escrow of nothing", "redaction:\n  escrow: {}", []string{"7:11 types is missing", "7:11 key is missing"}},
		{"escrow of no types", "redaction:\n  escrow:\n    types: []\n    key: '" + public + "'", []string{
			"8:12 types is empty: name some, or leave escrow out"}},
		{"escrow of what is not replaced by pseudonyms", "redaction:\n  off: [IBAN]\n  operators: {EMAIL: mask}\n  escrow:\n    types: [EMAIL, DATE, IBAN, PHONE]\n    key: '" + public + "'", []string{
			"10:13 EMAIL has the operator mask: only originals of pseudonyms are sealed",
			"10:20 DATE has the operator keep: only originals of pseudonyms are sealed",
			"10:26 IBAN has the operator keep: only originals of pseudonyms are sealed"}},
		{"a private key", "redaction:\n  escrow:\n    types: [EMAIL]\n    key: '" + private + "'", []string{
			"9:10 key of escrow: this is the private keyset: give the public one, and take the private one off this machine"}},
		{"no key", "redaction:\n  escrow: {types: [EMAIL], key: escrow.json}", []string{"7:33 key of escrow: no keyset of escrow"}},
		{"a key without quotes", "redaction:\n  escrow:\n    types: [EMAIL]\n    key: " + public, []string{
			"9:10 key is not a text: put the line of the public keyset in single quotes"}},
		{"escrow and no content", "redaction:\n  content: drop\n  escrow:\n    types: [EMAIL]\n    key: '" + public + "'", []string{
			"9:5 content is dropped: there is nothing to seal"}},
		{"analyser and no content", "redaction:\n  content: drop\n  analyzer: {url: https://presidio.internal}", []string{
			"8:13 content is dropped: there is nothing to analyse"}},
		{"no analyser", "redaction:\n  analyzer: {language: en}", []string{"7:13 url is missing"}},
		{"analyser in clear", "redaction:\n  analyzer: {url: http://presidio.internal}", []string{
			"7:19 url: texts do not leave this machine without TLS: want https"}},
		{"analyser with a password", "redaction:\n  analyzer: {url: 'https://u:geheim@presidio.internal'}", []string{
			"7:19 url: no user wanted"}},
		{"analyser's settings", "redaction:\n  analyzer:\n    url: https://presidio.internal\n    language: 'e n'\n    entities: [PERSON, A-B]\n    threshold: 1.5\n    timeout: 1m", []string{
			"9:15 language: want letters, digits, - and _",
			"10:24 A-B is no entity: want letters, digits and _, at most 32",
			"11:16 1.5 is no threshold: want a number from 0 to 1",
			"12:14 1m is no timeout: want one like 500ms or 5s, at most 30s"}},
		{"a long wait", "redaction:\n  analyzer: {url: https://presidio.internal, timeout: 31s}", []string{
			"7:55 31s is no timeout: want one like 500ms or 5s, at most 30s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(minimal + tt.section + "\n"))
			list, _ := errors.AsType[Errors](err)
			var got []string
			for _, e := range list {
				got = append(got, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Reason))
			}
			// What is offered instead depends on what redaction knows.
			if !slices.EqualFunc(tt.want, got, func(want, got string) bool { return strings.HasPrefix(got, want) }) {
				t.Errorf("problems (-want +got):\n%s", cmp.Diff(tt.want, got))
			}
			if err != nil && (strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "keyData")) {
				t.Errorf("tells a secret: %v", err)
			}
		})
	}
}
