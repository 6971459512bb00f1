package known

import "unicode/utf8"

// A search looks for what begins at one place.
type search struct {
	s       *Set
	text    string
	at      int
	before  gap // what stands between the place and what comes before
	initial bool
	end     int // of the longest match; 0: none yet
	value   int
}

// walk follows the text into the trie and tries what it leads to; with skip,
// initials between words are passed over: Jane M. Doe.
func (q *search) walk(skip bool) {
	t := &q.s.trie
	r := reader{f: q.s.f, s: q.text, pos: q.at, skip: skip}
	node := int32(root)
	for r.next() {
		to := t.step(node, r.elem)
		if to == noEdge {
			break
		}
		if to < 0 {
			q.try(^to, skip)
			break
		}
		node = to
		if first := t.accept[node]; first >= 0 {
			q.try(first, skip)
		}
	}
	q.initial = q.initial || r.initial
}

// try compares a list of patterns.
func (q *search) try(p int32, skip bool) {
	for ; p >= 0; p = q.s.patterns[p].next {
		if end, ok := q.compare(p, skip); ok && end > q.end {
			q.end, q.value = end, int(q.s.patterns[p].value)
		}
	}
}

// compare compares the text with one pattern, element by element and gap by
// gap, and returns where it ends.
func (q *search) compare(id int32, skip bool) (int, bool) {
	p, want := &q.s.patterns[id], q.s.word(id)
	if !p.allows(q.before, want[0]) {
		return 0, false
	}
	r := reader{f: q.s.f, s: q.text, pos: q.at, skip: skip && p.flags&named != 0}
	for k, w := range want {
		ok := r.next()
		q.initial = q.initial || r.initial
		if !ok || r.elem != w.rune() {
			return 0, false
		}
		if k == 0 {
			if p.flags&capital != 0 && r.class&lower != 0 || p.flags&numeric != 0 && afterPoint(q.text, q.at) {
				return 0, false
			}
		} else if !want[k-1].agree(r.double, r.marked) || !p.bridges(&r, k, want[k-1], w) {
			return 0, false
		}
	}
	if r.left > 0 {
		return 0, false // in the middle of a character
	}
	return q.finish(p, want[len(want)-1], &r)
}

// allows reports whether the pattern may begin or end, with element e, at
// such a gap.
func (p *pattern) allows(g gap, e elem) bool {
	switch g {
	case gapSpace:
		return true
	case gapCase:
		return p.n >= enough
	case gapDigit:
		return p.n >= enough && p.flags&named != 0
	case gapScript:
		if e.rune() >= jamoL && e.rune() <= jamoTrailLast {
			return p.n >= 4 // two syllables
		}
		return p.n >= 2 || p.flags&named == 0 && e.rune() < utf8.RuneSelf
	}
	return false
}

// agree compares how an element is written: ä may be ae or a, and in long
// words so may ae.
func (e elem) agree(double, marked bool) bool {
	return e&doubled != 0 == double || marked || e&(diacritic|long) != 0
}

// bridges reports whether the gap between two elements is one that the
// pattern can have there.
func (p *pattern) bridges(r *reader, k int, a, b elem) bool {
	if p.flags&dotted != 0 && k == 1 {
		return r.gap == gapSpace && r.s[r.gapStart] == '.'
	}
	switch r.gap {
	case gapSpace:
		return b&breakFlags != 0 || p.flags&splits != 0 || a.isDigit() != b.isDigit() || !a.isDigit() && r.spelledOut(p)
	case gapNone:
		if b&hardBreak == 0 || b.rune() >= 0x0E00 {
			return true
		}
		if b.isDigit() {
			return p.flags&(splits|joinsNums) != 0
		}
		return p.n >= enough
	}
	return true
}

// spelledOut reports whether a gap inside a word is none: the letters stand
// apart one by one, a line ends in a hyphen, or the script has no spaces.
func (r *reader) spelledOut(p *pattern) bool {
	if r.class&unspaced != 0 {
		return true
	}
	if r.s[r.gapStart] == '-' && r.start > r.gapStart+1 && (r.s[r.gapStart+1] == '\n' || r.s[r.gapStart+1] == '\r') {
		return true
	}
	if p.n < 4 || !r.alone {
		return false
	}
	return endGap(r.f, r.s, r.pos, r.class) == gapSpace
}

