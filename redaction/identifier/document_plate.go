package identifier

import (
	"slices"
	"strings"
)

// plateForms are the registration plates of vehicles.
func plateForms() []Form {
	return []Form{
		plate("AL", "targa|targa e automjetit", "Vendim 2011 (AA 000 AA)", "- ", nil, "@@###@@", "@@###T", "@@R###"),
		plate("AR", "patente|dominio|chapa", "DNRPA, Mercosur GMC 33/14", " ", nil, "@@###@@", "@@@###", "@###@@@", "###@@@").as("@@ ### @@", "@@@ ###", "@ ### @@@", "### @@@"),
		plate("BR", "placa|placa do veiculo|placa do veículo", "CONTRAN, resolução 969/2022", " -", nil, "@@@####", "@@@#@##").as("@@@ ####", "@@@-####", "@@@ #@##", "@@@-#@##"),
		plate("CZ", "spz|rz|registracni znacka|registrační značka|statni poznavaci znacka", "zákon 56/2001 Sb., vyhláška 343/2014 Sb.", "- ", czechPlate, "#@#####", "#@@####", "@@@####", "@@####").as("#@# ####", "#@@ ####", "#@#-####", "#@@-####", "@@@ ####", "@@@-####", "@@@ ##-##", "@@@-##-##", "@@ ##-##", "@@-##-##", "@@ ####"),
		plate("DE", "kennzeichen|kfz kennzeichen|nummernschild|amtliches kennzeichen|kfz", "Fahrzeug-Zulassungsverordnung, section 9 and annex 1", " -", germanPlate, germanPlatePatterns()...).as(germanPlateWritten()...),
		upperPlate("FI", "rekisterikilpi|rekisterinumero|rekisteritunnus|rekisterikilven", "Asetus ajoneuvojen rekisteröinnistä 893/2007", " -", finnishPlates()...).as(apartAtDigits(finnishPlates())...),
		plate("GB", "reg|car reg|registration|number plate|vrm|vrn|registration mark", "DVLA INF104, current marks", " ", britishPlate, "@@##@@@").as("@@## @@@"),
		plate("GB", "reg|car reg|registration|number plate|vrm|vrn|registration mark", "DVLA INF104, prefix and suffix marks 1963–2001", " ", olderBritishPlate,
			"@#@@@", "@##@@@", "@###@@@", "@@@#@", "@@@##@", "@@@###@").as("@# @@@", "@## @@@", "@### @@@", "@@@ #@", "@@@ ##@", "@@@ ###@"),
		plate("HU", "rendszam|rendszám|forgalmi rendszam|forgalmi rendszám", "326/2011. (XII. 28.) Korm. rendelet, annexes", "- ", hungarianPlate,
			"@@@###", "M######", "@@####", "CD######", "@#####", "SA@@##", "@@@@###").as("@@@-###", "@@@ ###", "@@ ##-##", "@@ ####", "@@-##-##", "CD ###-###", "C-C ####", "C-X ####", "X-A ####", "X-B ####", "X-C ####", "@-#####", "S A@@ ##", "@@ @@-###", "@@-@@-###", "@@@@-###"),
		upperPlate("IN", "registration|registration number|vehicle number|number plate|vehicle no|rc", "Central Motor Vehicles Rules 1989, rule 50", " -", "@@#@####", "@@##@####", "@@#@@####", "@@##@@####", "@@#@@@####", "@@##@@@####", "@@#####", "@@######").checked(func(s []byte) bool { return indianState(s[:2]) }),
		upperPlate("IN", "registration|registration number|vehicle number|number plate|vehicle no|rc", "Central Motor Vehicles Rules 1989, rule 47 (BH series)", " -", "##BH####@", "##BH####@@"),
		upperPlate("IN", "registration|registration number|vehicle number|number plate|vehicle no|rc", "Motor Vehicles Act 1939, sixth schedule, and marks before it", " -",
			"@@@###", "@@@####", "@@####", "@####", "@#####").as("@@@_###", "@@@_####", "@@_####", "@_####", "@_#####"),
		plate("LI", "kennzeichen|kontrollschild", "Verordnung über die Zulassung von Fahrzeugen", " -", nil, "FL#", "FL##", "FL###", "FL####", "FL#####", "FL#####U", "FL#####Z").as("FL #", "FL ##", "FL ###", "FL ####", "FL #####", "FL-#####", "FL ##### U", "FL ##### Z"),
		plate("NG", "plate number|vehicle registration", "FRSC, National Uniform Licensing Scheme", "- ", nil, "@@@###@@").as("@@@-###@@", "@@@ ###@@", "@@@-### @@", "@@@ ### @@"),
		plate("PK", "registration number", "provincial excise departments", " -", nil, "@@###", "@@####", "@@@###", "@@@####", "@@@@###", "@@@@####"),
		plate("PT", "matricula|matrícula", "Decreto-Lei 54/2005, Decreto-Lei 2/2020", "- ", nil, "@@####", "##@@##", "####@@", "@@##@@").as("@@-##-##", "##-@@-##", "##-##-@@", "@@-##-@@", "@@ ## ##", "## @@ ##", "## ## @@", "@@ ## @@"),
		upperPlate("SE", "registreringsnummer|regnummer|regnr|registreringsskylt|bilnummer", "Transportstyrelsen, TSFS 2015:63", " ", "@@@###", "@@@##@").as("@@@ ###", "@@@ ##@").checked(swedishPlate),
		plate("SG", "vehicle number|vehicle no", "LTA, vehicle registration numbers", " -", nil, "@@@#@", "@@@##@", "@@@###@", "@@@####@"),
		plate("TR", "plaka|arac plakasi|araç plakası|plaka no|plaka numarası", "Karayolları Trafik Yönetmeliği, article 53", " -", between(2, 1, 81),
			"##@##", "##@###", "##@####", "##@#####", "##@@##", "##@@###", "##@@####", "##@@@##", "##@@@###", "##@@@####"),
		plate("FR", "plaque|immatriculation|plaque d immatriculation", "Arrêté of 9 February 2009 (SIV)", "- ", func(s []byte) bool { return !slices.ContainsFunc(s, among("IOU")) && !prefixed("SS WW")(s) }, "@@###@@").as("@@-###-@@", "@@ ### @@"),
		plate("IT", "targa|numero di targa", "DPR 495/1992, art. 255", " -", func(s []byte) bool { return !slices.ContainsFunc(s, among("IOQU")) }, "@@###@@").as("@@ ### @@", "@@ ###@@", "@@-###-@@"),
		plate("ES", "matricula|matrícula", "Reglamento General de Vehículos, annex XVIII", " -", func(s []byte) bool { return !slices.ContainsFunc(s[4:], among("AEIOUQ")) }, "####@@@").as("#### @@@", "####-@@@"),
		plate("NL", "kenteken", "Kentekenreglement", "- ", func(s []byte) bool { return !slices.ContainsFunc(s, among("AEIOUQCM")) },
			"@@####", "####@@", "##@@##", "@@##@@", "@@@@##", "##@@@@", "##@@@#", "#@@@##", "@@###@", "@###@@", "@@@##@", "@##@@@", "#@@###", "###@@#"),
		plate("DK", "nummerplade|registreringsnummer", "Registreringsbekendtgørelsen", " ", nil, "@@#####").as("@@ ## ###", "@@ #####"),
		plate("NO", "skilt|bilskilt|registreringsnummer|kjennemerke", "Bruksforskriften", " ", func(s []byte) bool { return !slices.ContainsFunc(s, among("GIMOQW")) }, "@@#####").as("@@ #####", "@@ ## ###"),
		plate("PL", "tablica|numer rejestracyjny|rejestracja", "Dz.U. 2022 poz. 1847", " ", nil, "@@#####", "@@####@", "@@###@@", "@@@####", "@@@@###", "@@@##@@"),
		plate("UA", "номерний знак|держномер|номер авто", "ДСТУ 4278:2012", " -", nil, "@@####@@").as("@@ #### @@", "@@####@@"),
	}
}

