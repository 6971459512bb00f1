package redaction

import "strings"

// addressLabels stand before an address.
func addressLabels() []string {
	return []string{"address is ", "address: ", "address to ", "address with ", "to the same: ", "is at ", "live at ", "lives at ", "lived at ", "living at ", "located at ", "office is at ", "home is at ", "house is at ",
		"reside at ", "resides at ", "residing at ", "deliver to ", "deliver it to ", "sent to ", "ship to ", "ship it to ", "mail it to ", "mail to ", "meet you at ", "meet me at ",
		"wohne in der ", "wohnhaft ", "adresse: ", "adresse ist ", "j'habite au ", "j’habite au ", "vivo en ", "dirección: ", "dirección es ", "indirizzo: ", "abito in ", "adres: "}
}

// labelledAddress reads a number with names or names with a number where a
// label says that an address follows.
func labelledAddress(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, " \n\"'*", 4)
	if sameFold(lastWordBefore(s, c.Start), "email", "mail", "ip", "mac", "web", "url", "wallet", "bitcoin", "contract", "memory", "network") {
		return
	}
	end, numbers, names, first := i, 0, 0, false
	for n := range 8 {
		next := i
		for next < len(s) && next-i < 32 && (isDigit(s[next]) || letterStart(s, next) || strings.IndexByte(".'-/", s[next]) >= 0) {
			next = max(next+1, lettersEnd(s, next, 32))
		}
		w := strings.TrimRight(s[i:next], ".'-/")
		house := w != "" && houseNumber(w)
		if w == "" || !house && !streetWord(s, i, w) {
			break
		}
		if house {
			numbers++
			first = first || n == 0
		} else if upperAt(s, i) {
			names++
		}
		end = i + len(w)
		i = next + 1
		if at(s, next) != ' ' || next > end && s[end] == '.' && next == end+1 && len(w) > 4 {
			break
		}
	}
	if hasFold(s[c.Start:], "is at ") && !(first && (isDigit(s[end-1]) || shortStreet(s[:end]))) {
		return
	}
	if numbers > 0 && names > 0 && (first || isDigit(s[end-1]) || names > 1 && unitBehind(s, end)) {
		c.Add(skipAny(s, c.End, " \n\"'*", 4), addressEnd(s, end))
	}
}

// shortStreet reports whether s ends with an abbreviated word for a street.
func shortStreet(s string) bool {
	return sameFold(s[strings.LastIndexByte(s, ' ')+1:], "st", "rd", "ave", "dr", "ln", "ct", "pl", "sq", "blvd", "way")
}

func unitBehind(s string, i int) bool {
	i = skipAny(s, i, ",. ", 2)
	return anyFold(s[i:], "apt", "suite", "unit", "flat") > 0
}

// addressEnd returns where the address whose street ends at i ends: with unit,
// city, state, postcode and country, as far as they follow.
func addressEnd(s string, i int) int {
	end := unitsEnd(s, i)
	unit, place := end > i, end
	coded, leading := false, false // a postcode was read; a city must follow it
	for range 4 {
		next, postcode, ok := placePart(s, place)
		if !ok {
			break
		}
		more := s[place:next]
		city := leading && more[0] == ' '
		leading = postcode && postcodeEnd(s, gap(s, place)) == next
		place = next
		coded = coded || postcode
		switch {
		case postcode, city,
			linesIn(more) && unit && endsLine(s, next),
			!linesIn(s[end:next]) && unit,
			!linesIn(s[end:next]) && (coded || s[end] == ',') && closesPlace(s, next):
			end = place
		}
		if postcode && !comesCountry(s, place) {
			break
		}
	}
	return end
}

// unitsEnd steps over up to two units such as Suite 5.
func unitsEnd(s string, end int) int {
	for range 2 {
		unit := gap(s, end)
		n := anyFold(s[unit:], "apt. ", "apt ", "suite ", "ste ", "ste. ", "unit ", "flat ", "apartment ", "floor ", "#")
		if n == 0 || unit == end {
			break
		}
		if next := unitNumber(s, unit+n); next > 0 {
			end = next
		}
	}
	return end
}

