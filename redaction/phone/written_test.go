package phone

import (
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestPlausible(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"+1 628-555-0176", true},
		{"(628) 555-0176", true},
		{"628.555.0176", true},
		{"(+49) 30 901820", true},
		{"+49 (0)30 901820", true},
		{"030/901820", true},
		{"+49/30/901820", true},
		{"03 01 02 03 04", true},
		{"628\u2011555\u20110176", true},
		{"６２８ ５５５ ０１７６", true},
		{"（03）5555-0176", true},
		{"628-555-0176 ext. 12", true},
		{"628-555-0176x12", true},
		{"tel:+1-628-555-0176;ext=12", true},
		{"", false},
		{"-", false},
		{"628-555-0176)", false},
		{"(628 555-0176", false},
		{"628) 555-0176", false},
		{"((628)) 555-0176", false},
		{"() 555-0176", false},
		{"(628) (555) (0176)", false},
		{"2011-08-09", false},
		{"2011.08.09", false},
		{"9.8.2011", false},
		{"31-12-1999", false},
		{"08/31/95", false},
		{"31/08/95", false},
		{"2012-01-02 08", false},
		{"20120102 08", false},
		{"35.55.0176", true},
		{"2045-55-0176", true},
		{"211-227 (2003)", false},
		{"3.16289265", false},
		{"192.0.2.13", false},
		{"192.0.2.1345", true},
		{"555/0176/777", false},
		{"1 2 3 4 5 6 7", false},
		{"628     555 0176", false},
		{"1-800-FLOWERS", false},
		{"628*555*0176", false},
		{"$628 555", false},
		{"628 555 01%", false},
		{strings.Repeat("12 ", 11) + "12", false},
		{strings.Repeat("1", 40), false},
	} {
		if got := Plausible(c.text); got != c.want {
			t.Errorf("Plausible(%q) = %v", c.text, got)
		}
	}
}

func TestAlone(t *testing.T) {
	for _, c := range []struct {
		before, after string
		want          bool
	}{
		{"", "", true},
		{"tel ", ".", true},
		{"(", ")", true},
		{"tel:", ", or", true},
		{"电话", "。", true},
		{"тел", "", true},
		{"a", "", false},
		{"é", "", false},
		{"", "th", false},
		{"$", "", false},
		{"", "€", false},
		{"", "%", false},
		{"_", "", false},
		{"", "_", false},
		{"+", "", false},
		{"٣", "", false},
		{"1.", "", false},
		{"1-", "", false},
		{"", ".5", false},
		{"", "/7", false},
		{"", ":30", false},
		{"", ": 30", true},
		{"no. ", "", true},
	} {
		const number = "628-555-0176"
		text := c.before + number + c.after
		if got := Alone(text, len(c.before), len(c.before)+len(number)); got != c.want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestExamplesAreWritten asks for every example as the library formats it:
// it must be plausible, found and in groups; and where the library wants a
// trunk prefix, Written must want it.
func TestExamplesAreWritten(t *testing.T) {
	all, without := 0, 0
	for region := range Regions() {
		for _, typ := range types {
			n := phonenumbers.GetExampleNumberForType(region, typ)
			if n == nil || !phonenumbers.IsValidNumber(n) {
				continue
			}
			for i, text := range append(spellings(n), phonenumbers.GetNationalSignificantNumber(n)) {
				kept, err := phonenumbers.ParseAndKeepRawInput(text, region)
				if err != nil || !phonenumbers.IsValidNumber(kept) {
					continue
				}
				all++
				got, ok := Written(region, text)
				want := phonenumbers.IsNationalPrefixPresentIfRequired(kept)
				if !want {
					without++
				}
				if ok != want {
					t.Errorf("Written(%q, %q) = %v, the library says %v", region, text, ok, want)
				}
				if ok && i < 4 && !Grouped(&got, text) {
					t.Errorf("%q of %s is not grouped", text, region)
				}
			}
		}
	}
	t.Logf("%d written, %d without a needed trunk prefix", all, without)
	if without == 0 {
		t.Error("the library always accepts")
	}
}

func TestGrouped(t *testing.T) {
	for _, c := range []struct {
		region, text string
		want         bool
	}{
		{"US", "628-555-0176", true},
		{"US", "6285550176", true},
		{"US", "(628) 555 0176", true},
		{"US", "+1 628 5550176", true},
		{"US", "1-628-555-0176 ext. 7", true},
		{"US", "62-8555-0176", false},
		{"US", "628555-0176", false},
		{"US", "628-55-50-176", false},
		{"FR", "01 55 43 21 60", true},
		{"FR", "0155 432 160", false},
	} {
		n, ok := Parse(c.text, c.region)
		if !ok {
			t.Fatalf("%q is not valid", c.text)
		}
		if got := Grouped(&n, c.text); got != c.want {
			t.Errorf("Grouped(%q) = %v", c.text, got)
		}
	}
}

func TestFormatsCompile(t *testing.T) {
	for _, p := range atlas().codes {
		if p == nil {
			continue
		}
		if err := p.main().learn(); err != nil {
			t.Error(err)
		}
	}
}
