package identifier

// polishForms are those of Poland.
func polishForms() []Form {
	const pesel = "pesel, numer pesel, nr pesel, numer ewidencyjny, national id"
	const peselSource = "Ustawa z dnia 24 września 2010 r. o ewidencji ludności, art. 15; gov.pl: Czym jest numer PESEL"
	return []Form{{
		Entity: "PL_PESEL", Also: list("TAX_ID"), Country: "PL", Name: "PESEL", Source: peselSource,
		Patterns: list("###########"), Check: every(plPESEL, plBirth), Words: list(pesel),
	}, {
		// Checks of identity documents look at the check digit alone.
		Entity: "NATIONAL_ID", Country: "PL", Name: "PESEL, whatever its date", Source: peselSource,
		Patterns: list("###########"), Check: every(plPESEL, differing), Words: list(pesel),
	}, {
		Entity: "PL_NIP", Also: list("TAX_ID"), Country: "PL", Name: "NIP",
		Source:     "Ustawa z dnia 13 października 1995 r. o zasadach ewidencji i identyfikacji podatników; podatki.gov.pl",
		Patterns:   list("##########, PL##########"),
		Separators: "- ",
		Written:    list("###-###-##-##, ###-##-##-###, ### ### ## ##, ### ## ## ###, PL_##########, PL_###-###-##-##, PL###-###-##-##, PL_###-##-##-###, PL###-##-##-###"),
		Check:      plNIP,
		Words:      list("nip, numer identyfikacji podatkowej, nr nip, podatkowy, tax id, tin, vat"),
	}, {
		Entity: "BUSINESS_ID", Country: "PL", Name: "REGON", Source: "Rozporządzenie Rady Ministrów z 30 listopada 2015 r.; GUS",
		Patterns: list("#########, ##############"), Separators: "- ", Written: list("###_###_###, ###_######, #########_#####"),
		Check: plREGON, Words: list("regon, nr regon, numer regon"),
	}, {
		Entity: "BUSINESS_ID", Country: "PL", Name: "KRS", Source: "Ustawa o Krajowym Rejestrze Sądowym",
		Patterns: list("0000######, 0001######"), Words: list("krs, nr krs, numer krs, krajowy rejestr sądowy, krajowy rejestr sadowy"),
	}}
}

// plPESEL is the check digit.
func plPESEL(s []byte) bool { return weighted(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0 }

// plBirth: the month has 80, 0, 20, 40 or 60 added for the centuries from 1800
// to 2200.
func plBirth(s []byte) bool {
	month := number(s[2:4])
	century := [...]int{1900, 2000, 2100, 2200, 1800}[month/20]
	return isDate(century+number(s[:2]), month%20, number(s[4:6]))
}

// plNIP: a number for which the check digit would be ten is not given out.
func plNIP(s []byte) bool {
	s = s[len(s)-10:]
	return weighted(s[:9], 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == value(s[9]) && !allSame(s)
}

// plREGON: nine digits with a check digit, and of local units five more.
func plREGON(s []byte) bool {
	if weighted(s[:8], 8, 9, 2, 3, 4, 5, 6, 7)%11%10 != value(s[8]) || allSame(s) {
		return false
	}
	return len(s) == 9 || weighted(s[:13], 2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)%11%10 == value(s[13])
}