// finish returns the end of a match whose elements were all read, if a word
// may end there.
func (q *search) finish(p *pattern, last elem, r *reader) (int, bool) {
	end, dia := marks(r.f, q.text, r.pos)
	dia = dia || r.class&marked != 0
	if p.flags&apart != 0 || last&doubled != 0 && r.run == 1 && r.alone && p.n >= 4 { // Anna E., J o e
		if r.next(); r.pairEnd > 0 {
			return q.tail(p, r.pairEnd), true
		}
	}
	if p.allows(q.after(p, end, r.class), last) && last.agree(false, dia) {
		return q.tail(p, end), true
	}
	end, c := lengthen(r.f, q.text, end, last.rune())
	if c != 0 && p.allows(q.after(p, end, c), last) && last.agree(true, dia) {
		return q.tail(p, end), true
	}
	return 0, false
}

// lengthen takes in the letters from end on that only lengthen the one before,
// and returns the class of the last one; 0 if there is none.
func lengthen(f *folding, s string, end int, e rune) (int, class) {
	last := class(0)
	for limit := end + maxGap; end < limit; {
		g, next := shown(f, s, end)
		if g.n != 1 || !isPair(e, g.elems[0]) {
			break
		}
		end, _ = marks(f, s, next)
		last = g.class
	}
	return end, last
}

// after tells what comes after a match of the pattern.
func (q *search) after(p *pattern, end int, c class) gap {
	g := endGap(q.s.f, q.text, end, c)
	if g == gapSpace && p.flags&numeric != 0 && beforePoint(q.text, end) {
		return gapNone
	}
	return g
}

// tail takes in the signs at the end of the value as far as the text has them.
func (q *search) tail(p *pattern, end int) int {
	last := end
	for _, sign := range []byte(q.s.signs(p)) {
		if end == len(q.text) || q.text[end] != sign {
			break
		}
		end++
	}
	for end > last && end < len(q.text) && !utf8.RuneStart(q.text[end]) {
		end-- // a sign of several bytes that differ
	}
	return end
}

// marks takes in the marks that belong to the letter before end.
func marks(f *folding, s string, end int) (int, bool) {
	found := false
	for i := end; i < min(len(s), end+maxGap); {
		c, size := f.classOf(s[i:])
		if i += size; c&mark != 0 {
			end, found = i, true
		} else if c&hidden == 0 {
			break
		}
	}
	return end, found
}

// shown returns the first character from i on that is not hidden, and its end.
func shown(f *folding, s string, i int) (glyph, int) {
	for limit := min(len(s), i+maxGap); i < limit; {
		g, size := f.fold(s[i:])
		if i += size; g.class&hidden == 0 {
			return g, i
		}
	}
	return glyph{}, i
}

// before tells what stands between the character at i and the one before.
func before(f *folding, s string, i, size int, c class) gap {
	for j, n := i, 0; j > 0 && n < maxGap; n++ {
		_, back := utf8.DecodeLastRuneInString(s[:j])
		j -= back
		switch p, _ := f.classOf(s[j:]); {
		case p == 0 || isEscaped(s, j):
			return gapSpace
		case p&word != 0:
			return turn(p, c, f, s, i+size)
		}
	}
	return gapSpace
}

// isEscaped reports whether the byte at i ends an escape: \n, %20.
func isEscaped(s string, i int) bool {
	return i >= 1 && s[i-1] == '\\' && isEscape(s[i]) || i >= 2 && isPercent(s, i-2)
}

// endGap tells what stands between a character of class c that ends at i and
// the one after.
func endGap(f *folding, s string, i int, c class) gap {
	for limit := min(len(s), i+maxGap); i < limit; {
		p, size := f.classOf(s[i:])
		i += size
		switch {
		case p == 0:
			return gapSpace
		case p&joins == 0 && c&p&hangul != 0:
			return gapScript // a particle
		case p&word != 0:
			return turn(c, p, f, s, i)
		}
	}
	return gapSpace
}

// afterPoint reports whether the number at i is the fraction of another one.
func afterPoint(s string, i int) bool {
	return i >= 2 && isPoint(s[i-1]) && isDigit(s[i-2])
}

// beforePoint reports whether the number that ends at i has a fraction.
func beforePoint(s string, i int) bool {
	return i+1 < len(s) && isPoint(s[i]) && isDigit(s[i+1])
}

func isPoint(c byte) bool { return c == '.' || c == ',' }
