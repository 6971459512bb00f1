package redaction

import "strings"

// addresses recognises postal addresses by a word for a street with a house
// number, a post office box, a unit such as Apt. 5, a military post office, or
// a word such as "address:" before a number and names. The default that fits
// is to replace.
func addresses() []Detector {
	d := func(name, source string, start bool, words []string, find func(*Candidate)) Detector {
		return Detector{Type: "ADDRESS", Name: name, Source: source, Version: 2, Words: words, WordStart: start, Find: find}
	}
	return []Detector{
		d("address_number_first", "USPS Publication 28, appendix C1; Royal Mail PAF", true, streetTypes(), numberFirst),
		d("address_street_first", "UPU S42: de, at, ch, nl, se, dk, no, fi, hu", false, streetEndings(), streetEndingFirst),
		d("address_street_named", "UPU S42: fr, es, it, pt, pl", true, streetBeginnings(), streetBeginning),
		d("address_box", "USPS Publication 28, §28; UPU S42", true, []string{"p.o. box ", "po box ", "p.o.box ", "p. o. box ", "post office box ", "postfach ", "postbox ", "postbus ",
			"apartado de correos ", "boîte postale ", "casella postale ", "caixa postal ", "box "}, postBox),
		d("address_military", "USPS Publication 28, §225", true, []string{"apo aa ", "apo ae ", "apo ap ", "fpo aa ", "fpo ae ", "fpo ap ", "dpo aa ", "dpo ae ", "dpo ap "}, militaryPost),
		d("address_unit", "USPS Publication 28, appendix C2", true, []string{"apt. ", "apt ", "suite ", "apartment ", "unit ", "flat "}, unitFirst),
		d("address_labelled", "forms of introduction", true, addressLabels(), labelledAddress),
	}
}

// streetTypes stand behind the name of a street, after a house number.
func streetTypes() []string {
	words := []string{"street", "avenue", "road", "lane", "drive", "court", "place", "square", "terrace", "crescent", "close", "parkway", "highway",
		"circle", "trail", "boulevard", "alley", "plaza", "grove", "gardens", "mews", "walk", "blvd", "pkwy", "cres", "turnpike", "broadway", "esplanade", "quay"}
	for _, short := range [...]string{"st", "rd", "ave", "dr", "ln", "ct", "pl", "sq", "hwy", "way", "cir", "ter"} {
		for _, after := range [...]string{" ", ".", ",", "\n"} {
			if len(short) == 2 {
				words = append(words, " "+short+after)
			} else {
				words = append(words, short+after)
			}
		}
	}
	return words
}

// numberFirst reads 123 N Main Street, 12-14 High Rd., with what follows.
func numberFirst(c *Candidate) {
	s, word := c.Text, c.Start
	if s[word] == ' ' {
		word++
	}
	if !isUpper(s[word]) || at(s, word-1) != ' ' && word > 0 {
		return
	}
	end := lettersEnd(s, word, 16)
	if end < c.End && isLetter(s[c.End-1]) || isLower(s[end-1]) != isLower(s[word+1]) {
		return
	}
	broadway := hasFold(s[word:], "broadway")
	start, names := houseBefore(s, word, false)
	if start < 0 || names == 0 && !broadway {
		return
	}
	if at(s, end) == '.' {
		end++
	}
	end += anyFold(s[end:], " north", " south", " east", " west", " nw", " ne", " sw", " se", " n", " s", " e", " w")
	if beyondWord(s, end) {
		return
	}
	c.Add(withUnitBefore(s, start), addressEnd(s, end))
}

// houseBefore returns where the house number before the name of a street that
// ends at i begins, -1 if there is none, and of how many words the name is.
func houseBefore(s string, i int, loose bool) (start, names int) {
	most := 4
	if loose {
		most = 7
	}
	for end := i; names <= most; {
		end = skipBack(s, end, " ", 1)
		begin := wordStart(s, end)
		if begin == end || end == i && i > 0 && !loose {
			return -1, 0
		}
		switch w := s[begin:end]; {
		case houseNumber(w):
			return houseStart(s, begin), names
		case !streetWord(s, begin, w):
			return -1, 0
		}
		names++
		end = begin
		i = -1
	}
	return -1, 0
}

// wordStart returns where the run of anything but space, commas and the like
// that ends at i begins.
func wordStart(s string, i int) int {
	begin := i
	for begin > 0 && i-begin < 32 && s[begin-1] > ' ' && strings.IndexByte(",;:()\"<>[]{}|=?!", s[begin-1]) < 0 {
		if s[begin-1] == '\'' && !withinWord(s, begin-1) {
			break // a quote, not that of O'Neill
		}
		begin--
	}
	return begin
}

