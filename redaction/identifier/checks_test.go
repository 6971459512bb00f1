package identifier

import (
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The second implementations here follow the standards another way than
// checks.go does: tables where that computes, big numbers where that reduces
// step by step.

// verhoeffTables are the multiplication and permutation as published.
var verhoeffTables = struct{ d, p [][]int }{
	d: [][]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
		{3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
		{6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
		{9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	},
	p: [][]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
		{8, 9, 1, 6, 0, 4, 3, 5, 2, 7}, {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
		{2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
	},
}

func verhoeffByTable(s string) bool {
	c := 0
	for i := range len(s) {
		c = verhoeffTables.d[c][verhoeffTables.p[i%8][s[len(s)-1-i]-'0']]
	}
	return c == 0
}

// luhnBySum adds the digits of doubled digits, from the left.
func luhnBySum(s string) bool {
	sum := 0
	for i, c := range s {
		d := int(c - '0')
		if (len(s)-i)%2 == 0 {
			d = []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[d]
		}
		sum += d
	}
	return sum%10 == 0
}

// polynomial is a pure system of ISO/IEC 7064: the sum of all characters times
// the powers of the radix is one, modulo m.
func polynomial(radix, m int64) func(string) bool {
	return func(s string) bool {
		sum := new(big.Int)
		for i, c := range s {
			v := int64(strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c))
			if m == 11 && c == 'X' {
				v = 10
			}
			power := new(big.Int).Exp(big.NewInt(radix), big.NewInt(int64(len(s)-1-i)), nil)
			sum.Add(sum, power.Mul(power, big.NewInt(v)))
		}
		return sum.Mod(sum, big.NewInt(m)).Int64() == 1
	}
}

// mod97ByNumber spells the letters out and divides the number as a whole.
func mod97ByNumber(s string) bool {
	var digits strings.Builder
	for _, c := range s {
		digits.WriteString(strconv.Itoa(strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)))
	}
	n, _ := new(big.Int).SetString(digits.String(), 10)
	return n.Mod(n, big.NewInt(97)).Int64() == 1
}

// schemes are the check digits of checks.go with their second implementations.
var schemes = []struct {
	name     string
	check    func([]byte) bool
	second   func(string) bool
	body     string // alphabet of what is checked
	last     string // alphabet of the check character
	suffix   int    // number of check characters
	accepted int    // how many of all check characters are right
}{
	{"Luhn", luhn, luhnBySum, "0123456789", "0123456789", 1, 1},
	{"Verhoeff", verhoeff, verhoeffByTable, "0123456789", "0123456789", 1, 1},
	{"MOD 11-2", mod11x2, polynomial(2, 11), "0123456789", "0123456789X", 1, 1},
	{"MOD 97-10", mod97x10, mod97ByNumber, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", 2, 1},
	{"MOD 11,10", mod11x10, nil, "0123456789", "0123456789", 1, 1},
}

// TestSchemes holds every scheme to what it promises: one check character is
// right, and no change of one character goes unnoticed.
func TestSchemes(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				body := rapid.StringOfN(rapid.RuneFrom([]rune(s.body)), 3, 20, -1).Draw(t, "body")
				valid := []string{}
				for _, ending := range endings(s.last, s.suffix) {
					right := s.check([]byte(body + ending))
					if right {
						valid = append(valid, body+ending)
					}
					if s.second != nil && right != s.second(body+ending) {
						t.Fatalf("%s: %v, the second implementation says %v", body+ending, right, !right)
					}
				}
				if len(valid) < s.accepted || s.suffix == 1 && len(valid) != s.accepted {
					t.Fatalf("%s: %v are valid, want %d", body, valid, s.accepted)
				}
				i := rapid.IntRange(0, len(body)-1).Draw(t, "place")
				changed := []byte(valid[0])
				for _, c := range s.body {
					if changed[i] = byte(c); changed[i] != body[i] && isDigit(changed[i]) == isDigit(body[i]) && s.check(changed) {
						t.Fatalf("%s and %s are both valid", valid[0], changed)
					}
				}
			})
		})
	}
}

// endings are all strings of n characters of the alphabet.
func endings(alphabet string, n int) []string {
	all := []string{""}
	for range n {
		longer := []string{}
		for _, e := range all {
			for _, c := range alphabet {
				longer = append(longer, e+string(c))
			}
		}
		all = longer
	}
	return all
}

// TestPublishedChecks has the examples of the standards and of their authors.
func TestPublishedChecks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check func([]byte) bool
		text  string
		want  bool
	}{
		{"Luhn, US patent 2950048", luhn, "79927398713", true},
		{"Luhn", luhn, "79927398710", false},
		{"Verhoeff", verhoeff, "2363", true},
		{"Verhoeff", verhoeff, "2364", false},
		{"MOD 11-2, ORCID 0000-0002-1825-0097", mod11x2, "0000000218250097", true},
		{"MOD 11-2, ISNI with X", mod11x2, "000000012146438X", true},
		{"MOD 11-2, X within", mod11x2, "0000000218250X97", false},
		{"MOD 11,10, ISO 7064 clause 9", mod11x10, "07945", true},
		{"MOD 11,10", mod11x10, "07946", false},
		{"MOD 97-10", mod97x10, "79444", true},
		{"MOD 97-10", mod97x10, "79445", false},
		{"EAN-13", ean13, "4006381333931", true},
		{"EAN-13", ean13, "4006381333932", false},
	} {
		if got := tt.check([]byte(tt.text)); got != tt.want {
			t.Errorf("%s: %s is %v, want %v", tt.name, tt.text, got, tt.want)
		}
	}
}

// TestDates compares with package time over two centuries and beyond the ends
// of months.
func TestDates(t *testing.T) {
	for year := 1800; year < 2100; year++ {
		for month := range 14 {
			for day := range 33 {
				d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
				want := d.Year() == year && int(d.Month()) == month && d.Day() == day
				if got := isDate(year, month, day); got != want {
					t.Fatalf("isDate(%d, %d, %d) = %v", year, month, day, got)
				}
			}
		}
	}
	if !isShortDate(0, 2, 29) || isShortDate(1, 2, 29) || isShortDate(0, 2, 30) {
		t.Error("29 February of a year of two digits: want that of 2000 and no other")
	}
	if isYYYYMMDD([]byte("21000101")) || !isYYYYMMDD([]byte("20000229")) {
		t.Error("isYYYYMMDD takes the wrong years")
	}
}
