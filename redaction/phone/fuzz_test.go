package phone

import (
	"strings"
	"testing"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// FuzzParse compares with the library on any text, but for the differences
// that doc.go has.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"+1 (628) 555-0176 ext. 12", "0039 06 6982", "tel:030-901820;phone-context=+49", "1-800-FLOWERS", "٠٣٠ 901820",
		"555 0176 x302/x2303", "030 901820,,7#", "+0049 30 901820", "&&x]", "0 15 2345-6789", "(", "+", "x", "доб.1"} {
		f.Add(s, "DE")
		f.Add(s, "US")
		f.Add(s, "AR")
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		Normal(text, region)
		Alone(text, len(text)/2, len(text))
		n, ok := Written(region, text)
		if m, valid := Parse(text, region); ok && (!valid || n != m) {
			t.Errorf("Written(%q, %q) = %s, Parse says %s", region, text, n, m)
		}
		if ok {
			Grouped(&n, text)
		}
		if !differs(text) {
			compare(t, text, region)
		}
	})
}

// differs reports whether text has what the library is known to read
// otherwise.
func differs(text string) bool {
	return strings.Contains(text, "&&") || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsDigit(r) && phonenumbers.NormalizeDigitsOnly(string(r)) == string(r) && r > '9'
	})
}

// FuzzDigits checks the judgements on digits against Parse.
func FuzzDigits(f *testing.F) {
	f.Add([]byte("4930901820"), "DE")
	f.Add([]byte("16285550176"), "US")
	f.Add([]byte("8137683768"), "JP")
	f.Add([]byte("+1"), "US")
	f.Add([]byte("\xff8"), "0")
	f.Fuzz(func(t *testing.T, digits []byte, region string) {
		national, international := National(region, digits), false
		n, of, all := International(digits)
		if !decimal(digits) || len(digits) > maxDigits {
			if national || all {
				t.Errorf("%q is valid", digits)
			}
			return
		}
		if _, ok := Parse(string(digits), region); national != (ok && atlas().region(region) != nil) {
			t.Errorf("National(%q, %s) = %v", region, digits, national)
		}
		m, international := Parse("+"+string(digits), "")
		if all != international || all && (of != m.Country || n != len(digits)) {
			t.Errorf("International(%s) = %d, %s, %v; Parse says %s", digits, n, of, all, m)
		}
		for i := range len(digits) + 1 {
			if _, ok := Parse("+"+string(digits[:i]), ""); ok && i > n || !ok && i == n && n > 0 {
				t.Errorf("International(%s) = %d, but of %d digits: %v", digits, n, i, ok)
			}
		}
	})
}