// plate returns the form of a country's plates.
func plate(country, native, source, separators string, check func([]byte) bool, patterns ...string) Form {
	words := append([]string{"license plate", "licence plate", "plate", "plate number", "number plate", "registration plate", "vehicle registration",
		"registration number", "plate no"}, strings.Split(native, "|")...)
	return Form{
		Entity: "LICENSE_PLATE", Country: country, Name: "registration plate", Source: source,
		Patterns: patterns, Separators: separators, Check: check, Words: words,
	}
}

// upperPlate returns a form that is never written in lower case.
func upperPlate(country, native, source, separators string, patterns ...string) Form {
	f := plate(country, native, source, separators, nil, patterns...)
	f.CaseSensitive = true
	return f
}

// as returns the form as one whose separators stand where written has them.
func (f Form) as(written ...string) Form {
	f.Written = written
	return f
}

// checked returns the form with a check.
func (f Form) checked(check func([]byte) bool) Form {
	f.Check = check
	return f
}

// finnishPlates are up to three letters and three digits, also the other way
// round, and diplomats' C and CD.
func finnishPlates() []string {
	return []string{"@##", "@###", "@@#", "@@##", "@@###", "@@@#", "@@@##", "@@@###", "##@", "###@", "#@@", "##@@", "###@@", "#@@@", "##@@@", "###@@@",
		"C####", "C#####", "CD#####", "CD####"}
}

