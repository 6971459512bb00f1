package identifier

// middleEasternForms are those of the Near and Middle East.
func middleEasternForms() []Form {
	return []Form{{
		Entity: "TR_NATIONAL_ID", Also: list("NATIONAL_ID, TAX_ID"), Country: "TR", Name: "T.C. Kimlik Numarası",
		Source:   "5490 sayılı Nüfus Hizmetleri Kanunu; NVİ: T.C. kimlik numarası algoritması",
		Patterns: list("###########"), Check: trPersonal,
		Words: list("tc kimlik, t c kimlik, kimlik no, tckn, tc no, kimlik numarası, kimlik numarasi, tc kimlik no, tc kimlik numarası, vatandaşlık no, turkish id, national id"),
	}, {
		Entity: "TAX_ID", Country: "TR", Name: "Vergi kimlik numarası",
		Source: "GİB: Vergi kimlik numarası", Patterns: list("##########"),
		Check: trTax, Words: list("vkn, vergi kimlik, vergi no, vergi numarası, vergi kimlik no, vergi numarasi"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "IL", Name: "מספר זהות",
		Source: "חוק מרשם האוכלוסין; Population and Immigration Authority", Patterns: list("########, #########"),
		Separators: "-",
		Written:    list("########-#, #######-#"), Check: every(luhn, differing),
		Words: list("תעודת זהות, מספר זהות, ת ז, תז, teudat zehut, israeli id, id number, national id"),
	}, {
		Entity: "NATIONAL_ID", Country: "IR", Name: "کد ملی",
		Source: "Civil Registration Organization: national code", Patterns: list("##########"), Separators: "-",
		Written: list("###-######-#"),
		Check:   irPersonal, Words: list("کد ملی, کدملی, شماره ملی, code melli, national code, national id, melli code"),
	}, {
		Entity: "NATIONAL_ID", Country: "SA", Name: "رقم الهوية الوطنية, رقم الإقامة",
		Source: "Ministry of Interior: national identity and iqama numbers", Patterns: list("1#########, 2#########"),
		Check: luhn, Words: list("رقم الهوية, الهوية الوطنية, رقم الإقامة, الإقامة, iqama, national id, saudi id"),
	}, {
		Entity: "NATIONAL_ID", Country: "AE", Name: "رقم الهوية (Emirates ID)",
		Source: "ICP: Emirates ID number, 784, year of birth, serial, check digit", Patterns: list("784############"),
		Separators: "- ",
		Written:    list("###_####_#######_#"),
		Check:      func(s []byte) bool { y := number(s[3:7]); return 1900 <= y && y <= 2099 }, Self: true,
		Words: list("emirates id, eid, رقم الهوية, الهوية الإماراتية, uae id, id number"),
	}, {
		Entity: "NATIONAL_ID", Country: "KW", Name: "الرقم المدني",
		Source: "PACI: civil identification number", Patterns: list("1###########, 2###########, 3###########"),
		Check: kwCivil,
		Words: list("civil id, civil number, الرقم المدني, البطاقة المدنية"),
	}, {
		Entity: "NATIONAL_ID", Country: "BH", Name: "الرقم الشخصي (CPR)",
		Source: "iGA: personal number, year and month of birth, serial, check digit", Patterns: list("#########"),
		Check: func(s []byte) bool { m := number(s[2:4]); return 1 <= m && m <= 12 },
		Words: list("cpr, personal number, الرقم الشخصي, bahrain id"),
	}, {
		Entity: "NATIONAL_ID", Country: "QA", Name: "رقم البطاقة الشخصية (QID)",
		Source:   "Ministry of Interior: century, year of birth, nationality, serial",
		Patterns: list("2##########, 3##########"),
		Words:    list("qid, qatar id, الرقم الشخصي, البطاقة الشخصية"),
	}}
}

// trPersonal has two check digits.
func trPersonal(s []byte) bool {
	if s[0] == '0' {
		return false
	}
	odd := weighted(s, 1, 0, 1, 0, 1, 0, 1, 0, 1)
	even := weighted(s, 0, 1, 0, 1, 0, 1, 0, 1)
	return (7*odd-even+80)%10 == value(s[9]) && weighted(s, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)%10 == value(s[10])
}

// trTax: every digit is shifted by its place, multiplied by a power of two and
// reduced by nine.
func trTax(s []byte) bool {
	sum := 0
	for i, c := range s[:9] {
		t := (value(c) + 9 - i) % 10
		if t == 0 {
			continue
		}
		if t = t << (9 - i) % 9; t == 0 {
			t = 9
		}
		sum += t
	}
	return number(s) > 0 && (10-sum%10)%10 == value(s[9])
}

// irPersonal: place, serial, check digit. Nine zeros and one digit repeated
// are not given out.
func irPersonal(s []byte) bool {
	r := weighted(s[:9], 10, 9, 8, 7, 6, 5, 4, 3, 2) % 11
	if r > 1 {
		r = 11 - r
	}
	return r == value(s[9]) && number(s[3:9]) > 0 && !allSame(s)
}

// kwCivil: century, date of birth, serial, check digit.
func kwCivil(s []byte) bool {
	return isDate(1700+100*value(s[0])+number(s[1:3]), number(s[3:5]), number(s[5:7])) &&
		11-weighted(s[:11], 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11 == value(s[11])
}
