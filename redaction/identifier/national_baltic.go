package identifier

// balticForms are those of Estonia, Latvia and Lithuania.
func balticForms() []Form {
	return []Form{{
		Entity: "EE_PERSONAL_CODE", Also: list("NATIONAL_ID, TAX_ID"), Country: "EE", Name: "Isikukood",
		Source: "EVS 585:2007", Patterns: list("###########"), Check: balticPersonal,
		Words: list("isikukood, isikukoodi, personal code, personal identification code, national id, id code, ik"),
	}, {
		Entity: "BUSINESS_ID", Country: "EE", Name: "Registrikood", Source: "Äriregister; EVS 585",
		Patterns: list("1#######, 7#######, 8#######, 9#######"), Check: func(s []byte) bool { return twoStage(s) },
		Words: list("registrikood, äriregister, ariregister, reg kood, registry code"),
	}, {
		Entity: "LT_PERSONAL_CODE", Also: list("NATIONAL_ID, TAX_ID"), Country: "LT", Name: "Asmens kodas",
		Source: "Gyventojų registro įstatymas, art. 8", Patterns: list("###########"), Separators: " -",
		Written: list("###_###_###_##, #_######_####, #_##_##_##_####"), Check: balticPersonal,
		Words: list("asmens kodas, asmens kodo, personal code, personal identification number, ak, a k, national id"),
	}, {
		Entity: "BUSINESS_ID", Country: "LT", Name: "Juridinio asmens kodas", Source: "Juridinių asmenų registras",
		Patterns: list("#########"), Check: func(s []byte) bool { return s[0] != '0' && twoStage(s) },
		Words: list("įmonės kodas, imones kodas, juridinio asmens kodas, kodas, company code"),
	}, {
		Entity: "LV_PERSONAL_CODE", Also: list("NATIONAL_ID, TAX_ID"), Country: "LV", Name: "Personas kods",
		Source:   "Fizisko personu reģistra likums; Ministru kabineta noteikumi 2017 (codes that begin with 32)",
		Patterns: list("###########"), Separators: "- ",
		Written: list("######_#####"), Check: lvPersonal,
		Words: list("personas kods, personas kodu, personal code, pk, p k, national id"),
	}, {
		Entity: "BUSINESS_ID", Country: "LV", Name: "Reģistrācijas numurs", Source: "Uzņēmumu reģistrs",
		Patterns: list("4##########, 5##########, 9##########"),
		Check:    func(s []byte) bool { return weighted(s, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)%11 == 3 },
		Words:    list("reģistrācijas numurs, registracijas numurs, reģ nr, reg nr, company number"),
	}}
}

// twoStage is the check digit of EVS 585: weights from 1, and from 3 if that
// gives ten, and zero if that does too.
func twoStage(s []byte) bool {
	last := len(s) - 1
	check := 10
	for first := 0; check == 10 && first <= 2; first += 2 {
		sum := 0
		for i, c := range s[:last] {
			sum += value(c) * ((i+first)%9 + 1)
		}
		check = sum % 11
	}
	return value(s[last]) == check%10
}

// balticPersonal: sex and century, date of birth, serial, check digit.
// Lithuania has codes that begin with 9 and whose date may be incomplete.
func balticPersonal(s []byte) bool {
	if s[0] == '0' || !twoStage(s) {
		return false
	}
	if s[0] == '9' {
		return number(s[3:5]) <= 12 && number(s[5:7]) <= 31
	}
	century := 1800 + int(s[0]-'1')/2*100
	return isDate(century+number(s[1:3]), number(s[3:5]), number(s[5:7]))
}

// lvPersonal: date of birth, century, serial, check digit; since July 2017 32
// to 39 and nine digits of which no rule is published.
func lvPersonal(s []byte) bool {
	if s[0] == '3' && s[1] >= '2' {
		return true
	}
	if s[6] > '2' || !isDate(1800+int(s[6]-'0')*100+number(s[4:6]), number(s[2:4]), number(s[:2])) {
		return false
	}
	return (1101-weighted(s[:10], 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))%11%10 == value(s[10])
}
