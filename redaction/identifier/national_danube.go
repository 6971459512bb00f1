package identifier

// danubeForms are those of Hungary, Romania, Bulgaria and Moldova.
func danubeForms() []Form {
	const huTax = "1996. évi XX. törvény, annex, I–III"
	const egnWords = "егн, единен граждански номер, egn, лнч, lnch, uniform civil number, personal number"
	return []Form{{
		Entity: "TAX_ID", Country: "HU", Name: "Adóazonosító jel", Source: huTax,
		Patterns: list("8#########"), Check: huTIN,
		Words: list("adóazonosító jel, adoazonosito jel, adóazonosító, adoazonosito, tax id, tin"),
	}, {
		// Other software takes any first digit.
		Entity: "HU_TIN", Country: "HU", Name: "Adóazonosító jel", Source: huTax,
		Patterns: list("##########"), Separators: "- ", Check: huTIN,
		Words: list("adóazonosító jel, adoazonosito jel, adóazonosító, adoazonosito, tax id, tin"),
	}, {
		Entity: "NATIONAL_ID", Country: "HU", Name: "Személyi azonosító", Source: huTax,
		Patterns: list("###########"), Separators: "- ", Written: list("#_######_####, #-######-###-#"), Check: huPersonal,
		Words: list("személyi azonosító, szemelyi azonosito, személyi szám, szemelyi szam, személyazonosító, personal id"),
	}, {
		Entity: "NATIONAL_ID", Country: "HU", Name: "Társadalombiztosítási azonosító jel (TAJ)", Source: huTax,
		Patterns: list("#########"), Separators: "- ", Written: list("###_###_###"),
		Check: func(s []byte) bool { return weighted(s[:8], 3, 7, 3, 7, 3, 7, 3, 7)%10 == value(s[8]) && !allSame(s) },
		Words: list("taj, taj szám, taj szam, tajszám, társadalombiztosítási, tarsadalombiztositasi, social security number"),
	}, {
		Entity: "BUSINESS_ID", Country: "HU", Name: "Adószám",
		Source: "2017. évi CL. törvény; NAV", Patterns: list("###########"), Separators: "-",
		Written: list("########-#-##"), Check: huBusiness, Words: list("adószám, adoszam, adószáma, vat, tax number"),
	}, {
		Entity: "RO_CNP", Also: list("NATIONAL_ID, TAX_ID"), Country: "RO", Name: "Cod numeric personal",
		Source:   "OUG 97/2005; HG 1375/2006; Legea 105/1996",
		Patterns: list("#############"), Check: roCNP,
		Words: list("cnp, cod numeric personal, codul numeric personal, personal numerical code"),
	}, {
		Entity: "TAX_ID", Country: "RO", Name: "Număr de identificare fiscală of foreigners",
		Source:   "European Commission TIN portal, Romania: 13 digits, the first is 9",
		Patterns: list("9############"),
		Words:    list("nif, număr de identificare fiscală, numar de identificare fiscala, cod de identificare fiscală, cif"),
	}, {
		Entity: "BUSINESS_ID", Country: "RO", Name: "Cod unic de înregistrare", Source: "Codul fiscal; OPANAF: CUI check digit",
		Patterns: list("####, #####, ######, #######, ########, #########, ##########, RO####, RO#####, RO######, RO#######, RO########, RO#########, RO##########"),
		Check:    roCUI, Words: list("cui, cif, cod unic de înregistrare, cod unic de inregistrare, cod fiscal, registrul comerțului"),
	}, {
		Entity: "BG_EGN", Also: list("NATIONAL_ID, TAX_ID"), Country: "BG", Name: "Единен граждански номер",
		Source:   "Наредба № РД-02-20-9 от 2012 за функциониране на ЕСГРАОН",
		Patterns: list("##########"), Separators: " -", Written: list("######_####, ######_###_#"), Check: bgEGN, Words: list(egnWords),
	}, {
		Entity: "NATIONAL_ID", Country: "BG", Name: "Личен номер на чужденец", Source: "Закон за чужденците в Република България",
		Patterns: list("##########"), Separators: " ", Written: list("###### ####"),
		Check: func(s []byte) bool {
			return weighted(s[:9], 21, 19, 17, 13, 11, 9, 7, 3, 1)%10 == value(s[9]) && !allSame(s)
		},
		Words: list(egnWords),
	}, {
		Entity: "BUSINESS_ID", Country: "BG", Name: "ЕИК, БУЛСТАТ", Source: "Закон за регистър БУЛСТАТ",
		Patterns: list("#########"), Check: bgEIK, Words: list("еик, булстат, eik, bulstat, uic"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "MD", Name: "IDNP", Source: "Agenția Servicii Publice: IDNP, IDNO",
		Patterns: list("0############, 2############"), Check: mdIDN,
		Words: list("idnp, cod personal, codul personal, personal code"),
	}, {
		Entity: "BUSINESS_ID", Country: "MD", Name: "IDNO", Source: "Agenția Servicii Publice: IDNP, IDNO",
		Patterns: list("1############"), Check: mdIDN, Words: list("idno, cod fiscal, codul fiscal"),
	}}
}

// huTIN: weights from 1; a number whose sum leaves ten is not given out.
func huTIN(s []byte) bool {
	return s[0] != '0' && weighted(s[:9], 1, 2, 3, 4, 5, 6, 7, 8, 9)%11 == value(s[9])
}

// huPersonal: sex and century, date of birth, serial, check digit, whose
// weights ran the other way until 1996.
func huPersonal(s []byte) bool {
	century := map[byte]int{'1': 1900, '2': 1900, '3': 2000, '4': 2000, '5': 1900, '6': 1900, '7': 1800, '8': 1800}[s[0]]
	if century == 0 || !isDate(century+number(s[1:3]), number(s[3:5]), number(s[5:7])) {
		return false
	}
	check := weighted(s[:10], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) % 11
	if century == 2000 || number(s[1:3]) > 96 {
		check = weighted(s[:10], 10, 9, 8, 7, 6, 5, 4, 3, 2, 1) % 11
	}
	return check == value(s[10])
}

// huBusiness: register number with a check digit, kind of taxation, region.
func huBusiness(s []byte) bool {
	region := number(s[9:])
	return weighted(s[:8], 9, 7, 3, 1, 9, 7, 3, 1)%10 == 0 && '1' <= s[8] && s[8] <= '5' &&
		(2 <= region && region <= 44 || region == 51)
}

// roCNP: sex and century, date of birth, county, serial, check digit. Residents
// have 7 and 8, foreigners 9, and neither says a century.
func roCNP(s []byte) bool {
	year, month, day := number(s[1:3]), number(s[3:5]), number(s[5:7])
	dated := isShortDate(year, month, day)
	switch {
	case s[0] == '0':
		return false
	case s[0] <= '6':
		dated = isDate([...]int{1900, 1800, 2000}[(s[0]-'1')/2]+year, month, day)
	}
	r := weighted(s[:12], 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
	if r == 10 {
		r = 1
	}
	return dated && roCounty(number(s[7:9])) && r == value(s[12])
}

// roCounty: the counties and sectors of Bucharest, 47 and 48 as they were until
// 1979, 51 and 52, 70 for all since 2022, and those of consulates and aliens.
func roCounty(n int) bool {
	return 1 <= n && n <= 48 || n == 51 || n == 52 || n == 70 || 80 <= n && n <= 83 || n == 90 || n == 99
}

// roCUI: up to nine digits and a check digit; zeros in front are left out.
func roCUI(s []byte) bool {
	if isLetter(s[0]) {
		s = s[2:]
	}
	weights := []int{7, 5, 3, 2, 1, 7, 5, 3, 2}
	last := len(s) - 1
	return s[0] != '0' && weighted(s[:last], weights[9-last:]...)*10%11%10 == value(s[last])
}

// bgEGN: date of birth, whose month has 20 added before 1900 and 40 from 2000
// on, serial, check digit.
func bgEGN(s []byte) bool {
	year, month, day := 1900+number(s[:2]), number(s[2:4]), number(s[4:6])
	switch {
	case month > 40:
		year, month = year+100, month-40
	case month > 20:
		year, month = year-100, month-20
	}
	return isDate(year, month, day) && weighted(s[:9], 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == value(s[9])
}

// bgEIK: weights from 1, and from 3 if that gives ten.
func bgEIK(s []byte) bool {
	check := weighted(s[:8], 1, 2, 3, 4, 5, 6, 7, 8) % 11
	if check == 10 {
		check = weighted(s[:8], 3, 4, 5, 6, 7, 8, 9, 10) % 11
	}
	return check%10 == value(s[8]) && !allSame(s)
}

// mdIDN has weights 7, 3, 1.
func mdIDN(s []byte) bool {
	return weighted(s[:12], 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)%10 == value(s[12])
}
