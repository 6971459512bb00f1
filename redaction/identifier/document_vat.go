package identifier

import (
	"slices"
	"strings"
)

// vatForms are value added tax numbers and what states outside the European
// Union write in their place on invoices. A country has two forms: one with
// prefix and the check digits the state computes, which needs no word near it,
// and one of the shape alone: not every register applies its check digits to
// all numbers, and what stands beside the word VAT is as personal with a
// digit wrong.
func vatForms() []Form { return slices.Concat(checkedVAT(), shapedVAT()) }

// checkedVAT are numbers with prefix and check digits.
func checkedVAT() []Form {
	return []Form{
		vat("AT", "UID, BMF", austrianVAT, "ATU########"),
		vat("AU", "ABN, ABR", abn, "AU###########"),
		vat("BE", "numéro d'entreprise, AR of 24 June 2003", belgianVAT, "BE##########"),
		vat("BG", "ЕИК/ЕГН, НАП", bulgarianVAT, "BG#########", "BG##########"),
		vat("CH", "UID, UIDV SR 431.031", swissVAT, "CHE#########", "CHE#########MWST", "CHE#########TVA", "CHE#########IVA", "CHE#########VAT"),
		vat("CY", "Τμήμα Φορολογίας", cypriotVAT, "CY########@"),
		vat("CZ", "DIČ, zákon 235/2004 Sb.", czechVAT, "CZ########", "CZ#########", "CZ##########"),
		vat("DE", "USt-IdNr., BZSt; ISO/IEC 7064 MOD 11,10", func(s []byte) bool { return s[2] != '0' && mod11x10(s[2:]) }, "DE#########"),
		vat("DK", "CVR, Erhvervsstyrelsen", danishVAT, "DK########"),
		vat("EE", "KMKR, Maksu- ja Tolliamet", estonianVAT, "EE#########"),
		vat("EL", "ΑΦΜ, ΑΑΔΕ", greekVAT, "EL#########", "GR#########"),
		vat("GR", "ΑΦΜ, ΑΑΔΕ", greekVAT, "EL#########", "GR#########"),
		vat("ES", "NIF-IVA, Orden EHA/451/2008", spanishVAT, "ES*#######*"),
		vat("FI", "ALV-numero, Y-tunnus", finnishVAT, "FI########"),
		vat("FR", "numéro de TVA intracommunautaire, CGI art. 286 ter", frenchVAT, "FR**#########"),
		vat("GB", "VAT registration number, HMRC Notice 700", britishVAT, "GB#########", "GB############", "XI#########", "XI############"),
		vat("HR", "OIB, Zakon o osobnom identifikacijskom broju; ISO/IEC 7064 MOD 11,10", tailCheck(mod11x10), "HR###########"),
		vat("HU", "közösségi adószám, NAV", hungarianVAT, "HU########"),
		vat("IE", "VAT number, Revenue", irishVAT, "IE#######@", "IE#######@@", "IE#@#####@"),
		vat("IT", "partita IVA, DPR 633/1972", italianVAT, "IT###########"),
		vat("LT", "PVM mokėtojo kodas, VMI", lithuanianVAT, "LT#########", "LT############"),
		vat("LU", "numéro TVA, AED", func(s []byte) bool { return number(s[2:8])%89 == number(s[8:]) }, "LU########"),
		vat("LV", "PVN numurs, VID", latvianVAT, "LV###########"),
		vat("MT", "VAT number, Commissioner for Revenue", malteseVAT, "MT########"),
		vat("NL", "btw-id, Belastingdienst (eleven test or ISO/IEC 7064 MOD 97-10)", dutchVAT, "NL#########B##"),
		vat("NO", "organisasjonsnummer, Brønnøysundregistrene", func(s []byte) bool { return norwegianNumber(s[2:11]) }, "NO#########", "NO#########MVA"),
		vat("PL", "NIP, Dz.U. 1995 nr 142 poz. 702", polishVAT, "PL##########"),
		vat("PT", "NIF/NIPC, Autoridade Tributária", func(s []byte) bool { return portugueseVAT(s[2:]) }, "PT#########"),
		vat("RO", "cod de înregistrare fiscală, ANAF", romanianVAT, romanianShapes("RO")...),
		vat("SE", "momsregistreringsnummer, Skatteverket", func(s []byte) bool { return s[12] == '0' && luhn(s[2:12]) }, "SE##########0#"),
		vat("SI", "ID za DDV, FURS", slovenianVAT, "SI########"),
		vat("SK", "IČ DPH, zákon 222/2004 Z. z.", slovakVAT, "SK##########"),
		vat("IN", "GSTIN, CGST Rules 2017", func(s []byte) bool { return gstin(s) }, "##@@@@@####@*Z*"),
		bare(vat("CH", "UID, UIDV SR 431.031", swissVAT, "#########MWST", "#########TVA", "#########IVA", "#########")),
		bare(vat("AU", "ABN, ABR", abn, "###########")),
		bare(vat("PT", "NIF/NIPC, Autoridade Tributária", portugueseVAT, "#########")),
		bare(vat("NO", "organisasjonsnummer, Brønnøysundregistrene", func(s []byte) bool { return norwegianNumber(s[:9]) }, "#########MVA")),
		bare(vat("NZ", "IRD number, Inland Revenue", ird, "########", "NZ########")),
		bare(vat("AT", "UID, BMF", func(s []byte) bool { return austrianVAT(append([]byte("AT"), s...)) }, "U########")),
		bare(vat("GB", "VAT registration number, HMRC Notice 700", func(s []byte) bool { return britishVAT(append([]byte("GB"), s...)) }, "#########", "############")),
		bare(vat("FR", "numéro de TVA intracommunautaire, CGI art. 286 ter", func(s []byte) bool { return frenchVAT(append([]byte("FR"), s...)) }, "**#########")),
		bare(vat("BE", "numéro d'entreprise, AR of 24 June 2003", func(s []byte) bool { return belgianVAT(append([]byte("BE"), s...)) }, "##########")),
		bare(vat("NL", "btw-id, Belastingdienst", func(s []byte) bool { return dutchVAT(append([]byte("NL"), s...)) }, "#########B##")),
	}
}

