package identifier

import "strings"

// southEastAsianForms are those of the member states of ASEAN.
func southEastAsianForms() []Form {
	return []Form{{
		Entity: "SG_NRIC_FIN", Also: list("NATIONAL_ID, TAX_ID"), Country: "SG", Name: "NRIC, FIN",
		Source:   "National Registration Regulations; ICA: NRIC and FIN, and the M series of 2022",
		Patterns: list("S#######@, T#######@, F#######@, G#######@, M#######@"), Check: sgNRIC, Self: true,
		Words: list("nric, fin, nric number, nric no, fin number, foreign identification number, identity card, ic number, singapore id"),
	}, {
		Entity: "BUSINESS_ID", Country: "SG", Name: "Unique Entity Number",
		Source:   "ACRA: Unique Entity Number",
		Patterns: list("########@, 19#######@, 20#######@, T##@@####@, S##@@####@, R##@@####@"), Check: sgUEN,
		Words: list("uen, unique entity number, acra, company registration number, gst reg no, roc"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "MY", Name: "MyKad, NRIC",
		Source: "National Registration Regulations 1990; JPN: place codes", Patterns: list("############"),
		Separators: "- ",
		Written:    list("######_##_####"), Check: myKad,
		Words: list("mykad, nric, kad pengenalan, no kp, nombor kad pengenalan, ic number, ic no, my kad, identity card"),
	}, {
		Entity: "NATIONAL_ID", Also: list("TAX_ID"), Country: "ID", Name: "Nomor Induk Kependudukan",
		Source: "UU 24/2013; Dukcapil: NIK", Patterns: list("################"), Separators: " .",
		Written: list("#### #### #### ####, ######_######_####, ##.####.######.####"), Check: idNIK,
		Words: list("nik, ktp, nomor induk kependudukan, no ktp, no nik, e ktp, kartu tanda penduduk"),
	}, {
		Entity: "TAX_ID", Country: "ID", Name: "Nomor Pokok Wajib Pajak",
		Source: "PER-20/PJ/2013; DJP", Patterns: list("###############"), Separators: ".- ",
		Written: list("##.###.###.#-###.###, ##.###.###.# ###.###"),
		Check:   func(s []byte) bool { return luhn(s[:9]) && number(s[:9]) > 0 },
		Words:   list("npwp, nomor pokok wajib pajak, tax id"),
	}, {
		Entity: "PH_TIN", Also: list("TAX_ID"), Country: "PH", Name: "Taxpayer Identification Number with branch code",
		Source: "NIRC § 236; BIR RMO 37-2019", Patterns: list("############, ##############"), Separators: "- ",
		Written: list("###_###_###_###, ###_###_###_#####, ###-###-###-#####"), Check: phTIN,
		Words: list("tin, tax identification number, taxpayer identification number, tin number, tin no, taxpayer"),
	}, {
		Entity: "PH_TIN", Also: list("TAX_ID"), Country: "PH", Name: "Taxpayer Identification Number",
		Source: "NIRC § 236; BIR RMO 37-2019", Patterns: list("#########"), Separators: "- ", Apart: true,
		Written: list("###-###-###"), Check: phTIN,
		Words: list("tin, tax identification number, taxpayer identification number, tin number, tin no"),
	}, {
		Entity: "NATIONAL_ID", Country: "PH", Name: "PhilSys Card Number",
		Source: "Republic Act 11055; PSA: PCN of 16 digits", Patterns: list("################"), Separators: "- ",
		Written: list("####_####_####_####"),
		Words:   list("philsys, pcn, philsys card number, philsys number, philid, national id"),
	}, {
		Entity: "TH_TNIN", Also: list("NATIONAL_ID, TAX_ID"), Country: "TH", Name: "เลขประจำตัวประชาชน",
		Source:   "พระราชบัญญัติการทะเบียนราษฎร พ.ศ. 2534; Department of Provincial Administration; ISO 3166-2:TH",
		Patterns: list("#############"), Separators: "- ",
		Written: list("#_####_#####_##_#, #_####_#####_###"), Check: every(thProvince, thCheck),
		Words: list("เลขประจำตัวประชาชน, บัตรประชาชน, เลขบัตรประชาชน, เลขบัตร, tnin, pin, thai id, thai national id, national id, citizen id, id number, thai identification number"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "TH",
		Name:   "เลขประจำตัวผู้เสียภาษีอากร of juristic persons",
		Source: "Revenue Department; Department of Business Development", Patterns: list("0############"),
		Separators: "- ",
		Written:    list("#_####_#####_##_#"), Check: thCheck, Words: list("เลขประจำตัวผู้เสียภาษี, tax id, tin, เลขทะเบียนนิติบุคคล"),
	}, {
		Entity: "NATIONAL_ID", Country: "VN", Name: "Số định danh cá nhân (CCCD)",
		Source: "Nghị định 137/2015/NĐ-CP; Thông tư 59/2021/TT-BCA", Patterns: list("0###########"), Separators: " ",
		Written: list("### ### ### ###, #### #### ####"),
		Check:   func(s []byte) bool { p := number(s[:3]); return 1 <= p && p <= 96 && s[3] <= '9' },
		Words:   list("cccd, cmnd, căn cước công dân, can cuoc cong dan, số định danh, chứng minh nhân dân, citizen identity card"),
	}, {
		Entity: "TAX_ID", Also: list("BUSINESS_ID"), Country: "VN", Name: "Mã số thuế",
		Source: "Thông tư 105/2020/TT-BTC", Patterns: list("##########, #############"), Separators: "- ",
		Written: list("##########-###, ########## ###"),
		Check:   func(s []byte) bool { return 10-weighted(s[:9], 31, 29, 23, 19, 17, 13, 7, 5, 3)%11 == value(s[9]) },
		Words:   list("mã số thuế, ma so thue, mst, tax code, tax id"),
	}}
}

// sgNRIC: series, seven digits, check letter, whose table differs by series.
func sgNRIC(s []byte) bool {
	sum := weighted(s[1:8], 2, 7, 6, 5, 4, 3, 2)
	switch s[0] {
	case 'S':
		return s[8] == "JZIHGFEDCBA"[sum%11]
	case 'T':
		return s[8] == "JZIHGFEDCBA"[(sum+4)%11]
	case 'F':
		return s[8] == "XWUTRQPNMLK"[sum%11]
	case 'G':
		return s[8] == "XWUTRQPNMLK"[(sum+4)%11]
	}
	return s[8] == "XWUTRQPNJLK"[(sum+3)%11]
}

// sgUEN: businesses have eight digits and a check letter, companies nine, all
// others a year, two letters for the kind and four digits.
func sgUEN(s []byte) bool {
	last := len(s) - 1
	switch {
	case last == 8:
		return s[8] == "XMKECAWLJDB"[weighted(s[:8], 10, 4, 9, 3, 8, 2, 7, 1)%11]
	case isDigit(s[0]):
		return s[9] == "ZKCMDNERGWH"[weighted(s[:9], 10, 8, 6, 4, 9, 7, 5, 3, 1)%11]
	}
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
	sum := -5
	for i, w := range [...]int{4, 3, 5, 3, 10, 2, 2, 5, 7} {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			return false
		}
		sum += w * v
	}
	return s[9] == alphabet[(sum+11)%11]
}

// myKad: date of birth, state or country of birth, serial.
func myKad(s []byte) bool {
	place := number(s[6:8])
	return isYYMMDD(s) && (1 <= place && place <= 16 || 21 <= place && place <= 68 || 71 <= place && place <= 79 ||
		82 <= place && place <= 93 || 98 <= place)
}

// idNIK: province, regency, district, date of birth with 40 added to the day
// for women, serial.
func idNIK(s []byte) bool {
	province, day := number(s[:2]), number(s[6:8])
	if day > 40 {
		day -= 40
	}
	return 11 <= province && province <= 97 && number(s[2:4]) > 0 && number(s[4:6]) > 0 &&
		isShortDate(number(s[10:12]), number(s[8:10]), day) && number(s[12:]) > 0
}

// phTIN refuses numbers of which nothing but the first group is given.
func phTIN(s []byte) bool { return number(s[3:9]) > 0 }

// thProvince: the first digit is the kind of person, the next two the
// province of registration.
func thProvince(s []byte) bool {
	p := number(s[1:3])
	return '1' <= s[0] && s[0] <= '8' && (10 <= p && p <= 27 || 30 <= p && p <= 58 || 60 <= p && p <= 67 ||
		70 <= p && p <= 77 || 80 <= p && p <= 86 || 90 <= p && p <= 96)
}

func thCheck(s []byte) bool {
	return (11-weighted(s[:12], 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == value(s[12])
}
