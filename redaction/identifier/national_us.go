package identifier

import "strings"

// usForms are the numbers of the Social Security Administration and of the
// Internal Revenue Service.
func usForms() []Form {
	ssn := Form{
		Entity: "US_SSN", Country: "US", Name: "Social Security number",
		Source: "20 CFR 422.103; SSA: Social Security Number Randomization; POMS RM 10201", Patterns: list("#########"), Check: usSSN,
		Words: list("ssn, social security, social security number, social security no, soc sec, ssns, ss number, ss no"),
	}
	itin := Form{
		Entity: "US_ITIN", Country: "US", Name: "Individual Taxpayer Identification Number",
		Source: "26 CFR 301.6109-1; IRS: Internal Revenue Manual 3.21.263", Patterns: list("#########"), Check: usITIN,
		Words: list("itin, individual taxpayer, individual taxpayer identification number, taxpayer id, tax id, taxpayer identification number, tin, atin"),
	}
	dashedSSN, dashedITIN := ssn, itin
	for _, f := range []*Form{&dashedSSN, &dashedITIN} {
		f.Separators, f.Apart, f.Written, f.Self = "-", true, list("###-##-####"), true
		f.Also = list("NATIONAL_ID, TAX_ID")
	}
	for _, f := range []*Form{&ssn, &itin} {
		f.Separators, f.Written = " .-", list("### ## ####, ###.##.####, ###-######, #####-####, ###-##-####")
	}
	ein := Form{
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "US", Name: "Employer Identification Number",
		Source: "26 CFR 301.6109-1; IRS: How EINs are assigned and valid EIN prefixes", Patterns: list("#########"), Check: usEIN,
		Words: list("employer identification number, fein, ein number, federal ein, federal tax id, federal employer, tax id, tin, irs number, taxpayer identification number"),
	}
	dashedEIN := ein
	dashedEIN.Separators, dashedEIN.Apart, dashedEIN.Written = "- ", true, list("##_#######")
	// Alone, this is a word of German too.
	dashedEIN.Words = append(list("ein"), ein.Words...)
	return []Form{dashedSSN, dashedITIN, ssn, itin, dashedEIN, ein}
}

// usSSN refuses what was never given out, and numbers known from
// advertisements and forms.
func usSSN(s []byte) bool {
	if n := number(s); n == 78_05_1120 || n == 219_09_9999 || n == 457_55_5462 {
		return false
	}
	area := number(s[:3])
	return 0 < area && area < 900 && area != 666 && number(s[3:5]) > 0 && number(s[5:]) > 0 && !allSame(s)
}

// usITIN begins with 9 and has a group of the ranges that the IRS uses.
func usITIN(s []byte) bool {
	g := number(s[3:5])
	return s[0] == '9' && (50 <= g && g <= 65 || 70 <= g && g <= 88 || 90 <= g && g <= 92 || 94 <= g && g <= 99)
}

// usEIN refuses the prefixes that no campus of the IRS gives out.
func usEIN(s []byte) bool {
	return !oneOf(s, "00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96 97")
}

// usHealthForms are the numbers of physicians and of the insured.
func usHealthForms() []Form {
	return []Form{{
		Entity: "US_MBI", Country: "US", Name: "Medicare Beneficiary Identifier",
		Source:   "CMS: Understanding the Medicare Beneficiary Identifier (MBI) Format",
		Patterns: list("#@*#@*#@@##"), Separators: "- ", Written: list("****-***-****, **** *** ****"), Check: usMBI, Self: true,
		Words: list("mbi, medicare, medicare number, medicare beneficiary identifier, medicare id, beneficiary"),
	}, {
		Entity: "US_NPI", Country: "US", Name: "National Provider Identifier",
		Source:   "45 CFR 162.406; CMS: Requirements for NPI check digit",
		Patterns: list("1#########, 2#########, 0#########"), Separators: "- ",
		Written: list("####_###_###, ###_###_####"), Check: usNPI,
		Words: list("npi, national provider identifier, provider id, provider identifier, provider number, npi number, npi no"),
	}, {
		Entity: "US_DEA_NUMBER", Country: "US", Name: "DEA registration number",
		Source:   "21 CFR 1301; DEA: registration number, check digit",
		Patterns: list("@@#######, @9#######"), Check: usDEA,
		Words: list("dea, dea number, dea no, dea registration, medical license, medical licence, drug enforcement, prescriber, prescription"),
	}}
}

// usMBI: letters are never S, L, O, I, B or Z, and the first digit is not zero.
func usMBI(s []byte) bool {
	return s[0] != '0' && !strings.ContainsAny(string(s), "SLOIBZ")
}

// usNPI is Luhn's sum with 80840, the prefix of health applications in the
// United States, in front. The first digit is 1 or 2; 0 is seen in filler
// numbers only.
func usNPI(s []byte) bool { return (luhnSum(s)+24)%10 == 0 }

// usDEA: kind of registrant, initial or 9, six digits, check digit.
func usDEA(s []byte) bool {
	return strings.IndexByte("ABCDEFGHJKLMPRSTUX", s[0]) >= 0 &&
		weighted(s[2:8], 1, 2, 1, 2, 1, 2)%10 == value(s[8])
}

// canadianForms are those of Canada.
func canadianForms() []Form {
	const source = "Employment and Social Development Canada: Social Insurance Registration; CRA: T4127"
	const words = "sin, social insurance number, social insurance, sin number, nas, numéro d assurance sociale, numero d assurance sociale, assurance sociale"
	return []Form{{
		Entity: "CA_SIN", Also: list("NATIONAL_ID"), Country: "CA", Name: "Social Insurance Number", Source: source,
		Patterns: list("#########"), Separators: " -", Written: list("### ### ###, ###-###-###"),
		// 0 and 8 begin no number of the register.
		Check: func(s []byte) bool { return s[0] != '0' && s[0] != '8' && luhn(s) }, Words: list(words),
	}, {
		Entity: "TAX_ID", Country: "CA", Name: "Individual, temporary or adoption tax number or SIN, as forms have it",
		Source: source, Patterns: list("#########"), Check: luhn, Words: list(words + ", itn, individual tax number, tax number, tin"),
	}, {
		Entity: "BUSINESS_ID", Country: "CA", Name: "Business Number",
		Source:     "CRA: RC2, The business number and your CRA program accounts",
		Patterns:   list("#########, #########RT####, #########RP####, #########RC####, #########RM####, #########RR####, #########RZ####"),
		Separators: " -",
		Written:    list("#########_@@####, #########_@@_####, #####_####_@@####, #####_####_@@_####, #####_####"),
		Check:      func(s []byte) bool { return s[0] >= '7' && luhn(s[:9]) || len(s) > 9 && luhn(s[:9]) },
		Words:      list("business number, bn, gst, hst, numéro d entreprise, numero d entreprise, cra program account"),
	}}
}
