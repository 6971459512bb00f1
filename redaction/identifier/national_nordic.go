package identifier

import "strings"

// nordicForms are those of Finland, Norway, Denmark, Iceland and the Faroes.
func nordicForms() []Form {
	hetu := Form{
		Entity: "FI_PERSONAL_IDENTITY_CODE", Also: list("NATIONAL_ID, TAX_ID"), Country: "FI", Name: "Henkilötunnus",
		Source: "Act 661/2009; Decree 128/2010, amended 1.1.2023 (new signs); DVV: The personal identity code",
		Self:   true,
		Words:  list("henkilötunnus, henkilotunnus, hetu, sotu, henkilötunnukseni, personbeteckning, personal identity code, social security number, personal id"),
	}
	signed, lettered := hetu, hetu
	// Those born before 2000 have a sign where the others have a letter, but
	// for the new letters Y to U.
	signed.Patterns, signed.Separators, signed.Apart = list("#########*"), "-+", true
	signed.Written, signed.Check = list("######_###*"), fiHetu
	lettered.Patterns, lettered.Check = list("######@###*"), fiHetu
	return []Form{signed, lettered, {
		Entity: "BUSINESS_ID", Country: "FI", Name: "Y-tunnus", Source: "YTJ: Business ID, check digit",
		Patterns: list("########"), Separators: "-", Apart: true, Written: list("#######-#"),
		Check: func(s []byte) bool { return weighted(s, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0 },
		Words: list("y tunnus, ytunnus, fo nummer, business id, ly tunnus, yritystunnus, vat"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "NO", Name: "Fødselsnummer, D-nummer",
		Source: "Skatteetaten: fødselsnummer; folkeregisterforskriften § 2-2-1", Patterns: list("###########"), Separators: " -",
		Written: list("######_#####, ######_###_##"), Check: noPersonal,
		Words: list("fødselsnummer, fodselsnummer, fnr, f nr, personnummer, d nummer, dnr, dnummer, fødselsnr, national identity number"),
	}, {
		Entity: "BUSINESS_ID", Country: "NO", Name: "Organisasjonsnummer", Source: "Brønnøysundregistrene: Organisasjonsnummeret",
		Patterns: list("8########, 9########"), Separators: " ", Written: list("### ### ###"),
		Check: func(s []byte) bool { return weighted(s, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 },
		Words: list("organisasjonsnummer, orgnr, org nr, foretaksregisteret, mva, organisation number"),
	}, {
		// Since October 2007 numbers are given out whose check digit is wrong
		// by the old rule.
		Entity: "NATIONAL_ID", Country: "DK", Name: "CPR-nummer", Source: "CPR-kontoret: Personnummeret i CPR",
		Patterns: list("##########"), Separators: "- ", Written: list("######_####"), Check: dkDate,
		Words: list("cpr, cpr nummer, cpr nr, cprnr, personnummer, cpr number, personal id"),
	}, {
		Entity: "TAX_ID", Country: "DK", Name: "CPR-nummer with a check digit", Source: "CPR-kontoret: Personnummeret i CPR",
		Patterns: list("##########"), Separators: "-", Written: list("######-####"),
		Check: func(s []byte) bool { return dkDate(s) && weighted(s, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 },
		Words: list("cpr, cpr nummer, skattenummer, tin, tax id"),
	}, {
		Entity: "BUSINESS_ID", Country: "DK", Name: "CVR-nummer", Source: "Erhvervsstyrelsen: modulus 11 of the CVR number",
		Patterns: list("########"), Separators: " ", Written: list("## ## ## ##"),
		Check: func(s []byte) bool { return s[0] != '0' && weighted(s, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 },
		Words: list("cvr, cvr nummer, cvr nr, cvrnr, se nr, central business register"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "IS", Name: "Kennitala", Source: "Þjóðskrá: Kennitala; lög nr. 140/2019",
		Patterns: list("##########"), Separators: "- ", Written: list("######_####"), Check: isKennitala,
		Words: list("kennitala, kt, kennitölu, icelandic id"),
	}, {
		Entity: "TAX_ID", Country: "FO", Name: "P-tal", Source: "Landsfólkayvirlitið; OECD TIN sheet, Faroe Islands",
		Patterns: list("#########"), Separators: "- ", Written: list("######_###"),
		Check: func(s []byte) bool { return isShortDate(number(s[4:6]), number(s[2:4]), number(s[:2])) },
		Words: list("p tal, ptal, v tal, faroe"),
	}}
}

// fiHetu: date of birth, sign of the century, number, check character; 900 and
// more are for use within systems.
func fiHetu(s []byte) bool {
	century := 1900
	rest := s[6:]
	if len(s) == 11 {
		rest = s[7:]
		switch {
		case strings.IndexByte("ABCDEF", s[6]) >= 0:
			century = 2000
		case strings.IndexByte("YXWVU", s[6]) < 0:
			return false
		}
	}
	day, month, year := number(s[:2]), number(s[2:4]), number(s[4:6])
	// With - and + the years are those of 1900 and 1800, of which only 1900
	// itself differs in leap years, as neither 1800 nor 1900 had one.
	if !isDate(century+year, month, day) || number(rest[:3]) < 2 {
		return false
	}
	n := number(s[:6])*1000 + number(rest[:3])
	return rest[3] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31]
}

// noPersonal: date of birth, number, two check digits. The day is 40 more in
// D-numbers, the month 40 more in auxiliary numbers and 65 or 80 more in those
// made for tests.
func noPersonal(s []byte) bool {
	day, month, year := number(s[:2]), number(s[2:4]), number(s[4:6])
	if day > 40 {
		day -= 40
	}
	switch {
	case month > 80:
		month -= 80
	case month > 65:
		month -= 65
	case month > 40:
		month -= 40
	}
	return isShortDate(year, month, day) &&
		weighted(s[:10], 3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 &&
		weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

// dkDate asks that the date exists in the century that the seventh digit and
// the year name.
func dkDate(s []byte) bool {
	day, month, year := number(s[:2]), number(s[2:4]), number(s[4:6])
	switch d := s[6]; {
	case d <= '3', (d == '4' || d == '9') && year > 36:
		year += 1900
	case d == '4' || d == '9' || year <= 57:
		year += 2000
	default:
		year += 1800
	}
	return isDate(year, month, day)
}

// isKennitala: date of birth or founding, which has 40 added to the day, two
// random digits, check digit, century.
func isKennitala(s []byte) bool {
	day, month, year := number(s[:2]), number(s[2:4]), number(s[4:6])
	if day > 40 {
		day -= 40
	}
	century := map[byte]int{'8': 1800, '9': 1900, '0': 2000}[s[9]]
	return century > 0 && isDate(century+year, month, day) && weighted(s, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}
