package identifier

// koreanForms are those of Korea and Japan.
func koreanForms() []Form {
	const source = "주민등록법 시행규칙, and its change of October 2020, since which the last six digits are random"
	rrn := Form{
		Entity: "KR_RRN", Also: list("NATIONAL_ID"), Country: "KR", Name: "주민등록번호", Source: source,
		Patterns: list("#############"), Check: krRRN,
		Words: list("주민등록번호, 주민번호, 주민등록, rrn, resident registration number, korean rrn, jumin"),
	}
	frn := Form{
		Entity: "KR_FRN", Also: list("NATIONAL_ID"), Country: "KR", Name: "외국인등록번호", Source: source,
		Patterns: list("#############"), Check: krFRN,
		Words: list("외국인등록번호, 외국인번호, 외국인등록, frn, foreigner registration number, alien registration number, arc"),
	}
	writtenRRN, writtenFRN := rrn, frn
	for _, f := range []*Form{&writtenRRN, &writtenFRN} {
		f.Separators, f.Apart, f.Written, f.Self = "-", true, list("######-#######"), true
	}
	return []Form{writtenRRN, writtenFRN, rrn, frn, {
		Entity: "KR_BRN", Also: list("BUSINESS_ID, TAX_ID"), Country: "KR", Name: "사업자등록번호", Source: "국세청: 사업자등록번호 검증",
		Patterns: list("##########"), Separators: "- ", Written: list("###-##-#####, ### ## #####"), Check: krBRN,
		Words: list("사업자등록번호, 사업자번호, 사업자, brn, business registration number, korean brn, business registration"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "JP", Name: "個人番号", Source: "総務省令第85号 of 2014, art. 5",
		Patterns: list("############"), Separators: "- ", Written: list("####_####_####"), Check: jpPersonal,
		Words: list("個人番号, マイナンバー, mynumber, individual number, my number card"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "JP", Name: "法人番号", Source: "財務省令第70号 of 2014",
		Patterns: list("#############"), Separators: "-", Written: list("#-####-####-####"), Check: jpCompany,
		Words: list("法人番号, corporate number, 会社法人等番号"),
	}}
}

// krBirth reports whether the number begins with a day of the century that
// the seventh digit names.
func krBirth(s []byte) bool {
	century := [...]int{1800, 1900, 1900, 2000, 2000, 1900, 1900, 2000, 2000, 1800}[s[6]-'0']
	return isDate(century+number(s[:2]), number(s[2:4]), number(s[4:6]))
}

// krRRN asks for the check digit only of those born before 1900, whose numbers
// all have it.
func krRRN(s []byte) bool {
	switch {
	case '5' <= s[6] && s[6] <= '8' || !krBirth(s):
		return false
	case s[6] == '0' || s[6] == '9':
		return (11-weighted(s[:12], 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10 == value(s[12])
	}
	return true
}

func krFRN(s []byte) bool { return '5' <= s[6] && s[6] <= '8' && krBirth(s) }

// krBRN: tax office, kind of company, serial, check digit.
func krBRN(s []byte) bool {
	sum := weighted(s[:9], 1, 3, 7, 1, 3, 7, 1, 3, 5) + value(s[8])*5/10
	return s[0] != '0' && number(s[3:5]) > 0 && (10-sum%10)%10 == value(s[9])
}

// jpPersonal: weights 2 to 7 from the right.
func jpPersonal(s []byte) bool {
	r := weighted(s[:11], 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
	check := 0
	if r > 1 {
		check = 11 - r
	}
	return !allSame(s) && check == value(s[11])
}

// jpCompany: the first digit checks the others, whose weights are 1 and 2.
func jpCompany(s []byte) bool {
	return 9-weighted(s[1:], 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1)%9 == value(s[0])
}
