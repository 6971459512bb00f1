package identifier

// alpineForms are those of Austria, Switzerland and Liechtenstein.
func alpineForms() []Form {
	return []Form{{
		Entity: "AT_SSN", Also: list("NATIONAL_ID"), Country: "AT",
		Name: "Sozialversicherungsnummer", Source: "§ 31 Abs 4 Z 1 ASVG; Dachverband: Aufbau der Versicherungsnummer",
		Patterns: list("##########"), Separators: " -/", Written: list("####_######, ###_#_######, ####_##_##_##, ###_#_##_##_##"),
		Check: atSSN,
		Words: list("sozialversicherungsnummer, sozialversicherungs nr, versicherungsnummer, svnr, sv nummer, sv nr, svn, vsnr, e card, social security number, ssn"),
	}, {
		Entity: "TAX_ID", Country: "AT",
		Name: "Abgabenkontonummer", Source: "BMF: Steuernummer; European Commission TIN portal, Austria",
		Patterns: list("#########"), Separators: "-/", Written: list("##-###/####, #####/####, ##/###/####, ##-###-####, ##-#######"),
		Check: luhn,
		Words: list("steuernummer, steuer nr, abgabenkontonummer, st nr, stnr, finanzamt, tax number, tax id, tin"),
	}, {
		Entity: "BUSINESS_ID", Country: "AT",
		Name: "Firmenbuchnummer", Source: "FBG § 30; the letter is a check character computed by the register",
		Patterns:   list("FN####@, FN#####@, FN######@"),
		Separators: " ", Words: list("firmenbuch, firmenbuchnummer, fn, handelsgericht, company register"),
	}, {
		Entity: "NATIONAL_ID", Country: "CH",
		Name: "AHV-Nummer", Source: "AHVG Art. 50c; ZAS: Struktur der AHV-Nummer (EAN-13 with 756)",
		Patterns: list("756##########"), Separators: ". -", Written: list("756_####_####_##"), Check: ean13, Self: true,
		Words: list("ahv, ahv nummer, ahv nr, avs, numéro avs, no avs, navs, nss, ssn, sozialversicherungsnummer, numero avs"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "CH",
		Name: "Unternehmens-Identifikationsnummer", Source: "UIDV; eCH-0097",
		Patterns: list("CHE#########"), Separators: " .-", Check: chUID, Self: true,
		Words: list("uid, unternehmens identifikationsnummer, ide, handelsregister, vat"),
	}, {
		Entity: "TAX_ID", Country: "LI",
		Name: "Personenidentifikationsnummer (PEID)", Source: "Liechtenstein Tax Administration; OECD TIN sheet, Liechtenstein",
		Patterns: list("####, #####, ######, #######, ########, #########, ##########, ###########, ############"),
		Words:    list("peid, personenidentifikationsnummer"),
	}}
}

// atSSN: serial, check digit, date of birth. Months above 12 are used for days
// on which the serials ran out.
func atSSN(s []byte) bool {
	day, month, year := number(s[4:6]), number(s[6:8]), number(s[8:10])
	dated := isShortDate(year, month, day) || 13 <= month && month <= 15 && 1 <= day && day <= 31
	return dated && s[0] != '0' && weighted(s, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == value(s[3])
}

// ean13 is the check digit of GS1 General Specifications, 7.9.
func ean13(s []byte) bool {
	return weighted(s, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0
}

func chUID(s []byte) bool {
	return weighted(s[3:], 5, 4, 3, 2, 7, 6, 5, 4, 1)%11 == 0
}
