package identifier

// Arithmetic that several identifiers share. All functions expect upper-case
// letters and digits alone, as Form.Check is promised.

// value returns what a character counts: digits themselves, letters A = 10 to
// Z = 35 (ISO/IEC 7064, ICAO Doc 9303).
func value(c byte) int {
	if c >= 'A' {
		return int(c-'A') + 10
	}
	return int(c - '0')
}

// isDigit and isLetter tell the two kinds of characters apart.
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' }

// number returns the decimal number that the digits write; at most 18 of them.
func number(s []byte) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// remainder returns the number that s writes, modulo m. Letters stand for two
// digits, 10 to 35, as in ISO 13616.
func remainder(s []byte, m int) int {
	n := 0
	for _, c := range s {
		if v := value(c); v > 9 {
			n = (n*100 + v) % m
		} else {
			n = (n*10 + v) % m
		}
	}
	return n
}

// weighted returns the sum of the values of s, each times its weight. The
// shorter of the two decides how many are counted.
func weighted(s []byte, weights ...int) int {
	sum := 0
	for i := range min(len(s), len(weights)) {
		sum += value(s[i]) * weights[i]
	}
	return sum
}

// crossSum returns the sum of the values of s, each times its weight, where of
// every product the sum of its decimal digits counts.
func crossSum(s []byte, weights ...int) int {
	sum := 0
	for i, w := range weights[:min(len(s), len(weights))] {
		for p := value(s[i]) * w; p > 0; p /= 10 {
			sum += p % 10
		}
	}
	return sum
}

// luhnSum returns the sum of ISO/IEC 7812-1, annex B, over digits of which the
// last is the check digit: a valid number has a multiple of ten.
func luhnSum(s []byte) int {
	sum := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d = d*2%10 + d*2/10
		}
		sum += d
	}
	return sum
}

// luhn reports whether the last digit is right by ISO/IEC 7812-1, annex B.
func luhn(s []byte) bool { return luhnSum(s)%10 == 0 }

// verhoeffProduct is the multiplication of the dihedral group D5.
func verhoeffProduct(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b+5)%5
	default:
		return (a - b + 5) % 5
	}
}

// verhoeff reports whether the last digit is right by J. Verhoeff, Error
// detecting decimal codes (1969).
func verhoeff(s []byte) bool {
	const permutation = "1576283094"
	c := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			d = int(permutation[d] - '0')
		}
		c = verhoeffProduct(c, d)
	}
	return c == 0
}

// mod11x2 reports whether the last character is right by ISO/IEC 7064 MOD
// 11-2, in which X stands for ten, as the last character alone.
func mod11x2(s []byte) bool {
	p, last := 0, len(s)-1
	for _, c := range s[:last] {
		p = (p + int(c-'0')) * 2 % 11
	}
	if s[last] == 'X' {
		return (p+10)%11 == 1
	}
	return isDigit(s[last]) && (p+int(s[last]-'0'))%11 == 1
}

// mod97x10 is ISO/IEC 7064 MOD 97-10: two check digits at the end, letters
// counting as two digits.
func mod97x10(s []byte) bool { return remainder(s, 97) == 1 }

// mod11x10 reports whether the last digit is right by ISO/IEC 7064 MOD 11,10.
func mod11x10(s []byte) bool {
	p, last := 10, len(s)-1
	for _, c := range s[:last] {
		p = (p + int(c-'0')) % 10
		if p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return (p+int(s[last]-'0'))%10 == 1
}

// allSame reports whether s is one character repeated.
func allSame(s []byte) bool {
	for _, c := range s {
		if c != s[0] {
			return false
		}
	}
	return true
}

// daysIn returns the length of a month; 0 for a month that does not exist.
func daysIn(year, month int) int {
	switch month {
	case 1, 3, 5, 7, 8, 10, 12:
		return 31
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 0
}

// isDate reports whether the Gregorian calendar has the day.
func isDate(year, month, day int) bool { return 1 <= day && day <= daysIn(year, month) }

// isShortDate reports whether the day exists in the year yy of any of the
// centuries 1800, 1900 and 2000: what has no mark for the century.
func isShortDate(yy, month, day int) bool {
	return isDate(1800+yy, month, day) || isDate(2000+yy, month, day)
}

// isYYMMDD and isYYYYMMDD read a day from the front of s; the latter takes
// years from 1800 to 2099.
func isYYMMDD(s []byte) bool { return isShortDate(number(s[:2]), number(s[2:4]), number(s[4:6])) }

func isYYYYMMDD(s []byte) bool {
	y := number(s[:4])
	return 1800 <= y && y <= 2099 && isDate(y, number(s[4:6]), number(s[6:8]))
}