// houseNumber reports whether w is the number of a house: 12, 12B, 12-14, 12/3.
func houseNumber(w string) bool {
	n := digitsWithin(w, 0, 1, 5)
	if n < 0 || w[0] == '0' && n == 1 {
		return false
	}
	if n < len(w) && (w[n] == '-' || w[n] == '/') {
		if m := digitsWithin(w, n+1, 1, 5); m > 0 {
			n = m
		}
	}
	if n < len(w) && isLetter(w[n]) {
		n++
	}
	return n == len(w)
}

// houseStart steps back over another number before the house number, as some
// write the unit first, and refuses none.
func houseStart(s string, i int) int {
	end := skipBack(s, i, " ", 1)
	if end == i {
		return i
	}
	begin := wordStart(s, end)
	if w := s[begin:end]; len(w) >= 2 && houseNumber(w) {
		return begin
	}
	return i
}

// streetWord reports whether a word can stand in the name of a street.
func streetWord(s string, i int, w string) bool {
	switch w {
	case "AM", "PM", "Am", "Pm", "The", "If", "When", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December":
		return false
	case "de", "la", "du", "des", "of", "the", "van", "von", "der", "do", "da", "di", "del":
		return true
	}
	n := digitsWithin(w, 0, 1, 3)
	return upperAt(s, i) || n > 0 && sameFold(w[n:], "st", "nd", "rd", "th")
}

// withUnitBefore takes in Flat 3, or Apt 4B before a house number at i.
func withUnitBefore(s string, i int) int {
	end := skipBack(s, i, ", ", 2)
	number := wordStart(s, end)
	if number == end || end == i || !houseNumber(s[number:end]) {
		return i
	}
	unitEnd := skipBack(s, number, " ", 1)
	unit := wordStart(s, unitEnd)
	if sameFold(s[unit:unitEnd], "flat", "apt", "apt.", "unit", "suite", "apartment") {
		return unit
	}
	return i
}

// streetEndings are the ends of names of streets that a house number follows.
func streetEndings() []string {
	words := []string{"straße ", "strasse ", "straat ", "gatan ", "vägen ", "gracht ", "platz ", "allee ", "gasse ", "katu ", "utca ", "plein ", "gade ", "str. ", "laan ", "singel "}
	for _, digit := range digits[1:] {
		for _, short := range [...]string{"str.", "weg ", "vej ", "tie ", "dijk ", "damm ", "ufer ", "gata ", "veien ", "kade "} {
			words = append(words, short+string(digit))
		}
	}
	return words
}

// streetEndingFirst reads Musterstraße 5, Berliner Allee 12a, Kerkstraat 3-5.
func streetEndingFirst(c *Candidate) {
	s, number := c.Text, c.End
	if isDigit(s[number-1]) {
		number--
	}
	end := houseEnd(s, number)
	start := wordStart(s, c.Start)
	if start == c.Start && (!upperAt(s, c.Start) || s[c.Start] == 's') || end < 0 {
		start = c.Start
	}
	if end < 0 || !upperAt(s, start) {
		return
	}
	if start == c.Start { // a word of its own: the name stands before it
		before := skipBack(s, start, " ", 1)
		if start = wordStart(s, before); start == before || !upperAt(s, start) || before == c.Start {
			return
		}
	}
	c.Add(withNumberBefore(s, start), addressEnd(s, end))
}

// houseEnd returns where the house number at i ends, -1 if there is none.
func houseEnd(s string, i int) int {
	end := digitsWithin(s, i, 1, 4)
	if end < 0 {
		return -1
	}
	if c := at(s, end); c == '-' || c == '/' {
		end = max(end, digitsWithin(s, end+1, 1, 4))
	}
	if isLetter(at(s, end)) && !beyondWord(s, end+1) {
		end++
	} else if at(s, end) == ' ' && isLower(at(s, end+1)) && strings.IndexByte("abcdefgh", s[end+1]) >= 0 && strings.IndexByte(",.\n", at(s, end+2)) >= 0 && end+2 < len(s) {
		end += 2
	}
	if beyondWord(s, end) || strings.IndexByte(".,:", at(s, end)) >= 0 && isDigit(at(s, end+1)) || at(s, end) == '%' {
		return -1
	}
	return end
}

// withNumberBefore takes in a number that stands before the name of a street
// at i, as in 03220 Augsburger Straße 36.
func withNumberBefore(s string, i int) int {
	end := skipBack(s, i, " ", 1)
	if begin := wordStart(s, end); begin < end && end < i && end-begin >= 2 && houseNumber(s[begin:end]) {
		return begin
	}
	return i
}

