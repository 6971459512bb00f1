package identifier

// balkanForms are those of Albania and of the states that Yugoslavia became.
func balkanForms() []Form {
	forms := []Form{{
		Entity: "SI_TIN", Also: list("TAX_ID"), Country: "SI", Name: "Davčna številka",
		Source:   "Zakon o davčni službi; FURS; European Commission TIN portal, Slovenia",
		Patterns: list("########, SI########"), Separators: " ", Written: list("SI ########, ## ### ###, #### ####"), Check: siTIN,
		Words: list("davčna številka, davcna stevilka, davčna, davcna, id za ddv, tin, tax id, tax number"),
	}, {
		Entity: "BUSINESS_ID", Country: "SI", Name: "Matična številka", Source: "AJPES: Matična številka poslovnega subjekta",
		Patterns: list("#######, ##########"), Check: siCompany, Words: list("matična številka, maticna stevilka, ajpes"),
	}, {
		Entity: "TAX_ID", Also: list("NATIONAL_ID"), Country: "HR", Name: "Osobni identifikacijski broj",
		Source:   "Zakon o osobnom identifikacijskom broju (NN 60/08); ISO/IEC 7064 MOD 11,10",
		Patterns: list("###########, HR###########"), Check: func(s []byte) bool { return mod11x10(s[len(s)-11:]) },
		Words: list("oib, osobni identifikacijski broj, osobni broj, tin, personal identification number"),
	}, {
		Entity: "TAX_ID", Country: "RS", Name: "Poreski identifikacioni broj",
		Source:   "Pravilnik o poreskom identifikacionom broju; ISO/IEC 7064 MOD 11,10",
		Patterns: list("#########"), Check: mod11x10, Words: list("pib, poreski identifikacioni broj, пиб, tax id"),
	}, {
		Entity: "TAX_ID", Country: "ME", Name: "Poreski identifikacioni broj", Source: "Poreska uprava Crne Gore",
		Patterns: list("########"), Check: func(s []byte) bool {
			return (11-weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == value(s[7]) && !allSame(s)
		},
		Words: list("pib, poreski identifikacioni broj, tax id"),
	}, {
		Entity: "TAX_ID", Country: "MK", Name: "Единствен даночен број", Source: "УЈП: Единствен даночен број",
		Patterns: list("#############, MK#############"), Check: mkEDB, Words: list("едб, edb, даночен број, danocen broj, tax id"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "AL", Name: "Numri i identitetit (NID)",
		Source:   "Law 8951/2002; OECD TIN sheet, Albania",
		Patterns: list("@########@"), Check: alNID,
		Words: list("nid, numri i identitetit, numri personal, nipt, nuis, personal number"),
	}}
	for _, c := range []struct{ country, entity, words string }{
		{"SI", "SI_EMSO", "emšo, emso, enotna matična številka občana, matična številka, maticna stevilka, personal number"},
		{"HR", "NATIONAL_ID", "jmbg, mbg, jedinstveni matični broj građana, matični broj, maticni broj"},
		{"BA", "NATIONAL_ID", "jmbg, jedinstveni matični broj, matični broj, maticni broj, jmb"},
		{"RS", "NATIONAL_ID", "jmbg, јмбг, jedinstveni matični broj građana, matični broj, maticni broj, матични број"},
		{"ME", "NATIONAL_ID", "jmbg, jedinstveni matični broj, matični broj, maticni broj"},
		{"MK", "NATIONAL_ID", "embg, ембг, единствен матичен број, матичен број, maticen broj"},
	} {
		forms = append(forms, jmbgForm(c.country, c.entity, c.words))
	}
	return forms
}

// jmbgForm is the number that Yugoslavia gave its citizens and its successors
// go on giving.
func jmbgForm(country, entity, words string) Form {
	f := Form{
		Entity: entity, Country: country, Name: "JMBG, EMŠO", Source: "Zakon o uvođenju jedinstvenog matičnog broja građana (1976)",
		Patterns: list("#############"), Separators: "-. ", Check: jmbg, Words: list(words),
		Written: list("##_##_###_##_###_#, #######_##_###_#, #######_######, ##_##_###_######, #######_##_####"),
	}
	if entity != "NATIONAL_ID" {
		f.Also = list("NATIONAL_ID")
	}
	return f
}

// jmbg: day, month and last three digits of the year of birth, region, serial,
// check digit, which is zero where it would be ten.
func jmbg(s []byte) bool {
	year := 1000 + number(s[4:7])
	if year < 1800 {
		year += 1000
	}
	return isDate(year, number(s[2:4]), number(s[:2])) &&
		(11-weighted(s[:12], 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11%10 == value(s[12])
}

// siTIN: a number whose check digit would be eleven is not given out.
func siTIN(s []byte) bool {
	s = s[len(s)-8:]
	r := weighted(s[:7], 8, 7, 6, 5, 4, 3, 2) % 11
	return s[0] != '0' && r != 0 && (11-r)%10 == value(s[7])
}

func siCompany(s []byte) bool {
	return (11-weighted(s[:6], 7, 6, 5, 4, 3, 2)%11)%11%10 == value(s[6])
}

func mkEDB(s []byte) bool {
	s = s[len(s)-13:]
	return (11-weighted(s[:12], 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11%10 == value(s[12])
}

// alNID: decade of birth as a letter, A for 1900, year, month with 50 added for
// women and 30 for aliens, day, serial, check letter, of which no rule is
// published.
func alNID(s []byte) bool {
	month := number(s[2:4])
	if month > 50 {
		month -= 50
	}
	if month > 30 {
		month -= 30
	}
	return s[0] <= 'T' && isDate(1900+10*int(s[0]-'A')+value(s[1]), month, number(s[4:6]))
}
