package identifier

import "strings"

// tailCheck applies a check to what follows the two letters of the prefix.
func tailCheck(check func([]byte) bool) func([]byte) bool {
	return func(s []byte) bool { return check(s[2:]) }
}

// austrianVAT: ATU, seven digits and a check digit, (96 − S) mod 10, where S
// sums the digits with weights 1 and 2 and takes cross sums.
func austrianVAT(s []byte) bool {
	return (96-crossSum(s[3:], 1, 2, 1, 2, 1, 2, 1))%10 == int(s[10]-'0')
}

// abn subtracts one from the first digit; the weighted sum is a multiple of 89.
func abn(s []byte) bool {
	d := s[len(s)-11:]
	return d[0] != '0' && (weighted(d, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

// belgianVAT begins with 0 or 1; the last two digits are 97 − n mod 97.
func belgianVAT(s []byte) bool { return s[2] <= '1' && 97-number(s[2:10])%97 == number(s[10:]) }

// bulgarianVAT is a company's number of nine digits, or one of ten: a
// person's, with a date, a foreigner's or another's.
func bulgarianVAT(s []byte) bool {
	d := s[2:]
	if len(d) == 9 {
		r := weighted(d, 1, 2, 3, 4, 5, 6, 7, 8) % 11
		if r == 10 {
			r = weighted(d, 3, 4, 5, 6, 7, 8, 9, 10) % 11 % 10
		}
		return r == value(d[8])
	}
	check := value(d[9])
	return weighted(d, 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == check || weighted(d, 21, 19, 17, 13, 11, 9, 7, 3, 1)%10 == check ||
		(11-weighted(d, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == check
}

// swissVAT looks for the nine digits of the UID behind CHE; the rest modulo 11
// of no valid number is one.
func swissVAT(s []byte) bool {
	if s[0] == 'C' {
		s = s[3:]
	}
	return (11-weighted(s, 5, 4, 3, 2, 7, 6, 5, 4)%11)%11 == value(s[8])
}

// cypriotVAT replaces digits in odd places by the table of the tax office; 12
// begins no number.
func cypriotVAT(s []byte) bool {
	d := s[2:]
	odd := [10]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := 0
	for i, c := range d[:8] {
		if i%2 == 0 {
			sum += odd[c-'0']
		} else {
			sum += int(c - '0')
		}
	}
	return string(d[:2]) != "12" && byte('A'+sum%26) == d[8]
}

// czechVAT is a company's number of eight digits or a person's birth number.
func czechVAT(s []byte) bool {
	d := s[2:]
	switch {
	case len(d) == 8:
		return d[0] != '9' && (11-weighted(d, 8, 7, 6, 5, 4, 3, 2)%11)%10 == value(d[7])
	case len(d) == 9 && d[0] == '6': // people without a birth number
		c := 8 - (10-weighted(d[1:], 8, 7, 6, 5, 4, 3, 2)%11)%11
		return ((c+10)%10) == value(d[8]) || czechBirth(d)
	}
	return czechBirth(d)
}

// czechBirth reads the date of a birth number, to the month of which 20, 50 or
// 70 may be added, and from 1954 on the remainder by 11.
func czechBirth(d []byte) bool {
	year, month := number(d[:2]), number(d[2:4])%50
	if month > 20 {
		month -= 20
	}
	if !isShortDate(year, month, number(d[4:6])) {
		return false
	}
	return len(d) == 9 && year < 54 || len(d) == 10 && number(d[:9])%11%10 == value(d[9])
}

// danishVAT does not begin with 0; its weighted sum is a multiple of 11.
func danishVAT(s []byte) bool { return s[2] != '0' && weighted(s[2:], 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 }

func estonianVAT(s []byte) bool { return weighted(s[2:], 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 }

// greekVAT has the sum with weights 256 to 2, modulo 11 and 10, at its end.
func greekVAT(s []byte) bool {
	d := s[2:]
	return weighted(d, 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == value(d[8]) && number(d) != 0
}

// spanishVAT is the NIF of a person (eight digits, or X, Y or Z for the first,
// and a letter modulo 23) or of an entity (letter, seven digits, check).
func spanishVAT(s []byte) bool {
	const letters = "TRWAGMYFPDXBNJZSQVHLCKE"
	d := s[2:]
	switch {
	case isDigit(d[0]):
		return letters[number(d[:8])%23] == d[8]
	case 'X' <= d[0] && d[0] <= 'Z':
		return letters[(int(d[0]-'X')*10000000+number(d[1:8]))%23] == d[8]
	case d[0] == 'K' || d[0] == 'L' || d[0] == 'M':
		return letters[number(d[1:8])%23] == d[8] || spanishEntity(d)
	}
	return spanishEntity(d)
}

// spanishEntity checks the digit or letter of an entity; its kind says which.
func spanishEntity(d []byte) bool {
	if strings.IndexByte("ABCDEFGHJKLMNPQRSUVW", d[0]) < 0 {
		return false
	}
	c := (10 - crossSum(d[1:], 2, 1, 2, 1, 2, 1, 2)%10) % 10
	digit, letter := byte('0'+c), "JABCDEFGHI"[c]
	switch {
	case strings.IndexByte("NPQRSW", d[0]) >= 0:
		return d[8] == letter
	case strings.IndexByte("ABEH", d[0]) >= 0:
		return d[8] == digit
	}
	return d[8] == digit || d[8] == letter
}

func finnishVAT(s []byte) bool {
	r := weighted(s[2:], 7, 9, 10, 5, 8, 4, 2) % 11
	return r != 1 && (11-r)%11 == value(s[9])
}

// frenchVAT is a key before a SIREN. A key of digits is (12 + 3·SIREN) mod 97;
// one with a letter follows the new scheme modulo 11. Monaco's numbers, which
// begin with 000, have no valid SIREN.
func frenchVAT(s []byte) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	key, siren := s[2:4], s[4:]
	if !luhn(siren) && string(siren[:3]) != "000" {
		return false
	}
	n := number(siren)
	if allDigits(key) {
		return (12+3*(n%97))%97 == number(key)
	}
	first, second := strings.IndexByte(alphabet, key[0]), strings.IndexByte(alphabet, key[1])
	if first < 0 || second < 0 {
		return false
	}
	c := first*34 + second - 100
	if first < 10 {
		c = first*24 + second - 10
	}
	return (n+1+c/11)%11 == c%11
}

// britishVAT has weights 8 to 2 and two check digits that make a multiple of
// 97, since 2010 also with 55 added; a group of three may follow.
func britishVAT(s []byte) bool {
	d := s[2:]
	sum := weighted(d, 8, 7, 6, 5, 4, 3, 2, 10, 1)
	return number(d[:7]) >= 1 && number(d[7:9]) < 97 && (sum%97 == 0 || (sum+55)%97 == 0)
}

func hungarianVAT(s []byte) bool {
	return weighted(s[2:], 9, 7, 3, 1, 9, 7, 3, 1)%10 == 0 && s[2] != '0'
}

// irishVAT has a letter modulo 23; a second letter counts nine times. In the
// old form the second character stands for a first digit of 0 that moved.
func irishVAT(s []byte) bool {
	const letters = "WABCDEFGHIJKLMNOPQRSTUV"
	d := s[2:]
	if isLetter(d[1]) {
		return letters[(weighted(d[2:7], 7, 6, 5, 4, 3)+2*value(d[0]))%23] == d[7]
	}
	sum := weighted(d, 8, 7, 6, 5, 4, 3, 2)
	if len(d) == 9 && d[8] != 'W' {
		sum += 9 * int(d[8]-'A'+1)
	}
	return letters[sum%23] == d[7]
}

// italianVAT has the tax office in places eight to ten and a Luhn sum.
func italianVAT(s []byte) bool {
	d := s[2:]
	office := number(d[7:10])
	return number(d[:7]) > 0 && (1 <= office && office <= 100 || office == 120 || office == 121 || office == 888 || office == 999) && luhn(d)
}

// lithuanianVAT has a 1 before its check digit, or, of twelve digits, two places
// before the end; a remainder of ten is computed again with shifted weights.
func lithuanianVAT(s []byte) bool {
	d := s[2:]
	last := len(d) - 1
	if d[last-1] != '1' {
		return false
	}
	first, second := 0, 0
	for i, c := range d[:last] {
		first += int(c-'0') * (1 + i%9)
		second += int(c-'0') * (1 + (i+2)%9)
	}
	r := first % 11
	if r == 10 {
		r = second % 11 % 10
	}
	return r == value(d[last])
}

// latvianVAT is a company's number, which begins with a digit over 3, or a
// personal code.
func latvianVAT(s []byte) bool {
	d := s[2:]
	if d[0] > '3' {
		return weighted(d, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)%11 == 3
	}
	if d[0] == '3' && d[1] >= '2' {
		return true // codes issued since July 2017 have no date and no sum
	}
	return isShortDate(number(d[4:6]), number(d[2:4]), number(d[:2])) && (1+weighted(d, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9))%11%10 == value(d[10])
}

func malteseVAT(s []byte) bool {
	return number(s[2:8]) >= 100000 && weighted(s[2:], 3, 4, 6, 7, 8, 9, 10, 1)%37 == 0
}

// dutchVAT passes the eleven test of the number it was made of, or, for sole
// traders since 2020, MOD 97-10 over the whole.
func dutchVAT(s []byte) bool {
	d := s[2:]
	r := weighted(d, 9, 8, 7, 6, 5, 4, 3, 2) % 11
	return number(d[10:]) > 0 && (r == value(d[8]) && number(d[:9]) > 0 || mod97x10(s))
}

// norwegianNumber checks the nine digits of an organisation.
func norwegianNumber(d []byte) bool {
	return d[0] >= '8' && (11-weighted(d, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == value(d[8])
}

func polishVAT(s []byte) bool { return weighted(s[2:], 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == value(s[11]) }

// portugueseVAT checks nine digits; remainders of ten and eleven write 0.
func portugueseVAT(d []byte) bool {
	c := 11 - weighted(d, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if c > 9 {
		c = 0
	}
	return d[0] != '0' && c == value(d[8])
}

// romanianVAT aligns the weights with the end: ten times the sum, modulo 11.
func romanianVAT(s []byte) bool {
	d := s[2:]
	weights := []int{7, 5, 3, 2, 1, 7, 5, 3, 2}
	return d[0] != '0' && 10*weighted(d[:len(d)-1], weights[len(weights)-len(d)+1:]...)%11%10 == value(d[len(d)-1])
}

func slovenianVAT(s []byte) bool {
	r := 11 - weighted(s[2:], 8, 7, 6, 5, 4, 3, 2)%11
	return s[2] != '0' && r != 11 && r%10 == value(s[9])
}

// slovakVAT is a multiple of 11 with 2, 3, 4, 7, 8 or 9 in third place.
func slovakVAT(s []byte) bool {
	return s[2] != '0' && strings.IndexByte("234789", s[4]) >= 0 && number(s[2:])%11 == 0
}

// ird checks the eight digits of an old number of New Zealand's revenue; a
// check of ten is computed again with other weights.
func ird(s []byte) bool {
	d := s[len(s)-8:]
	c := (11 - weighted(d, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	if c == 10 {
		c = (11 - weighted(d, 4, 3, 2, 5, 2, 7, 6)%11) % 11
	}
	return number(d) >= 10000000 && c == value(d[7])
}

// gstin has the state, the permanent account number, its running number, Z and
// a check character modulo 36.
func gstin(s []byte) bool {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	sum := 0
	for i, c := range s[:14] {
		p := value(c) * (1 + i%2)
		sum += p/36 + p%36
	}
	state := number(s[:2])
	return (1 <= state && state <= 38 || state == 97 || state == 99) && alphabet[(36-sum%36)%36] == s[14]
}
