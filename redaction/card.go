package redaction

import "strings"

// card recognises payment cards by issuer range, length and Luhn sum. A bare
// run of digits in a range or of a length that other numbers share needs a
// word about cards before it.
func card() Detector {
	return Detector{
		Type:   "CREDIT_CARD",
		Source: "ISO/IEC 7812",
		Digits: Digits{Min: 12, Max: 19, MaxGroups: 5},
		Context: []string{"card", "cards", "credit", "debit", "visa", "mastercard", "amex", "maestro", "discover",
			"kreditkarte", "karte", "carte", "tarjeta", "cartão", "карта", "カード", "信用卡", "银行卡", "卡号"},
		Normal: digitsOf,
		Find: func(c *Candidate) {
			if !cardGroups(c.Groups) {
				return
			}
			digits := c.Digits()
			issuer := issuerOf(digits)
			if issuer == unknownIssuer || !luhn(digits) || !cardSeparators(c) || !standsAlone(c) {
				return
			}
			if issuer == sharedRange && len(c.Groups) == 1 && !c.Near(64) {
				return
			}
			c.Add(c.Start, c.End)
		},
	}
}

type issuer uint8

const (
	unknownIssuer issuer = iota
	ownRange             // the range and length are those of cards alone
	sharedRange          // others use such numbers too
)

// issuerOf looks the number up in the issuer ranges of ISO/IEC 7812 as the
// networks publish them.
func issuerOf(d []byte) issuer {
	p := 0
	for _, c := range d[:4] {
		p = p*10 + int(c-'0')
	}
	n := len(d)
	switch {
	case n == 16 && (p/1000 == 4 || within(p, 5100, 5599) || within(p, 2221, 2720) || within(p, 2200, 2204) ||
		p == 6011 || within(p, 6440, 6599) || within(p, 6200, 6299) || within(p, 3528, 3589) || p == 9792 || maestro(p)),
		n == 15 && (p/100 == 34 || p/100 == 37),
		n == 14 && (within(p, 3000, 3059) || p == 3095 || p/100 == 36 || p/100 == 38 || p/100 == 39):
		return ownRange
	case (n == 13 || n == 19) && p/1000 == 4, n >= 16 && (p/1000 == 6 || within(p, 3528, 3589)), p/100 == 50, within(p, 5600, 5899), p/1000 == 6, within(p, 8100, 8299) && n == 16:
		return sharedRange
	}
	return unknownIssuer
}

// maestro has the prefixes of Maestro and Dankort cards that are in use.
func maestro(p int) bool {
	switch p {
	case 5018, 5019, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763:
		return true
	}
	return false
}

func within(n, low, high int) bool { return low <= n && n <= high }

func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// cardGroups reports whether the digits are grouped as on cards.
func cardGroups(g []Group) bool {
	switch len(g) {
	case 1:
		return true
	case 3:
		return g[0].Len() == 4 && g[1].Len() == 6 && (g[2].Len() == 4 || g[2].Len() == 5)
	case 4, 5:
		for _, group := range g[:len(g)-1] {
			if group.Len() != 4 {
				return false
			}
		}
		return true
	}
	return false
}

// cardSeparators reports whether the same one space or dash stands between
// the groups.
func cardSeparators(c *Candidate) bool {
	for i := 1; i < len(c.Groups); i++ {
		if s := c.Separator(i); s != c.Separator(1) || s == "." || s == "/" || len(strings.Trim(s, " -\u00a0\u2010\u2011\u2012\u2013")) > 0 {
			return false
		}
	}
	return true
}

// standsAlone reports whether the number is not part of something longer: a
// decimal fraction, a word, a UUID or a table of equal groups.
func standsAlone(c *Candidate) bool {
	before, after := c.At(c.Start-1), c.At(c.End)
	switch {
	case isAlnum(before) && !afterEscape(c.Text, c.Start) || isAlnum(after):
		return false
	case (before == '.' || before == '-') && isWord(c.At(c.Start-2)),
		(after == '.' || after == '-') && isWord(c.At(c.End+1)),
		before == ',' && isDigit(c.At(c.Start-2)) && c.Groups[0].Len() == 3,             // 1,234
		after == ',' && isDigit(c.At(c.End+1)) && digitsEnd(c.Text, c.End+1)-c.End <= 3: // 1234,56
		return false
	}
	if len(c.Groups) < 2 {
		return true
	}
	return equalGroups(c, 1) < 2 && equalGroups(c, -1) < 2
}

// equalGroups counts the groups beside the number, two at most, that go on in
// its way: as long as its first, with the same separator. Two make it part of
// a table.
func equalGroups(c *Candidate, step int) int {
	sep, length := c.Separator(1), c.Groups[0].Len()
	n := 0
	for at := c.End; step > 0 && n < 2 && strings.HasPrefix(c.Text[at:], sep); n++ {
		if at += len(sep); digitsEnd(c.Text, at)-at != length {
			return n
		}
		at += length
	}
	for at := c.Start; step < 0 && n < 2 && strings.HasSuffix(c.Text[:at], sep); n++ {
		if at -= len(sep); at < length || digitsEnd(c.Text, at-length) != at {
			return n
		}
		at -= length
	}
	return n
}

// digitsOf returns the ASCII digits of s.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isDigit(byte(r)) {
			return r
		}
		return -1
	}, s)
}
