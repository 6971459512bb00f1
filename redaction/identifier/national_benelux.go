package identifier

// beneluxForms are those of Belgium, the Netherlands and Luxembourg.
func beneluxForms() []Form {
	return []Form{{
		Entity: "BE_NRN", Also: list("NATIONAL_ID, TAX_ID"), Country: "BE",
		Name:     "Rijksregisternummer, numéro de registre national",
		Source:   "Royal decree of 3 April 1984; IBZ: instructions on the national register number, and on the BIS number",
		Patterns: list("###########"), Separators: ". -/",
		Written: list("##_##_##_###_##, ######_###_##, ######_#####, ##/####-#####, ##_##_##_#####"),
		Check:   beNRN,
		Words:   list("rijksregisternummer, rijksregister, insz, niss, numéro national, numero national, numéro de registre national, registre national, nationaal nummer, bis nummer, nrn, rrn, national number, nationalregisternummer, numéro fiscal"),
	}, {
		Entity: "BUSINESS_ID", Country: "BE",
		Name: "Ondernemingsnummer, numéro d'entreprise", Source: "Royal decree of 24 June 2003; KBO/BCE",
		Patterns: list("0#########, 1#########"), Separators: ". ", Written: list("####_###_###"),
		Check: func(s []byte) bool { return number(s[:8])%97+number(s[8:]) == 97 },
		Words: list("ondernemingsnummer, numéro d entreprise, numero d entreprise, kbo, bce, btw, tva, enterprise number"),
	}, {
		Entity: "NL_BSN", Also: list("NATIONAL_ID, TAX_ID"), Country: "NL",
		Name: "Burgerservicenummer", Source: "Wet algemene bepalingen burgerservicenummer; RvIG: elfproef",
		Patterns: list("#######, ########, #########"), Separators: ". -",
		Written: list("####_##_###, ###_###_###, ##_##_##_###, ####_#####, #########"),
		Check:   nlBSN,
		Words:   list("bsn, burgerservicenummer, burger service nummer, sofinummer, sofi nummer, sofi, persoonsnummer, citizen service number, onderwijsnummer"),
	}, {
		Entity: "BUSINESS_ID", Country: "NL",
		Name: "KVK-nummer", Source: "Handelsregisterbesluit 2008",
		Patterns: list("########"), Words: list("kvk, kvk nummer, kamer van koophandel, chamber of commerce, coc"),
	}, {
		Entity: "LU_NIN", Also: list("NATIONAL_ID, TAX_ID"), Country: "LU",
		Name: "Numéro d'identification national, matricule", Source: "Grand-ducal regulation of 21 June 2013, annex; CTIE",
		Patterns: list("#############"), Separators: " -",
		Written: list("########_###_##, ########_#####, ####_##_##_###_##, ####_##_##_#####, ####_####_###_##"),
		Check:   luNIN, Self: true,
		Words: list("matricule, numéro d identification national, numero d identification, matricule national, sozialversicherungsnummer, nin, national id"),
	}}
}

// beNRN: date of birth, serial, and 97 less the rest of the first nine digits,
// before which those born from 2000 on have a 2. Month and day are zero where
// they are unknown or ran out; months are 20 or 40 more in the BIS numbers of
// people outside the register.
func beNRN(s []byte) bool {
	year, month, day := number(s[:2]), number(s[2:4]), number(s[4:6])
	if month > 52 {
		return false
	}
	month %= 20
	if !isShortDate(year, month, day) && !(month == 0 && day <= 31) && !(day == 0 && month <= 12) {
		return false
	}
	body, key := number(s[:9]), number(s[9:])
	return 97-body%97 == key || 97-(2_000_000_000+body)%97 == key
}

// nlBSN is the eleven test, in which the last digit counts negatively. Zeros
// in front may be left out.
func nlBSN(s []byte) bool {
	sum := -int(s[len(s)-1] - '0')
	for i, c := range s[:len(s)-1] {
		sum += value(c) * (len(s) - i)
	}
	return sum%11 == 0 && number(s) > 0
}

// luNIN: date of birth, serial, and two check digits over the same eleven
// digits, Luhn's and Verhoeff's.
func luNIN(s []byte) bool {
	second := append(append([]byte{}, s[:11]...), s[12])
	return isYYYYMMDD(s) && luhn(s[:12]) && verhoeff(second)
}