// closesPlace reports whether the clause ends at i.
func closesPlace(s string, i int) bool {
	return i == len(s) || strings.IndexByte(",.;\n)?!\"'", s[i]) >= 0
}

// gap returns where the part of an address behind the one that ends at i
// begins: behind a comma, spaces or one break of the line, with what quotes
// lines before it; i where something else stands there.
func gap(s string, i int) int {
	next := skipAny(s, i, ", ", 2)
	if at(s, i) == '.' && (at(s, i+1) == ',' || at(s, i+1) == '\n') {
		next = i + 1
	}
	line := next + anyFold(s[next:], "\r\n", "\n", "\\n", "\\r\\n")
	if line == next {
		return next
	}
	return skipAny(s, line, " \t>?,", 10)
}

// gapBack is gap in the other direction.
func gapBack(s string, i int) int {
	before := skipBack(s, i, " \t>?,", 10)
	for _, line := range [...]string{"\r\n", "\n", "\\n"} {
		if strings.HasSuffix(s[:before], line) {
			return skipBack(s, before-len(line), ", ", 2)
		}
	}
	return before
}

func linesIn(s string) bool { return strings.IndexByte(s, '\n') >= 0 || strings.Contains(s, "\\n") }

// placePart reads one part of what follows a street: a city, a state, a
// country, with or without a postcode, or a postcode alone.
func placePart(s string, i int) (end int, postcode, ok bool) {
	start := gap(s, i)
	if start == i {
		return 0, false, false
	}
	first := start
	end = start
	for range 4 {
		if code := postcodeEnd(s, start); code > 0 {
			return code, true, true
		}
		next := start
		for next < len(s) && next-start < 32 && (letterStart(s, next) || next > start && strings.IndexByte("-'", s[next]) >= 0) {
			next = max(next+1, lettersEnd(s, next, 32))
		}
		if next == start || !upperAt(s, start) || endsName(s[start:next]) || closing(s[start:next]) {
			break
		}
		end = skipBack(s, next, "-'", 2)
		if start = skipAny(s, next, " ", 1); start == next {
			break
		}
	}
	return end, false, end > first
}

// closing reports whether a word begins the close of a letter or a field and
// no place.
func closing(w string) bool {
	return sameFold(w, "regards", "sincerely", "cheers", "best", "kind", "thanks", "yours", "sent", "fax", "mobile", "email", "website", "hours", "price", "rating", "subject", "name")
}

// postcodeEnd returns where the postcode at i ends, -1 if there is none: four
// to six digits, ZIP+4, 1234 AB, A1A 1A1, British ones.
func postcodeEnd(s string, i int) int {
	if end := ukPostcodeEnd(s, i); end > 0 {
		return end
	}
	if end := canadianPostcodeEnd(s, i); end > 0 {
		return end
	}
	end := digitsWithin(s, i, 4, 6)
	if end < 0 {
		if end = digitsWithin(s, i, 2, 3); end > 0 && (at(s, end) == ' ' || at(s, end) == '-') {
			end = digitsWithin(s, end+1, 2, 3)
		}
		if end < i+5 {
			return -1
		}
	}
	if at(s, end) == '-' {
		end = max(end, digitsWithin(s, end+1, 3, 4))
	} else if end == i+4 && at(s, end) == ' ' && isUpper(at(s, end+1)) && isUpper(at(s, end+2)) && !beyondWord(s, end+3) {
		end += 3
	}
	if beyondWord(s, end) || isDigit(at(s, end+1)) && strings.IndexByte(".,-/", s[end]) >= 0 {
		return -1
	}
	return end
}

// comesCountry reports whether a capitalised word follows the postcode that
// ends at i: the city of the continent, or the country.
func comesCountry(s string, i int) bool {
	next := skipAny(s, i, ", ", 2)
	return next > i && upperAt(s, next)
}
