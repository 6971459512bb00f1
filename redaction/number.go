package redaction

import (
	"math/bits"
	"strings"
)

// digitAt tries every number, identifier and long run in which the digit at i,
// the first of its group, is the first. It returns where the scan goes on.
func (sc *scan) digitAt(s string, i int) (int, error) {
	if end := sc.plainEnd(s, i); end > 0 && i >= sc.clusterEnd {
		sc.groups = append(sc.groups[:0], Group{Start: i, End: end})
		return end, sc.numbersFrom(0)
	}
	if i >= sc.runEnd || !sc.longDone {
		if err := sc.runAt(s, i, true); err != nil {
			return i, err
		}
	}
	if i < sc.clusterEnd {
		return digitsEnd(s, i), nil
	}
	next := sc.readGroups(s, i)
	return next, sc.clusterAt()
}

// plainEnd returns where the number at i ends if it is one of those that prose
// is full of, with few digits and nothing about it of which an identifier or a
// longer number could be made, and 0 otherwise.
func (sc *scan) plainEnd(s string, i int) int {
	end := digitsEnd(s, i)
	if end-i >= minWeak-1 || sc.t.shapes.lens>>(end-i)&1 != 0 || isBase64URL(at(s, i-1)) || isBase64URL(at(s, end)) || isLetter(at(s, i-2)) && sc.leads(s, i) {
		return 0
	}
	if n := separator(s[end:]); n > 0 && (isDigit(at(s, end+n)) || n == 1 && goesOn(s, end+n, n)) {
		return 0
	}
	return end
}

// leads reports whether letters of one case, few enough for an identifier, end
// one byte before i.
func (sc *scan) leads(s string, i int) bool {
	last := s[i-2]
	if separator(s[i-1:i]) == 0 || isLower(last) && len(sc.t.regions) == 0 {
		return false // what is in lower case counts where a country is asked for
	}
	start := i - 2
	for start > 0 && i-start <= maxLead+2 && isLetter(s[start-1]) && oneCase(s[start-1], last) {
		start--
	}
	return i-1-start <= maxLead && !isWord(at(s, start-1))
}

// isDecimal reports whether groups of s are a number with a fraction: 12345.6789.
func isDecimal(s string, groups []Group) bool {
	return len(groups) == 2 && !groups[0].letters && !groups[1].letters && s[groups[0].End:groups[1].Start] == "."
}

// clusterAt tries what the groups that were read may be.
func (sc *scan) clusterAt() error {
	size := 0
	for i, g := range sc.groups {
		sc.sides[i].beforeKnown, sc.sides[i].behindKnown = false, false
		size += g.Len()
	}
	forms := size >= bits.TrailingZeros64(sc.t.shapes.lens)
	enough := !sc.tooFew()
	for first := range sc.groups {
		if enough && !sc.groups[first].letters {
			if err := sc.numbersFrom(first); err != nil {
				return err
			}
		}
		if !forms {
			continue
		}
		if err := sc.formsFrom(first); err != nil {
			return err
		}
	}
	return nil
}

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// maxRun bounds the groups that are read at once; a longer run is read in
// pieces that overlap by what a number can have. maxGroup bounds a group.
const (
	maxRun   = 64
	maxGroup = 40
	// maxLead bounds the letters before and within an identifier that stand
	// apart, as in "KX YZ 9876" and "QX 98 76 54 A".
	maxLead = 5
	// maxLower bounds those in lower case: longer ones are words.
	maxLower = 3
)

// leadLen is how many letters may stand apart, by the case of one of them.
func leadLen(letter byte) int {
	if isLower(letter) {
		return maxLower
	}
	return maxLead
}

// readGroups reads the groups of letters and digits around i into sc.groups:
// what an identifier may be written in. It returns where the scan goes on, which
// may be amid the run.
func (sc *scan) readGroups(s string, i int) (next int) {
	sc.groups = sc.groups[:0]
	start := i
	for start > 0 && isAlnum(s[start-1]) && i-start <= maxGroup && start > sc.clusterEnd {
		start--
	}
	if start = behindEscape(s, start, i); i-start > maxGroup {
		sc.clusterEnd = alnumEnd(s, i)
		return digitsEnd(s, i)
	}
	sc.readLead(s, start)
	for plain := true; ; {
		g := groupAt(s, start)
		plain = plain && !g.letters
		sc.groups = append(sc.groups, g)
		if sc.clusterEnd = g.End; len(sc.groups) == maxRun {
			sc.clusterEnd = sc.groups[maxRun-maxGroups].End
			return sc.clusterEnd
		}
		n := separator(s[g.End:])
		if start = g.End + n; n == 0 || !goesOn(s, start, n) {
			if plain {
				return g.End
			}
			return digitsEnd(s, i)
		}
	}
}

// behindEscape returns where the group from start to the digit at i begins: an
// escape such as \n or %3D before it is none of its letters.
func behindEscape(s string, start, i int) int {
	if start < i && at(s, start-1) == '\\' && strings.IndexByte("nrt", s[start]) >= 0 {
		return start + 1
	}
	if start+2 <= len(s) && at(s, start-1) == '%' && isHex(s[start]) && isHex(at(s, start+1)) && isAlnum(at(s, start+2)) {
		return start + 2
	}
	return start
}

