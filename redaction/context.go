package redaction

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Context words are looked for where a candidate asks, not while a text is
// passed over: prose is full of words such as card and call and has few
// numbers. What was read once is not read again, so the cost is linear.

// contextReach is how many bytes before a candidate its context is looked for,
// contextAhead how many behind it, on the same line and in the same sentence.
const (
	contextReach = 96
	contextAhead = 40
)

// maxDetectors bounds the detectors of one redactor.
const maxDetectors = 1024

// A detSet is a set of detectors by index.
type detSet [maxDetectors / 64]uint64

func (d *detSet) put(i int)      { d[i/64] |= 1 << (i % 64) }
func (d *detSet) has(i int) bool { return d[i/64]>>(i%64)&1 != 0 }

func (d *detSet) unite(e *detSet) {
	for i := range d {
		d[i] |= e[i]
	}
}

// common counts what both have.
func (d *detSet) common(e *detSet) (n int) {
	for i := range d {
		n += bits.OnesCount64(d[i] & e[i])
	}
	return n
}

// each calls f for the detectors in d and e, in order.
func (d *detSet) each(e *detSet, f func(int)) {
	for i := range d {
		for m := d[i] & e[i]; m != 0; m &= m - 1 {
			f(i*64 + bits.TrailingZeros64(m))
		}
	}
}

// contexts leads from words and phrases to the detectors whose context they
// are: open addressing by hash.
type contexts struct {
	keys []uint64
	sets []uint16 // index into list
	list []detSet
}

// build fills the table. words are in lower case; the words of a phrase stand
// one space apart.
func (t *contexts) build(words map[string]*detSet) {
	size := 1 << bits.Len(uint(4*len(words)+1))
	t.keys, t.sets = make([]uint64, size), make([]uint16, size)
	t.list = []detSet{{}}
	for w, set := range words {
		h, phrase := phraseHash(w)
		if phrase {
			t.put(h^phraseSalt, set)
			h = joinedHash(w)
		}
		t.put(h, set)
	}
}

// put adds a set under a hash, or unites it with what is there.
func (t *contexts) put(h uint64, set *detSet) {
	i := h & uint64(len(t.keys)-1)
	for t.keys[i] != 0 && t.keys[i] != h {
		i = (i + 1) & uint64(len(t.keys)-1)
	}
	if t.keys[i] == h {
		t.list[t.sets[i]].unite(set)
		return
	}
	t.keys[i], t.sets[i] = h, uint16(len(t.list))
	t.list = append(t.list, *set)
}

// look returns the set under a hash, 0 for none.
func (t *contexts) look(h uint64) uint16 {
	for i := h & uint64(len(t.keys)-1); t.keys[i] != 0; i = (i + 1) & uint64(len(t.keys)-1) {
		if t.keys[i] == h {
			return t.sets[i]
		}
	}
	return 0
}

// The hashes are FNV-1a. A phrase hashes as its words written together, apart
// from a word by phraseSalt, so that socialSecurity, social_security and
// "social security" are one, and "it's in" is not sin.
const (
	fnvBasis   = 14695981039346656037
	fnvPrime   = 1099511628211
	phraseSalt = 0x9E3779B97F4A7C15
)

// phraseHash hashes a word or a phrase and tells which it is.
func phraseHash(w string) (h uint64, phrase bool) {
	var r wordReader
	r.reset()
	n := 0
	for i := 0; i < len(w); {
		end := r.word(w, i)
		if end == i {
			i++
			continue
		}
		i = end
		n++
	}
	switch n {
	case 1:
		return r.one, false
	case 2:
		return r.two, true
	}
	return r.three, true
}

func joinedHash(w string) uint64 {
	h, _ := phraseHash(strings.ReplaceAll(w, " ", ""))
	return h
}

// A wordReader hashes words: the last one, the last two and the last three.
type wordReader struct {
	one, two, three uint64
	gap             int // bytes since the last word
}

func (r *wordReader) reset() { *r = wordReader{two: fnvBasis, three: fnvBasis} }