// apartAtDigits returns the patterns with a separator where letters and digits
// meet.
func apartAtDigits(patterns []string) []string {
	var written []string
	for _, p := range patterns {
		i := strings.IndexByte(p, '#')
		if i == 0 {
			i = strings.IndexByte(p, '@')
		}
		written = append(written, p[:i]+"_"+p[i:])
	}
	return written
}

// swedishPlate refuses I, Q and V, and O as last letter.
func swedishPlate(s []byte) bool {
	return !slices.ContainsFunc(s, among("IQV")) && s[5] != 'O' && string(s[3:]) != "000"
}

// swedishVanity is a personal plate: two to seven letters and spaces, of which
// none resembles a regular one.
func swedishVanity(text string) bool {
	n := 0
	for _, r := range text {
		if r != ' ' && (r < 'A' || r > 'Z') && !strings.ContainsRune("ÅÄÖ", r) {
			return false
		}
		n++
	}
	return 2 <= n && n <= 7 && strings.Trim(text, " ") == text && text != ""
}

// czechPlate begins, in the regular series, with the region in second place;
// G, O, Q and W are not used, nor CH as a letter.
func czechPlate(s []byte) bool {
	return !slices.ContainsFunc(s, among("GOQW")) && (!isDigit(s[0]) || among("ABCEHJKLMPSTUZ")(s[1]))
}

// czechVanity is a plate of the holder's choice: five to eight letters and
// digits, but G, O, Q and W, with dashes between.
func czechVanity(text string) bool {
	n, dash := 0, true
	for _, c := range []byte(text) {
		if c == '-' {
			if dash {
				return false
			}
			dash = true
			continue
		}
		if !isDigit(c) && !isLetter(c) || among("GOQW")(c) {
			return false
		}
		n, dash = n+1, false
	}
	return 5 <= n && n <= 8 && !dash
}

// britishPlate is a mark of the current system: neither I, Q nor Z begin it,
// the age identifier is 02–29 for March or 51–79 for September.
func britishPlate(s []byte) bool {
	age := number(s[2:4])
	return (2 <= age && age <= 29 || 51 <= age && age <= 79) && !among("IQZ")(s[0]) && !among("IQZ")(s[1]) && !slices.ContainsFunc(s[4:], among("IQ"))
}

// olderBritishPlate is a mark with the letter of the year before or behind.
func olderBritishPlate(s []byte) bool {
	year, letters := s[0], s[len(s)-3:]
	if isLetter(s[1]) {
		year, letters = s[len(s)-1], s[:3]
	}
	return !among("IOQUZ")(year) && !slices.ContainsFunc(letters, among("IQ"))
}

// indianState reports whether the letters are a state's or territory's.
func indianState(s []byte) bool {
	return prefixed("AN AP AR AS BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS TG UA UK UP WB")(s)
}

