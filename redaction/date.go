package redaction

import (
	"strings"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// dates recognises written dates. They say little alone and much is lost with
// them: the default that fits is to keep them.
func dates() []Detector {
	months := newMonthTable()
	return []Detector{
		{Type: "DATE", Name: "date_numeric", Source: "ISO 8601, RFC 3339; CLDR short date formats", Digits: numericDigits(),
			Find: dated(numericDate)},
		{Type: "DATE", Name: "date_written", Source: "CLDR month names", Digits: besideMonth(),
			Find: dated(writtenDate(months))},
		{Type: "DATE", Name: "date_ideographic", Source: "CLDR: zh, ja, ko", Words: yearSigns(), Find: dated(ideographicDate)},
		{Type: "DATE", Name: "date_basic", Source: "ISO 8601 basic format", Form: &identifier.Form{Entity: "DATE", Self: true,
			Patterns: []string{"########T####", "########T####Z", "########T######", "########T######Z"}, Check: basicDate}},
		{Type: "DATE", Name: "date_year", Source: "years after a preposition", Words: yearWords(), WordStart: true, Find: yearNamed},
		{Type: "DATE", Name: "date_short", Source: "CLDR short date formats", Digits: Digits{Min: 2, Max: 4, MinGroups: 2, MaxGroups: 2},
			Context: []string{"today", "today is", "date", "dated", "deadline", "due", "tomorrow", "yesterday", "heute", "datum", "aujourd'hui", "hoy"},
			Find:    dated(shortDate)},
	}
}

// births recognises dates with a word about birth near: they identify people
// and should be replaced.
func births() []Detector {
	months := newMonthTable()
	return []Detector{
		{Type: "DATE_OF_BIRTH", Name: "date_of_birth_numeric", Source: "ISO 8601, CLDR short date formats", Digits: numericDigits(),
			Context: birthWords(), Version: 2, Find: ofBirth(numericBirth)},
		{Type: "DATE_OF_BIRTH", Name: "date_of_birth_written", Source: "CLDR month names", Digits: besideMonth(),
			Context: birthWords(), Find: ofBirth(writtenDate(months))},
		{Type: "DATE_OF_BIRTH", Name: "date_of_birth_ideographic", Source: "CLDR: zh, ja, ko", Words: yearSigns(),
			Context: birthWords(), Find: ofBirth(ideographicDate)},
	}
}

// A dateFinder returns the bounds of the date at a candidate.
type dateFinder func(*Candidate) (start, end int, ok bool)

func dated(find dateFinder) func(*Candidate) {
	return func(c *Candidate) {
		if start, end, ok := find(c); ok {
			c.Add(start, timeEnd(c.Text, end))
		}
	}
}

func ofBirth(find dateFinder) func(*Candidate) {
	return func(c *Candidate) {
		if start, end, ok := find(c); ok && (c.Near(sentenceBefore(c.Text, start, 48)+c.Start-start) || birthAfter(c.Text, end)) {
			c.Add(start, end)
		}
	}
}

// sentenceBefore returns how far before i the sentence begins, at most limit.
func sentenceBefore(s string, i, limit int) int {
	for n := 0; n < limit && n < i; n++ {
		at := i - n
		if n > 1 && isUpper(s[at]) && s[at-1] == ' ' && at > 1 && strings.IndexByte(".!?;", s[at-2]) >= 0 {
			return n
		}
	}
	return limit
}

// birthWords say that a date after them is one of birth.
func birthWords() []string {
	return []string{"born", "dob", "d.o.b", "d.o.b.", "date of birth", "birth date", "birthdate", "birthday", "bday", "b-day", "date_of_birth",
		"dateofbirth", "birth_date", "birth", "geboren", "geboren am", "geburtsdatum", "geburtstag", "geb.", "né le", "née le", "naissance",
		"nacido", "nacida", "nacimiento", "nací", "nato il", "nata il", "nascita", "nascimento", "nascido", "nascida", "geboortedatum",
		"född", "födelsedatum", "født", "fødselsdato", "syntynyt", "syntymäaika", "urodzony", "urodzona", "urodzenia", "narozen",
		"родился", "родилась", "рождения", "生年月日", "出生日期", "出生", "誕生日", "생년월일", "doğum"}
}

// birthAfter reports whether what stands behind a date says that it is one of
// birth.
func birthAfter(s string, i int) bool {
	i = skipAny(s, i, " ,()-", 3)
	i += anyFold(s[i:], "is ", "was ", "ist ", "est ", "es ", "は", "是", "に")
	i += anyFold(s[i:], "my ", "his ", "her ", "their ", "the ", "mein ", "mon ", "ma ", "mi ", "私の", "我的")
	return anyFold(s[i:], "birthday", "date of birth", "birth date", "birthdate", "dob", "d.o.b", "day i was born", "when i was born",
		"geburtstag", "geburtsdatum", "geboren", "date de naissance", "cumpleaños", "fecha de nacimiento", "生まれ", "生日", "出生", "誕生日") > 0
}

// numericDigits are those of 5/2021 to 2021-05-21.
func numericDigits() Digits { return Digits{Min: 4, Max: 8, MinGroups: 2, MaxGroups: 3} }

// besideBirth is how far before 3.4.85 a word about birth may end: "am " may
// stand between, but no name of what has versions.
const besideBirth = 5

// numericBirth reads what numericDate does and, right behind a word about birth,
// 3.4.85, which elsewhere is a version.
func numericBirth(c *Candidate) (start, end int, ok bool) {
	if g := c.Groups; len(g) == 3 && c.Separator(1) == "." && c.Separator(2) == "." && g[0].Len() == 1 && g[1].Len() == 1 && g[2].Len() == 2 {
		y, m, d := number(c.Text[g[2].Start:g[2].End]), number(c.Text[g[1].Start:g[1].End]), number(c.Text[g[0].Start:g[0].End])
		return c.Start, c.End, dateAlone(c) && validDate(2000+y, m, d) && c.Near(besideBirth)
	}
	return numericDate(c)
}

// numericDate reads year, month and day in one of the orders in use, or month
// and year with a slash.
func numericDate(c *Candidate) (start, end int, ok bool) {
	sep := c.Separator(1)
	if sep != "-" && sep != "/" && sep != "." || !dateAlone(c) && !dateBeforeTime(c) {
		return 0, 0, false
	}
	a, b := c.Groups[0], c.Groups[1]
	if len(c.Groups) == 2 && sep == "-" {
		return c.Start, c.End + 3, dateBeforeTime(c)
	}
	if len(c.Groups) == 2 {
		ok = sep == "/" && a.Len() <= 2 && b.Len() == 4 && monthYear(number(c.Text[a.Start:a.End]), number(c.Text[b.Start:b.End]))
		return c.Start, c.End, ok
	}
	return c.Start, c.End, c.Separator(2) == sep && threeGroups(c, sep[0])
}

// dateBeforeTime reports whether the groups are year and month of a date whose
// day a T and a time follow: the number ends before a group with a letter.
func dateBeforeTime(c *Candidate) bool {
	s := c.Text[c.End:min(len(c.Text), c.End+6)]
	if len(c.Groups) != 2 || c.Separator(1) != "-" || c.Groups[0].Len() != 4 || len(s) < 6 || s[0] != '-' || digitsWithin(s, 1, 2, 2) < 0 || s[3]|0x20 != 't' || !isDigit(s[4]) || isWord(c.At(c.Start-1)) {
		return false
	}
	return validDate(number(c.Text[c.Start:c.Groups[0].End]), number(c.Text[c.Groups[1].Start:c.End]), number(s[1:3]))
}

func monthYear(m, y int) bool { return 1 <= m && m <= 12 && 1900 <= y && y < 2100 }

// threeGroups judges y-m-d, d-m-y and m-d-y.
func threeGroups(c *Candidate, sep byte) bool {
	var n, v [3]int
	for i, g := range c.Groups {
		n[i], v[i] = g.Len(), number(c.Text[g.Start:g.End])
	}
	switch {
	case n[0] == 4 && n[1] <= 2 && n[2] <= 2:
		return n[1] == n[2] && validDate(v[0], v[1], v[2]) || sep != '.' && validDate(v[0], v[1], v[2])
	case n[0] > 2 || n[1] > 2:
		return false
	case n[2] == 4:
		return validDate(v[2], v[1], v[0]) || validDate(v[2], v[0], v[1])
	case n[2] != 2 || sep == '.' && (n[0]+n[1] < 3 || versionBefore(c.Text, c.Start)):
		return false
	}
	return validDate(2000+v[2], v[1], v[0]) || sep != '.' && validDate(2000+v[2], v[0], v[1])
}

// validDate reports whether the day exists in the Gregorian calendar, within
// the years that texts write dates of.
func validDate(y, m, d int) bool {
	return 1000 <= y && y < 2200 && 1 <= m && m <= 12 && 1 <= d && d <= daysIn(y, m)
}

func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// dateAlone reports whether the groups are not part of a longer number, path
// or name.
func dateAlone(c *Candidate) bool {
	before, after := c.At(c.Start-1), c.At(c.End)
	if isWord(before) || strings.IndexByte("-/.+$@^~", before) >= 0 && before != 0 || before == ',' && isDigit(c.At(c.Start-2)) && isDigit(c.At(c.Start-4)) {
		return false
	}
	return !isWord(after) && !(strings.IndexByte("-/.", after) >= 0 && after != 0 && isWord(c.At(c.End+1))) && after != '%'
}

// versionBefore reports whether what stands before i says that a number with
// dots is one of a version.
func versionBefore(s string, i int) bool {
	i = skipBack(s, i, " :=>", 4)
	return sameFold(lastWordBefore(s, i), "version", "v", "ver", "release", "rev", "section", "chapter", "firmware", "ip")
}

// shortDate reads day and month, 5/21, after a word about dates.
func shortDate(c *Candidate) (start, end int, ok bool) {
	a, b := c.Groups[0], c.Groups[1]
	if sep := c.Separator(1); sep != "/" || a.Len() > 2 || b.Len() > 2 || !dateAlone(c) || !c.Near(12) {
		return 0, 0, false
	}
	x, y := number(c.Text[a.Start:a.End]), number(c.Text[b.Start:b.End])
	return c.Start, c.End, validDate(2000, x, y) || validDate(2000, y, x)
}

// basicDate judges 20210521T0545Z.
func basicDate(b []byte) bool {
	s := string(b)
	return validDate(number(s[:4]), number(s[4:6]), number(s[6:8])) && number(s[9:11]) <= 24 && number(s[11:13]) <= 59
}

// yearWords stand before a year that somebody means, from 1800 to 2099.
func yearWords() []string {
	var words []string
	for _, before := range [...]string{"in ", "since ", "from ", "until ", "of ", "by ", "before ", "after ", "during ", "im jahr ", "seit ", "en ", "depuis ", "desde ", "nel ", "dal "} {
		for _, century := range [...]string{"18", "19", "20"} {
			words = append(words, before+century)
		}
	}
	return words
}

// yearNamed reads a year that ends its clause or that no noun follows: in 1997,
// but not in 2000 cases.
func yearNamed(c *Candidate) {
	s, start := c.Text, c.End-2
	end := digitsWithin(s, start, 4, 4)
	if end < 0 || withinWord(s, c.Start) {
		return
	}
	switch next := at(s, end); {
	case end == len(s), strings.IndexByte(";)!?\n\"", next) >= 0, (next == '.' || next == ',') && !isWord(at(s, end+1)):
	case anyFold(s[end:], " and ", " the ", " to ", " when ", " while ", " with ", " by ", " at ", " as ", " but ", " he ", " she ", " it ", " they ", " i ", " we ", " (", " until ", " where ", " after ", " und ", " et ", " y ", " e ") > 0:
	default:
		return
	}
	c.Add(start, end)
}

// timeEnd returns where the time of day behind a date ends, or i.
func timeEnd(s string, i int) int {
	t := i + anyFold(s[i:], "t", ", ", " at ", " ")
	end := digitsWithin(s, t, 1, 2)
	if t == i || end < 0 || at(s, end) != ':' || number(s[t:end]) > 24 {
		return i
	}
	minutes := digitsWithin(s, end+1, 2, 2)
	if minutes < 0 || number(s[end+1:minutes]) > 59 {
		return i
	}
	end = minutes
	if seconds := digitsWithin(s, end+1, 2, 2); at(s, end) == ':' && seconds > 0 {
		end = seconds
		if c := at(s, end); (c == '.' || c == ',') && isDigit(at(s, end+1)) {
			end = max(end, digitsWithin(s, end+1, 1, 12))
		}
	}
	if end = zoneEnd(s, end); beyondWord(s, end) {
		return i
	}
	return end
}

// zoneEnd steps over Z, an offset from UTC or the half of the day.
func zoneEnd(s string, i int) int {
	if at(s, i)|0x20 == 'z' {
		return i + 1
	}
	if c := at(s, i); c == '+' || c == '-' {
		if hours := digitsWithin(s, i+1, 2, 2); hours > 0 {
			return max(hours, digitsWithin(s, hours+anyFold(s[hours:], ":"), 2, 2))
		}
		if all := digitsWithin(s, i+1, 4, 4); all > 0 {
			return all
		}
	}
	return i + anyFold(s[i:], " utc", " gmt", " a.m.", " p.m.", " am", " pm", "am", "pm")
}
