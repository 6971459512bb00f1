package identifier

// africanForms are those of the states of Africa.
func africanForms() []Form {
	return []Form{{
		Entity: "ZA_ID_NUMBER", Also: list("NATIONAL_ID"), Country: "ZA", Name: "Identity number",
		Source:   "Identification Act 68 of 1997; Department of Home Affairs",
		Patterns: list("#############"), Separators: " ",
		Written: list("###### #### ## #, ###### #### ###, ###### #### # # #"), Check: zaID,
		Words: list("id number, identity number, south african id, sa id, rsa id, id no, identiteitsnommer, id nommer, national id"),
	}, {
		Entity: "TAX_ID", Country: "ZA", Name: "Income tax reference number",
		Source:   "SARS: External Guide, tax reference number modulus 10",
		Patterns: list("0#########, 1#########, 2#########, 3#########, 9#########"), Check: luhn,
		Words: list("income tax reference, tax reference number, income tax number, sars, tax number"),
	}, {
		Entity: "NG_NIN", Also: list("NATIONAL_ID"), Country: "NG", Name: "National Identification Number",
		Source:   "NIMC Act 2007; the last digit by Verhoeff's scheme",
		Patterns: list("###########"), Separators: " -",
		Written: list("###_####_####, ####_###_####"), Check: every(verhoeff, differing),
		Words: list("nin, national identification number, national identity number, nimc, nin number, nin slip"),
	}, {
		Entity: "NATIONAL_ID", Country: "EG", Name: "الرقم القومي",
		Source:   "Civil Status Law 143 of 1994: century, date of birth, governorate, serial, check digit",
		Patterns: list("2#############, 3#############"), Check: egNational,
		Words: list("الرقم القومي, رقم قومي, بطاقة, national id, raqm qawmi, egyptian id"),
	}, {
		Entity: "NATIONAL_ID", Country: "LY", Name: "الرقم الوطني",
		Source:   "Law 8 of 2014 on the national number: sex, year of birth, serial",
		Patterns: list("119#########, 120#########, 219#########, 220#########"),
		Words:    list("الرقم الوطني, national number, nin, national id, libyan id"),
	}, {
		Entity: "NATIONAL_ID", Country: "TN", Name: "Carte d'identité nationale", Source: "Loi n° 93-27 of 22 March 1993: eight digits",
		Patterns: list("########"),
		Words:    list("cin, carte d identité, carte d identite, carte nationale, بطاقة التعريف, رقم بطاقة التعريف, identity card, national id"),
	}, {
		Entity: "NATIONAL_ID", Country: "MZ", Name: "Bilhete de identidade", Source: "Decreto n.º 11/2008: twelve digits and a letter",
		Patterns: list("############@"), Words: list("bi, bilhete de identidade, número do bi, numero do bi, identity card"),
	}, {
		Entity: "NATIONAL_ID", Country: "MA", Name: "Carte nationale d'identité électronique", Source: "Loi 04-20; DGSN",
		Patterns: list("@#####, @######, @@####, @@#####, @@######"),
		Words:    list("cin, cnie, carte nationale, carte d identité nationale, البطاقة الوطنية, رقم البطاقة"),
	}, {
		Entity: "NATIONAL_ID", Country: "DZ", Name: "Numéro d'identification national",
		Source: "Décret exécutif 10-210: 18 digits", Patterns: list("##################"),
		Words: list("nin, numéro d identification national, numero d identification national, الرقم التعريفي الوطني"),
	}, {
		Entity: "TAX_ID", Country: "KE", Name: "KRA PIN",
		Source: "Tax Procedures Act 2015: A or P, nine digits, letter", Patterns: list("A#########@, P#########@"),
		Words: list("kra, kra pin, pin, pin number, tax pin"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "GH", Name: "Ghana Card PIN",
		Source: "National Identification Authority: Personal Identification Number", Patterns: list("GHA##########"),
		Separators: "- ",
		Written:    list("GHA_#########_#"), Self: true, Words: list("ghana card, nia, personal identification number, tin"),
	}, {
		Entity: "NATIONAL_ID", Country: "MU", Name: "National identity number",
		Source:   "National Identity Card Act 1985: initial, date of birth, serial, check character",
		Patterns: list("@############*"), Check: muNID,
		Words: list("nic, national identity card, nid, national id"),
	}, {
		Entity: "NATIONAL_ID", Country: "ZW", Name: "National registration number",
		Source:   "National Registration Act: district, serial, check letter, district of origin",
		Patterns: list("########@##, #########@##"), Separators: "- ",
		Written: list("##-######@##, ##-#######@##, ##-######_@_##, ##-#######_@_##, ## ###### @ ##, ## ####### @ ##"),
		Check:   zwID,
		Words:   list("national id, id number, national registration number, zimbabwe id"),
	}}
}

// zaID: date of birth, serial with the sex, citizenship (2 for refugees), a
// digit that meant race until 1986 and is 8 or 9 since, check digit.
func zaID(s []byte) bool { return isYYMMDD(s) && s[10] <= '2' && luhn(s) }

// egNational: the governorates are 01 to 35, and 88 for births abroad.
func egNational(s []byte) bool {
	g := number(s[7:9])
	return isDate(1700+100*value(s[0])+number(s[1:3]), number(s[3:5]), number(s[5:7])) && (1 <= g && g <= 35 || g == 88)
}

// muNID: the check character counts all before it with weights from 14 on.
func muNID(s []byte) bool {
	sum := 0
	for i, c := range s[:13] {
		sum += value(c) * (14 - i)
	}
	return isShortDate(number(s[5:7]), number(s[3:5]), number(s[1:3])) && (17-sum%17)%17 == value(s[13])
}

// zwID: the letter is the remainder of the number by 23.
func zwID(s []byte) bool {
	n := len(s) - 3
	return "ZABCDEFGHJKLMNPQRSTVWXY"[number(s[:n])%23] == s[n]
}