// hungarianPlate follows the annexes of the decree: ordinary series, those of
// motorcycles, diplomats, authorities, museums and trials.
func hungarianPlate(s []byte) bool {
	switch p := string(s[:2]); len(s) {
	case 6:
		switch {
		case isLetter(s[2]):
			return hungarianSeries(s[:3]) && string(s[3:]) != "000"
		case s[0] == 'S': // S A@@ ## begins with three letters
			return false
		case isDigit(s[1]):
			return among("EPVZ")(s[0])
		case s[0] == 'C' && among("CX")(s[1]), s[0] == 'X' && among("ABC")(s[1]):
			return true
		default:
			return s[0] == 'R' || prefixed("CK DT CD HC HA HB HE HF HI HK HL HM HN HP HR HS HT HV HX MA OT SP")([]byte(p))
		}
	case 7:
		if isLetter(s[1]) && isLetter(s[2]) && isLetter(s[3]) {
			return !among("IOQ")(s[1]) && !slices.ContainsFunc(s[:4], among("Q"))
		}
	}
	return true
}

// hungarianSeries checks the three letters of series issued until 2022: no Q
// but in those for light vehicles, no I and O at the end but in slow ones.
func hungarianSeries(s []byte) bool {
	a, b, c := s[0], s[1], s[2]
	switch {
	case prefixed("BPI BPO UCO UDO XAO")(s):
		return true
	case a == 'A' && (c == 'I' || c == 'O'):
		return among("ABC")(b)
	case a == 'A' && c == 'Q':
		return b <= 'W'
	}
	return string(s) != "AAA" && !among("OQU")(a) && b != 'Q' && !among("IOQ")(c)
}

// portuguesePlate reads the middle dots that plates show as dashes.
func portuguesePlate(text string) bool {
	text = strings.ToUpper(strings.ReplaceAll(text, "·", "-"))
	return writtenAs(text, "@@-##-##", "##-@@-##", "##-##-@@", "@@-##-@@")
}

// germanPlatePatterns are two to five letters and one to four digits, eight
// characters at most, and E for electric and H for historic vehicles.
func germanPlatePatterns() []string {
	var patterns []string
	for letters := 2; letters <= 5; letters++ {
		for n := 1; n <= min(4, 8-letters); n++ {
			p := strings.Repeat("@", letters) + digits(n)
			patterns = append(patterns, p, p+"E", p+"H")
		}
	}
	return patterns
}

// germanPlateWritten are the ways to set district, letters, number and E or H
// apart.
func germanPlateWritten() []string {
	var written []string
	for d := 1; d <= 3; d++ {
		for l := 1; l <= 2; l++ {
			for n := 1; n <= min(4, 8-d-l); n++ {
				district, letters, number := strings.Repeat("@", d), strings.Repeat("@", l), digits(n)
				for _, p := range []string{district + "_" + letters + "_" + number, district + "_" + letters + number, district + letters + "_" + number} {
					written = append(written, p, p+"E", p+"H", p+"_E", p+"_H")
				}
				written = append(written, district+letters+number+"_E", district+letters+number+"_H")
			}
		}
	}
	return written
}

// germanPlate looks for a district before one or two letters.
func germanPlate(s []byte) bool {
	letters := slices.IndexFunc(s, isDigit)
	if s[letters] == '0' {
		return false
	}
	for n := max(1, letters-2); n <= min(3, letters-1); n++ {
		if isDistrict(string(s[:n])) {
			return true
		}
	}
	return false
}

// germanUmlautPlate is a plate of a district with an umlaut.
func germanUmlautPlate(text string) bool {
	text = strings.ToUpper(text)
	n := strings.IndexAny(text, " -")
	if n < 0 || !isDistrict(text[:n]) {
		return false
	}
	rest := strings.NewReplacer(" ", "", "-", "").Replace(text[n:])
	rest = strings.TrimRight(rest, "EH")
	return writtenAs(rest, "@#", "@##", "@###", "@####", "@@#", "@@##", "@@###", "@@####") && len([]rune(text[:n]))+len(rest) <= 8 &&
		strings.IndexByte(rest, '0') != strings.IndexFunc(rest, func(r rune) bool { return r <= '9' })
}

// isDistrict reports whether the letters are a distinguishing sign of a
// registration district, a Land, the Federation or its forces.
func isDistrict(s string) bool { return strings.Contains(districts, " "+s+" ") }
