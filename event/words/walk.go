package words

import "unicode/utf8"

// maxWord bounds what of a word counts, in bytes of its folded form.
const maxWord = 64

// FNV-1a, 64 bits (Fowler, Noll, Vo).
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func nonzero(h uint64) Hash { return Hash(max(h, 1)) }

// A walk goes through a text character by character.
type walk struct {
	hash uint64 // of the word under way
	size int    // of it, in bytes; 0: there is none
	last rune   // the character before, where two neighbours are a word; else 0

	count int    // characters of the word under way
	begun uint64 // the hash of its first PrefixLength characters
}

// prefix returns the hash of the first characters of the word under way, 0 if
// it has too few.
func (w *walk) prefix() uint64 {
	if w.size == 0 || w.count < PrefixLength {
		return 0
	}
	return w.begun
}

// next goes on by a character and returns the word that is complete with it, 0
// if none is.
func (w *walk) next(c class) (done Hash) {
	if c == ignored {
		return 0
	}
	if c&pairs == 0 && c != separates {
		w.last = 0
		w.add(rune(c))
		return 0
	}
	if w.size > 0 { // last is 0 then
		done = w.end()
	}
	if last := w.last; last != 0 && c != separates {
		w.add(last)
		w.add(rune(c &^ pairs))
		done = w.end()
	}
	w.last = rune(c &^ pairs)
	return done
}

func (w *walk) add(r rune) {
	if w.size == 0 {
		w.hash, w.count = fnvOffset, 0
	}
	var b [utf8.UTFMax]byte
	for _, c := range b[:utf8.EncodeRune(b[:], r)] {
		if w.size < maxWord {
			w.hash = (w.hash ^ uint64(c)) * fnvPrime
		}
		w.size++
	}
	if w.count++; w.count == PrefixLength {
		w.begun = w.hash
	}
}

func (w *walk) end() Hash {
	w.size = 0
	return nonzero(w.hash)
}

// Of returns the words of a text, in order, with those that come again.
func Of(text string) []Hash {
	var w walk
	var all []Hash
	fold := theFolding()
	for _, r := range text + " " {
		if h := w.next(fold.class(r)); h != 0 {
			all = append(all, h)
		}
	}
	return all
}

// Within returns the words of every text that contains the part: those that
// neither begin with it nor end with it, for what stands around it in the text
// may belong to them, and all of two neighbours.
func Within(part string) []Hash {
	var w walk
	var all []Hash
	fold := theFolding()
	open := true // the word under way begins with the part
	for _, r := range part {
		c := fold.class(r)
		h := w.next(c)
		if h != 0 && !open {
			all = append(all, h)
		}
		if c == separates || c != ignored && c&pairs != 0 {
			open = false
		}
	}
	return all
}