// vat returns a form with prefix and check digits. Romania's is left out of
// those that need no word: it may have as few as two digits.
func vat(country, source string, check func([]byte) bool, patterns ...string) Form {
	return Form{
		Entity: "VAT_ID", Country: country, Name: "VAT number", Source: source, Patterns: patterns,
		Separators: " -.", Check: check, Words: vatWords(country), Self: country != "RO",
	}
}

// bare returns the form as one without prefix, which needs a word.
func bare(f Form) Form {
	f.Self = false
	return f
}

// shapedVAT are the shapes that Council Directive 2006/112/EC, article 215,
// VIES and the tax offices publish; the prefix may be missing.
func shapedVAT() []Form {
	var forms []Form
	for line := range strings.SplitSeq(vatShapes, "\n") {
		country, shapes, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		var patterns []string
		for p := range strings.SplitSeq(shapes, " ") {
			patterns = append(patterns, p, country+p)
		}
		forms = append(forms, shape(country, "", patterns...))
	}
	digitsTwoToTen := []string{}
	for n := 2; n <= 10; n++ {
		digitsTwoToTen = append(digitsTwoToTen, digits(n))
	}
	france := shape("FR", "", "FR**#########")
	france.CaseSensitive = true
	return append(forms, france,
		shape("DE", "", "#########"),
		shape("RO", "", slices.Concat(digitsTwoToTen, romanianShapes("RO"))...),
		apart("BR", "./-", nil, []string{"##.###.###/####-##", "###.###.###-##", "BR##.###.###/####-##", "BR###.###.###-##"},
			"##############", "###########", "BR##############", "BR###########"),
		apart("GB", " ", func(s []byte) bool { return string(s[9:11]) < "97" }, []string{"GB### #### ##"}, "GB#########"),
		apart("GB", " ", nil, []string{"GB######### ###", "GB### #### ## ###"}, "GB############"),
		shape("GB", "", "GBGD0##", "GBGD1##", "GBGD2##", "GBGD3##", "GBGD4##", "GBHA5##", "GBHA6##", "GBHA7##", "GBHA8##", "GBHA9##"),
		shape("CL", "-", "#########", "CL#########", "########K", "CL########K"),
		shape("DO", "-", "#########", "###########", "DO#########", "DO###########"),
		shape("GT", "-", "########", "GT########", "#######K", "GT#######K"),
		shape("ID", ".-", "###############", "ID###############", "################", "ID################"),
		shape("NG", "-", "############", "NG############"),
		shape("NI", "-", "#############@", "NI#############@"),
		shape("PH", " -", "############", "PH############"),
		shape("PL", "-", "##########", "PL##########"),
		shape("PY", "-", "#######", "########", "#########", "PY#######", "PY########", "PY#########"),
		shape("SV", "-", "##############", "SV##############"),
		shape("VE", "-", "J#########", "G#########", "V#########", "E#########", "P#########", "C#########"),
	)
}

