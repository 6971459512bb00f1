package identifier

import (
	"slices"
	"strings"
)

// accountForms are accounts, cards and what routes payments, and the numbers
// of devices and vehicles.
func accountForms() []Form {
	return []Form{
		{
			Entity: "IBAN", Name: "IBAN", Source: "ISO 13616-1; SWIFT IBAN Registry, release 99; experimental IBANs as their central banks publish them",
			Patterns: ibanPatterns(), Separators: " -", Check: ibanSum, Self: true,
			Words: []string{"iban", "international bank account number", "account", "konto", "kontonummer", "compte", "cuenta", "conto", "rekening"},
		},
		{
			Entity: "BIC", Name: "BIC", Source: "ISO 9362:2014; ISO 3166-1",
			Patterns: []string{"@@@@@@**", "@@@@@@*****"}, Check: func(s []byte) bool { return isCountry(string(s[4:6])) },
			Words: []string{"bic", "swift", "swift code", "swift bic", "bic swift", "bank identifier code", "bankleitzahl", "swift address"},
		},
		{
			Entity: "CREDIT_CARD", Name: "PAN", Source: "ISO/IEC 7812-1; issuer ranges as the networks publish them",
			Patterns:   []string{digits(12), digits(13), digits(14), digits(15), digits(16), digits(17), digits(18), digits(19)},
			Separators: " -", Check: func(s []byte) bool { _, ok := Card(s); return ok },
			Words: []string{"card", "cards", "credit", "debit", "credit card", "debit card", "card number", "visa", "mastercard", "amex",
				"american express", "discover", "maestro", "jcb", "diners", "unionpay", "pan", "kreditkarte", "karte", "carte", "carte bancaire",
				"tarjeta", "carta di credito", "cartao", "cartão", "karta", "kort", "карта", "カード", "信用卡", "银行卡"},
		},
		{
			Entity: "IMEI", Name: "IMEI", Source: "3GPP TS 23.003, clause 6 and annex B",
			Patterns: []string{digits(15)}, Separators: "- /", Written: []string{"##-######-######-#", "## ###### ###### #", "######-##-######-#", "######/##/######/#"},
			Check: luhn, Words: []string{"imei", "imei number", "imei no", "device id", "handset", "mobile equipment", "meid"},
		},
		{
			Entity: "US_ABA_ROUTING", Country: "US", Name: "routing transit number", Source: "ABA Routing Number Policy; 12 CFR 229 appendix A",
			Patterns: []string{digits(9)}, Separators: "- ", Written: []string{"####-####-#", "#### #### #"}, Check: abaRouting,
			Words: []string{"routing", "routing number", "routing no", "routing transit number", "aba", "aba number", "aba routing", "rtn", "ach", "wire", "bank"},
		},
		{
			Entity: "BANK_ACCOUNT", Country: "US", Name: "bank account number", Source: "Nacha Operating Rules, appendix three (DFI account number, 17 positions)",
			Patterns: []string{digits(8), digits(9), digits(10), digits(11), digits(12), digits(13), digits(14), digits(15), digits(16), digits(17)},
			Check:    func(s []byte) bool { return !allSame(s) },
			Words: []string{"account", "account number", "account no", "account num", "acct", "acct no", "acct number", "bank account", "bank", "banking",
				"checking", "checking account", "savings", "savings account", "debit"},
		},
		{
			Entity: "VEHICLE_ID", Name: "VIN", Source: "ISO 3779:2009; 49 CFR 565.13 and 565.15 (check digit and last four digits)",
			Patterns: []string{"#@" + strings.Repeat("*", 11) + "####"}, Check: evidentVIN, Self: true, Words: vinWords(),
		},
		{
			Entity: "VEHICLE_ID", Name: "VIN", Source: "ISO 3779:2009; ISO 3780:2009",
			Patterns: []string{strings.Repeat("*", 17)}, Check: vin, Words: vinWords(),
		},
	}
}

func vinWords() []string {
	return []string{"vin", "vehicle identification number", "vehicle id", "chassis", "chassis number", "chassis no", "frame number",
		"fin", "fahrgestellnummer", "fahrzeug identifizierungsnummer", "fahrzeugidentifikationsnummer", "numero de chassis", "numéro de châssis",
		"bastidor", "numero de bastidor", "telaio", "numero di telaio", "chassi", "numer vin", "车架号"}
}

// digits returns the pattern of n digits.
func digits(n int) string { return strings.Repeat("#", n) }

