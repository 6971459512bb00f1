package identifier

import "strings"

// britishForms are those of the United Kingdom.
func britishForms() []Form {
	const ninoSource = "HMRC: National Insurance Manual NIM39110"
	const ninoWords = "national insurance number, national insurance, ni number, ni no, nino, insurance number"
	return []Form{{
		Entity: "UK_NINO", Also: list("TAX_ID, NATIONAL_ID"), Country: "GB", Name: "National Insurance number", Source: ninoSource,
		Patterns:   list("@@######A, @@######B, @@######C, @@######D"),
		Separators: " -", Written: list("@@_##_##_##_@, @@_######_@, @@_######@, @@######_@, @@_###_###_@, @@_##_##_##@, @@##_##_##_@"),
		Check: ukNINO, Self: true, Words: list(ninoWords),
	}, {
		Entity: "TAX_ID", Country: "GB", Name: "National Insurance number, suffix unknown", Source: ninoSource,
		Patterns: list("@@######"), Separators: " ", Written: list("@@ ## ## ##"),
		Check: ukNINO, Words: list(ninoWords),
	}, {
		Entity: "UK_UTR", Country: "GB", Name: "Unique taxpayer reference",
		Source:   "HMRC: Specification of UTR check digit; OECD TIN sheet, United Kingdom",
		Patterns: list("##########, ##########K, K##########, #############, #############K, K#############"), Separators: " -/",
		Written: list("#####_#####, #####_#####K, ###_#######_###, ####_######, ###_#####_#####, ###_##########, ###/##########"),
		Check:   ukUTR,
		Words:   list("utr, unique taxpayer reference, tax reference, self assessment, taxpayer reference, tax id, hmrc"),
	}, {
		Entity: "UK_UTR", Country: "GB", Name: "Temporary reference number",
		Source: "HMRC: Real Time Information, technical specifications (11a11111)", Patterns: list("##@#####"), Separators: " ",
		Words: list("trn, tax reference number, tax reference, temporary reference number, tax number, hmrc"),
	}, {
		// What tax forms accept is ten digits; the check digit is for UK_UTR.
		Entity: "TAX_ID", Country: "GB", Name: "Unique taxpayer reference, unchecked",
		Source: "OECD TIN sheet, United Kingdom", Patterns: list("##########"),
		Words: list("utr, unique taxpayer reference, taxpayer reference"),
	}, {
		Entity: "UK_NHS", Country: "GB", Name: "NHS number",
		Source: "NHS Data Dictionary: NHS NUMBER", Patterns: list("##########"), Separators: " -", Written: list("###_###_####"),
		Check: every(ukNHS, differing),
		Words: list("nhs, nhs number, nhs no, national health service, health number, patient number"),
	}, {
		Entity: "NATIONAL_ID", Country: "GB", Name: "Community Health Index number (Scotland)",
		Source: "NHS Scotland: CHI number, ISD Data Dictionary", Patterns: list("##########"), Separators: " ",
		Written: list("###### ####"),
		Check:   func(s []byte) bool { return isShortDate(number(s[4:6]), number(s[2:4]), number(s[:2])) && ukNHS(s) },
		Words:   list("chi, chi number, community health index"),
	}, {
		Entity: "BUSINESS_ID", Country: "GB", Name: "Company registration number",
		Source:   "Companies House: company number prefixes",
		Patterns: list("########, SC######, NI######, OC######, SO######, NC######, FC######, LP######, SL######, NL######, IP######, RC######, SE######, CE######, GE######"),
		Words:    list("company number, company no, company registration number, company reg no, companies house, registered number, crn, registered in england, registered in scotland"),
	}}
}

// ukNINO knows the prefixes that are never given out.
func ukNINO(s []byte) bool {
	return !strings.ContainsRune("DFIQUV", rune(s[0])) && !strings.ContainsRune("DFIQUVO", rune(s[1])) &&
		!oneOf(s, "BG GB KN NK NT TN ZZ")
}

// ukUTR: the first of the ten digits checks the others. Three digits of the
// tax office may stand before and a K behind or before it.
func ukUTR(s []byte) bool {
	s = []byte(strings.Trim(string(s), "K"))
	s = s[len(s)-10:]
	r := weighted(s[1:], 6, 7, 8, 9, 10, 5, 4, 3, 2) % 11
	return s[0] == "21987654321"[r]
}

// ukNHS is a weighted sum that eleven divides; a check digit of ten is not
// given out.
func ukNHS(s []byte) bool { return weightedMod11(s) == 0 }

// irishForms are those of Ireland.
func irishForms() []Form {
	return []Form{{
		Entity: "IE_PPS", Also: list("NATIONAL_ID, TAX_ID"), Country: "IE", Name: "Personal Public Service number",
		Source:   "Department of Social Protection: PPS number; Revenue: extended range of 2013",
		Patterns: list("#######@, #######@@"), Separators: " /-", Check: iePPS,
		Words: list("pps, ppsn, pps number, pps no, personal public service number, uimhir psp, rsi number, tax reference number, tin"),
	}, {
		Entity: "BUSINESS_ID", Country: "IE", Name: "Company registration number", Source: "CRO",
		Patterns: list("#####, ######"), Words: list("cro number, company registration number, companies registration office, cro"),
	}}
}

// iePPS: the first letter checks the seven digits and, since 2013, the second
// letter, A to I, which counts nine times. W and T there are older marks that
// count nothing.
func iePPS(s []byte) bool {
	sum := weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)
	if len(s) == 9 {
		switch c := s[8]; {
		case 'A' <= c && c <= 'I':
			sum += 9 * (int(c-'A') + 1)
		case c != 'W' && c != 'T' && c != 'X':
			return false
		}
	}
	return s[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum%23]
}
