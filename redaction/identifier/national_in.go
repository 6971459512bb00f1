package identifier

import "strings"

// indianForms are those of India.
func indianForms() []Form {
	const panKinds = "ABCEFGHJKLPT"
	pan := func(s []byte) bool {
		return strings.IndexByte(panKinds, s[3]) >= 0 && number(s[5:9]) > 0
	}
	return []Form{{
		Entity: "IN_AADHAAR", Also: list("NATIONAL_ID"), Country: "IN", Name: "Aadhaar",
		Source:   "UIDAI: Aadhaar numbering scheme (Verhoeff), and its rules on palindromes",
		Patterns: list("############"), Separators: " -:", Written: list("####_####_####"), Check: inAadhaar,
		Words: list("aadhaar, aadhar, adhar, adhaar, uidai, आधार, aadhaar number"),
	}, {
		Entity: "IN_PAN", Also: list("TAX_ID"), Country: "IN", Name: "Permanent Account Number",
		Source:   "Income-tax Rules 1962, rule 114; Income Tax Department: About PAN",
		Patterns: list("@@@@@####@"), Check: pan, Self: true,
		Words: list("pan, permanent account number, pan card, pan number, pan no, income tax, tax id"),
	}, {
		// Made-up numbers seldom have a kind of holder that exists.
		Entity: "IN_PAN", Country: "IN", Name: "Permanent Account Number, whatever the holder",
		Source:   "Income-tax Rules 1962, rule 114",
		Patterns: list("@@@@@####@"), Words: list("pan, permanent account number, pan card, pan number, pan no"),
	}, {
		Entity: "IN_GSTIN", Also: list("TAX_ID, BUSINESS_ID"), Country: "IN",
		Name:     "Goods and Services Tax Identification Number",
		Source:   "CGST Rules 2017, rule 10; GSTN: structure and checksum of GSTIN",
		Patterns: list("##@@@@@####@*Z*"), Separators: " -",
		Written: list("##_@@@@@####@_*Z*, ##_@@@@@####@_*_Z_*"), Check: inGSTIN, Self: true,
		Words: list("gstin, gst, gst number, gst no, gst registration, goods and services tax"),
	}, {
		Entity: "IN_VOTER", Country: "IN", Name: "Elector's Photo Identity Card number",
		Source:   "Election Commission of India: EPIC number, 3 letters and 7 digits",
		Patterns: list("@@@#######"), Separators: " /-", Written: list("@@@_#######"),
		Words: list("voter, voter id, voter id card, voterid, elector, epic, epic number, election, electoral, electors photo identity card"),
	}}
}

// inAadhaar: the first digit is not 0 or 1, and no number reads backwards as
// it reads forwards.
func inAadhaar(s []byte) bool {
	palindrome := true
	for i := range len(s) / 2 {
		palindrome = palindrome && s[i] == s[len(s)-1-i]
	}
	return s[0] >= '2' && !palindrome && verhoeff(s)
}

// inGSTIN: state, PAN of the taxpayer, number of the registration, Z, check
// character. The form alone is so rare, and numbers made up for examples are
// so common, that the check character is only asked for where other software
// does not know the state: 38 since 2019, 97 and 99.
func inGSTIN(s []byte) bool {
	state := number(s[:2])
	if s[12] == '0' {
		return false
	}
	return 1 <= state && state <= 37 || (state == 38 || state == 97 || state == 99) && inGSTINCheck(s)
}

// inGSTINCheck is Luhn's sum to the base of 36.
func inGSTINCheck(s []byte) bool {
	sum := 0
	for i, c := range s {
		p := value(c) * (1 + i%2)
		sum += p/36 + p%36
	}
	return sum%36 == 0
}

// southAsianForms are those of Pakistan, Bangladesh, Sri Lanka and Nepal.
func southAsianForms() []Form {
	return []Form{{
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "PK", Name: "CNIC", Source: "NADRA: Computerized National Identity Card",
		Patterns: list("#############"), Separators: "- ", Written: list("#####-#######-#, ##### ####### #"),
		// The first digit is the province, the last one the sex.
		Check: func(s []byte) bool { return '1' <= s[0] && s[0] <= '7' && s[12] != '0' },
		Words: list("cnic, nicop, snic, nic, national identity card, computerized national identity card, nadra, شناختی کارڈ"),
	}, {
		Entity: "NATIONAL_ID", Country: "LK", Name: "National Identity Card number",
		Source:   "Registration of Persons Act; Department for Registration of Persons (old form)",
		Patterns: list("#########V, #########X"), Check: func(s []byte) bool { return s[0] != '0' },
		Words: list("nic, national identity card, nic number, national id"),
	}, {
		Entity: "NATIONAL_ID", Country: "LK", Name: "National Identity Card number",
		Source:   "Department for Registration of Persons (form of 2016)",
		Patterns: list("19##########, 20##########"), Check: lkNew, Words: list("nic, national identity card, nic number, national id"),
	}, {
		Entity: "NATIONAL_ID", Country: "BD", Name: "National ID number",
		Source:   "Bangladesh Election Commission: NID of 10, 13 and 17 digits",
		Patterns: list("##########, #############, 19###############, 20###############"), Separators: " ",
		Written: list("### ### ####"), Check: differing,
		Words: list("nid, national id, nid number, জাতীয় পরিচয়পত্র, voter id, national identity card"),
	}, {
		Entity: "NATIONAL_ID", Country: "NP", Name: "National identity number",
		Source:   "National Identity Card and Civil Registration Act 2076",
		Patterns: list("##########"), Separators: "-", Written: list("###-###-###-#"), Check: differing,
		Words: list("national identity number, nin, राष्ट्रिय परिचयपत्र, rastriya parichaya patra"),
	}}
}

// lkNew: year and day of birth, of women with 500 added, serial and check
// digit, of which no rule is published.
func lkNew(s []byte) bool {
	day := number(s[4:7]) % 500
	return number(s[4:7]) <= 866 && 1 <= day && day <= 366
}
