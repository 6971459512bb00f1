package redaction

// numberAt tries every number that begins at a group of the run of digits and
// separators that begins at i. It returns where the run ends. Digits within
// words are stepped over.
func (sc *scan) numberAt(s string, i int) (int, error) {
	if b := at(s, i-1); isLetter(b) || b == '_' {
		return digitsEnd(s, i), nil
	}
	end := digitsEnd(s, i)
	if !isDigit(at(s, end+separator(s[end:]))) {
		if n := end - i; n > maxDigits || len(sc.t.byNumber[1][n]) == 0 {
			return end, nil
		}
		sc.groups = append(sc.groups[:0], Group{i, end})
		return end, sc.numbersFrom(0)
	}
	end = sc.readGroups(s, i)
	if sc.tooFew() {
		return end, nil
	}
	for first := range sc.groups {
		if err := sc.numbersFrom(first); err != nil {
			return i, err
		}
	}
	return end, nil
}

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// maxRun bounds the groups that are read at once; a longer run is read in
// pieces that overlap by what a number can have.
const maxRun = 64

// readGroups reads the groups of digits from i on into sc.groups and returns
// where reading goes on.
func (sc *scan) readGroups(s string, i int) int {
	sc.groups = sc.groups[:0]
	for {
		end := digitsEnd(s, i)
		sc.groups = append(sc.groups, Group{i, end})
		if len(sc.groups) == maxRun {
			return sc.groups[maxRun-maxGroups+1].Start
		}
		i = end + separator(s[end:])
		if i == end || !isDigit(at(s, i)) {
			return end
		}
	}
}

// tooFew reports whether no detector takes a number with as few digits as all
// groups have.
func (sc *scan) tooFew() bool {
	n := 0
	for _, g := range sc.groups {
		n += g.Len()
	}
	return n < sc.t.least[min(len(sc.groups), maxGroups)]
}

// separators has the bytes that separators begin with.
const separators = " -./()\xc2\xe2"

// separator returns the length of what separates groups of digits at the
// beginning of s: up to three spaces, dashes, dots, slashes or parentheses.
func separator(s string) int {
	n := 0
	for range 3 {
		switch c := at(s, n); {
		case c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')':
			n++
		case c == 0xC2 && at(s, n+1) == 0xA0: // no-break space
			n += 2
		case c == 0xE2 && at(s, n+1) == 0x80 && at(s, n+2) >= 0x90 && at(s, n+2) <= 0x95: // dashes
			n += 3
		default:
			return n
		}
	}
	return n
}

// numbersFrom tries the numbers that begin with the given group.
func (sc *scan) numbersFrom(first int) error {
	c, n, tried := &sc.cand, 0, 0
	c.Start = sc.groups[first].Start
	for last := first; last < len(sc.groups) && last < first+maxGroups; last++ {
		if n += sc.groups[last].Len(); n > sc.t.most {
			break
		}
		c.End = sc.groups[last].End
		c.Groups = sc.groups[first : last+1]
		for _, d := range sc.t.byNumber[last-first+1][n] {
			c.det = d
			sc.t.detectors[d].Find(c)
			tried++
		}
	}
	return sc.clock.spend(16 * tried)
}

// countryAt tries what the two letters at i, with a digit behind, trigger.
func (sc *scan) countryAt(i int, a, b byte) error {
	for _, d := range sc.t.byCountry[countryIndex(a, b)] {
		if err := sc.try(d, i, i+2); err != nil {
			return err
		}
	}
	return nil
}