// maxGap is how many bytes that are no letters may stand within a phrase.
const maxGap = 3

// word hashes the word that begins at i and returns its end, i if none does.
// A word ends where case turns, as in homePhone; an ideograph is a word.
func (r *wordReader) word(s string, i int) int {
	c := s[i]
	if !isLetter(c) && (c < utf8.RuneSelf || !wordRune(s[i:])) {
		if r.gap++; r.gap > maxGap || c == '\n' {
			r.one = 0
		}
		return i
	}
	one, two, three := uint64(fnvBasis), r.one, r.two
	if r.one == 0 {
		two, three = fnvBasis, fnvBasis
	}
	if r.two == fnvBasis || r.one == 0 {
		three = fnvBasis
	}
	end := wordEnd(s, i)
	for j := i; j < end; j++ {
		b := uint64(foldByte(s, j))
		one = (one ^ b) * fnvPrime
		two = (two ^ b) * fnvPrime
		three = (three ^ b) * fnvPrime
	}
	r.one, r.two, r.three, r.gap = one, two, three, 0
	return end
}

// foldByte returns the byte of s at i in lower case: ASCII, Latin-1 and the
// Cyrillic alphabet.
func foldByte(s string, i int) byte {
	c := s[i]
	switch {
	case isUpper(c):
		return c | 0x20
	case c < 0x80:
		return c
	}
	switch before := at(s, i-1); {
	case before == 0xC3 && c < 0x9F, before == 0xD0 && 0x90 <= c && c < 0xA0:
		return c + 0x20
	case before == 0xD0 && 0xA0 <= c && c < 0xB0:
		return c - 0x20
	}
	if c == 0xD0 && i+1 < len(s) && 0xA0 <= s[i+1] && s[i+1] < 0xB0 {
		return 0xD1
	}
	return c
}

// wordEnd returns where the word that begins at i ends.
func wordEnd(s string, i int) int {
	start := i
	if s[i] < utf8.RuneSelf {
		i++
	} else {
		r, n := utf8.DecodeRuneInString(s[i:])
		if i += n; ideographic(r) {
			return i
		}
	}
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if ideographic(r) || !unicode.IsLetter(r) && !unicode.IsMark(r) {
				return i
			}
			i += n
			continue
		}
		if !isLetter(c) || isUpper(c) && isLower(s[i-1]) || isUpper(c) && isUpper(s[i-1]) && isLower(at(s, i+1)) && isLower(at(s, i+2)) && i > start {
			return i
		}
		i++
	}
	return i
}

// wordRune reports whether a letter begins s, which is not ASCII.
func wordRune(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsMark(r)
}

