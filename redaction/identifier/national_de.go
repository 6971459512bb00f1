package identifier

import "bytes"

// germanForms are the numbers of the tax office, the pension insurance and the
// commercial register.
func germanForms() []Form {
	const taxWords = "steuernummer, steuer nr, steuernr, st nr, stnr, steuer no, tax number, tax no"
	return []Form{{
		Entity: "DE_TAX_ID", Also: list("TAX_ID"), Country: "DE",
		Name: "Steuerliche Identifikationsnummer", Source: "§ 139b AO; BZSt: Identifikationsnummer, Aufbau und Prüfziffer",
		Patterns: list("###########"), Separators: " /-",
		Check: deTaxID,
		Words: list("steueridentifikationsnummer, steuerliche identifikationsnummer, steuer id, steuerid, steuer idnr, identifikationsnummer, idnr, id nr, steuer identifikationsnummer, tax id, tax identification number, tin"),
	}, {
		Entity: "DE_TAX_NUMBER", Also: list("TAX_ID"), Country: "DE",
		Name: "Steuernummer, as the Länder write it", Source: "ELSTER: Prüfung der Steuer- und Steueridentifikationsnummer, chapter 2",
		Patterns:   list("#########, ##########, ###########"),
		Separators: "/ ", Apart: true, Check: differing,
		Written: list("##/###/####, ##/####/####, ##/###/#####, ###/###/####, ###/###/#####, ###/####/####, #####/#####, ### ### #####, ## ### #####, ### #### ####"),
		Words:   list(taxWords + ", finanzamt"),
	}, {
		Entity: "DE_TAX_NUMBER", Country: "DE",
		Name: "Steuernummer, thirteen digits", Source: "ELSTER: Prüfung der Steuer- und Steueridentifikationsnummer, chapter 1",
		Patterns: list("#############"), Check: deTaxNumber, Words: list(taxWords + ", elster"),
	}, {
		Entity: "DE_TAX_NUMBER", Country: "DE",
		Name: "Steuernummer without separators", Source: "ELSTER: Prüfung der Steuer- und Steueridentifikationsnummer, chapter 2",
		Patterns: list("##########, ###########"), Check: differing, Words: list(taxWords),
	}, {
		Entity: "DE_SOCIAL_SECURITY", Also: list("NATIONAL_ID"), Country: "DE",
		Name: "Rentenversicherungsnummer", Source: "§ 147 SGB VI; VKVV §§ 2–4",
		Patterns: list("########@###"), Separators: " /-", Check: deSocialSecurity, Self: true,
		Words: list("rentenversicherungsnummer, sozialversicherungsnummer, versicherungsnummer, rvnr, svnr, sv nummer, sv nr, social security number"),
	}, {
		Entity: "BUSINESS_ID", Country: "DE",
		Name: "Handelsregisternummer", Source: "HRV § 13; XJustiz, list of register types",
		Patterns:   list("HRA##, HRA###, HRA####, HRA#####, HRA######, HRB##, HRB###, HRB####, HRB#####, HRB######, HRA#####@, HRB#####@, HRA######@, HRB######@"),
		Separators: " -", Self: true,
		Words: list("handelsregister, registergericht, amtsgericht, handelsregisternummer, registernummer, hr nr, commercial register"),
	}, {
		Entity: "BUSINESS_ID", Country: "DE",
		Name: "Number in the registers of associations, cooperatives and partnerships", Source: "XJustiz, list of register types",
		Patterns:   list("VR##, VR###, VR####, VR#####, GNR##, GNR###, GNR####, PR##, PR###, PR####, GSR##, GSR###, GSR####"),
		Separators: " ",
		Words:      list("vereinsregister, genossenschaftsregister, partnerschaftsregister, gesellschaftsregister, registergericht, amtsgericht, registernummer"),
	}}
}

