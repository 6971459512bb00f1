package identifier

// iberianForms are those of Spain, Portugal and Andorra.
func iberianForms() []Form {
	const esLaw = "Real Decreto 1065/2007, art. 19–22; Orden EHA/451/2008"
	nif := Form{
		Entity: "ES_NIF", Country: "ES", Name: "Número de identificación fiscal, DNI", Source: esLaw,
		Patterns: list("########@, K#######@, L#######@, M#######@"), Separators: " -.",
		Written: list("########_@, ##.###.###_@, ##.###.###@, @_#######_@, @#######_@"),
		Check:   esNIF, Self: true,
		Words: list("nif, dni, documento nacional de identidad, número de identificación fiscal, numero de identificacion fiscal, identificación fiscal, carnet de identidad, tax id"),
	}
	nie := Form{
		Entity: "ES_NIE", Country: "ES", Name: "Número de identidad de extranjero",
		Source:   "Real Decreto 557/2011, art. 206; Orden INT/2058/2008",
		Patterns: list("X#######@, Y#######@, Z#######@"), Separators: " -.",
		Written: list("@_#######_@, @#######_@, @_#######@, @#.###.###_@, @_#.###.###_@"),
		Check:   esNIE, Self: true,
		Words: list("nie, número de identidad de extranjero, numero de identidad de extranjero, extranjero, número de extranjero, foreigner"),
	}
	// Registers of identity cards and of the tax agency write them solid.
	solidNIF, solidNIE := nif, nie
	solidNIF.Entity, solidNIE.Entity = "NATIONAL_ID", "NATIONAL_ID"
	solidNIF.Also, solidNIE.Also = list("TAX_ID"), list("TAX_ID")
	solidNIF.Separators, solidNIE.Separators = "", ""
	solidNIF.Written, solidNIE.Written = nil, nil
	short := solidNIF
	short.Entity, short.Also, short.Self, short.Name = "TAX_ID", nil, false, "Número de identificación fiscal without zeros in front"
	short.Patterns = list("####@, #####@, ######@, #######@")
	short.Check = func(s []byte) bool { last := len(s) - 1; return s[0] != '0' && s[last] == esLetter(number(s[:last])) }
	return []Form{nif, nie, solidNIF, solidNIE, short, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "ES",
		Name: "NIF of legal persons (CIF)", Source: "Orden EHA/451/2008; Decreto 2423/1975",
		Patterns: list("@########, @#######@"), Separators: " -",
		Written: list("@_########, @_#######_#, @_#######@, @_#######_@, @########, @#######_*"),
		Check:   esCIF,
		Words:   list("cif, nif, código de identificación fiscal, codigo de identificacion fiscal, registro mercantil"),
	}, {
		Entity: "ES_NUSS", Country: "ES", Name: "Número de la Seguridad Social",
		Source:   "Tesorería General de la Seguridad Social: composition of the NUSS, NAF and CCC",
		Patterns: list("############"), Separators: " /-", Check: esNUSS,
		Words: list("nuss, naf, número de la seguridad social, numero de la seguridad social, número de afiliación, numero de afiliacion, seguridad social, social security number"),
	}, {
		Entity: "PT_NIF", Also: list("TAX_ID"), Country: "PT", Name: "Número de identificação fiscal",
		Source: "Decreto-Lei n.º 14/2013", Patterns: list("#########, PT#########"), Separators: " .",
		Written: list("###_###_###, PT ###_###_###, PT #########"),
		Check:   ptNIF,
		Words:   list("nif, contribuinte, número de contribuinte, numero de contribuinte, número de identificação fiscal, numero de identificacao fiscal, nipc, número fiscal, numero fiscal, tax id, tin"),
	}, {
		Entity: "NATIONAL_ID", Country: "PT", Name: "Número de documento, cartão de cidadão",
		Source: "IRN: Validação de Número de Documento do Cartão de Cidadão", Patterns: list("#########**#"), Separators: " ",
		Written: list("######## # **#, ######### **#, ######## #**#"), Check: ptCard,
		Words: list("cartão de cidadão, cartao de cidadao, número de documento, numero de documento, bilhete de identidade, cc, bi, citizen card"),
	}, {
		Entity: "TAX_ID", Country: "AD", Name: "Número de registre tributari",
		Source:     "Llei 21/2014; Departament de Tributs i de Fronteres",
		Patterns:   list("A######@, C######@, D######@, E######@, F######@, G######@, L######@, O######@, P######@, U######@"),
		Separators: "- ", Written: list("@_######_@, @######_@"),
		Words: list("nrt, número de registre tributari, numero de registre tributari"),
	}}
}

// esLetter is the letter for a number of a natural person.
func esLetter(n int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] }

// esNIF: eight digits of the DNI, or seven behind K, L or M for those who have
// none.
func esNIF(s []byte) bool {
	if isLetter(s[0]) {
		return number(s[1:8]) > 0 && s[8] == esLetter(number(s[1:8]))
	}
	return number(s[:8]) > 0 && s[8] == esLetter(number(s[:8]))
}

// esNIE: X, Y and Z count as 0, 1 and 2 in front of seven digits.
func esNIE(s []byte) bool {
	return s[8] == esLetter(int(s[0]-'X')*10_000_000+number(s[1:8]))
}

// esCIF: the kind of legal person, seven digits and a check digit or letter.
// Some kinds have only one of the two.
func esCIF(s []byte) bool {
	const lettered, numbered, both = "PQRSNW", "ABEH", "CDFGJUV"
	check := (10 - crossSum(s[1:8], 2, 1, 2, 1, 2, 1, 2)%10) % 10
	digit, letter := s[8] == byte('0'+check), s[8] == "JABCDEFGHI"[check]
	for i := range len(lettered) {
		if s[0] == lettered[i] {
			return letter
		}
	}
	for i := range len(numbered) {
		if s[0] == numbered[i] {
			return digit
		}
	}
	for i := range len(both) {
		if s[0] == both[i] {
			return digit || letter
		}
	}
	return false
}

// esNUSS: province, serial of eight digits, and the rest of both by 97. A
// serial under ten million is taken as one of seven digits.
func esNUSS(s []byte) bool {
	province, serial := number(s[:2]), number(s[2:10])
	n := province*100_000_000 + serial
	if serial < 10_000_000 {
		n = province*10_000_000 + serial
	}
	return province > 0 && n%97 == number(s[10:])
}

// ptNIF: the first digit is the kind of taxpayer; 4 stands only before 5.
func ptNIF(s []byte) bool {
	s = s[len(s)-9:]
	if s[0] == '0' || s[0] == '4' && s[1] != '5' {
		return false
	}
	r := weighted(s[:8], 9, 8, 7, 6, 5, 4, 3, 2) % 11
	return value(s[8]) == (11-r)%11%10
}

// ptCard is Luhn's sum over digits and letters, A = 10.
func ptCard(s []byte) bool {
	sum := 0
	for i := range s {
		v := value(s[i])
		if i%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
