package known

import (
	"unicode/utf8"
)

// An elem is an element of a pattern: a rune and what must or may stand
// between it and the one before, and what it stands for.
type elem uint32

const (
	hardBreak  elem = 1 << (iota + 21) // the value has a separator before it
	softBreak                          // case turns before it
	doubled                            // written with a second letter: ae
	diacritic                          // written with a diacritic: ä
	long                               // in a word of enough letters that ue may be u
	elemFlags  = hardBreak | softBreak | doubled | diacritic | long
	breakFlags = hardBreak | softBreak
)

func (e elem) rune() rune    { return rune(e &^ elemFlags) }
func (e elem) isDigit() bool { return e.rune() >= '0' && e.rune() <= '9' }

// A pattern is one way to write a value.
type pattern struct {
	first, n int32 // its elements
	value    int32
	next     int32 // of the same elements, or -1
	tailAt   int32 // where the signs begin that end the value, as in Mr.
	flags    flags
	tail     uint8 // how many bytes they are
}

// flags say what a pattern asks of the text.
type flags uint8

const (
	capital   flags = 1 << iota // begins with a capital
	splits                      // may be split anywhere
	dotted                      // its first word is an initial with a dot
	named                       // of a name: may end at a digit, may have initials in it
	numeric                     // digits alone: not the fraction of another number
	joinsNums                   // digits may be joined where the value has a break
	telephone                   // found by its last digits, not in the trie
	apart                       // ends in a word that only lengthens the letter before: Anna E.
)

// maxValue bounds the elements of a value.
const maxValue = 256

// enough is how many elements make a pattern so telling that it is found
// where only case or a digit shows its end, and with its words joined.
const enough = 5

func (s *Set) word(p int32) []elem {
	q := &s.patterns[p]
	return s.elems[q.first : q.first+q.n]
}

// signs are what ends the value and belongs to the pattern.
func (s *Set) signs(p *pattern) string {
	return s.values[p.value].Text[p.tailAt:][:p.tail]
}

// A raw value is its elements as they are written, and its words.
type raw struct {
	elems   []elem
	dialled []elem // its digits, of a telephone number
	words   []span
	digits  int
	latin   int // of the letters, those that became ASCII from another script
	start   int // where the first character is
	tailAt  int // where the signs at the end begin
	tail    int // how many bytes they are
}

// A span is elems[lo:hi] of a raw value.
type span struct {
	lo, hi int
	dot    int // where the dot after it is in the text, 0: nowhere
	role   role
	upper  bool
}

// read folds a value. Words of names go on over hyphens and apostrophes.
func (w *raw) read(f *folding, text string) error {
	*w = raw{elems: w.elems[:0], dialled: w.dialled, words: w.words[:0]}
	r := reader{f: f, s: text, raw: true}
	for !w.begin(&r) {
		if r.pos == len(text) {
			return errEmpty
		}
	}
	w.start = r.start
	for ok := true; ok; {
		if len(w.elems) == maxValue {
			return errLong
		}
		w.add(&r)
		if ok = r.next(); r.marked {
			w.elems[len(w.elems)-1] |= diacritic
		}
	}
	return w.finish(f, text, r.pos)
}

// begin reads the first element, or goes on over separators.
func (w *raw) begin(r *reader) bool {
	if r.next() {
		r.gap = gapNone
		return true
	}
	r.pos = min(r.pos+maxGap, len(r.s))
	for r.pos < len(r.s) && !utf8.RuneStart(r.s[r.pos]) {
		r.pos++
	}
	return false
}

func (w *raw) add(r *reader) {
	e := elem(r.elem)
	switch r.gap {
	case gapSpace:
		e |= hardBreak
	case gapCase:
		e |= softBreak
	}
	if r.class&digit != 0 {
		w.digits++
	} else if r.elem < utf8.RuneSelf && r.s[r.start] >= 0xCD && r.s[r.start] <= 0xD3 { // Greek, Cyrillic
		w.latin++
	}
	if len(w.words) == 0 || r.gap == gapSpace && ends(r.s[r.gapStart:r.start]) {
		if len(w.words) > 0 && r.s[r.gapStart] == '.' {
			w.words[len(w.words)-1].dot = r.gapStart
		}
		w.words = append(w.words, span{lo: len(w.elems), upper: r.class&lower == 0})
	}
	w.elems = append(w.elems, e)
	w.words[len(w.words)-1].hi = len(w.elems)
}

// ends reports whether separators end a word of a name.
func ends(separators string) bool {
	for _, r := range separators {
		switch r {
		case '-', '\'', '’', '‘', 'ʼ', '`', '´', '‐', '‑', '\u00ad', '·':
		default:
			return true
		}
	}
	return false
}

