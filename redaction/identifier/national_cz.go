package identifier

// czechForms are those of the Czech Republic and Slovakia.
func czechForms() []Form {
	const source = "Zákon č. 133/2000 Sb., § 13; zákon č. 301/1995 Z. z."
	const words = "rodné číslo, rodne cislo, rč, rodného čísla, birth number, personal number, national id"
	return []Form{{
		Entity: "CZ_RODNE_CISLO", Also: list("NATIONAL_ID, TAX_ID"), Country: "CZ", Name: "Rodné číslo", Source: source,
		Patterns: list("#########, ##########"), Separators: "/ -", Written: list("######_###, ######_####"),
		Check: birthNumber, Words: list(words),
	}, {
		Entity: "NATIONAL_ID", Country: "SK", Name: "Rodné číslo", Source: source,
		Patterns: list("#########, ##########"), Separators: "/ -", Written: list("######_###, ######_####"),
		Check: birthNumber, Words: list(words),
	}, {
		Entity: "CZ_TIN", Country: "CZ", Name: "DIČ", Source: "Zákon č. 280/2009 Sb., § 130; Finanční správa",
		Patterns: list("########, #########, ##########, CZ########, CZ#########, CZ##########"), Separators: "/ -", Check: czTIN,
		Words: list("dič, dic, daňové identifikační číslo, danove identifikacni cislo, tax id, tin, vat"),
	}, {
		Entity: "BUSINESS_ID", Country: "CZ", Name: "IČO", Source: "Zákon č. 304/2013 Sb.; ČSÚ: IČO",
		Patterns: list("########"), Separators: " ", Written: list("### ## ###, ## ## ## ##"), Check: ico,
		Words: list("ičo, ico, ič, identifikační číslo, identifikacni cislo, obchodní rejstřík"),
	}, {
		Entity: "BUSINESS_ID", Country: "SK", Name: "IČO", Source: "Zákon č. 272/2015 Z. z.; ŠÚ SR",
		Patterns: list("########"), Separators: " ", Written: list("## ### ###"), Check: ico,
		Words: list("ičo, ico, identifikačné číslo, identifikacne cislo, obchodný register"),
	}, {
		// The number of the tax office; of its ten digits no check is published
		// but for payers of value-added tax.
		Entity: "TAX_ID", Country: "SK", Name: "DIČ", Source: "Zákon č. 563/2009 Z. z., § 67; European Commission TIN portal, Slovakia",
		Patterns: list("##########"), Separators: "/",
		Written: list("######/####"), Check: func(s []byte) bool { return s[0] != '0' || birthNumber(s) },
		Words: list("dič, dic, daňové identifikačné číslo, danove identifikacne cislo, tin, tax id"),
	}, {
		Entity: "TAX_ID", Country: "SK", Name: "Rodné číslo before 1954", Source: source,
		Patterns: list("#########"), Separators: "/",
		Written: list("######/###"), Check: birthNumber,
		Words: list(words + ", dič, dic, tin"),
	}}
}

// birthNumber: date of birth and a serial, until 1953 of three digits, since
// of four, of which the last makes the whole a multiple of eleven, or until
// 1985 is zero where it would be ten. Women have 50 added to the month, and
// since 2004 20 more where the serials of a day ran out.
func birthNumber(s []byte) bool {
	year, month, day := number(s[:2]), number(s[2:4]), number(s[4:6])
	old := len(s) == 9
	year += 1900
	if old && (year > 1953 || number(s[6:]) == 0) {
		return false
	}
	if !old && year < 1954 {
		year += 100
	}
	if month > 50 {
		month -= 50
	}
	if month > 20 && year >= 2004 {
		month -= 20
	}
	if !isDate(year, month, day) {
		return false
	}
	r := remainder(s[:9], 11)
	return old || r == value(s[9]) || r == 10 && s[9] == '0' && year <= 1985
}

// ico is the check digit of organisations.
func ico(s []byte) bool {
	return number(s) > 0 && value(s[7]) == (11-weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11)%10
}

// czTIN: the IČO of a legal person, the birth number of a natural one or a
// number given out by the tax office, which begins with 6.
func czTIN(s []byte) bool {
	if isLetter(s[0]) {
		s = s[2:]
	}
	switch {
	case len(s) == 8:
		return s[0] != '9' && ico(s)
	case len(s) == 9 && s[0] == '6':
		r := weighted(s[1:8], 8, 7, 6, 5, 4, 3, 2) % 11
		return value(s[8]) == (r+8)%10
	}
	return birthNumber(s)
}