// streetBeginnings are the words for a street that its name follows.
func streetBeginnings() []string {
	return []string{"rue ", "avenue ", "boulevard ", "chemin ", "quai ", "impasse ", "route de ", "calle ", "avenida ", "paseo ", "carrer ", "plaza ", "via ", "viale ", "piazza ", "corso ",
		"vicolo ", "rua ", "travessa ", "praça ", "ulica ", "улица ", "ул. ", "ul. "}
}

// streetBeginning reads 12 rue de la Paix, Calle Mayor 5 and Via Roma, 10.
func streetBeginning(c *Candidate) {
	s := c.Text
	end, names := streetName(s, c.End)
	if names == 0 || withinWord(s, c.Start) {
		return
	}
	start, house := c.Start, -1
	if before := skipBack(s, c.Start, ", ", 2); before < c.Start {
		if number := wordStart(s, before); number < before && houseNumber(s[number:before]) {
			start, house = number, end
		}
	}
	if number := skipAny(s, end, ", ", 2); number > end {
		if after := houseEnd(s, number+anyFold(s[number:], "n° ", "nº ", "nr. ", "n. ")); after > 0 {
			house = after
		}
	}
	if house < 0 || start == c.Start && hasFold(s[start:], "via ") && (isLower(s[start]) || digitsWithin(s, house-1, 1, 1) < 0) {
		return
	}
	c.Add(start, addressEnd(s, max(end, house)))
}

// streetName reads up to six words of a name, the first or the last of which
// must be capitalised.
func streetName(s string, i int) (end, names int) {
	for end = i; names < 6; {
		start := i
		for range 3 {
			start += anyFold(s[start:], "de ", "la ", "le ", "les ", "l'", "l’", "du ", "des ", "del ", "della ", "dei ", "di ", "da ", "do ", "dos ", "das ", "d'", "d’", "los ", "las ", "et ", "e ", "y ", "св. ")
		}
		if !upperAt(s, start) {
			break
		}
		next := start
		for next < len(s) && next-start < 32 && (letterStart(s, next) || strings.IndexByte("-'.", s[next]) >= 0) {
			next = max(next+1, lettersEnd(s, next, 32))
		}
		if s[next-1] == '.' && next-start > 4 {
			next--
		}
		end = next
		names++
		if i = next + 1; at(s, next) != ' ' {
			break
		}
	}
	return end, names
}

// postBox reads the number of a post office box.
func postBox(c *Candidate) {
	s := c.Text
	if withinWord(s, c.Start) || c.End-c.Start == len("box ") {
		return // Box alone counts only in what militaryPost reads
	}
	start := skipAny(s, c.End, "#", 1)
	end := digitsWithin(s, start, 1, 6)
	if end > 0 && !beyondWord(s, end) {
		c.Add(c.Start, addressEnd(s, end))
	}
}

// militaryPost reads Unit 2050 Box 4190, APO AP 96278 and the like.
func militaryPost(c *Candidate) {
	s := c.Text
	end := digitsWithin(s, c.End, 5, 5)
	if end < 0 || isDigit(at(s, end)) || withinWord(s, c.Start) {
		return
	}
	if at(s, end) == '-' {
		end = max(end, digitsWithin(s, end+1, 4, 4))
	}
	start := c.Start
	from := max(0, start-48)
	for _, first := range [...]string{"PSC ", "CMR ", "UNIT ", "USS ", "USNS ", "USCGC "} {
		if i := lastFold(s[from:start], first); i >= 0 && !withinWord(s, from+i) {
			start = from + i
			break
		}
	}
	c.Add(start, end)
}

// lastFold returns where upper, ASCII case ignored, last stands in a short s.
func lastFold(s, upper string) int {
	for i := len(s) - len(upper); i >= 0; i-- {
		if strings.EqualFold(s[i:i+len(upper)], upper) {
			return i
		}
	}
	return -1
}

// unitFirst reads an address that only its unit gives away: a number and
// names before Apt. 5.
func unitFirst(c *Candidate) {
	s := c.Text
	end := unitNumber(s, c.End)
	before := gapBack(s, c.Start)
	if end < 0 || withinWord(s, c.Start) || before == c.Start {
		return
	}
	if start, names := houseBefore(s, before, true); start >= 0 && names > 0 {
		c.Add(start, addressEnd(s, end))
	}
}

// unitNumber returns where the number of a unit ends: 5, 4B, B12, #3.
func unitNumber(s string, i int) int {
	i = skipAny(s, i, "#", 1)
	start := i
	if isUpper(at(s, i)) {
		i++
	}
	end := max(i, digitsWithin(s, i, 1, 5))
	if end > i && isLetter(at(s, end)) {
		end++
	}
	if end == start || beyondWord(s, end) || at(s, end) == '-' {
		return -1
	}
	return end
}
