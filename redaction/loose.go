package redaction

import "github.com/afterimage/afterimage/redaction/identifier"

// looseForms are identifiers whose structure alone is so telling that one with
// a mistyped check digit, or in other groups than usual, is still somebody's:
// where their country is asked for or a word near says so they go, too. Valid
// does not take them.
func looseForms() []identifier.Form {
	return []identifier.Form{{
		Entity: "IT_FISCAL_CODE", Country: "IT", Name: "codice fiscale, check letter not looked at",
		Source:   "Decreto ministeriale 23 dicembre 1976",
		Patterns: []string{"@@@@@@##@##@###@"}, Check: italianDate,
		Words: []string{"codice fiscale", "cod fiscale", "fiscal code", "tax code"},
	}, {
		Entity: "SG_NRIC_FIN", Country: "SG", Name: "NRIC and FIN, check letter not looked at",
		Source:   "National Registration Regulations",
		Patterns: []string{"S#######@", "T#######@", "F#######@", "G#######@", "M#######@"},
		Words:    []string{"nric", "fin", "identity card", "ic number"},
	}, {
		Entity: "IN_PAN", Country: "IN", Name: "PAN, kind of holder not looked at",
		Source:   "Income-tax Rules, rule 114",
		Patterns: []string{"@@@@@####@"},
		Words:    []string{"pan", "pan number", "pan card", "permanent account number", "income tax"},
	}, {
		Entity: "US_ITIN", Country: "US", Name: "ITIN in other groups",
		Source:   "IRS, Publication 1915",
		Patterns: []string{"9########"}, Separators: "- ", Check: itinGroup,
		Words: []string{"itin", "individual taxpayer", "taxpayer id", "taxpayer", "tax id"},
	}}
}

// italianDate reports whether month and day of birth exist; women's days have
// 40 added.
func italianDate(s []byte) bool {
	day := number(string(s[9:11]))
	if day > 40 {
		day -= 40
	}
	for month, letter := range []byte("ABCDEHLMPRST") {
		if s[8] == letter {
			return 1 <= day && day <= daysIn(2000, month+1)
		}
	}
	return false
}

// itinGroup reports whether the fourth and fifth digit are of those that are
// issued.
func itinGroup(s []byte) bool {
	g := number(string(s[3:5]))
	return within(g, 50, 65) || within(g, 70, 88) || within(g, 90, 92) || within(g, 94, 99)
}
