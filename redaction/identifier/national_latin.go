package identifier

import "strings"

// brazilianForms are those of Brazil.
func brazilianForms() []Form {
	cpf := Form{
		Entity: "BR_CPF", Also: list("TAX_ID, NATIONAL_ID"), Country: "BR", Name: "Cadastro de Pessoas Físicas",
		Source:   "Instrução Normativa RFB nº 2.172/2024",
		Patterns: list("###########"), Check: every(brCPF, differing),
		Words: list("cpf, cadastro de pessoas físicas, cadastro de pessoas fisicas, nº cpf, cpf mf, contribuinte"),
	}
	cnpj := Form{
		Entity: "BR_CNPJ", Also: list("TAX_ID, BUSINESS_ID"), Country: "BR", Name: "Cadastro Nacional da Pessoa Jurídica",
		Source:   "Instrução Normativa RFB nº 2.229/2024 (letters from July 2026 on) and nº 2.119/2022",
		Patterns: list("************##"), Check: every(brCNPJ, differing),
		Words: list("cnpj, cadastro nacional da pessoa jurídica, cadastro nacional da pessoa juridica, cgc, empresa"),
	}
	writtenCPF, writtenCNPJ := cpf, cnpj
	writtenCPF.Separators, writtenCPF.Apart, writtenCPF.Self = ".-", true, true
	writtenCPF.Written = list("###.###.###-##")
	writtenCNPJ.Separators, writtenCNPJ.Apart, writtenCNPJ.Self = "./-", true, true
	writtenCNPJ.Written = list("**.***.***/****-##")
	cpf.Separators, cpf.Written = ".- /", list("#########-##, ###-###-###-##, ### ### ### ##, ###.###.###.##, ### ### ###-##, ###.###.###/##")
	cnpj.Separators, cnpj.Written = "./- ", list("********/****-##, ************-##, ** *** *** **** ##, **.***.*** ****-##")
	return []Form{writtenCPF, writtenCNPJ, cpf, cnpj, {
		Entity: "NATIONAL_ID", Country: "BR", Name: "PIS, PASEP, NIS, NIT", Source: "Caixa: Cadastro NIS, dígito verificador",
		Patterns: list("###########"), Separators: ".-", Written: list("###.#####.##-#"),
		Check: func(s []byte) bool {
			return (11-weighted(s[:10], 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == value(s[10]) && !allSame(s)
		},
		Words: list("pis, pasep, nis, nit, pis pasep"),
	}}
}

// brDigit is the check digit that both registers use, for the remainder of a
// weighted sum.
func brDigit(sum int) byte {
	if r := sum % 11; r >= 2 {
		return byte('0' + 11 - r)
	}
	return '0'
}

func brCPF(s []byte) bool {
	return brDigit(weighted(s[:9], 10, 9, 8, 7, 6, 5, 4, 3, 2)) == s[9] &&
		brDigit(weighted(s[:10], 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == s[10]
}

// brCNPJ: letters count as their ASCII code less that of 0, A = 17.
func brCNPJ(s []byte) bool {
	return brDigit(brSum(s[:12])) == s[12] && brDigit(brSum(s[:13])) == s[13]
}

// brSum has weights from 2 to 9, again and again, from the right.
func brSum(s []byte) int {
	sum := 0
	for i := range s {
		sum += int(s[len(s)-1-i]-'0') * (i%8 + 2)
	}
	return sum
}

// latinForms are those of the Spanish-speaking states of America.
func latinForms() []Form {
	return []Form{{
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "AR", Name: "CUIT, CUIL",
		Source:     "AFIP/ARCA: Resolución General 10/97; ANSES: CUIL",
		Patterns:   list("20#########, 23#########, 24#########, 25#########, 26#########, 27#########, 30#########, 33#########, 34#########, 50#########, 51#########, 55#########"),
		Separators: "- ", Written: list("##_########_#"), Check: arCUIT,
		Words: list("cuit, cuil, cdi, clave única de identificación tributaria, clave unica de identificacion tributaria, código único de identificación laboral"),
	}, {
		Entity: "NATIONAL_ID", Country: "AR", Name: "Documento nacional de identidad",
		Source: "Ley 17.671", Patterns: list("#######, ########"), Separators: ".",
		Written: list("#.###.###, ##.###.###"), Words: list("dni, documento nacional de identidad"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID, BUSINESS_ID"), Country: "CL", Name: "RUN, RUT",
		Source:   "Decreto 18 de 1973; Registro Civil: módulo 11",
		Patterns: list("#######*, ########*"), Separators: ".- ",
		Written: list("#.###.###-*, ##.###.###-*, #######-*, ########-*, #.###.### *, ##.###.### *"), Check: clRUT,
		Words: list("rut, rol único tributario, rol unico tributario, rol único nacional, cédula de identidad, cedula de identidad, carnet, run rut"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "CO", Name: "Número de identificación tributaria",
		Source:   "DIAN: Orden Administrativa 4 de 1989",
		Patterns: list("#########, ##########"), Separators: ".-, ",
		Written: list("#########-#, ###.###.###-#, ########-#, ##.###.###-#"), Check: coNIT,
		Words: list("nit, rut, número de identificación tributaria, numero de identificacion tributaria, dian"),
	}, {
		Entity: "NATIONAL_ID", Country: "CO", Name: "Cédula de ciudadanía",
		Source: "Registraduría Nacional: NUIP", Patterns: list("######, #######, ########, 1#########"),
		Separators: ".",
		Written:    list("###.###, #.###.###, ##.###.###, #.###.###.###"),
		Words:      list("cédula, cedula, cédula de ciudadanía, cedula de ciudadania, nuip, tarjeta de identidad"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "PE", Name: "RUC",
		Source:   "SUNAT: Decreto Legislativo 943",
		Patterns: list("10#########, 15#########, 16#########, 17#########, 20#########"),
		Check:    func(s []byte) bool { return (11-weighted(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%10 == value(s[10]) },
		Words:    list("ruc, registro único de contribuyentes, registro unico de contribuyentes, sunat"),
	}, {
		Entity: "NATIONAL_ID", Country: "PE", Name: "DNI",
		Source: "RENIEC: Ley 26497", Patterns: list("########, #########, ########@"), Separators: "-",
		Written: list("########-*"),
		Check:   peDNI, Words: list("dni, documento nacional de identidad, cui, reniec"),
	}, {
		Entity: "NATIONAL_ID", Country: "UY", Name: "Cédula de identidad",
		Source: "Dirección Nacional de Identificación Civil", Patterns: list("#######, ########"), Separators: ".-",
		Written: list("#.###.###-#, ###.###-#, #######-#, ######-#"), Check: uyCI,
		Words: list("cédula, cedula, cédula de identidad, cedula de identidad"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "UY", Name: "RUT",
		Source: "DGI: Resolución 2214/2013", Patterns: list("############"),
		Check: func(s []byte) bool {
			return number(s[:2]) >= 1 && number(s[:2]) <= 22 && (11-weighted(s[:11], 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11 == value(s[11])
		},
		Words: list("rut, ruc, registro único tributario, registro unico tributario, dgi"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "EC", Name: "Cédula de identidad, RUC",
		Source: "Registro Civil del Ecuador; SRI", Patterns: list("##########, ##########001, ##########002"),
		Separators: "-",
		Written:    list("#########-#, ##########-###"), Check: ecCI,
		Words: list("cédula, cedula, ruc, cédula de identidad, registro único de contribuyentes"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "EC", Name: "RUC of companies and public bodies",
		Source:   "SRI: Ley del Registro Único de Contribuyentes",
		Patterns: list("##6######0001, ##9#######001"), Separators: "-",
		Written: list("##########-###"), Check: ecRUC,
		Words: list("ruc, registro único de contribuyentes, registro unico de contribuyentes, sri"),
	}, {
		Entity: "TAX_ID", Also: list("NATIONAL_ID, BUSINESS_ID"), Country: "VE", Name: "RIF, cédula",
		Source:   "SENIAT: Providencia 0073",
		Patterns: list("V#########, E#########, J#########, P#########, G#########, C#########"), Separators: "- ",
		Written: list("@-########-#, @-#########, @########-#"), Check: veRIF,
		Words: list("rif, registro de información fiscal, registro de informacion fiscal, seniat, cédula, cedula"),
	}, {
		Entity: "NATIONAL_ID", Country: "MX", Name: "CURP",
		Source:   "DOF 18 October 2021: Instructivo Normativo para la asignación de la CURP",
		Patterns: list("@@@@######@@@@@@*#"),
		Check:    mxCURP, Self: true, Words: list("curp, clave única de registro de población, clave unica de registro de poblacion"),
	}, {
		Entity: "TAX_ID", Country: "MX", Name: "RFC",
		Source: "SAT: Código Fiscal de la Federación, art. 27; Anexo 3", Patterns: list("@@@######***, @@@@######***"),
		Separators: "- ",
		Written:    list("@@@_######_***, @@@@_######_***, @@@_######***, @@@@_######***"), Check: mxRFC,
		Words: list("rfc, registro federal de contribuyentes, sat"),
	}, {
		Entity: "NATIONAL_ID", Country: "DO", Name: "Cédula de identidad y electoral",
		Source: "Ley 8-92; JCE", Patterns: list("###########"), Separators: "- ",
		Written: list("###_#######_#"), Check: every(luhn, differing),
		Words: list("cédula, cedula, cédula de identidad, cedula de identidad, cédula de identidad y electoral"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "DO", Name: "RNC",
		Source: "DGII: Registro Nacional de Contribuyentes", Patterns: list("#########"), Separators: "-",
		Written: list("#-##-#####-#, ###-#####-#"),
		Check:   func(s []byte) bool { return (10-weighted(s[:8], 7, 9, 8, 6, 5, 4, 3, 2)%11)%9+1 == value(s[8]) },
		Words:   list("rnc, registro nacional de contribuyentes, dgii"),
	}, {
		Entity: "NATIONAL_ID", Country: "GT", Name: "Código único de identificación",
		Source: "RENAP: Documento Personal de Identificación", Patterns: list("#############"), Separators: " -",
		Written: list("####_#####_####, ########_#_####"), Check: gtCUI,
		Words: list("cui, dpi, código único de identificación, codigo unico de identificacion, documento personal de identificación"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "PY", Name: "RUC",
		Source: "DNIT: RUC, dígito verificador módulo 11", Patterns: list("######, #######, ########, #########"),
		Separators: "-", Apart: true,
		Written: list("#####-#, ######-#, #######-#, ########-#"), Check: pyRUC,
		Words: list("ruc, registro único de contribuyentes, registro unico de contribuyentes"),
	}, {
		Entity: "NATIONAL_ID", Country: "CU", Name: "Número de identidad permanente",
		Source: "Ley de registro del estado civil; MININT", Patterns: list("###########"),
		Check: isYYMMDD, Words: list("número de identidad, numero de identidad, carné de identidad, carne de identidad"),
	}, {
		Entity: "NATIONAL_ID", Country: "CR", Name: "Cédula de identidad",
		Source: "Tribunal Supremo de Elecciones: Reglamento de la cédula", Patterns: list("#########"),
		Separators: "- ",
		Written:    list("#_####_####"), Check: func(s []byte) bool { return '1' <= s[0] && s[0] <= '9' },
		Words: list("cédula, cedula, cédula de identidad, cedula de identidad, cédula física"),
	}}
}

// arCUIT: kind of person, document, check digit; where that would be ten it
// is nine, and the kind 23.
func arCUIT(s []byte) bool {
	check := 11 - weighted(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
	return check == 11 && s[10] == '0' || check == 10 && s[10] == '9' || check == value(s[10]) && check < 10
}

// clRUT: weights 2 to 7 from the right; K stands for ten.
func clRUT(s []byte) bool {
	last := len(s) - 1
	sum := 0
	for i := range last {
		sum += value(s[last-1-i]) * (i%6 + 2)
	}
	return number(s[:last]) > 0 && s[last] == "0123456789K"[(11-sum%11)%11]
}

// coNIT has primes for weights.
func coNIT(s []byte) bool {
	last := len(s) - 1
	weights := []int{41, 37, 29, 23, 19, 17, 13, 7, 3}
	r := weighted(s[:last], weights[len(weights)-last:]...) % 11
	if r > 1 {
		r = 11 - r
	}
	return r == value(s[last])
}

// peDNI: eight digits, of which the check digit may follow as a digit or as a
// letter.
func peDNI(s []byte) bool {
	if len(s) == 8 {
		return number(s) > 0
	}
	i := weighted(s[:8], 3, 2, 7, 6, 5, 4, 3, 2) % 11
	return s[8] == "65432110987"[i] || s[8] == "KJIHGFEDCBA"[i]
}

// uyCI: the check digit completes a weighted sum to a multiple of ten.
func uyCI(s []byte) bool {
	weights := []int{2, 9, 8, 7, 6, 3, 4}
	last := len(s) - 1
	return number(s) > 0 && (weighted(s[:last], weights[len(weights)-last:]...)+value(s[last]))%10 == 0
}

// ecCI: province, kind of person, serial, check digit by Luhn.
func ecCI(s []byte) bool {
	province := number(s[:2])
	return (1 <= province && province <= 24 || province == 30) && s[2] < '6' && luhn(s[:10])
}

// ecRUC: the third digit is 6 for public bodies and 9 for companies.
func ecRUC(s []byte) bool {
	province := number(s[:2])
	right := weighted(s[:10], 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	if s[2] == '6' {
		right = weighted(s[:9], 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}
	return (1 <= province && province <= 24 || province == 30) && right
}

// veRIF: the letter counts by its kind, four times.
func veRIF(s []byte) bool {
	kind := map[byte]int{'V': 1, 'E': 2, 'J': 3, 'C': 3, 'P': 4, 'G': 5}[s[0]]
	check := 11 - (4*kind+weighted(s[1:9], 3, 2, 7, 6, 5, 4, 3, 2))%11
	if check > 9 {
		check = 0
	}
	return check == value(s[9])
}

// mxCURP: letters of the names, date of birth, sex, state, consonants, a
// character for the century, check digit.
func mxCURP(s []byte) bool {
	const states = "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE"
	century := 1900
	if isLetter(s[16]) {
		century = 2000
	}
	if !isDate(century+number(s[4:6]), number(s[6:8]), number(s[8:10])) || strings.IndexByte("HMX", s[10]) < 0 || !oneOf(s[11:], states) {
		return false
	}
	sum := 0
	for i, c := range s[:17] {
		v := value(c)
		if c > 'N' {
			v++ // Ñ stands between N and O
		}
		sum += v * (18 - i)
	}
	return (10-sum%10)%10 == value(s[17])
}

// mxRFC: three letters of a company or four of a person, a date, and three
// characters of which the last is a check digit that older ones do not have.
func mxRFC(s []byte) bool {
	return isYYMMDD(s[len(s)-9:]) && (isDigit(s[len(s)-1]) || s[len(s)-1] == 'A')
}

// gtCUI: serial, check digit, department and municipality of birth.
func gtCUI(s []byte) bool {
	department, town := number(s[9:11]), number(s[11:])
	return 1 <= department && department <= 22 && 1 <= town && town <= 33 &&
		weighted(s[:8], 2, 3, 4, 5, 6, 7, 8, 9)%11 == value(s[8])
}

// pyRUC: weights from 2 from the right.
func pyRUC(s []byte) bool {
	last := len(s) - 1
	sum := 0
	for i := range last {
		sum += value(s[last-1-i]) * (i + 2)
	}
	return (11-sum%11)%11%10 == value(s[last])
}
