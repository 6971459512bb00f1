package redaction

import (
	"strings"
	"unicode/utf8"
)

// monthNames has the names of the months, January first, in English, German,
// French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Polish, Czech,
// Finnish, Turkish and Russian (CLDR, in the case that stands in dates).
var monthNames = [12]string{
	"january januar janvier enero gennaio janeiro januari stycznia ledna tammikuuta ocak января jänner jan ene gen",
	"february februar février fevrier febrero febbraio fevereiro februari lutego února helmikuuta şubat февраля feb fév fev",
	"march märz mars marzo março maart marts marca března maaliskuuta mart марта mar mär mrz",
	"april avril abril aprile kwietnia dubna huhtikuuta nisan апреля apr avr abr",
	"may mai mayo maggio maio mei maj maja května toukokuuta mayıs мая",
	"june juni juin junio giugno junho czerwca června kesäkuuta haziran июня jun giu",
	"july juli juillet julio luglio julho lipca července heinäkuuta temmuz июля jul juil lug",
	"august août aout agosto augustus augusti sierpnia srpna elokuuta ağustos августа aug ago",
	"september septembre septiembre settembre setembro września září syyskuuta eylül сентября sep sept",
	"october oktober octobre octubre ottobre outubro października října lokakuuta ekim октября oct okt ott",
	"november novembre noviembre novembro listopada listopadu marraskuuta kasım ноября nov",
	"december dezember décembre decembre diciembre dicembre dezembro desember grudnia prosince joulukuuta aralık декабря dec dez déc dic",
}

// besideMonth are the digits of a day or a year: numbers are rarer in texts
// than words that may be months. A day of one digit is found by its year.
func besideMonth() Digits { return Digits{Min: 1, Max: 4, MaxGroups: 1} }

// A monthTable leads from the names of months to their numbers.
type monthTable struct {
	numbers map[string]int
	lens    [256]uint32 // by first byte, lower case: bit n says that a name is n bytes long
	second  [256]uint32 // by second byte, lower case: bit n says that a name that is n bytes long has it
	// begins and ends have the first three and the last three letters of names.
	begins, ends threeLetters
}

func newMonthTable() *monthTable {
	t := &monthTable{numbers: map[string]int{}}
	for m, names := range &monthNames {
		for name := range strings.FieldsSeq(names) {
			t.numbers[name] = m + 1
			t.lens[name[0]] |= 1 << len(name)
			t.second[name[1]] |= 1 << len(name)
			t.begins.add(name[:3])
			t.ends.add(name[len(name)-3:])
		}
	}
	return t
}

// month returns the month that a word names, ASCII case ignored, 0 if none.
func (t *monthTable) month(word string) int {
	if len(word) < minMonth || t.lens[foldByte(word, 0)]&t.second[foldByte(word, 1)]>>len(word)&1 == 0 {
		return 0 // as nearly all words
	}
	var lower [longestMonth]byte
	for i := range len(word) {
		lower[i] = word[i]
		if isUpper(word[i]) {
			lower[i] |= 0x20
		}
	}
	return t.numbers[string(lower[:len(word)])]
}

// minMonth is the length of the shortest name.
const minMonth = 3

// longestMonth is the length of the longest name in bytes.
const longestMonth = len("października")

// writtenDate returns a finder that reads the day and year around the name of a
// month beside a number: 21 May 2021, May 21, 2021, 21-May, May 2021.
func writtenDate(months *monthTable) dateFinder {
	return func(c *Candidate) (start, end int, ok bool) {
		if isLetter(c.At(c.Start-1)) || isDigit(c.At(c.Start-1)) {
			return 0, 0, false
		}
		if !months.beside(c.Text, c.Start, c.End) {
			return 0, 0, false
		}
		name := *c
		if name.Start, ok = monthBehind(c.Text, c.End); ok {
			if start, end, ok = months.date(&name); ok && start <= c.Start {
				return start, end, true
			}
		}
		if name.Start, ok = monthBefore(c.Text, c.Start); ok {
			if start, end, ok = months.date(&name); ok && c.End <= end {
				return start, end, true
			}
		}
		return 0, 0, false
	}
}

// beside is a quick look at the letters next to the number s[i:j]: false says
// that none of the words there names a month.
func (t *monthTable) beside(s string, i, j int) bool {
	if at(s, j) >= utf8.RuneSelf {
		return true
	}
	after := j + ordinal(s, j)
	behind := skipSigns(s, after, 2)
	if behind > after && (t.named(s, behind) || isBetween(four(s, behind)) && t.named(s, behind+3)) {
		return true
	}
	end := skipSignsBack(s, i, 3)
	if end == i {
		return false
	}
	if isDigit(at(s, end-1)) { // the day before a year
		end = skipSignsBack(s, skipBack(s, end, digits, 2), 2)
	} else if isDigit(at(s, end-3)) && ordinal(s, end-2) > 0 || !isLetter(at(s, end-3)) && isBetween(four(s, end-2)) {
		end = skipSignsBack(s, skipBack(s, end-2, digits, 2), 2)
	}
	if end < minMonth {
		return false
	}
	switch last := four(s, end-3); {
	case last&0x808080 != 0:
		return true
	case !t.ends.has(last):
		return false
	}
	begin := end - 3
	for begin > 0 && isLetter(s[begin-1]) && end-begin <= longestMonth {
		begin--
	}
	return at(s, begin-1) >= utf8.RuneSelf || t.month(s[begin:end]) > 0
}

