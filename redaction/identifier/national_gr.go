package identifier

import "strings"

// greekForms are those of Greece, Cyprus and Malta.
func greekForms() []Form {
	return []Form{{
		Entity: "GR_TIN", Also: list("TAX_ID"), Country: "GR", Name: "ΑΦΜ",
		Source:   "Law 4174/2013; European Commission TIN portal, Greece",
		Patterns: list("#########, EL#########, GR#########"), Separators: "-. ",
		Written: list("###_###_###, EL_#########, GR_#########"), Check: grAFM,
		Words: list("αφμ, α φ μ, αριθμός φορολογικού μητρώου, αριθμοσ φορολογικου μητρωου, afm, tin, tax id, vat"),
	}, {
		Entity: "GR_AMKA", Also: list("NATIONAL_ID"), Country: "GR", Name: "ΑΜΚΑ", Source: "Law 3655/2008; ΗΔΙΚΑ: ΑΜΚΑ",
		Patterns: list("###########"), Separators: " -", Written: list("######_#####, ######_####_#"),
		Check: func(s []byte) bool { return isShortDate(number(s[4:6]), number(s[2:4]), number(s[:2])) && luhn(s) },
		Words: list("αμκα, α μ κ α, amka, αριθμός μητρώου κοινωνικής ασφάλισης, social security number"),
	}, {
		Entity: "TAX_ID", Country: "CY", Name: "ΑΦΤ, Tax identification code", Source: "European Commission TIN portal, Cyprus",
		Patterns: list("########@"), Check: cyTIC,
		Words: list("αφτ, tic, tin, tax identification code, αριθμός φορολογικού μητρώου, tax id"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "MT", Name: "Identity card number",
		Source:   "Identity Card Act, cap. 258; European Commission TIN portal, Malta",
		Patterns: list("###@, ####@, #####@, ######@, #######@"), Check: mtCard,
		Words: list("karta tal identità, karta tal identita, identity card, id card, id number, tin, tax id"),
	}, {
		Entity: "TAX_ID", Country: "MT", Name: "Taxpayer number of others than nationals",
		Source:   "European Commission TIN portal, Malta",
		Patterns: list("11#######, 22#######, 33#######, 44#######, 55#######, 66#######, 77#######, 88#######"),
		Words:    list("tin, tax id, taxpayer number, income tax number"),
	}}
}

// grAFM: weights are powers of two. Numbers from 500000000 to 699999999 are
// not given out.
func grAFM(s []byte) bool {
	s = s[len(s)-9:]
	return s[0] != '5' && s[0] != '6' && number(s) > 0 &&
		weighted(s[:8], 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == value(s[8])
}

// cyTIC: digits in the odd places count by a table, the sum is the letter.
func cyTIC(s []byte) bool {
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := 0
	for i, c := range s[:8] {
		v := value(c)
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return string(s[:2]) != "12" && s[8] == byte('A'+sum%26)
}

// mtCard: a number and the letter of the register.
func mtCard(s []byte) bool {
	last := len(s) - 1
	return strings.IndexByte("APMGLHBZ", s[last]) >= 0 && number(s[:last]) > 0
}
