package identifier

// frenchForms are those of France and Monaco.
func frenchForms() []Form {
	const nirWords = "numéro de sécurité sociale, numero de securite sociale, sécurité sociale, securite sociale, nir, numéro insee, numero insee, insee, sécu, secu, nia, carte vitale, social security number, n ss"
	nir := Form{
		Entity: "FR_NIR", Also: list("NATIONAL_ID"), Country: "FR",
		Name: "Numéro d'inscription au répertoire", Source: "Décret n° 82-103; INSEE: structure du NIR",
		Patterns:   list("###############, #####2A########, #####2B########"),
		Separators: " .-", Words: list(nirWords),
	}
	common, rare := nir, nir
	common.Check, common.Self = every(frNIR, frBornOrdinary), true
	rare.Check = frNIR
	return []Form{common, rare, {
		Entity: "FR_NIF", Also: list("TAX_ID"), Country: "FR",
		Name: "Numéro fiscal de référence (SPI)", Source: "DGFiP; European Commission TIN portal, France",
		Patterns: list("#############"), Separators: " ", Written: list("## ## ### ### ###"),
		// The last three digits are the rest of the ten before them.
		Check: func(s []byte) bool { return s[0] <= '3' && number(s[:10])%511 == number(s[10:]) },
		Words: list("numéro fiscal, numero fiscal, numéro fiscal de référence, spi, nif, n fiscal, référence fiscale, impots, impôts, tax id, tin, tax number"),
	}, {
		Entity: "BUSINESS_ID", Country: "FR",
		Name: "SIREN", Source: "Code de commerce R123-221; INSEE",
		Patterns: list("#########"), Separators: " ", Written: list("### ### ###"),
		Check: every(luhn, differing),
		Words: list("siren, rcs, numéro siren, registre du commerce"),
	}, {
		Entity: "BUSINESS_ID", Country: "FR",
		Name: "SIRET", Source: "Code de commerce R123-221; INSEE",
		Patterns: list("##############"), Separators: " ", Written: list("### ### ### #####, ######### #####, ### ### ### ## ###"),
		Check: every(frSIRET, differing),
		Words: list("siret, numéro siret, établissement, etablissement"),
	}}
}

// frNIR: sex, year, month and place of birth, serial, and 97 less the rest of
// all that, in which Corsica's 2A and 2B count as 19 and 18. Months from 20 on
// stand for unknown ones, 3, 4, 7 and 8 as sex for provisional numbers.
func frNIR(s []byte) bool {
	month := number(s[3:5])
	if s[0] == '0' || s[0] == '5' || s[0] == '6' || s[0] == '9' || month == 0 || 12 < month && month < 20 || 42 < month && month < 50 {
		return false
	}
	body := append([]byte{}, s[:13]...)
	switch body[6] {
	case 'A':
		body[5], body[6] = '1', '9'
	case 'B':
		body[5], body[6] = '1', '8'
	}
	return number(body)%97+number(s[13:]) == 97
}

// frBornOrdinary is true for a person with a definite number and month.
func frBornOrdinary(s []byte) bool {
	return s[0] <= '2' && number(s[3:5]) <= 12
}

// frSIRET has one Luhn digit in the SIREN and one over all; the branches of La
// Poste have a sum of digits that five divides instead.
func frSIRET(s []byte) bool {
	if string(s[:9]) != "356000000" {
		return luhn(s[:9]) && luhn(s)
	}
	return luhn(s) || weighted(s, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)%5 == 0
}