// ibanBBAN has the structure of the basic account number of each country as
// the registry writes it: n digits, a letters, c either.
const ibanBBAN = "AD 8n12c|AE 19n|AL 8n16c|AT 16n|AZ 4a20c|BA 16n|BE 12n|BG 4a6n8c|BH 4a14c|BI 23n|BR 23n1a1c|BY 4c4n16c|CH 5n12c|CR 18n|" +
	"CY 8n16c|CZ 20n|DE 18n|DJ 23n|DK 14n|DO 4c20n|EE 16n|EG 25n|ES 20n|FI 14n|FK 2a12n|FO 14n|FR 10n11c2n|GB 4a14n|GE 2a16n|" +
	"GI 4a15c|GL 14n|GR 7n16c|GT 24c|HN 4a20n|HR 17n|HU 24n|IE 4a14n|IL 19n|IQ 4a15n|IS 22n|IT 1a10n12c|JO 4a4n18c|KW 4a22c|" +
	"KZ 3n13c|LB 4n20c|LC 4a24c|LI 5n12c|LT 16n|LU 3n13c|LV 4a13c|LY 21n|MC 10n11c2n|MD 20c|ME 18n|MK 3n10c2n|MN 16n|MR 23n|" +
	"MT 4a5n18c|MU 4a19n3a|NI 4a20n|NL 4a10n|NO 11n|OM 3n16c|PK 4a16c|PL 24n|PS 4a21c|PT 21n|QA 4a21c|RO 4a16c|RS 18n|RU 14n15c|" +
	"SA 2n18c|SC 4a20n3a|SD 14n|SE 20n|SI 15n|SK 20n|SM 1a10n12c|SO 19n|ST 21n|SV 4a20n|TL 19n|TN 20n|TR 6n16c|UA 6n19c|VA 18n|" +
	"VG 4a16n|XK 16n|YE 4a4n18c|" +
	// Not in the registry, but in use.
	"AO 21n|BF 2c22n|BJ 2c22n|CF 23n|CG 23n|CI 2c22n|CM 23n|CV 21n|DZ 22n|GA 23n|GQ 23n|GW 2c19n|IR 22n|KM 23n|MA 24n|MG 23n|" +
	"ML 2c22n|MZ 21n|NE 2c22n|SN 2c22n|TD 23n|TG 2c22n"

// ibanPatterns returns the patterns of all countries.
func ibanPatterns() []string {
	var patterns []string
	for entry := range strings.SplitSeq(ibanBBAN, "|") {
		country, structure, _ := strings.Cut(entry, " ")
		patterns = append(patterns, country+"##"+expand(structure))
	}
	return patterns
}

// expand turns the registry's notation, such as 4a14n, into a pattern.
func expand(structure string) string {
	var b strings.Builder
	n := 0
	for _, c := range []byte(structure) {
		if isDigit(c) {
			n = n*10 + int(c-'0')
			continue
		}
		b.WriteString(strings.Repeat(map[byte]string{'n': "#", 'a': "@", 'c': "*"}[c], n))
		n = 0
	}
	return b.String()
}

// ibanSum checks the two check digits, which stand third and fourth and count
// as if they stood last.
func ibanSum(s []byte) bool {
	var moved [MaxLen]byte
	n := copy(moved[:], s[4:])
	n += copy(moved[n:], s[:4])
	return mod97x10(moved[:n])
}

// IBAN reports whether compact, in upper case and without separators, has the
// structure of its country and the right check digits.
func IBAN(compact []byte) bool {
	if len(compact) < 15 {
		return false
	}
	for _, f := range all() {
		if f.Entity == "IBAN" {
			return f.Compact(compact)
		}
	}
	return false
}

// A cardRange is a range of issuer identification numbers: prefixes from low
// to high, all of one number of digits, and the lengths of its cards.
type cardRange struct {
	low, high   int
	short, long int
	issuer      string
}

