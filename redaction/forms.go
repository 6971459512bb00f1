package redaction

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// shapes leads from where the digits stand in a run of letters and digits to
// the detectors of forms that may be of that shape: one look answers for all
// of them.
type shapes struct {
	sets map[uint64]*detSet // until built
	keys []uint64
	vals []uint16
	list []detSet
	// lens has bit n set where there is a shape of length n, grouped where one
	// may be written in groups, open where some have shapes that are known by length alone.
	lens, grouped, open uint64
	// known has a bit for the hash of every shape: most runs have none.
	known [shapeBits / 64]uint64
}

// maxForm bounds the length of identifiers without their separators.
const maxForm = 40

// shape is a length and, by bit, where the digits are.
func shape(n int, digits uint64) uint64 { return uint64(n)<<maxForm | digits }

// maxOpen bounds the places of a pattern that may hold a letter or a digit and
// are told apart; the patterns of the rest are known by length.
const maxOpen = 8

// anyDigits marks the shapes that are known by length alone.
const anyDigits = 1<<maxForm - 1<<1

// minWeak is the least length of an identifier that is believed because of a
// word near it: nearly every shorter number is something else.
const minWeak = 6

// add adds the shapes of a form; strong says that it needs no word near it.
func (t *shapes) add(det int, f *identifier.Form, strong bool) {
	if t.sets == nil {
		t.sets = map[uint64]*detSet{}
	}
	for _, p := range f.Patterns {
		if len(p) < minWeak && !strong {
			continue
		}
		t.lens |= 1 << len(p)
		if f.Separators != "" {
			t.grouped |= 1 << len(p)
		}
		if strings.Count(p, "*") > maxOpen {
			t.open |= 1 << len(p)
			t.put(shape(len(p), anyDigits), det)
			continue
		}
		t.expand(p, 0, 0, det)
	}
}

// expand adds the shapes of p, of which those of p[:i] are in digits.
func (t *shapes) expand(p string, i int, digits uint64, det int) {
	for ; i < len(p); i++ {
		switch c := p[i]; {
		case c == '#' || isDigit(c):
			digits |= 1 << i
		case c == '*':
			t.expand(p, i+1, digits, det)
			digits |= 1 << i
		}
	}
	t.put(shape(len(p), digits), det)
}

func (t *shapes) put(key uint64, det int) {
	if t.sets[key] == nil {
		t.sets[key] = &detSet{}
	}
	t.sets[key].put(det)
}

func (t *shapes) build() {
	size := 1 << bits.Len(uint(4*len(t.sets)+1))
	t.keys, t.vals, t.list = make([]uint64, size), make([]uint16, size), []detSet{{}}
	for key, set := range t.sets {
		i := t.slot(key)
		h := shapeHash(key)
		t.known[h/64] |= 1 << (h % 64)
		t.keys[i], t.vals[i] = key, uint16(len(t.list))
		t.list = append(t.list, *set)
	}
	t.sets = nil
}

