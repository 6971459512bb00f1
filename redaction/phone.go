package redaction

import (
	"strings"

	"github.com/afterimage/afterimage/redaction/phone"
)

// internationalPhone recognises numbers that begin with +, by the numbering
// plan of their country.
func internationalPhone() Detector {
	return Detector{Type: "PHONE", Version: 2, Bytes: "+", Next: "(123456789", Context: phoneWords(), Normal: normalPhone(""), Find: func(c *Candidate) {
		start, first := c.Start, c.Start+1
		if c.At(first) == '(' {
			first++
		}
		if !isDigit(c.At(first)) || c.At(first) == '0' || isAlnum(c.At(start-1)) {
			return
		}
		if c.At(start-1) == '+' {
			start--
		}
		var ends [maxPhone]int
		n := groupEnds(c.Text, first, &ends)
		for i := n - 1; i >= 0; i-- {
			number := c.Text[c.Start:ends[i]]
			if _, ok := phone.Written("", number); ok || i == n-1 && c.Near(48) && possiblePhone(number) {
				c.Add(start, withExtension(c.Text, ends[i]))
				return
			}
		}
	}}
}

// minPhone and maxPhone bound the digits of a number (ITU-T E.164); shorter
// ones are short codes.
const (
	minPhone = 7
	maxPhone = 15
)

// groupEnds finds where the number that begins at i can end, and returns in
// how many places.
func groupEnds(s string, i int, ends *[maxPhone]int) int {
	found := 0
	for n := 0; ; {
		end := digitsEnd(s, i)
		if n += end - i; n > maxPhone {
			break
		}
		if n >= minPhone && !isLetter(at(s, end)) || n >= minPhone && extension(s[end:]) > 0 {
			ends[found] = end
			found++
		}
		i = end + separator(s[end:])
		if i == end || !isDigit(at(s, i)) {
			break
		}
	}
	return found
}

// phoneWords say that a number after them is a telephone number.
func phoneWords() []string {
	return []string{"phone", "phones", "telephone", "tel", "mobile", "mobil", "cell", "cellphone", "cellular", "fax", "call", "calling", "telepono",
		"whatsapp", "sms", "dial", "hotline", "landline", "callback", "contact number", "my number", "reach me", "ring me", "call me", "text me", "mon numéro", "meine nummer", "mi número", "mijn nummer", "appelle moi", "ruf mich", "phone_number", "phonenumber",
		"telefon", "handy", "handynummer", "rufnummer", "teléfono", "telefono", "móvil", "celular", "téléphone", "tél", "portable", "telefone", "tlf", "gsm",
		"телефон", "тел", "电话", "手机", "電話", "携帯", "전화"}
}

// nationalPhone recognises numbers without +. With a region they must be
// valid there and written in groups or after a word; without one, a word must
// stand before them or they must have the form of North American ones.
func nationalPhone() Detector {
	return Detector{
		Type:    "PHONE",
		Version: 2,
		Digits:  Digits{Min: minPhone, Max: maxPhone},
		Context: phoneWords(),
		Normal:  normalPhone(""),
		Find: func(c *Candidate) {
			region := c.sc.t.region
			american, near, abroad := northAmerican(c), c.Near(48), strings.HasPrefix(c.Text[c.Start:], "00")
			if region == "" && !american && !near && !abroad {
				return
			}
			start := c.Start
			if c.At(start-1) == '(' && len(c.Groups) > 1 && strings.HasPrefix(c.Text[c.Groups[0].End:], ")") {
				start--
			}
			if !phoneAlone(c, start) || !phoneShape(c) {
				return
			}
			number := c.Text[start:c.End]
			switch {
			case american && written("US", number), near && likelyPhone(c), abroad && len(c.Groups) > 1 && written("", number):
			case region == "" || !near && len(c.Groups) < 2 && len(c.Digits()) < minBare || !written(region, number):
				return
			}
			c.Add(start, withExtension(c.Text, c.End))
		},
	}
}

