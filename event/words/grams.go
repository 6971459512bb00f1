package words

import "unicode/utf8"

// PrefixLength is how many characters of a word its prefix has.
const PrefixLength = 4

// Pair names two words that follow one another in a text.
func Pair(first, second Hash) Hash {
	return nonzero(mixed(uint64(first)*fnvPrime + uint64(second)))
}

// PrefixOf names the words that begin as the folded text does, which has at
// least PrefixLength characters; those after them do not count.
func PrefixOf(folded string) Hash {
	h, n := uint64(fnvOffset), 0
	for i := 0; i < len(folded) && n < PrefixLength; n++ {
		_, size := utf8.DecodeRuneInString(folded[i:])
		for ; size > 0; size-- {
			h = (h ^ uint64(folded[i])) * fnvPrime
			i++
		}
	}
	return prefixHash(h)
}

// prefixHash names a prefix by the FNV-1a of its characters, so that it is not
// the name of the word that is just them.
func prefixHash(fnv uint64) Hash { return nonzero(mixed(fnv ^ 0x9e3779b97f4a7c15)) }

// mixed spreads the bits of a number (the finalizer of MurmurHash3).
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// A Word is a word of a text.
type Word struct {
	Hash       Hash
	Start, End int // of it in the text, in bytes
}

// Each calls f for the words of a text, in order, with those that come again,
// until f returns false. Words of two neighbours overlap.
func Each(text string, f func(Word) bool) {
	var w walk
	fold := theFolding()
	start, end := 0, 0 // of the word under way
	last := 0          // where the character before is, of two neighbours
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		at := i
		i += n
		c := fold.class(r)
		if c == ignored {
			continue
		}
		open := w.size > 0
		h := w.next(c)
		switch {
		case c != separates && c&pairs == 0:
			if !open {
				start = at
			}
			end = i
		case h != 0 && open && !f(Word{h, start, end}), h != 0 && !open && !f(Word{h, last, i}):
			return
		default:
			last = at
		}
	}
	if h := w.next(separates); h != 0 {
		f(Word{h, start, end})
	}
}

// AppendCanonical appends the text to b in the form in which two texts with the
// same words are the same: folded, without what counts for nothing, with one space
// for whatever separates words, none at the ends, and one between a word and what
// is written without spaces.
func AppendCanonical[T string | []byte](b []byte, text T) []byte {
	c := canonical{b: b, start: len(b)}
	fold := theFolding()
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i = addASCII(&c, &fold.ascii, text, i)
			continue
		}
		r, n := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		i += n
		c.add(fold.class(r))
	}
	return c.b
}

// addASCII is add for the ASCII from i on, and returns where that ends.
func addASCII[T string | []byte](c *canonical, ascii *[utf8.RuneSelf]byte, text T, i int) int {
	for ; i < len(text) && text[i] < utf8.RuneSelf; i++ {
		folded := ascii[text[i]]
		if folded == 0 {
			c.apart = true
			continue
		}
		if c.apart || c.last&pairs != 0 {
			if len(c.b) > c.start {
				c.b = append(c.b, ' ')
			}
			c.apart = false
		}
		c.last = class(folded)
		c.b = append(c.b, folded)
	}
	return i
}

// Canonical returns the canonical form of a text, and for each byte of it where
// the character that it is of begins and ends in the text; a space is nowhere.
func Canonical(text string) (form []byte, places [][2]int) {
	var c canonical
	fold := theFolding()
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		before := len(c.b)
		if c.add(fold.class(r)) {
			for len(places) < len(c.b) {
				places = append(places, [2]int{i, i + n})
			}
			if c.b[before] == ' ' {
				places[before] = [2]int{}
			}
		}
		i += n
	}
	return c.b, places
}

// canonical is a canonical form that is being made.
type canonical struct {
	b     []byte
	start int
	apart bool // the next character does not touch the last one
	last  class
}

// add adds a character and reports whether it stands there.
func (c *canonical) add(next class) bool {
	switch next {
	case ignored:
		return false
	case separates:
		c.apart = true
		return false
	}
	if len(c.b) > c.start && (c.apart || c.last&pairs != next&pairs) {
		c.b = append(c.b, ' ')
	}
	c.apart, c.last = false, next
	c.b = utf8.AppendRune(c.b, rune(next&^pairs))
	return true
}

// Spaceless tells whether a character is of a script that is written without
// spaces.
func Spaceless(r rune) bool {
	c := theFolding().class(r)
	return c != ignored && c != separates && c&pairs != 0
}