// slot returns where a key is or would be.
func (t *shapes) slot(key uint64) int {
	mask := len(t.keys) - 1
	i := int(key*phraseSalt>>40) & mask
	for t.keys[i] != 0 && t.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

// shapeBits is the size of the bitmap of shapes.
const shapeBits = 1 << 14

func shapeHash(key uint64) uint64 { return key * phraseSalt >> (64 - 14) }

// mayHave reports whether there may be a shape.
func (t *shapes) mayHave(key uint64) bool {
	h := shapeHash(key)
	return t.known[h/64]>>(h%64)&1 != 0
}

// formsFrom tries the identifiers that begin with the given group.
func (sc *scan) formsFrom(first int) error {
	t := &sc.t.shapes
	var digits uint64
	n, tried, lens := 0, 0, t.lens
	spaces := false // between the groups: then none may stand before or behind
	for last := first; last < len(sc.groups); last++ {
		g := sc.groups[last]
		if n+g.Len() > maxForm {
			break
		}
		for i := g.Start; i < g.End; i++ {
			if isDigit(sc.cand.Text[i]) {
				digits |= 1 << n
			}
			n++
		}
		if last > first {
			lens = t.grouped
			spaces = spaces || sc.cand.Text[g.Start-1] == ' '
			if spaces && (sc.spaced(first) || sc.spaced(last+1)) && !sc.groups[first].letters {
				continue // part of a row of numbers
			}
		}
		if lens>>n&1 == 0 {
			continue
		}
		if key := shape(n, digits); t.mayHave(key) {
			tried += sc.formsOf(t.vals[t.slot(key)], first, last)
		}
		if t.open>>n&1 != 0 {
			tried += sc.formsOf(t.vals[t.slot(shape(n, anyDigits))], first, last)
		}
	}
	return sc.clock.spend(16 + 64*tried)
}

// spaced reports whether a space and digits stand before group i, and digits
// begin it.
func (sc *scan) spaced(i int) bool {
	if i <= 0 || i >= len(sc.groups) {
		return false
	}
	s, start := sc.cand.Text, sc.groups[i].Start
	return s[start-1] == ' ' && isDigit(s[start-2]) && isDigit(s[start])
}

// formsOf tries the detectors of a shape on the given groups: those that need
// no word, and those that have one.
func (sc *scan) formsOf(set uint16, first, last int) (tried int) {
	if set == 0 {
		return 0
	}
	start, end := sc.groups[first].Start, sc.groups[last].End
	if !sc.formAlone(first, last) {
		return 1
	}
	dets, t := &sc.t.shapes.list[set], sc.t
	lower := sc.lower(first, last)
	allowed, may := &t.alone, &t.alonePlus
	switch {
	case lower && sc.ofSentence(first):
		allowed, may = &detSet{}, &t.telling
	case lower:
		allowed, may = &t.regional, &t.regionalPlus
	case isDecimal(sc.cand.Text, sc.groups[first:last+1]):
		allowed, may = &detSet{}, &t.hasContext
	}
	// Words near are read first where many wait for them, and else only for what
	// matches.
	var around detSet
	known := dets.common(may) > fewForms
	if known {
		around = sc.around(first, last)
	}
	value := sc.cand.Text[start:end]
	dets.each(may, func(det int) {
		if known && !allowed.has(det) && !around.has(det) {
			return
		}
		tried++
		if !t.detectors[det].Form.MatchIn(value, sc.compact[:0]) || filled(value) {
			return
		}
		if !known && t.hasContext.has(det) {
			around, known = sc.around(first, last), true
		}
		near := around.has(det) && (!lower || t.telling.has(det))
		if allowed.has(det) || near {
			sc.sure = near
			sc.add(det, start, end)
		}
	})
	return tried
}

// fewForms are so few that comparing a value with them takes no longer than to
// read the words near it.
const fewForms = 6

// sides are what stands before and behind a group.
type sides struct {
	before, behind           detSet
	beforeKnown, behindKnown bool
}

// around returns the detectors that words before the first and behind the last
// group are context of.
func (sc *scan) around(first, last int) detSet {
	if f := &sc.sides[first]; !f.beforeKnown {
		f.before, f.beforeKnown = detSet{}, true
		sc.before(sc.groups[first].Start, &f.before)
	}
	if l := &sc.sides[last]; !l.behindKnown {
		l.behind, l.behindKnown = detSet{}, true
		sc.behind(sc.groups[last].End, &l.behind)
	}
	set := sc.sides[first].before
	set.unite(&sc.sides[last].behind)
	return set
}

// lower reports whether letters that stand apart from digits are in lower
// case: "of 2017" and "de 500 000" are words and a number, unless the form is
// telling and a word near it says so or, but for words of a sentence, its
// country is asked for.
func (sc *scan) lower(first, last int) bool {
	for _, g := range sc.groups[first : last+1] {
		if first < last && g.letters && isLower(sc.cand.Text[g.Start]) && isLetter(sc.cand.Text[g.End-1]) {
			return true
		}
	}
	return false
}

// mixed reports whether one of the groups has letters and digits: what a comma
// separates from such groups is no part of the same number.
func (sc *scan) mixed(first, last int) bool {
	return slices.ContainsFunc(sc.groups[first:last+1], func(g Group) bool {
		return g.letters && strings.ContainsAny(sc.cand.Text[g.Start:g.End], digits)
	})
}

// ofSentence reports whether a group of letters in lower case is a word of the
// sentence that it stands in: "es" in "mi DNI es 12345678Z" is no country.
func (sc *scan) ofSentence(i int) bool {
	s, g := sc.cand.Text, sc.groups[i]
	if !g.letters || !isLower(s[g.Start]) || at(s, g.Start-1) != ' ' || !slices.Contains(smallWords, s[g.Start:g.End]) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(s[:g.Start-1])
	return unicode.IsLetter(before)
}

// smallWords are words of up to three letters that stand before numbers.
var smallWords = strings.Fields("is it in at to of on or an as by if we me my he us be do so no up and the for are was has had not all any can per but our out you his her its who " +
	"der die das den dem des ein und mit von bis ist im am zu um es wir auf aus bei vor la le les un une du de et en au aux est sur par el los las una y con por del " +
	"lo gli di da su nel al het een van op te os um do na em og av det er i o a e à è é på")

// filled reports whether s is a number made up by repeating a digit, of which
// one at most is another: 00000000000, 1111111112.
func filled(s string) bool {
	var count [10]int
	n, most := 0, 0
	for i := range len(s) {
		if isLetter(s[i]) {
			return false
		}
		if isDigit(s[i]) {
			n++
			count[s[i]-'0']++
			most = max(most, count[s[i]-'0'])
		}
	}
	return n >= 8 && most >= n-1
}

// formAlone reports whether the groups are not part of something longer.
func (sc *scan) formAlone(first, last int) bool {
	s, start, end := sc.cand.Text, sc.groups[first].Start, sc.groups[last].End
	before, after := at(s, start-1), at(s, end)
	if isAlnum(before) && !afterEscape(s, start) || isAlnum(after) {
		return false
	}
	if strings.IndexByte(".,-/:+", before) >= 0 && isDigit(at(s, start-2)) && !(before == ',' && sc.mixed(first, last)) {
		return false
	}
	if strings.IndexByte(".,-/:", after) >= 0 && isDigit(at(s, end+1)) && !(after == ',' && sc.mixed(first, last)) {
		return false
	}
	if before == '-' && isAlnum(at(s, start-2)) || after == '-' && isAlnum(at(s, end+1)) {
		return false
	}
	return true
}
