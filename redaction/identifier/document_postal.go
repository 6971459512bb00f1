package identifier

import (
	"slices"
	"strings"
)

// postalForms are postal codes as the members of the Universal Postal Union
// describe them. Ranges that are not assigned are refused where the operator
// publishes them by leading digits.
func postalForms() []Form {
	forms := []Form{
		postal("AD", "codi postal", "", between3(100, 799), "AD###"),
		postal("AR", "codigo postal|código postal|cp|cpa", "", between(4, 1000, 9999), "####"),
		postal("AZ", "poct indeksi", " ", nil, "AZ####"),
		postal("BA", "postanski broj|poštanski broj", "", prefixed("7 8"), "#####"),
		postal("BD", "", "", between(4, 1000, 9499), "####"),
		postal("BR", "cep|codigo postal|código postal", "-", nil, "########", "#####-###"),
		postal("BY", "индекс|почтовый индекс", "", between(2, 21, 24), "######"),
		postal("CA", "code postal", " -", canadianCode, "@#@#@#", "@#@ #@#", "@#@-#@#"),
		postal("CH", "plz|postleitzahl|npa|code postal|cap", "", between(4, 1000, 9699), "####"),
		postal("CN", "邮编|邮政编码|邮政编码", "", chineseCode, "######"),
		postal("CO", "codigo postal|código postal", "", colombianCode, "######"),
		postal("CZ", "psc|psč|postovni smerovaci cislo|poštovní směrovací číslo", " ", between(1, 1, 7), "#####", "### ##"),
		postal("CZ", "psc|psč", " ", prefixed("9"), "#####", "### ##"),
		postal("DE", "plz|postleitzahl|postfach", "", between(5, 1001, 99998), "#####"),
		postal("ES", "codigo postal|código postal|cp", "", between(2, 1, 52), "#####"),
		postal("FR", "code postal|cp", "", frenchCode, "#####"),
		postal("GR", "τκ|τ κ|ταχυδρομικος κωδικας|ταχυδρομικός κώδικας", " ", nil, "#####", "### ##"),
		postal("HR", "postanski broj|poštanski broj", "", between(1, 1, 5), "#####"),
		postal("HT", "code postal", " ", nil, "HT####"),
		postal("IE", "eircode", " ", eircode, "@#*****", "@#* ****"),
		postal("IL", "מיקוד|mikud", "", nil, "#####", "#######"),
		postal("IN", "pin|pin code|pincode", " ", indianCode, "######", "### ###"),
		postal("IR", "کد پستی|کدپستی", "-", iranianCode, "##########", "#####-#####"),
		postal("IS", "postnumer|póstnúmer", "", between(3, 101, 999), "###"),
		postal("JP", "郵便番号|〒", "-", nil, "#######", "###-####"),
		postal("KR", "우편번호", "-", nil, "#####", "######", "###-###"),
		postal("LI", "plz|postleitzahl", "", between(4, 9485, 9498), "####"),
		postal("LT", "pasto kodas|pašto kodas", "- ", nil, "LT#####", "LT-#####", "LT #####"),
		postal("LV", "pasta indekss", "- ", nil, "LV####", "LV-####", "LV ####"),
		postal("MC", "code postal", "", nil, "980##"),
		postal("MG", "code postal", "", between(1, 1, 6), "###"),
		postal("MT", "kodici postali|kodiċi postali", " ", nil, "@@@####", "@@@ ####", "@@@##", "@@@ ##"),
		postal("NL", "postcode", " ", dutchCode, "####@@", "#### @@"),
		postal("NP", "", "", prefixed("10 21 22 32 33 34 44 45 56 57"), "#####"),
		apartCode(postal("PL", "kod pocztowy", "-", nil, "#####", "##-###")),
		postal("PR", "codigo postal|código postal", "- ", prefixed("006 007 009"), "#####", "#########", "#####-####", "##### ####"),
		postal("PT", "codigo postal|código postal", "-", between(1, 1, 9), "#######", "####-###", "####"),
		postal("RU", "индекс|почтовый индекс", "", between(1, 1, 6), "######"),
		postal("SE", "postnummer|postnr", " ", between(1, 1, 9), "#####", "### ##"),
		postal("SG", "", "", between(2, 1, 82), "######"),
		postal("SK", "psc|psč", " ", prefixed("0 8 9"), "#####", "### ##"),
		postal("TH", "รหัสไปรษณีย์", "", between(2, 10, 96), "#####"),
		postal("TW", "郵遞區號", "-", between(1, 1, 9), "###", "#####", "######", "###-##", "###-###"),
		postal("US", "", "-", between(3, 5, 999), "#####", "#########", "#####-####"),
	}
	forms = append(forms, argentineCode(), britishCode())
	for _, p := range plainCodes() {
		for country := range strings.FieldsSeq(p.countries) {
			forms = append(forms, postal(country, p.words[country], "", p.check, p.pattern))
		}
	}
	return forms
}

