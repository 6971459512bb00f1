package identifier

import (
	"slices"
	"strings"
)

// passportForms are the numbers of passports. Few have a check digit of their
// own; the one of the machine-readable zone is not part of the number.
func passportForms() []Form {
	forms := []Form{
		passport("AM", "", nil, "@@#######"),
		passport("AL", "pasaporte", nil, "@@#######"),
		passport("AR", "pasaporte", nil, "@@@######"),
		passport("AT", "reisepass", nil, "@#######"),
		passport("AU", "", nil, "@#######", "P@#######", "R@#######"),
		passport("AZ", "pasport", nil, "@########"),
		passport("BD", "", nil, "@@#######", "@########"),
		passport("BE", "paspoort|passeport|reisepass", nil, "@@######"),
		passport("BG", "паспорт", nil, "#########"),
		passport("BR", "passaporte", nil, "@@######"),
		passport("BY", "паспорт|пашпарт", nil, "@@#######"),
		passport("CA", "passeport", nil, "@@######", "@######@@"),
		passport("CH", "reisepass|pass|passeport|passaporto", nil, "@#######"),
		passport("CN", "护照|护照号", chinesePassport, "G########", "E########", "E@#######", "DE#######", "SE#######", "PE#######"),
		passport("CO", "pasaporte", nil, "@@######"),
		passport("CY", "διαβατηριο|διαβατήριο", nil, "@######", "@########"),
		passport("CZ", "cestovni pas|cestovní pas", nil, "########"),
		passport("DE", "reisepass|pass|passnummer|passnr|reisepassnummer|reisepass nr", germanSerial, "@********"),
		passport("DE", "reisepass|pass|passnummer|passnr|reisepassnummer|reisepass nr", germanNumber, "@*********", "@*********D"),
		passport("DK", "pas", nil, "#########"),
		passport("DZ", "passeport|جواز السفر", nil, "#########"),
		passport("EE", "pass", nil, "@#######", "@@#######"),
		passport("EG", "جواز السفر", nil, "A########"),
		passport("ES", "pasaporte|numero de pasaporte|número de pasaporte", nil, "@@######", "@@@######"),
		passport("FI", "passi|pass", nil, "@@#######"),
		passport("FR", "passeport|numero de passeport|numéro de passeport", nil, "##@@#####"),
		passport("GB", "", nil, "#########"),
		passport("GE", "პასპორტი", nil, "##@@#####"),
		passport("GR", "διαβατηριο|διαβατήριο", nil, "@@#######"),
		passport("HK", "護照", prefixed("H K"), "@########", "@J#######"),
		passport("HR", "putovnica", nil, "#########"),
		passport("HU", "utlevel|útlevél", nil, "@@######", "@@#######"),
		passport("ID", "paspor", prefixed("A B C X"), "@#######"),
		passport("IE", "", nil, "@@#######"),
		passport("IL", "דרכון", nil, "#######", "########"),
		passport("IN", "", nil, "@#######"),
		passport("IR", "گذرنامه", nil, "@########"),
		passport("IS", "vegabref|vegabréf", nil, "A#######"),
		passport("IT", "passaporto|numero di passaporto", nil, "@@#######"),
		passport("JM", "", nil, "A#######"),
		passport("JP", "旅券|パスポート|旅券番号", nil, "@@#######"),
		passport("KE", "", nil, "@#######", "@@#######"),
		withoutSeparators(passport("KR", "여권|여권번호|여권 번호", prefixed("M S R O D G"), "@########", "@###@####")),
		passport("KZ", "паспорт|төлқұжат", nil, "@#######", "N########"),
		passport("LI", "reisepass|pass", nil, "@#####"),
		passport("LK", "", nil, "N#######"),
		passport("LT", "pasas", atLeastDigits(4), "********"),
		passport("LU", "passeport|reisepass", atLeastDigits(1), "********"),
		passport("LV", "pase", nil, "@@#######"),
		passport("LY", "جواز السفر", atLeastDigits(1), "********"),
		passport("MT", "passaport", nil, "#######"),
		passport("MX", "pasaporte", nil, "@########"),
		passport("MY", "pasport", prefixed("A H K"), "@########"),
		passport("MZ", "passaporte", nil, "@@#######", "##@@#####"),
		passport("NG", "", nil, "@########"),
		passport("NL", "paspoort|paspoortnummer", dutchPassport, "@@******#"),
		passport("NO", "pass", nil, "########"),
		passport("NP", "", nil, "########"),
		passport("NZ", "", prefixed("LA LD LF LH EA EP RA"), "@@######"),
		passport("NZ", "", nil, "N######"),
		passport("PH", "pasaporte", nil, "@######", "@#######@", "@@######", "@@#######"),
		passport("PK", "", nil, "@@#######"),
		passport("PL", "paszport|numer paszportu", nil, "@@#######"),
		passport("PT", "passaporte", nil, "@######", "@@######"),
		passport("RO", "pasaport|pașaport", nil, "########", "#########"),
		passport("RS", "pasos|pasoš|пасош", nil, "#########"),
		russianPassport("заграничный паспорт|загранпаспорт|паспорт", nil, "#########", "##_#######", "###_######", "##_###_####"),
		russianPassport("паспорт|серия и номер|паспорт рф", internalPassport, "##########", "##_##_######", "####_######"),
		passport("SE", "pass|passnummer", nil, "########", "@@#######"),
		withoutSeparators(passport("SG", "", prefixed("K E"), "@#######@")),
		passport("SI", "potni list", nil, "P@#######"),
		passport("SK", "cestovny pas|cestovný pas", nil, "########", "@#######"),
		passport("SL", "", nil, "P@#######"),
		passport("TH", "หนังสือเดินทาง", nil, "@######", "@#######", "@@######", "@@#######"),
		passport("TR", "pasaport", nil, "@########"),
		passport("TW", "護照", nil, "#########"),
		passport("UA", "паспорт", nil, "@@######"),
		passport("US", "", nil, "#########", "@########"),
		passport("VN", "ho chieu|hộ chiếu", nil, "@#######", "@########"),
		passport("ZA", "", prefixed("T A M D"), "@########"),
	}
	return forms
}

