package identifier

import "strings"

// chineseForms are those of the People's Republic, Hong Kong, Macao and Taiwan.
func chineseForms() []Form {
	const words = "身份证, 身份证号, 身份证号码, 居民身份证, 公民身份号码, 身份證, 身份證號碼, id card, identity card, resident identity card, shenfenzheng"
	hkid := Form{
		Entity: "NATIONAL_ID", Country: "HK", Name: "香港身份證",
		Source:   "Registration of Persons Regulations, cap. 177A; Immigration Department",
		Patterns: list("@######*, @@######*"), Check: hkID,
		Words: list("hkid, hong kong identity card, identity card, id card, 身份證, 身份證號碼, 香港身份證"),
	}
	bracketed := hkid
	bracketed.Separators, bracketed.Apart, bracketed.Self = "()[]", true, true
	bracketed.Written = list("@######(*), @@######(*), @######[*], @@######[*]")
	return []Form{{
		Entity: "CN_RESIDENT_ID", Also: list("NATIONAL_ID"), Country: "CN", Name: "公民身份号码", Source: "GB 11643-1999",
		Patterns: list("#################*"), Separators: " ",
		Written: list("###### ######## ###*"), Check: cnResident, Self: true,
		Words: list(words),
	}, {
		Entity: "NATIONAL_ID", Country: "CN", Name: "居民身份证编号, fifteen digits", Source: "GB 11643-1989",
		Patterns: list("###############"), Check: func(s []byte) bool {
			return cnProvince(s) && isDate(1900+number(s[6:8]), number(s[8:10]), number(s[10:12]))
		}, Words: list(words),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "CN", Name: "统一社会信用代码", Source: "GB 32100-2015",
		Patterns: list("**######**********"), Check: cnCompany,
		Words: list("统一社会信用代码, 社会信用代码, 信用代码, 纳税人识别号, 税号, uscc, unified social credit code"),
	}, bracketed, hkid, {
		Entity: "NATIONAL_ID", Country: "MO", Name: "Bilhete de identidade de residente",
		Source: "Lei n.º 8/2002; DSI", Patterns: list("1#######, 5#######, 7#######"), Separators: "()/",
		Written: list("#######(#), #/######/#, #######/#"), Words: list("bilhete de identidade, macau id, macao id, 澳門居民身份證, 身份證"),
	}, {
		Entity: "NATIONAL_ID", Country: "TW", Name: "國民身分證統一編號, 居留證統一證號", Source: "戶籍法; 內政部: 國民身分證統一編號, and of 2021 for residents",
		Patterns: list("@1########, @2########, @8########, @9########, @A########, @B########, @C########, @D########"),
		Check:    twPersonal,
		Words:    list("身分證, 身份證, 身分證字號, 身份證字號, 統一編號, 統一證號, 居留證, national id, id card, arc, ui number"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "TW", Name: "營利事業統一編號",
		Source: "財政部: 統一編號檢查碼 of April 2023", Patterns: list("########"),
		Check: twCompany, Words: list("統一編號, 統編, ubn, vat number, uniform number, tax id"),
	}}
}

// cnProvince reports whether the number begins with a province: those of GB/T
// 2260, with Taiwan, Hong Kong and Macao, 83 for Taiwan's residence permits
// and 91 for foreigners.
func cnProvince(s []byte) bool {
	return oneOf(s, "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 91")
}

// cnResident: place, date of birth, serial, check character.
func cnResident(s []byte) bool {
	return cnProvince(s) && isYYYYMMDD(s[6:]) && mod11x2(s)
}

// cnCompany: the weights are powers of three, the alphabet has no I, O, S, V
// and Z.
func cnCompany(s []byte) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum, weight := 0, 1
	for _, c := range s[:17] {
		i := strings.IndexByte(alphabet, c)
		if i < 0 {
			return false
		}
		sum += i * weight
		weight = weight * 3 % 31
	}
	return (cnProvince(s[2:]) || string(s[2:4]) == "10") && alphabet[(31-sum%31)%31] == s[17]
}

// hkID: one or two letters, six digits, check character. The letters count
// from A = 10 on, and a missing one as 36.
func hkID(s []byte) bool {
	sum := 0
	if len(s) == 8 {
		sum = 36 * 9
	}
	last := len(s) - 1
	for i, c := range s[:last] {
		sum += value(c) * (last + 1 - i)
	}
	return s[last] == "0123456789A"[(11-sum%11)%11]
}

// twPersonal: county or city, sex or kind of resident, serial, check digit.
// The letters stand for the two digits of a table; of a second letter, which
// residents had until 2021, the last one counts.
func twPersonal(s []byte) bool {
	const order = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
	n := strings.IndexByte(order, s[0]) + 10
	second := value(s[1])
	if isLetter(s[1]) {
		second = strings.IndexByte(order, s[1]) % 10
	}
	sum := n/10 + n%10*9 + second*8 + weighted(s[2:], 7, 6, 5, 4, 3, 2, 1, 1)
	return sum%10 == 0
}

// twCompany: a sum of the digits of products that five divides; where the
// seventh digit is 7, one more will do.
func twCompany(s []byte) bool {
	sum := crossSum(s, 1, 2, 1, 2, 1, 2, 4, 1)
	return number(s) > 0 && (sum%5 == 0 || s[6] == '7' && (sum+1)%5 == 0)
}