// A plainCode is a run of digits that several countries use.
type plainCode struct {
	pattern   string
	check     func([]byte) bool
	countries string
	words     map[string]string
}

func plainCodes() []plainCode {
	return []plainCode{
		{"####", nil, "AU BE BG DK GE HU LU MD NO NZ PH PY SI TN ZA AM AL CY MK BO CV CR",
			map[string]string{
				"BE": "postcode|code postal", "BG": "пощенски код", "DK": "postnummer|postnr", "HU": "iranyitoszam|irányítószám", "LU": "code postal",
				"NO": "postnummer|postnr", "SI": "postna stevilka|poštna številka", "TN": "code postal", "AL": "kodi postar", "MK": "поштенски број",
				"CY": "τκ|ταχυδρομικος κωδικας|ταχυδρομικός κώδικας", "PY": "codigo postal|código postal", "BO": "codigo postal|código postal", "CR": "codigo postal|código postal",
			}},
		{"####", between(4, 1000, 9999), "AT", map[string]string{"AT": "plz|postleitzahl"}},
		{"#####", nil, "DO DZ EE FI ID IT KE KW LK MX MY PK RS SA SM TR UA UY VA ZM CU EG GT HN IQ JO KH LA MA ME MM MN NI OM PE SN SV VN",
			map[string]string{
				"DO": "codigo postal|código postal", "DZ": "code postal|الرمز البريدي", "EE": "sihtnumber|postiindeks", "FI": "postinumero", "ID": "kode pos", "IT": "cap|codice postale",
				"MX": "codigo postal|código postal|cp", "MY": "poskod", "SA": "الرمز البريدي", "SM": "cap|codice postale", "TR": "posta kodu", "UA": "індекс|поштовий індекс|индекс",
				"UY": "codigo postal|código postal", "RS": "postanski broj|поштански број", "MA": "code postal|الرمز البريدي", "JO": "الرمز البريدي", "PE": "codigo postal|código postal", "VN": "ma buu chinh|mã bưu chính",
			}},
		{"######", nil, "RO KG KZ TJ TM UZ NG VN EC",
			map[string]string{"RO": "cod postal", "KZ": "индекс|почтовый индекс", "KG": "индекс", "UZ": "индекс|pochta indeksi", "EC": "codigo postal|código postal"}},
	}
}

// postal returns the form of a country's codes. Patterns with separators are
// the ways to write the others; without any, the separators may stand anywhere.
func postal(country, native, separators string, check func([]byte) bool, patterns ...string) Form {
	words := []string{"postal code", "postcode", "post code", "postal", "zip", "zip code", "zipcode", "zip postal code"}
	if native != "" {
		words = append(words, strings.Split(native, "|")...)
	}
	f := Form{
		Entity: "POSTAL_CODE", Country: country, Name: "postal code", Source: "Universal Postal Union, S42 and Postal addressing systems in member countries, " + country,
		Separators: separators, Check: check, Words: words,
	}
	for _, p := range patterns {
		if strings.ContainsAny(p, " -") {
			f.Written = append(f.Written, p)
		} else {
			f.Patterns = append(f.Patterns, p)
		}
	}
	return f
}

// apartCode returns the form as one that always has its separator.
func apartCode(f Form) Form {
	f.Apart = true
	return f
}

// between3 is between for digits that stand behind two letters.
func between3(low, high int) func([]byte) bool {
	inner := between(3, low, high)
	return func(s []byte) bool { return inner(s[2:]) }
}

