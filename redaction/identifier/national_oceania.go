package identifier

import "strings"

// oceanianForms are those of Australia and New Zealand.
func oceanianForms() []Form {
	return []Form{{
		Entity: "AU_TFN", Also: list("TAX_ID"), Country: "AU", Name: "Tax File Number",
		Source:   "ATO: Taxation Administration Act 1953, part VA; TFN check algorithm for eight and nine digits",
		Patterns: list("########, #########"), Separators: " -.", Check: auTFN,
		Words: list("tfn, tax file number, tax file no, tax file"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "AU", Name: "Australian Business Number",
		Source: "ABR: Format of the ABN", Patterns: list("###########"), Separators: " -",
		Written: list("##_###_###_###, ##_#########"), Check: auABN, Words: list("abn, australian business number, business number"),
	}, {
		Entity: "BUSINESS_ID", Country: "AU", Name: "Australian Company Number",
		Source: "ASIC: Australian Company Number (ACN) digit check", Patterns: list("#########"), Separators: " -",
		Written: list("###_###_###"), Check: auACN, Words: list("acn, australian company number, company number, arbn"),
	}, {
		Entity: "AU_MEDICARE", Country: "AU", Name: "Medicare card number",
		Source:   "Services Australia; METeOR 270101: Medicare card number, check digit",
		Patterns: list("#########, ##########, ###########"), Separators: " -/",
		Written: list("####_#####_#, ####_#####, ####_#####_#_#, ####_#####_#/#, ##########_#, ####_######, #########_#"),
		Check:   auMedicare,
		Words:   list("medicare, medicare number, medicare card, medicare no, medicare card number"),
	}, {
		Entity: "TAX_ID", Country: "NZ", Name: "IRD number",
		Source:   "Inland Revenue: RWT and NRWT specification, IRD number validation",
		Patterns: list("########, #########"), Separators: "- ",
		Written: list("##_###_###, ###_###_###"), Check: nzIRD, Words: list("ird, ird number, ird no, inland revenue, tax number"),
	}, {
		Entity: "NATIONAL_ID", Country: "NZ", Name: "National Health Index number",
		Source: "HISO 10046: Consumer Health Identity Standard", Patterns: list("@@@####, @@@##@@"), Check: nzNHI,
		Words: list("nhi, nhi number, national health index"),
	}, {
		Entity: "BUSINESS_ID", Country: "NZ", Name: "New Zealand Business Number",
		Source: "NZBN: GS1 Global Location Number", Patterns: list("94290########"), Check: ean13,
		Words: list("nzbn, new zealand business number"),
	}}
}

// auTFN: the weights of eight digits are not those of nine.
func auTFN(s []byte) bool {
	if len(s) == 8 {
		return number(s) > 0 && weighted(s, 10, 7, 8, 4, 6, 3, 5, 1)%11 == 0
	}
	return number(s) > 0 && weighted(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
}

// auABN: the first digit counts one less.
func auABN(s []byte) bool {
	return s[0] != '0' && (weighted(s, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

func auACN(s []byte) bool {
	return number(s) > 0 && (weighted(s[:8], 8, 7, 6, 5, 4, 3, 2, 1)+value(s[8]))%10 == 0
}

// auMedicare: eight digits, of which the first is 2 to 6, check digit, number
// of the card's issue and, where given, of the person on the card.
func auMedicare(s []byte) bool {
	return '2' <= s[0] && s[0] <= '6' && weighted(s[:8], 1, 3, 7, 9, 1, 3, 7, 9)%10 == value(s[8])
}

// nzIRD: a second set of weights where the first gives ten.
func nzIRD(s []byte) bool {
	n := number(s)
	if n < 10_000_000 || n > 150_000_000 {
		return false
	}
	var b [9]byte
	for i, m := 8, n; i >= 0; i, m = i-1, m/10 {
		b[i] = byte('0' + m%10)
	}
	check := (11 - weighted(b[:8], 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	if check == 10 {
		check = (11 - weighted(b[:8], 7, 4, 3, 2, 5, 2, 7, 6)%11) % 11
	}
	return check == value(b[8])
}

// nzNHI: letters without I and O count from A = 1, weights from 7. A check
// digit is by 11, the check letter of the newer form by 23.
func nzNHI(s []byte) bool {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	sum := 0
	for i, c := range s[:6] {
		v := value(c)
		if isLetter(c) {
			if v = strings.IndexByte(alphabet, c) + 1; v == 0 {
				return false
			}
		}
		sum += v * (7 - i)
	}
	if isLetter(s[6]) {
		return s[6] == alphabet[22-sum%23]
	}
	return sum%11 != 0 && (11-sum%11)%10 == value(s[6])
}