// goesOn reports whether a run goes on at i, n bytes behind its last group:
// with digits, or with a few letters one byte behind.
func goesOn(s string, i, n int) bool {
	if isDigit(at(s, i)) {
		return true
	}
	if n != 1 || !isLetter(at(s, i)) {
		return false
	}
	end := i
	most := leadLen(s[i])
	for end-i <= most && isLetter(at(s, end)) && oneCase(s[i], s[end]) {
		end++
	}
	return end-i <= most && !isLetter(at(s, end)) || isDigit(at(s, end))
}

func oneCase(a, b byte) bool { return isUpper(a) == isUpper(b) }

// readLead reads up to two groups of letters of one case that stand one byte
// before i.
func (sc *scan) readLead(s string, i int) {
	var lead [2]Group
	n := 0
	for ; n < len(lead); n++ {
		end := i - 1
		if end < 1 || i <= sc.clusterEnd || separator(s[end:end+1]) == 0 {
			break
		}
		start, most := end, leadLen(s[end-1])
		for start > 0 && isLetter(s[start-1]) && end-start <= most && oneCase(s[end-1], s[start-1]) {
			start--
		}
		if start == end || end-start > most || isWord(at(s, start-1)) {
			break
		}
		lead[n] = Group{start, end, true}
		i = start
	}
	for n--; n >= 0; n-- {
		sc.groups = append(sc.groups, lead[n])
	}
}

// groupAt returns the letters and digits from i on.
func groupAt(s string, i int) Group {
	g := Group{Start: i, End: i}
	for g.End < len(s) && isAlnum(s[g.End]) {
		g.letters = g.letters || !isDigit(s[g.End])
		g.End++
	}
	return g
}

func alnumEnd(s string, i int) int {
	for i < len(s) && isAlnum(s[i]) {
		i++
	}
	return i
}

// tooFew reports whether no detector takes a number with as few digits as all
// groups have.
func (sc *scan) tooFew() bool {
	n := 0
	for _, g := range sc.groups {
		if !g.letters {
			n += g.Len()
		}
	}
	return n < sc.t.least[min(len(sc.groups), maxGroups)]
}

// separators has the bytes that separators begin with.
const separators = " -./():\xc2\xe2"

// separator returns the length of what separates groups of digits at the
// beginning of s: up to three spaces, dashes, dots, slashes, colons or parentheses.
func separator(s string) int {
	n := 0
	for range 3 {
		switch c := at(s, n); {
		case c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')' || c == ':':
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
	if isLetter(at(c.Text, c.Start-1)) && !afterEscape(c.Text, c.Start) {
		return nil
	}
	for last := first; last < len(sc.groups) && last < first+maxGroups && !sc.groups[last].letters; last++ {
		if n += sc.groups[last].Len(); n > sc.t.most {
			break
		}
		c.End = sc.groups[last].End
		c.Groups = sc.groups[first : last+1]
		for _, d := range sc.t.byNumber[last-first+1][n] {
			c.det, sc.sure = d, false
			sc.t.detectors[d].Find(c)
			tried++
		}
	}
	return sc.clock.spend(16 * (tried + 1))
}

// maxLong bounds the runs that are looked at.
const maxLong = 8192

// runAround returns the run of letters, digits, - and _ that the byte at i is
// in, no further back than from; ok is false for one that is too long.
func runAround(s string, i, from int) (start, end int, ok bool) {
	start, end = i, i+1
	for start > from && i-start < maxLong && isBase64URL(s[start-1]) {
		start--
	}
	for end < len(s) && isBase64URL(s[end]) {
		end++
	}
	return start, end, end-start <= maxLong
}

// runAt tries the prefixes in the run that the byte at i is in, which is no
// letter, and, if it is a digit, what triggers at long runs: each once.
func (sc *scan) runAt(s string, i int, digit bool) error {
	if i >= sc.runEnd {
		start, end, ok := runAround(s, i, sc.runEnd)
		sc.runStart, sc.runEnd, sc.longDone = start, end, !ok
		if end-start >= minRun && ok {
			if err := sc.prefixesIn(s, start, end); err != nil {
				return err
			}
		}
	}
	if !digit || sc.longDone {
		return nil
	}
	sc.longDone = true
	var asked detSet
	read := false
	for _, d := range sc.t.long {
		det := &sc.t.detectors[d]
		if sc.runEnd-sc.runStart < det.Long {
			continue
		}
		if det.LongNear && !read {
			sc.before(sc.runStart, &asked)
			read = true
		}
		if det.LongNear && !asked.has(d) {
			continue
		}
		if err := sc.try(d, sc.runStart, sc.runEnd); err != nil {
			return err
		}
	}
	return nil
}

// prefixesIn tries the prefixes that stand in a run, where words of it begin.
func (sc *scan) prefixesIn(s string, start, end int) error {
	for i := start; i+minPrefix <= end; i++ {
		if i > start && isAlnum(s[i-1]) && isAlnum(s[i]) && (i > start+2 || !afterEscape(s, i)) {
			continue
		}
		h := prefixHash(s[i : i+minPrefix])
		if sc.t.runPrefix[h/64]>>(h%64)&1 == 0 {
			continue
		}
		for _, p := range sc.t.prefixes[s[i:i+minPrefix]] {
			if strings.HasPrefix(s[i:], p.text) {
				if err := sc.try(p.det, i, i+len(p.text)); err != nil {
					return err
				}
			}
		}
	}
	return sc.clock.spend(end - start)
}