// ideographic reports whether a character is one of a script that puts no
// spaces between words, or joins endings to them.
func ideographic(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// A hit is a context word that was met.
type hit struct {
	end int
	set uint16
}

// maxHits bounds the hits that are kept; the reach has room for fewer.
const maxHits = 128

// readContext reads the words before i that were not read yet.
func (sc *scan) readContext(i int) {
	s := sc.cand.Text
	at := sc.read
	if at < i-contextReach {
		at = i - contextReach
		for at < i && (isLetter(s[at]) && isLetter(s[at-1]) || s[at]&0xC0 == 0x80) {
			at++ // the rest of a word
		}
		sc.words.reset()
		sc.hits = sc.hits[:0]
	}
	for at < i {
		end := sc.words.word(s, at)
		if end == at {
			at++
			continue
		}
		at = end
		sc.hitsAt(&sc.hits, &sc.words, end)
	}
	sc.read = max(sc.read, at)
}

// hitsAt appends what the last words are context of.
func (sc *scan) hitsAt(hits *[]hit, r *wordReader, end int) {
	t := &sc.t.contexts
	if len(*hits) > maxHits-4 {
		*hits = append((*hits)[:0], (*hits)[maxHits/2:]...)
	}
	if set := t.look(r.one); set != 0 {
		*hits = append(*hits, hit{end, set})
	}
	if set := t.look(r.two ^ phraseSalt); set != 0 {
		*hits = append(*hits, hit{end, set})
	}
	if set := t.look(r.three ^ phraseSalt); set != 0 {
		*hits = append(*hits, hit{end, set})
	}
}

// near reports whether a context word of the detector ended at most distance
// bytes before i, or stands in the key of the text.
func (sc *scan) near(det, i, distance int) bool {
	if !sc.t.hasContext.has(det) {
		return false
	}
	sc.readContext(i)
	for n := len(sc.hits) - 1; n >= 0 && i-sc.hits[n].end <= distance; n-- {
		if h := sc.hits[n]; h.end <= i && sc.t.contexts.list[h.set].has(det) {
			sc.sure = true
			return true
		}
	}
	sc.sure = sc.sure || i <= distance && sc.keyContext().has(det)
	return i <= distance && sc.keyContext().has(det)
}

// before unites with set the detectors that a word before i, or the key, is
// context of.
func (sc *scan) before(i int, set *detSet) {
	sc.readContext(i)
	for n := len(sc.hits) - 1; n >= 0 && i-sc.hits[n].end <= contextReach; n-- {
		if h := sc.hits[n]; h.end <= i {
			set.unite(&sc.t.contexts.list[h.set])
		}
	}
	if i <= contextReach {
		set.unite(sc.keyContext())
	}
}

// behind unites with set the detectors that a word behind i is context of.
func (sc *scan) behind(i int, set *detSet) {
	for _, s := range sc.aheadOf(i) {
		set.unite(&sc.t.contexts.list[s])
	}
}

// follows reports whether a context word of the detector stands behind i.
func (sc *scan) follows(det, i int) bool {
	for _, set := range sc.aheadOf(i) {
		if sc.t.contexts.list[set].has(det) {
			return true
		}
	}
	return false
}

// aheadOf returns the sets of the words behind i, in the same sentence and
// before the next replacement. They are valid until the next call.
func (sc *scan) aheadOf(i int) []uint16 {
	if sc.aheadAt == i {
		return sc.ahead
	}
	s := sc.cand.Text
	sc.ahead, sc.aheadAt = sc.ahead[:0], i
	sc.aheadHits = sc.aheadHits[:0]
	var r wordReader
	r.reset()
	for j, limit := i, min(len(s), i+contextAhead); j < limit; {
		switch s[j] {
		case '\n', '[', ';', ',', '.', ':', '!', '?', '|':
			return sc.ahead
		}
		end := r.word(s, j)
		if end == j {
			j++
			continue
		}
		j = end
		sc.aheadHits = sc.aheadHits[:0]
		sc.hitsAt(&sc.aheadHits, &r, end)
		for _, h := range sc.aheadHits {
			sc.ahead = append(sc.ahead, h.set)
		}
	}
	return sc.ahead
}

// keyContext returns what the key of the text is context of.
func (sc *scan) keyContext() *detSet {
	if sc.key == "" || sc.keyRead {
		return &sc.keySet
	}
	sc.keyRead = true
	s := sc.key[max(0, len(sc.key)-contextReach):]
	var r wordReader
	r.reset()
	for i := 0; i < len(s); {
		end := r.word(s, i)
		if end == i {
			i++
			continue
		}
		i = end
		sc.aheadHits = sc.aheadHits[:0]
		sc.hitsAt(&sc.aheadHits, &r, end)
		for _, h := range sc.aheadHits {
			sc.keySet.unite(&sc.t.contexts.list[h.set])
		}
	}
	return &sc.keySet
}

// under says that what is searched next stands under a key of JSON, "" for
// none.
func (sc *scan) under(key string) {
	sc.key, sc.keyRead, sc.keySet = key, false, detSet{}
	sc.forget(0)
}

// forget forgets the context before i.
func (sc *scan) forget(i int) {
	sc.hits, sc.read = sc.hits[:0], i
	sc.words.reset()
	sc.aheadAt = never
	if i > 0 {
		sc.key, sc.keySet = "", detSet{}
	}
}
