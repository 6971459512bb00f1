package identifier

// easternForms are those of Ukraine, Russia, Belarus, Kazakhstan, Georgia,
// Armenia and Azerbaijan.
func easternForms() []Form {
	const innWords = "инн, inn, идентификационный номер налогоплательщика, taxpayer identification number"
	return []Form{{
		Entity: "TAX_ID", Also: list("NATIONAL_ID"), Country: "UA", Name: "РНОКПП",
		Source:   "Податковий кодекс України, ст. 70; наказ Мінфіну № 822",
		Patterns: list("##########"), Check: uaPersonal,
		Words: list("рнокпп, іпн, ідентифікаційний номер, ідентифікаційний код, ідентифікаційний номер платника податків, rnokpp, ipn, tax id, inn"),
	}, {
		Entity: "BUSINESS_ID", Country: "UA", Name: "ЄДРПОУ", Source: "Держстат: ЄДРПОУ",
		Patterns: list("########"), Check: uaCompany, Words: list("єдрпоу, код єдрпоу, edrpou, едрпоу"),
	}, {
		Entity: "TAX_ID", Country: "RU", Name: "ИНН физического лица", Source: "Приказ ФНС России от 29.06.2012 № ММВ-7-6/435@",
		Patterns: list("############"), Check: ruINN12, Words: list(innWords),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "RU", Name: "ИНН организации",
		Source:   "Приказ ФНС России от 29.06.2012 № ММВ-7-6/435@",
		Patterns: list("##########"), Check: ruINN10, Words: list(innWords),
	}, {
		Entity: "BUSINESS_ID", Country: "RU", Name: "ОГРН, ОГРНИП", Source: "Приказ Минфина России от 30.10.2017 № 165н",
		Patterns: list("1############, 5############, 3##############"),
		Check: func(s []byte) bool {
			last := len(s) - 1
			return number(s[:last])%(last-1)%10 == value(s[last])
		},
		Words: list("огрн, огрнип, ogrn, ogrnip"),
	}, {
		Entity: "NATIONAL_ID", Country: "RU", Name: "СНИЛС", Source: "Постановление Правления ПФ РФ от 31.07.2006 № 192п",
		Patterns: list("###########"), Separators: "- ",
		Written: list("###-###-### ##, ###-###-###-##, ### ### ### ##, ###-###-#####, ######### ##"),
		Check:   ruSNILS, Words: list("снилс, snils, страховой номер, insurance number"),
	}, {
		Entity: "NATIONAL_ID", Country: "BY", Name: "Идентификационный номер",
		Source:   "Постановление Совета Министров № 1386 от 2012; ICAO Doc 9303 weights",
		Patterns: list("#######@###@@#"), Check: byPersonal, Self: true,
		Words: list("идентификационный номер, личный номер, ідэнтыфікацыйны нумар, identification number, personal number"),
	}, {
		Entity: "TAX_ID", Country: "BY", Name: "УНП", Source: "Постановление МНС № 7 от 2010",
		Patterns: list("#########"), Check: byUNP, Words: list("унп, unp, учетный номер плательщика, tax id"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "KZ", Name: "ИИН",
		Source:   "Закон РК № 223 от 12.01.2007; постановление № 853",
		Patterns: list("############"), Check: every(kzBorn, kzCheck),
		Words: list("иин, жсн, iin, индивидуальный идентификационный номер"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "KZ", Name: "БИН",
		Source:   "Закон РК № 223 от 12.01.2007; постановление № 853",
		Patterns: list("############"), Check: every(kzFounded, kzCheck),
		Words: list("бин, бсн, бизнес идентификационный номер, bin number, бизнес сәйкестендіру нөмірі"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "GE", Name: "პირადი ნომერი", Source: "Public Service Development Agency",
		Patterns: list("###########"), Words: list("პირადი ნომერი, personal number, piradi nomeri"),
	}}
}

// uaPersonal: days since 31 December 1899, serial and sex, check digit.
func uaPersonal(s []byte) bool {
	sum := weighted(s[:9], -1, 5, 7, 9, 4, 6, 10, 5, 7)
	return number(s[:5]) > 0 && (sum%11+11)%11%10 == value(s[9])
}

// uaCompany: the weights run from 1 or, between 30 and 60 million, from 7, and
// from two more if that gives ten.
func uaCompany(s []byte) bool {
	weights, second := []int{1, 2, 3, 4, 5, 6, 7}, []int{3, 4, 5, 6, 7, 8, 9}
	if '3' <= s[0] && s[0] <= '5' {
		weights, second = []int{7, 1, 2, 3, 4, 5, 6}, []int{9, 3, 4, 5, 6, 7, 8}
	}
	check := weighted(s[:7], weights...) % 11
	if check == 10 {
		check = weighted(s[:7], second...) % 11 % 10
	}
	return number(s) > 0 && check == value(s[7])
}

func ruINN12(s []byte) bool {
	return number(s) > 0 && weighted(s[:10], 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == value(s[10]) &&
		weighted(s[:11], 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == value(s[11])
}

func ruINN10(s []byte) bool {
	return number(s) > 0 && weighted(s[:9], 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == value(s[9])
}

// ruSNILS has check digits from number 001-001-998 on.
func ruSNILS(s []byte) bool {
	if n := number(s[:9]); n <= 1_001_998 {
		return n > 0
	}
	return weighted(s[:9], 9, 8, 7, 6, 5, 4, 3, 2, 1)%101%100 == number(s[9:])
}

// byPersonal: sex and century, date of birth, region, serial, citizenship,
// check digit with the weights 7, 3, 1.
func byPersonal(s []byte) bool {
	century := map[byte]int{'1': 1800, '2': 1800, '3': 1900, '4': 1900, '5': 2000, '6': 2000}[s[0]]
	return century > 0 && isDate(century+number(s[5:7]), number(s[3:5]), number(s[1:3])) &&
		oneOf(s[11:], "PB BA BI") && weighted(s[:13], 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7)%10 == value(s[13])
}

func byUNP(s []byte) bool {
	return s[0] != '0' && weighted(s[:8], 29, 23, 19, 17, 13, 7, 5, 3)%11 == value(s[8])
}

// kzBorn: date of birth, then sex and century.
func kzBorn(s []byte) bool {
	return '1' <= s[6] && s[6] <= '6' && isDate(1800+int(s[6]-'1')/2*100+number(s[:2]), number(s[2:4]), number(s[4:6]))
}

// kzFounded: year and month of registration, then the kind of company.
func kzFounded(s []byte) bool {
	month := number(s[2:4])
	return 1 <= month && month <= 12 && '4' <= s[4] && s[4] <= '6' && s[5] <= '4'
}

func kzCheck(s []byte) bool {
	check := weighted(s[:11], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) % 11
	if check == 10 {
		check = weighted(s[:11], 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2) % 11
	}
	return check == value(s[11])
}
