package redaction

import "strings"

// ibanLength is the length of each country's IBAN (SWIFT IBAN Registry, and
// the countries that use the form outside it).
var ibanLength = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AO": 25, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BF": 28, "BG": 22, "BH": 22, "BI": 27,
	"BJ": 28, "BR": 29, "BY": 28, "CF": 27, "CG": 27, "CH": 21, "CI": 28, "CM": 27, "CR": 22, "CV": 25, "CY": 28, "CZ": 24,
	"DE": 22, "DJ": 27, "DK": 18, "DO": 28, "DZ": 26, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
	"GA": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GQ": 27, "GR": 27, "GT": 28, "GW": 25, "HN": 28, "HR": 21, "HU": 28,
	"IE": 22, "IL": 23, "IQ": 23, "IR": 26, "IS": 26, "IT": 27, "JO": 30, "KM": 27, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
	"LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MA": 28, "MC": 27, "MD": 24, "ME": 22, "MG": 27, "MK": 19, "ML": 28,
	"MN": 20, "MR": 27, "MT": 31, "MU": 30, "MZ": 25, "NE": 28, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
	"PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
	"SM": 27, "SN": 28, "SO": 23, "ST": 25, "SV": 28, "TD": 27, "TG": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22,
	"VG": 24, "XK": 20, "YE": 30,
}

func iban() Detector {
	countries := make([]string, 0, len(ibanLength))
	for c := range ibanLength {
		countries = append(countries, c)
	}
	return Detector{Type: "IBAN", Countries: countries, Normal: compactUpper, Find: func(c *Candidate) {
		if end := ibanEnd(c.Text, c.Start); end > 0 {
			c.Add(c.Start, end)
		}
	}}
}

// ibanEnd returns where the IBAN that begins at i ends, 0 if there is none.
// Single spaces or dashes may stand between its characters; letters are all
// upper or all lower case.
func ibanEnd(s string, i int) int {
	want := ibanLength[strings.ToUpper(s[i:i+2])]
	upper := isUpper(s[i])
	var chars [34]byte
	n := 0
	for n < want {
		c := at(s, i)
		if !isAlnum(c) {
			if (c != ' ' && c != '-') || n == 0 || !isAlnum(at(s, i+1)) {
				return 0
			}
			i++
			continue
		}
		if isLetter(c) && isUpper(c) != upper {
			return 0
		}
		if isLower(c) {
			c -= 0x20
		}
		chars[n] = c
		n++
		i++
	}
	if isWord(at(s, i)) || !mod97(chars[:n]) {
		return 0
	}
	return i
}

// mod97 checks the ISO 7064 mod 97-10 sum of an IBAN.
func mod97(iban []byte) bool {
	sum := 0
	for i := range iban {
		c := iban[(i+4)%len(iban)]
		if isDigit(c) {
			sum = (sum*10 + int(c-'0')) % 97
		} else {
			sum = (sum*100 + int(c-'A'+10)) % 97
		}
	}
	return sum == 1
}

// compactUpper drops what is no letter or digit and makes letters upper case.
func compactUpper(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isAlnum(byte(r)) {
			if isLower(byte(r)) {
				r -= 0x20
			}
			return r
		}
		return -1
	}, s)
}
