package identifier

import "strings"

// italianForms are those of Italy and San Marino.
func italianForms() []Form {
	return []Form{{
		Entity: "IT_FISCAL_CODE", Also: list("NATIONAL_ID, TAX_ID"), Country: "IT", Name: "Codice fiscale",
		Source:   "Decreto ministeriale 23 dicembre 1976; Agenzia delle Entrate: omocodia",
		Patterns: list("@@@@@@**@**@***@"), Separators: " -/",
		Written: list("@@@_@@@_**@**_@***@, @@@@@@_**@**_@***@, @@@@@@**@**_@***@, @@@_@@@_**@**_@***_@, @@@@@@_**@**_@***_@"),
		Check:   itFiscalCode, Self: true,
		Words: list("codice fiscale, cod fisc, cod fiscale, cf, fiscal code, tax code, tessera sanitaria"),
	}, {
		Entity: "TAX_ID", Country: "IT", Name: "Codice fiscale of other than natural persons, partita IVA",
		Source: "DPR 633/1972, art. 35; Agenzia delle Entrate", Patterns: list("###########"),
		Check: every(luhn, differing),
		Words: list("partita iva, p iva, piva, codice fiscale, cod fisc, cf"),
	}, {
		Entity: "NATIONAL_ID", Country: "IT", Name: "Carta d'identità elettronica",
		Source: "Decreto ministeriale 23 dicembre 2015, annex B", Patterns: list("C@#####@@"),
		Words: list("carta d identità, carta d identita, carta di identità, cie, documento di identità, identity card"),
	}, {
		Entity: "TAX_ID", Country: "SM", Name: "Codice operatore economico",
		Source: "Decreto 85/1972; Ufficio Tributario", Patterns: list("SM#####"), Separators: " ",
		Words: list("codice operatore economico, coe, c o e, san marino"),
	}}
}

// itFiscalCode: three letters each for surname and name, date and place of
// birth, check letter. Where two people would have the same code the letters L
// to V, without O, stand for digits; the check letter is over the code as it
// is, but some software computes it over the digits meant.
func itFiscalCode(s []byte) bool {
	plain := append([]byte{}, s...)
	for _, i := range [...]int{6, 7, 9, 10, 12, 13, 14} {
		if isLetter(plain[i]) {
			d := strings.IndexByte("LMNPQRSTUV", plain[i])
			if d < 0 {
				return false
			}
			plain[i] = byte('0' + d)
		}
	}
	month := strings.IndexByte("ABCDEHLMPRST", s[8]) + 1
	day := number(plain[9:11])
	if day > 40 {
		day -= 40 // women
	}
	// The place is an Italian commune, A to M, or a foreign state, Z.
	place := s[11] <= 'M' || s[11] == 'Z'
	return place && isShortDate(number(plain[6:8]), month, day) && (itLetter(s) == s[15] || itLetter(plain) == s[15])
}

// itLetter computes the check letter: in the odd places digits and letters
// count by a table, in the even ones by their order.
func itLetter(s []byte) byte {
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range s[:15] {
		v := int(c - '0')
		if isLetter(c) {
			v = int(c - 'A')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return byte('A' + sum%26)
}