// named reports whether a month may be named at i.
func (t *monthTable) named(s string, i int) bool {
	if i+minMonth > len(s) {
		return false
	}
	switch first := four(s, i); {
	case first&0x808080 != 0:
		return true
	case !t.begins.has(first):
		return false
	}
	end := lettersEnd(s, i, longestMonth+1)
	return at(s, end) >= utf8.RuneSelf || t.month(s[i:end]) > 0
}

// ordinal returns the length of the ending of an ordinal number at i: 1st.
func ordinal(s string, i int) int {
	if i < 0 || !isLetter(at(s, i)) {
		return 0
	}
	return anyFold(s[i:], "st", "nd", "rd", "th", "er")
}

// isBetween reports whether four bytes begin with of, de or di: 5 de mayo.
func isBetween(four uint32) bool {
	switch four&0xFFFF | 0x2020 {
	case 'o' | 'f'<<8, 'd' | 'e'<<8, 'd' | 'i'<<8:
		return true
	}
	return false
}

// dateSigns are the signs that stand between the parts of a date.
const dateSigns = 1<<' ' | 1<<'-' | 1<<'/' | 1<<'.' | 1<<',' | 1<<'\''

func isDateSign(c byte) bool { return c < 64 && dateSigns>>c&1 != 0 }

// skipSigns steps over at most n signs from i on.
func skipSigns(s string, i, n int) int {
	for ; n > 0 && isDateSign(at(s, i)); n-- {
		i++
	}
	return i
}

// skipSignsBack steps back over at most n signs before i.
func skipSignsBack(s string, i, n int) int {
	for ; n > 0 && isDateSign(at(s, i-1)); n-- {
		i--
	}
	return i
}

// threeLetters is a set of three letters, ASCII case ignored. Other signs are
// taken for letters that they are not.
type threeLetters [1 << 15 / 64]uint64

func (t *threeLetters) add(three string) {
	n := threeOf(four(three, 0))
	t[n/64] |= 1 << (n % 64)
}

// has reports whether the first three of four bytes may be in the set.
func (t *threeLetters) has(four uint32) bool {
	n := threeOf(four)
	return t[n/64]>>(n%64)&1 != 0
}

func threeOf(four uint32) uint32 { return four&0x1F | four>>3&0x3E0 | four>>6&0x7C00 }

// monthBehind returns where a word begins that may name the month of the day
// that ends at i.
func monthBehind(s string, i int) (int, bool) {
	i += anyFold(s[i:], "st", "nd", "rd", "th", ".", "º", "er")
	i = skipAny(s, i, " -/.,", 2)
	i += anyFold(s[i:], "of ", "de ", "di ")
	return i, i < len(s) && (isLetter(s[i]) || s[i] >= utf8.RuneSelf)
}

// monthBefore returns where a word begins that may name the month of the day
// or year that begins at i, a day between them stepped over.
func monthBefore(s string, i int) (int, bool) {
	end := skipBack(s, i, " -/.,'", 3)
	if end < i && isDigit(at(s, end-1)) && !isDigit(at(s, end-3)) {
		end = skipBack(s, digitsStart(s, end), " -/.,", 2)
	} else if w := lastWordBefore(s, end); len(w) == 2 && sameFold(w, "st", "nd", "rd", "th", "de", "of") {
		end = skipBack(s, skipBack(s, end-2, digits, 2), " -/.,", 2)
	}
	start := end
	for start > 0 && end-start <= longestMonth && (isLetter(s[start-1]) || s[start-1] >= utf8.RuneSelf) {
		start--
	}
	for start < end && !utf8.RuneStart(s[start]) {
		start++
	}
	return start, start < end
}

func (t *monthTable) date(c *Candidate) (start, end int, ok bool) {
	s, name := c.Text, c.Start
	end = lettersEnd(s, name, longestMonth+1)
	if end == name || end-name > longestMonth {
		return 0, 0, false
	}
	m := t.month(s[name:end])
	if m == 0 || withinWord(s, name) || beyondWord(s, end) || !nearDigit(s, name, end) {
		return 0, 0, false
	}
	return aroundMonth(s, name, end, m)
}

// nearDigit reports whether a day or year can stand at the name s[i:j].
func nearDigit(s string, i, j int) bool {
	for k := max(0, i-8); k < min(len(s), j+8); k++ {
		if isDigit(s[k]) {
			return true
		}
	}
	return false
}