// finish marks long words and looks at what follows the last element.
func (w *raw) finish(f *folding, text string, end int) error {
	for _, word := range w.words {
		for j := word.lo; j < word.hi && word.hi-word.lo >= enough; j++ {
			w.elems[j] |= long
		}
	}
	i, tail := end, end
	for i < len(text) {
		c, size := f.classOf(text[i:])
		if c&word != 0 {
			return errLong // the reader gave up in the middle
		}
		if i += size; c == 0 && text[i-size] != ' ' && text[i-size] != '\n' {
			tail = i
		}
	}
	w.tailAt, w.tail = end, min(tail-end, 255)
	return nil
}

// add makes the patterns of a value.
func (s *Set) add(i int) error {
	v := &s.values[i]
	if v.Text == "" {
		return nil
	}
	if err := s.raw.read(s.f, v.Text); err != nil {
		return err
	}
	s.forms(i)
	if s.raw.latin > 0 {
		return s.transliterate(i)
	}
	return nil
}

// transliterate adds the patterns of what a value in Cyrillic or Greek script
// becomes by other systems than that of the tables.
func (s *Set) transliterate(i int) error {
	text := s.values[i].Text
	for _, system := range systems() {
		t := system.Replace(text)
		if err := s.raw.read(s.f, t); err != nil {
			return err
		}
		s.raw.dropSigns()
		s.forms(i)
	}
	return nil
}

// dropSigns forgets where signs stand, since it is not in the value's text.
func (w *raw) dropSigns() {
	w.tail, w.tailAt = 0, 0
	for j := range w.words {
		w.words[j].dot = 0
	}
}

// forms makes the patterns of the value that was read.
func (s *Set) forms(i int) {
	w := &s.raw
	switch s.values[i].Kind {
	case Name:
		s.names(i)
	case Email:
		s.whole(i, joinsNums)
		s.spokenEmail(i)
	case Phone:
		s.telephone(i)
	case Address:
		s.whole(i, 0)
	default:
		f := joinsNums
		if w.digits > 0 && len(w.elems) >= 7 {
			f |= splits
		}
		s.whole(i, f)
	}
}

// whole adds all of the value as a pattern.
func (s *Set) whole(i int, f flags) {
	w := &s.raw
	if w.digits == len(w.elems) {
		f |= numeric
	}
	if len(w.words) == 1 {
		f |= s.caseOf(w.words[0])
	}
	s.begin()
	for _, e := range w.elems {
		s.put(e)
	}
	s.end(i, f, w.tail)
}

// caseOf says whether a single word counts only where it is capitalised, as it
// is in the value: if it is short, or a word of the language.
func (s *Set) caseOf(word span) flags {
	if word.upper && s.raw.digits == 0 && (word.hi-word.lo <= 2 || s.role(word) != none) {
		return capital
	}
	return 0
}

// spokenEmail adds an address with its signs written out.
func (s *Set) spokenEmail(i int) {
	text := s.values[i].Text
	s.begin()
	r := reader{f: s.f, s: text, raw: true, pos: s.raw.start}
	for r.next() {
		if r.gap == gapSpace && r.run == 1 {
			switch text[r.gapStart] {
			case '@':
				s.puts("at")
			case '.':
				s.puts("dot")
			}
		}
		e := elem(r.elem)
		if r.gap == gapSpace {
			e |= hardBreak
		}
		s.put(e)
	}
	s.end(i, 0, 0)
}

func (s *Set) puts(word string) {
	for i, c := range []byte(word) {
		e := elem(c)
		if i == 0 {
			e |= hardBreak
		}
		s.put(e)
	}
}

// begin begins a pattern, put goes on with it, end ends it.
func (s *Set) begin() {
	s.patterns = append(s.patterns, pattern{first: int32(len(s.elems)), next: -1})
	s.held = 0
}

func (s *Set) put(e elem) {
	p := &s.patterns[len(s.patterns)-1]
	if int(p.first) == len(s.elems) {
		s.elems = append(s.elems, e&^breakFlags)
		return
	}
	last := &s.elems[len(s.elems)-1]
	if isPair(last.rune(), e.rune()) {
		*last |= doubled
		s.held |= e & breakFlags
		return
	}
	s.elems = append(s.elems, e|s.held)
	s.held = 0
}

func (s *Set) end(i int, f flags, tail int) { s.endAt(i, f, s.raw.tailAt, tail) }

// endAt ends a pattern to which signs of the value belong, from tailAt on.
func (s *Set) endAt(i int, f flags, tailAt, tail int) {
	id := int32(len(s.patterns) - 1)
	if s.held != 0 {
		f |= apart
	}
	p := &s.patterns[id]
	p.n, p.value, p.flags, p.tail = int32(len(s.elems))-p.first, int32(i), f, uint8(tail)
	p.tailAt = int32(tailAt)
	s.insert(id)
}
