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

// Fold returns the words of a text as they are compared: folded, without what
// counts for nothing, one after the other. Of scripts without spaces it has the
// characters where two neighbours are a word each.
func Fold(text string) []string {
	var all []string
	fold := theFolding()
	var word []byte
	flush := func() {
		if len(word) > 0 {
			all = append(all, string(word))
		}
		word = nil
	}
	for _, r := range text {
		switch c := fold.class(r); {
		case c == ignored:
		case c == separates:
			flush()
		default:
			word = utf8.AppendRune(word, rune(c&^pairs))
		}
	}
	flush()
	return all
}

// Spaceless tells whether the text has a character of a script that is written
// without spaces.
func Spaceless(text string) bool {
	fold := theFolding()
	for _, r := range text {
		if c := fold.class(r); c != ignored && c != separates && c&pairs != 0 {
			return true
		}
	}
	return false
}

// AppendFolded appends the text to b with each character as it is compared: what
// separates as a space, without what counts for nothing.
func AppendFolded(b []byte, text string) []byte {
	fold := theFolding()
	for _, r := range text {
		switch c := fold.class(r); {
		case c == ignored:
		case c == separates:
			b = append(b, ' ')
		default:
			b = utf8.AppendRune(b, rune(c&^pairs))
		}
	}
	return b
}