// passport returns the form of a country's passports; native are the words
// for it in the country's languages, separated by bars.
func passport(country, native string, check func([]byte) bool, patterns ...string) Form {
	words := []string{"passport", "passport number", "passport no", "passport num", "passportnumber", "passport id", "travel document"}
	if native != "" {
		words = append(words, strings.Split(native, "|")...)
	}
	return Form{
		Entity: "PASSPORT", Country: country, Name: "passport number",
		Source:   "ICAO Doc 9303-4; issuer's specimen in the EU register PRADO or the state's own description",
		Patterns: patterns, Separators: " -", Written: parted(patterns...), Check: check, Words: words,
	}
}

// withoutSeparators returns the form as one that is written in one piece.
func withoutSeparators(f Form) Form {
	f.Separators, f.Written = "", nil
	return f
}

// russianPassport returns a form that is written as given.
func russianPassport(native string, check func([]byte) bool, pattern string, written ...string) Form {
	f := passport("RU", native, check, pattern)
	f.Written = written
	return f
}

// internalPassport checks the series of an internal passport: the region by
// the classifier OKATO, 01–99, and the year in which the blank was printed,
// from 1997 on (decree 828 of 8 July 1997).
func internalPassport(s []byte) bool {
	year := number(s[2:4])
	return s[0]+s[1] > 2*'0' && (year >= 97 || year <= 30)
}

// chinesePassport refuses I and O, which the second place of series E skips.
func chinesePassport(s []byte) bool { return s[1] != 'I' && s[1] != 'O' }

// dutchPassport refuses the letter O, which is not used.
func dutchPassport(s []byte) bool { return !slices.Contains(s, 'O') }

func atLeastDigits(n int) func([]byte) bool {
	return func(s []byte) bool {
		digits := 0
		for _, c := range s {
			if isDigit(c) {
				digits++
			}
		}
		return digits >= n
	}
}

// germanSerial checks the nine characters of a German serial number: digits
// and the consonants that cannot be mistaken for digits or form words, with a
// digit among them. The first four are the authority's. What follows is not
// looked at.
func germanSerial(s []byte) bool {
	s = s[:9]
	return !slices.ContainsFunc(s, func(c byte) bool { return isLetter(c) && !strings.ContainsRune("CFGHJKLMNPRTVWXYZ", rune(c)) }) &&
		slices.ContainsFunc(s[1:], isDigit)
}

// germanNumber is a serial number with its check digit and possibly the code
// of the nation behind it, as the machine-readable zone has them.
func germanNumber(s []byte) bool { return germanSerial(s) && icao(s[:9]) == s[9] }