// argentineCode is the code of eight characters: the province, four digits,
// three letters for the block; the province is none of I, Ñ and O.
func argentineCode() Form {
	return postal("AR", "codigo postal|código postal|cp|cpa", "", func(s []byte) bool { return s[0] != 'I' && s[0] != 'O' && s[1] != '0' }, "@####@@@")
}

// britishCode follows BS 7666 as Royal Mail describes it.
func britishCode() Form {
	return postal("GB", "", " ", func(s []byte) bool {
		return string(s) == "GIR0AA" || inward(s[len(s)-3:]) && outward(s[:len(s)-3])
	}, "@##@@", "@###@@", "@@##@@", "@@###@@", "@#@#@@", "@@#@#@@", "GIR0AA",
		"@# #@@", "@## #@@", "@@# #@@", "@@## #@@", "@#@ #@@", "@@#@ #@@", "GIR 0AA")
}

// inward reports whether the letters are of those that are easy to tell apart.
func inward(s []byte) bool { return !slices.ContainsFunc(s[1:], among("CIKMOV")) }

// outward checks the letters of the area and of a district in London, among
// which those of closed districts are accepted.
func outward(s []byte) bool {
	if among("QVX")(s[0]) || isLetter(s[1]) && among("IJZ")(s[1]) {
		return false
	}
	last := s[len(s)-1]
	switch {
	case isDigit(last):
		return true
	case len(s) == 3:
		return !among("ILOQZ")(last)
	}
	return among("ABEHMNPRVWXY")(last)
}

func among(set string) func(byte) bool {
	return func(c byte) bool { return strings.IndexByte(set, c) >= 0 }
}

// outwardAlone reports whether the text is an outward code without its inward
// code, as addresses on maps and in forms have it.
func outwardAlone(text string) bool {
	s := []byte(strings.ToUpper(text))
	return writtenAs(string(s), "@#", "@##", "@@#", "@@##", "@#@", "@@#@") && outward(s)
}

// canadianCode refuses the letters D, F, I, O, Q and U, and W and Z at the
// beginning.
func canadianCode(s []byte) bool {
	return !among("WZ")(s[0]) && !slices.ContainsFunc(s, among("DFIOQU"))
}

func chineseCode(s []byte) bool {
	return prefixed("01 02 03 04 05 06 07 10 11 12 13 15 16 20 21 22 23 24 25 26 27 30 31 32 33 34 35 36 40 41 42 43 44 45 46 47 " +
		"51 52 53 54 55 56 57 61 62 63 64 65 66 67 71 72 73 74 75 81 83 84 85 90 99")(s)
}

// colombianCode begins with the department by DANE.
func colombianCode(s []byte) bool {
	return prefixed("05 08 11 13 15 17 18 19 20 23 25 27 41 44 47 50 52 54 63 66 68 70 73 76 81 85 86 88 91 94 95 97 99")(s)
}

// frenchCode begins with a department or an overseas territory; Monaco's 980
// is not French.
func frenchCode(s []byte) bool {
	department := number(s[:2])
	return 1 <= department && department <= 95 || prefixed("971 972 973 974 975 976 977 978 984 986 987 988")(s)
}

// eircode refuses O, which the register does not use, and has a digit or the
// W of Dublin 6W in third place.
func eircode(s []byte) bool {
	return !slices.Contains(s, 'O') && (isDigit(s[2]) || s[2] == 'W')
}

// indianCode begins with the circle; 29, 35, 54, 55, 65, 66 and 86 to 89 are
// not assigned.
func indianCode(s []byte) bool {
	return s[0] != '0' && !prefixed("10 29 35 54 55 65 66 86 87 88 89")(s)
}

// iranianCode has neither 0 nor 2 among its first four digits, which are not
// all the same, no 0, 2 or 5 in fifth place and no 2 behind it.
func iranianCode(s []byte) bool {
	return !slices.ContainsFunc(s[:4], among("02")) && !among("025")(s[4]) && !slices.Contains(s[5:], '2') && !allSame(s[:4])
}

// dutchCode refuses the letters SA, SD and SS.
func dutchCode(s []byte) bool { return s[0] != '0' && !prefixed("SA SD SS")(s[4:]) }