// germanHealthForms are the numbers that health insurances and their
// physicians go by.
func germanHealthForms() []Form {
	return []Form{{
		Entity: "DE_HEALTH_INSURANCE", Country: "DE",
		Name: "Krankenversichertennummer", Source: "§ 290 SGB V; GKV-Spitzenverband: Regelungen zum Aufbau der KVNR",
		Patterns: list("@#########"), Separators: " ", Check: deHealthInsurance,
		Words: list("krankenversichertennummer, krankenversicherungsnummer, versichertennummer, versicherten nr, kvnr, krankenkasse, gesundheitskarte, egk, health insurance number"),
	}, {
		Entity: "DE_DOCTOR_NUMBER", Country: "DE",
		Name:     "Lebenslange Arztnummer",
		Source:   "KBV: Richtlinie nach § 75 Absatz 7 SGB V zur Vergabe der Arzt- und Betriebsstättennummern",
		Patterns: list("#########"), Separators: " /-", Written: list("######_#_##, #######_##, ######_###"), Check: deDoctor,
		Words: list("lanr, lebenslange arztnummer, arztnummer, arzt nr, vertragsarztnummer, doctor number, physician number"),
	}, {
		Entity: "DE_PRACTICE_NUMBER", Country: "DE",
		Name:     "Betriebsstättennummer",
		Source:   "KBV: Richtlinie nach § 75 Absatz 7 SGB V zur Vergabe der Arzt- und Betriebsstättennummern",
		Patterns: list("#########"), Separators: " -", Written: list("##_#######"),
		// The first two digits are the association or, with 35, the hospitals.
		Check: func(s []byte) bool { return number(s[:2]) > 0 },
		Words: list("bsnr, nbsnr, betriebsstättennummer, betriebsstaettennummer, betriebsstätten nr, betriebsstätte, praxisnummer, practice number"),
	}}
}

// deTaxID asks for the check digit and that of the ten digits before it at
// most one occurs more than once: twice, or thrice but not in a row. No number
// given out has ten different digits, but many made-up ones have.
func deTaxID(s []byte) bool {
	body := s[:10]
	repeated := 0
	for d := byte('0'); d <= '9'; d++ {
		n := bytes.Count(body, []byte{d})
		if n > 3 || bytes.Contains(body, []byte{d, d, d}) {
			return false
		}
		if n > 1 {
			repeated++
		}
	}
	return s[0] != '0' && repeated <= 1 && mod11x10(s)
}

// deTaxNumber asks that thirteen digits begin with the number that ELSTER has
// for the Land and have 0 in the fifth place or, as other software reads the
// form, begin with the official key of the Land, 01 to 16.
func deTaxNumber(s []byte) bool {
	if s[4] == '0' && (s[0] == '9' || s[0] == '5' || oneOf(s, "10 11 21 22 23 24 26 27 28 30 31 32 40 41")) {
		return true
	}
	land := number(s[:2])
	return 1 <= land && land <= 16
}

// deSocialSecurity: area, date of birth, initial, serial, check digit. The day
// is 50 more where the serials of the day ran out, and day and month are zero
// where they are unknown.
func deSocialSecurity(s []byte) bool {
	day, month, year := number(s[2:4]), number(s[4:6]), number(s[6:8])
	day %= 50
	if !isShortDate(year, month, day) && !(day == 0 && month <= 12) || number(s[:2]) < 2 {
		return false
	}
	initial := int(s[8]-'A') + 1
	digits := append(append([]byte{}, s[:8]...), byte('0'+initial/10), byte('0'+initial%10), s[9], s[10])
	return crossSum(digits, 2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)%10 == value(s[11])
}

// deHealthInsurance is the immutable part: a letter, eight digits and a check
// digit for which the letter counts as two digits, A = 01.
func deHealthInsurance(s []byte) bool {
	initial := int(s[0]-'A') + 1
	sum := initial/10 + crossSum([]byte{byte('0' + initial%10)}, 2) + crossSum(s[1:9], 1, 2, 1, 2, 1, 2, 1, 2)
	return sum%10 == value(s[9])
}

// deDoctor: six digits, check digit, two digits for the specialty.
func deDoctor(s []byte) bool {
	return number(s[:6]) > 0 && (weighted(s[:6], 4, 9, 4, 9, 4, 9)+value(s[6]))%10 == 0
}