// cardRanges returns the networks' ranges, narrow ones first.
func cardRanges() []cardRange {
	return []cardRange{
		{34, 34, 15, 15, "american express"}, {37, 37, 15, 15, "american express"},
		{2131, 2131, 15, 15, "jcb"}, {1800, 1800, 15, 15, "jcb"}, {3528, 3589, 16, 19, "jcb"},
		{300, 305, 14, 19, "diners club"}, {3095, 3095, 14, 19, "diners club"}, {36, 36, 14, 19, "diners club"}, {38, 39, 14, 19, "diners club"},
		{2200, 2204, 16, 19, "mir"}, {2205, 2205, 16, 16, "borica"},
		{5019, 5019, 16, 16, "dankort"}, {506099, 506198, 16, 19, "verve"}, {650002, 650027, 16, 19, "verve"},
		{2221, 2720, 16, 16, "mastercard"}, {51, 55, 16, 16, "mastercard"},
		{6011, 6011, 16, 19, "discover"}, {622126, 622925, 16, 19, "discover"}, {644, 649, 16, 19, "discover"}, {65, 65, 16, 19, "discover"},
		{62, 62, 16, 19, "unionpay"}, {8100, 8171, 16, 19, "unionpay"},
		{508, 508, 16, 16, "rupay"}, {353, 353, 16, 16, "rupay"}, {356, 356, 16, 16, "rupay"}, {60, 60, 16, 16, "rupay"}, {81, 82, 16, 16, "rupay"},
		{9792, 9792, 16, 16, "troy"}, {8600, 8600, 16, 16, "uzcard"}, {9860, 9860, 16, 16, "humo"},
		{50, 50, 12, 19, "maestro"}, {56, 58, 12, 19, "maestro"}, {60, 69, 12, 19, "maestro"},
	}
}

// Card returns the network that issues cards of this number, which is digits
// alone, if its range, length and check digit are those of a payment card.
func Card(number []byte) (issuer string, ok bool) {
	if len(number) < 12 || len(number) > 19 || !luhn(number) {
		return "", false
	}
	if number[0] == '4' && slices.Contains([]int{13, 16, 19}, len(number)) {
		return "visa", true
	}
	for _, r := range cardRanges() {
		if r.has(number) {
			return r.issuer, true
		}
	}
	return "", false
}

func (r cardRange) has(s []byte) bool {
	prefix, power := 0, 1
	for power <= r.low {
		power *= 10
	}
	for _, c := range s {
		if power == 1 {
			break
		}
		prefix, power = prefix*10+int(c-'0'), power/10
	}
	return r.low <= prefix && prefix <= r.high && r.short <= len(s) && len(s) <= r.long
}

// abaRouting checks the sum with weights 3, 7, 1 and the first two digits,
// which are a Federal Reserve district (01–12), a thrift (21–32), electronic
// (61–72), a traveller's cheque (80) or the government (00).
func abaRouting(s []byte) bool {
	district := number(s[:2])
	return (district <= 12 || 21 <= district && district <= 32 || 61 <= district && district <= 72 || district == 80) &&
		weighted(s, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0
}

// vin refuses the letters I, O and Q and VINs that do not end in four digits
// (ISO 3779, clause 4.3). A North American one must have its check digit.
func vin(s []byte) bool {
	if s[0] == '0' || !allDigits(s[13:]) {
		return false
	}
	if '1' <= s[0] && s[0] <= '5' {
		return northAmericanVIN(s)
	}
	return vinLetters(s) && !allSame(s) && !allDigits(s[:8])
}

func vinLetters(s []byte) bool {
	return !slices.ContainsFunc(s, func(c byte) bool { return c == 'I' || c == 'O' || c == 'Q' })
}

func allDigits(s []byte) bool {
	return !slices.ContainsFunc(s, func(c byte) bool { return !isDigit(c) })
}

// evidentVIN is a North American one that no number, hash or identifier in
// hexadecimal is: with a letter for the manufacturer in second place, three
// letters at least, one of them past F.
func evidentVIN(s []byte) bool {
	letters, past := 0, false
	for _, c := range s {
		if isLetter(c) {
			letters, past = letters+1, past || c > 'F'
		}
	}
	return letters >= 3 && past && northAmericanVIN(s)
}

// northAmericanVIN checks the ninth character by 49 CFR 565.15(c) and the
// tenth, the model year, which is neither U, Z nor 0.
func northAmericanVIN(s []byte) bool {
	if s[0] < '1' || s[0] > '5' || !vinLetters(s) || s[9] == 'U' || s[9] == 'Z' || s[9] == '0' || allSame(s) {
		return false
	}
	const counts = "12345678.12345.7.923456789" // of the letters A–Z
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i, c := range s {
		if isLetter(c) {
			c = counts[c-'A']
		}
		sum += int(c-'0') * weights[i]
	}
	return "0123456789X"[sum%11] == s[8]
}

// isCountry reports whether ISO 3166-1 assigns the code, or SWIFT uses it as
// it does XK for Kosovo.
func isCountry(code string) bool {
	const codes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
		"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
		"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
		"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
		"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
		"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
		"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
	i := strings.Index(codes, code)
	return len(code) == 2 && i >= 0 && i%3 == 0
}