// phoneAlone reports whether the number from start on is not part of something
// longer.
func phoneAlone(c *Candidate, start int) bool {
	before, after := c.At(start-1), c.At(c.End)
	if isAlnum(before) || before == '+' || before == '/' || isAlnum(after) && extension(c.Text[c.End:]) == 0 {
		return false
	}
	if money(c.Text[:start], c.Text[c.End:]) {
		return false
	}
	if strings.IndexByte(".,-:", before) >= 0 && isDigit(c.At(start-2)) {
		return false
	}
	if after == '-' && isWord(c.At(c.End+1)) || strings.IndexByte(".,/:", after) >= 0 && isDigit(c.At(c.End+1)) {
		return false
	}
	if start < c.Start {
		return true // parentheses about the area code set it apart
	}
	return !isDigit(c.At(c.End+separator(c.Text[c.End:]))) && !(before == ' ' && isDigit(c.At(start-2)))
}

// money reports whether a sign of currency or a per cent sign stands at the
// number.
func money(before, after string) bool {
	for _, sign := range [...]string{"$", "€", "£", "¥", "₹", "%"} {
		if sign != "%" && strings.HasSuffix(before, sign) || strings.HasPrefix(after, sign) {
			return true
		}
	}
	return false
}

// phoneShape refuses dates, address and decimal forms.
func phoneShape(c *Candidate) bool {
	g := c.Groups
	slashes, dots := 0, 0
	for i := 1; i < len(g); i++ {
		sep := c.Separator(i)
		if strings.Contains(sep, "(") && i > 1 || strings.Contains(sep, ")") && i > 2 {
			return false
		}
		slashes += strings.Count(sep, "/")
		dots += strings.Count(sep, ".")
	}
	if len(g) == 3 && (g[0].Len() == 4 && g[1].Len() <= 2 && g[2].Len() <= 2 || g[2].Len() == 4 && g[0].Len() <= 2 && g[1].Len() <= 2) {
		return false
	}
	return slashes < 2 && !(dots == 1 && len(g) == 2) && !(len(g) == 4 && dots == 3 && isIPv4(c))
}

func isIPv4(c *Candidate) bool {
	for _, g := range c.Groups {
		if g.Len() > 3 {
			return false
		}
	}
	return true
}

// northAmerican reports whether the groups are those of (415) 555-0132 or
// 415-555-0132, with or without a 1 before.
func northAmerican(c *Candidate) bool {
	g := c.Groups
	if len(g) == 4 && g[0].Len() == 1 && c.Text[g[0].Start] == '1' {
		g = g[1:]
	}
	if len(g) == 2 && g[0].Len() == 3 && g[1].Len() == 7 {
		return strings.HasPrefix(c.Text[g[0].End:], ")")
	}
	if len(g) != 3 || g[0].Len() != 3 || g[1].Len() != 3 || g[2].Len() != 4 {
		return false
	}
	last := c.Text[g[1].End:g[2].Start]
	between := c.Text[g[0].End:g[1].Start]
	return strings.HasPrefix(between, ")") || between == last && (last == "-" || last == ".")
}

// likelyPhone reports whether what stands after a word about telephones has
// the length of a number.
func likelyPhone(c *Candidate) bool {
	n := len(c.Digits())
	return n >= 8 || len(c.Groups) == 2 && c.Groups[0].Len() == 3
}

// minBare is how many digits a number of the configured region has at least
// that is recognised without a word, a plus or groups.
const minBare = 9

func written(region, number string) bool {
	_, ok := phone.Written(region, number)
	return ok
}

func possiblePhone(number string) bool {
	return phone.Possible(number, "") && len(digitsOf(number)) >= 8
}

// normalPhone returns E.164 where the number says or the region tells how to
// dial it, its digits otherwise.
func normalPhone(region string) func(string) string {
	return func(s string) string {
		for _, r := range [...]string{region, "US"} {
			if n, ok := phone.Parse(s, r); ok {
				return n.String()
			}
		}
		return digitsOf(s)
	}
}

// withExtension returns end or, where an extension follows, its end.
func withExtension(s string, end int) int { return end + extension(s[end:]) }

// maxExtension bounds the digits of an extension.
const maxExtension = 7

// extension returns the length of an extension such as " ext. 12" or "x12"
// that s begins with.
func extension(s string) int {
	i := skipAny(s, 0, " ,;", 3)
	for _, word := range [...]string{"extension", "extensión", "extn", "ext", "x", "#", "int", "anexo", "доб", "~"} {
		if !hasFold(s[i:], word) {
			continue
		}
		i = skipAny(s, i+len(word), " .:=", 3)
		end := digitsEnd(s, i)
		if end > i && end-i <= maxExtension && !isWord(at(s, end)) {
			return end
		}
		return 0
	}
	return 0
}
