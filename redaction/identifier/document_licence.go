package identifier

import (
	"slices"
	"strings"
)

// licenceForms are the numbers of driving licences.
func licenceForms() []Form {
	return []Form{
		licence("GB", "DVLA, driver number (INF1D)", "dvla|dvla no|driver number", " ", britishLicence,
			"*****######*****", "*****######*****##"),
		licence("DE", "Führerscheinnummer, Fahrerlaubnis-Verordnung annex 8 (check digit modulo 11 in tenth place)", germanLicenceWords, " ", germanLicence, "@**********"),
		licence("DE", "Fahrerlaubnis-Verordnung annex 8 (authority, running number, copy)", germanLicenceWords, " ", nil, "@@#########", "@@########@"),
		licence("IT", "DM 19 marzo 2014; Codice della Strada, art. 116", "patente|patente di guida|numero patente|patente n", " ", nil, "@@#######@"),
		licence("IT", "Ufficio centrale operativo, series U1", "patente|patente di guida|numero patente|patente n", " ", italianLicence, "U1*******@"),
		licence("KR", "도로교통법 시행규칙 제77조", "면허|운전면허|면허번호|운전면허번호|운전면허 번호", " -", koreanLicence, "############"),
		licence("US", "AAMVA DL/ID Card Design Standard; formats as the states publish them", "dl|dln|dl number|dl no|license|license number|license no|permit|id card|dmv", " -", nil, americanLicences()...),
		licence("CA", "Ontario Ministry of Transportation; Société de l'assurance automobile du Québec", "permis|permis de conduire|licence number", " -", canadianLicence, "@##############", "@############"),
		licence("FR", "Arrêté of 20 April 2012 (NEPH)", "permis|permis de conduire|neph", " ", frenchLicence, "############"),
		licence("IN", "Central Motor Vehicles Rules 1989, form 6 (Sarathi)", "dl|dl no|licence no", " -/", indianLicence, "@@#############", "@@##############"),
		licence("JP", "道路交通法施行規則 別記様式第十四", "運転免許|免許証|免許証番号|運転免許証", " -", nil, "############"),
		licence("NL", "RDW, rijbewijsnummer", "rijbewijs|rijbewijsnummer", " ", nil, "##########"),
		licence("AT", "Führerscheingesetz-Durchführungsverordnung", "führerschein|fuehrerschein|fuhrerschein", " /", nil, "########"),
	}
}

const germanLicenceWords = "führerschein|fuehrerschein|fuhrerschein|führerscheinnummer|fuehrerscheinnummer|fuhrerscheinnummer|führerschein nr|fahrerlaubnis|fahrerlaubnisnummer|fahrerlaubnis nr"

func licence(country, source, native, separators string, check func([]byte) bool, patterns ...string) Form {
	words := append([]string{"driver license", "driver licence", "drivers license", "drivers licence", "driver s license", "driver s licence",
		"driving license", "driving licence", "driving permit", "driverlicense", "driver license number"}, strings.Split(native, "|")...)
	f := Form{
		Entity: "DRIVER_LICENSE", Country: country, Name: "driving licence number", Source: source,
		Patterns: patterns, Separators: separators, Check: check, Words: words, Self: country == "GB",
	}
	if country == "KR" {
		f.Written = []string{"##-##-######-##", "## ## ###### ##"}
	}
	return f
}

// britishLicence checks surname, padded with nines, date of birth, initials
// and, in the long form, the issue number. Women have 50 added to the month.
func britishLicence(s []byte) bool {
	name := strings.TrimRight(string(s[:5]), "9")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 'A' }) {
		return false
	}
	year, month := number(s[5:6])*10+number(s[10:11]), number(s[6:8])
	if month > 50 {
		month -= 50
	}
	initials := s[11:13]
	return isShortDate(year, month, number(s[8:10])) && (isLetter(initials[0]) || initials[0] == '9') &&
		(isLetter(initials[1]) || initials[1] == '9')
}

// germanLicence checks the tenth character: the sum of the first nine with
// weights 9 to 1, modulo 11, X for ten.
func germanLicence(s []byte) bool {
	return "0123456789X"[weighted(s, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11] == s[9] && slices.ContainsFunc(s[:9], isDigit) && slices.ContainsFunc(s, isLetter)
}

// italianLicence refuses the letters that the seven characters skip.
func italianLicence(s []byte) bool {
	return !slices.ContainsFunc(s[2:9], func(c byte) bool { return strings.IndexByte("AEIOQV", c) >= 0 }) && slices.ContainsFunc(s[2:9], isDigit)
}

// koreanLicence begins with the issuing police agency, 11 to 28.
func koreanLicence(s []byte) bool { a := number(s[:2]); return 11 <= a && a <= 28 }

// americanLicences are the states' formats; digits alone are shared by most.
func americanLicences() []string {
	var patterns []string
	for n := 6; n <= 14; n++ {
		patterns = append(patterns, digits(n), "@"+digits(n))
	}
	return append(patterns, digits(16),
		"#######@", "########@", "#########@", "########@@", // ME and VT, NY, MO
		"@@@######", "@@######@", "@@###", "@@####", "@@#####", "@@######", "@@#######", // ND, ID, OH
		"###@@####", "##@@@#####", "@######R", "NHL########", "@#@#@", // IA, NH, MO, KS
		"@@@@@@@###@@", "@@@@@@####@@", "@@@@@@@###*@", "WDL*********", // WA
	)
}

// canadianLicence is Ontario's, whose last six digits are the date of birth,
// or Québec's, which has it in the middle.
func canadianLicence(s []byte) bool {
	if len(s) == 15 {
		month := number(s[11:13])
		return isShortDate(number(s[9:11]), month-month/50*50, number(s[13:15]))
	}
	return isShortDate(number(s[9:11]), number(s[7:9]), number(s[5:7]))
}

// frenchLicence reads year, month and department of the first licence.
func frenchLicence(s []byte) bool {
	month := number(s[2:4])
	return 1 <= month && month <= 12 && number(s[4:6]) <= 98
}

// indianLicence reads state, office and year of issue.
func indianLicence(s []byte) bool {
	year := number(s[len(s)-11 : len(s)-7])
	return indianState(s[:2]) && 1950 <= year && year <= 2099
}