// vatShapes are the shapes that are written without separators.
const vatShapes = `AL: *########@
AR: ###########
AT: U########
BE: ##########
BG: ######### ##########
BO: ####### ########## ########### ############
BY: #########
CA: ######### #########RT####
CO: ##########
CR: ######### ########## ########### ############
CY: ########*
CZ: ######## ######### ##########
DK: ########
EC: #############
EE: #########
EL: #########
GR: #########
GR: #########
ES: *#######@ @########
FI: ########
HR: ###########
HU: ########
IE: #######@ #######@@ #@#####@
IL: #########
IN: ###############
IS: ##### ######
IT: ###########
KZ: ############
LT: ######### ########## ########### ############
LU: ########
LV: ###########
MK: #############
MT: ########
MX: @@@######*** @@@@######***
NL: #########B##
NO: #########MVA
NZ: #########
PE: ###########
RS: #########
RU: ########## ############
SA: ###############
SE: ############
SI: ########
SK: ##########
SM: #####
TR: ##########
UA: ############ ########## #########
UY: ############
UZ: #########
KR: ##########
TH: #############
VN: ########## #############
GE: #########
MD: #######
ME: ########
BA: ############
AM: ########
AZ: ##########
KE: @#########@
ZA: 4#########`

// shape returns a form without check digits.
func shape(country, separators string, patterns ...string) Form {
	return Form{
		Entity: "VAT_ID", Country: country, Name: "VAT number", Source: "Council Directive 2006/112/EC, article 215; VIES; OECD tax identification numbers, " + country,
		Patterns: patterns, Separators: separators, Written: vatWritten(country), Words: vatWords(country),
	}
}

// apart returns a shape whose separators tell it from other numbers of its
// length.
func apart(country, separators string, check func([]byte) bool, written []string, patterns ...string) Form {
	f := shape(country, separators, patterns...)
	f.Apart, f.Written, f.Check = true, written, check
	return f
}

// vatWritten returns where the separators of a shape stand.
func vatWritten(country string) []string {
	var written []string
	for w := range strings.SplitSeq(map[string]string{
		"CL": "########-#|########-K",
		"DO": "###-#######-#|#-##-#####-#",
		"GT": "#######-#|#######-K",
		"ID": "##.###.###.#-###.###|##.###.###.#.###.###",
		"NG": "########-####",
		"NI": "###-######-####@",
		"PH": "### ### ### ###|###-###-###-###",
		"PL": "###-###-##-##|###-##-##-###",
		"PY": "######-#|#######-#|########-#",
		"SV": "####-######-###-#",
		"VE": "@-########-#|@-#########",
	}[country], "|") {
		if w != "" {
			written = append(written, w, country+w)
		}
	}
	return written
}

func romanianShapes(prefix string) []string {
	patterns := []string{}
	for n := 2; n <= 10; n++ {
		patterns = append(patterns, prefix+digits(n))
	}
	return patterns
}

// writtenAs reports whether text has the form of one of the patterns, in which
// separators stand for themselves.
func writtenAs(text string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, text, "") })
}