// aroundMonth reads what belongs to the month m whose name is s[i:j].
func aroundMonth(s string, i, j, m int) (start, end int, ok bool) {
	after := j
	if at(s, after) == '.' {
		after++
	}
	if start, day := dayBefore(s, i); day > 0 && !listed(s, after) {
		end, year := yearAfter(s, after, at(s, i-1))
		if year == 0 {
			end = j
		}
		return start, end, inMonth(year, m, day) && (year > 0 || !ambiguousMonth(s[i:j]))
	}
	if next, day := dayAfter(s, after); day > 0 {
		end, year := yearAfter(s, next, s[after])
		if year == 0 {
			end = next
		}
		return i, end, inMonth(year, m, day) && (year > 0 || !ambiguousMonth(s[i:j]))
	}
	end, year := yearAfter(s, after, 0)
	return i, end, year > 0
}

// listed reports whether a day and a time follow the month, as in lists of
// files: a number before it is something else.
func listed(s string, after int) bool {
	next, day := dayAfter(s, after)
	return day > 0 && timeEnd(s, next) > next
}

// inMonth reports whether the month has the day; without a year, whether it
// has it in some year.
func inMonth(year, m, day int) bool {
	if year == 0 {
		year = 2000
	}
	return validDate(year, m, day)
}

// ambiguousMonth reports whether a name is as well another word where it is
// written in lower case.
func ambiguousMonth(name string) bool {
	return isLower(name[0]) && sameFold(name, "may", "march", "mars", "mar", "mart", "dec", "gen", "ago", "mei", "maj", "maja", "ocak")
}

// dayBefore reads the day that stands before i: "21 ", "21st of ", "21. ",
// "21-", "21 de ".
func dayBefore(s string, i int) (start, day int) {
	end := i
	for _, of := range [...]string{" de ", " of ", " d'"} {
		if strings.HasSuffix(s[:i], of) {
			end = i - len(of)
		}
	}
	if end == i {
		end = skipBack(s, i, " -/", 1)
		if end == i {
			return 0, 0
		}
	}
	end = skipBack(s, end, ".,", 1)
	for _, ordinal := range [...]string{"st", "nd", "rd", "th", "er", "º", "ª"} {
		if strings.HasSuffix(s[:end], ordinal) {
			end -= len(ordinal)
			break
		}
	}
	if start = end; start > 0 && isDigit(s[start-1]) {
		start--
	}
	if start > 0 && isDigit(s[start-1]) {
		start--
	}
	if start == end || isWord(at(s, start-1)) || strings.IndexByte(".,:$", at(s, start-1)) >= 0 && isDigit(at(s, start-2)) {
		return 0, 0
	}
	return start, number(s[start:end])
}

// dayAfter reads the day that stands at i: " 21", " 21st", "-21".
func dayAfter(s string, i int) (end, day int) {
	first := skipAny(s, i, " -", 1)
	end = digitsWithin(s, first, 1, 2)
	if first == i || end < 0 {
		return 0, 0
	}
	day = number(s[first:end])
	end += anyFold(s[end:], "st", "nd", "rd", "th")
	if beyondWord(s, end) || strings.IndexByte(":%/", at(s, end)) >= 0 && end < len(s) || strings.IndexByte(".,", at(s, end)) >= 0 && isDigit(at(s, end+1)) {
		return 0, 0
	}
	return end, day
}

// yearAfter reads the year that stands at i; after a dash or slash as before
// the month it may have two digits.
func yearAfter(s string, i int, sep byte) (end, year int) {
	first := i + anyFold(s[i:], " de ", " del ", " of ", ", ", " ", "-", "/", ",")
	if first == i {
		return 0, 0
	}
	if end = digitsWithin(s, first, 4, 4); end > 0 {
		year = number(s[first:end])
	} else if end = digitsWithin(s, first, 2, 2); end > 0 && (sep == '-' || sep == '/') && at(s, i) == sep {
		year = 2000 + number(s[first:end])
	}
	if end < 0 || beyondWord(s, end) || year < 1000 || year >= 2200 {
		return 0, 0
	}
	return end, year
}

// yearSigns are the signs for years that a month follows in Chinese, Japanese
// and Korean.
func yearSigns() []string {
	var words []string
	for _, digit := range digits {
		words = append(words, "年"+string(digit), "년 "+string(digit), "년"+string(digit))
	}
	return words
}

// ideographicDate reads 2021年5月21日 and 2021년 5월 21일, also without a day.
func ideographicDate(c *Candidate) (start, end int, ok bool) {
	s := c.Text
	start = digitsStart(s[max(0, c.Start-5):c.Start], min(c.Start, 5)) + max(0, c.Start-5)
	if c.Start-start != 4 {
		return 0, 0, false
	}
	month := digitsWithin(s, c.End-1, 1, 2)
	if month < 0 {
		return 0, 0, false
	}
	y, m, d := number(s[start:c.Start]), number(s[c.End-1:month]), 1
	sign := anyFold(s[month:], "月", "월")
	end = month + sign
	first := skipAny(s, end, " ", 1)
	if day := digitsWithin(s, first, 1, 2); day > 0 {
		if n := anyFold(s[day:], "日", "일", "号"); n > 0 {
			d, end = number(s[first:day]), day+n
		}
	}
	return start, end, sign > 0 && validDate(y, m, d)
}