// vatWords are the words for the number, in the languages of the country.
func vatWords(country string) []string {
	words := []string{"vat", "vat id", "vat number", "vat no", "vat nr", "vat reg", "vat reg no", "vat registration", "vat registration number",
		"tax id", "tax number", "tin"}
	native := map[string]string{
		"AT": "uid|ust id|ust idnr|ustid|umsatzsteuer", "DE": "ust id|ust idnr|ustid|ustidnr|ust id nr|umsatzsteuer id|umsatzsteuer identifikationsnummer|umsatzsteueridentifikationsnummer|umsatzsteuer",
		"CH": "uid|mwst|mwst nr|tva|iva|ide", "AU": "abn|australian business number|gst", "BE": "btw|btw nr|btw nummer|tva|n tva|numero d entreprise|ondernemingsnummer|kbo|bce",
		"NL": "btw|btw id|btw nr|btw nummer|omzetbelasting", "FR": "tva|n tva|no tva|numero de tva|numéro de tva|tva intracommunautaire", "LU": "tva|n tva|numero tva|matricule",
		"ES": "iva|nif|nif iva|cif|numero de iva|vies", "PT": "iva|nif|nipc|contribuinte", "IT": "iva|p iva|piva|partita iva", "SM": "coe|partita iva",
		"DK": "moms|cvr|cvr nr|se nr|momsnr", "SE": "moms|momsnr|momsregistreringsnummer|vat nr|org nr", "NO": "mva|org nr|orgnr|organisasjonsnummer", "FI": "alv|alv nro|y tunnus|alv numero",
		"IS": "vsk|vsk nr|vsk numer", "EE": "kmkr|kmkr nr|kmkr number|kaibemaks|käibemaks", "LT": "pvm|pvm kodas|pvm moketojo kodas|pvm mokėtojo kodas", "LV": "pvn|pvn nr|pvn numurs",
		"PL": "nip|nip ue|vat ue|numer vat", "CZ": "dic|dič|dph", "SK": "ic dph|ič dph|dic|dič|dph", "HU": "adoszam|adószám|kozossegi adoszam|közösségi adószám|afa|áfa",
		"SI": "ddv|id za ddv|davcna|davčna|davcna stevilka|davčna številka", "HR": "oib|pdv|pdv id", "BG": "ддс|идент номер|еик|булстат|dds", "RO": "cui|cif|cod fiscal|tva|cod tva",
		"GR": "afm|αφμ|α φ μ|φπα|fpa", "EL": "afm|αφμ|α φ μ|φπα|fpa", "CY": "φπα|fpa|afm|αφμ", "MT": "vat no", "IE": "vat", "GB": "vat reg no|vat registration no",
		"RU": "инн|inn", "BY": "унп|unp", "UA": "пдв|ипн|іпн|edrpou|єдрпоу", "KZ": "бин|иин|bin|iin|ндс", "UZ": "инн|стир|stir|inn", "RS": "pib|пиб|pdv", "MK": "edb|едб|ддв", "AL": "nipt|nuis|tvsh",
		"TR": "vkn|vergi no|vergi numarasi|vergi numarası|kdv", "IL": "osek|עוסק מורשה|מעמ", "SA": "vat number|الرقم الضريبي|ضريبة القيمة المضافة", "IN": "gst|gstin|gst no|gst number", "ID": "npwp|nomor pokok wajib pajak",
		"NZ": "gst|gst number|ird|ird number", "CA": "gst|hst|gst hst|business number|bn|tps|tvh", "PH": "tin|bir", "NG": "tin|firs", "KE": "pin|kra pin",
		"BR": "cnpj|cpf|inscricao|inscrição", "AR": "cuit|cuil|iva", "CL": "rut", "CO": "nit|rut", "PE": "ruc", "EC": "ruc", "UY": "rut|ruc", "PY": "ruc", "VE": "rif", "MX": "rfc|iva", "GT": "nit", "SV": "nit|nrc",
		"NI": "ruc", "CR": "cedula juridica|cédula jurídica|nite", "DO": "rnc|cedula|cédula", "BO": "nit", "KR": "사업자등록번호", "TH": "เลขประจำตัวผู้เสียภาษี", "VN": "mst|ma so thue|mã số thuế",
	}[country]
	if native != "" {
		words = append(words, strings.Split(native, "|")...)
	}
	return words
}
