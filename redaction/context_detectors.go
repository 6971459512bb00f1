package redaction

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// contextual returns the detectors that are decided by what stands around a
// value rather than by a checksum: dates, ages, places, people, names of
// accounts, links and devices. Where two of them find the same span the one
// that stands first wins, so the more private type does.
func contextual() []Detector {
	return slices.Concat(births(), addresses(), people(), handles(), devices(), places(), ages(), dates(), links())
}

// beyondWord reports whether a letter of any script or a digit stands at i:
// the word before goes on.
func beyondWord(s string, i int) bool {
	return isWord(at(s, i)) || at(s, i) >= utf8.RuneSelf && letterAt(s, i)
}

func letterAt(s string, i int) bool {
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(r)
}

// withinWord reports whether a letter of any script or a digit ends at i.
func withinWord(s string, i int) bool {
	if i <= 0 || s[i-1] < utf8.RuneSelf {
		return isWord(at(s, i-1))
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return unicode.IsLetter(r)
}

// lettersEnd returns where the letters that begin at i end, at most limit bytes
// on. It never stops within a character.
func lettersEnd(s string, i, limit int) int {
	for from := i; i < len(s) && i-from < limit; {
		if s[i] < utf8.RuneSelf {
			if !isLetter(s[i]) {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			break
		}
		i += n
	}
	return i
}

// skipBack steps back over at most n bytes of set that end at i.
func skipBack(s string, i int, set string, n int) int {
	for ; n > 0 && i > 0 && strings.IndexByte(set, s[i-1]) >= 0; n-- {
		i--
	}
	return i
}

// digitsStart returns where the run of digits that ends at i begins.
func digitsStart(s string, i int) int {
	for i > 0 && isDigit(s[i-1]) {
		i--
	}
	return i
}

// digitsWithin returns where the run of digits at i ends if it has at least
// least and at most most of them, -1 otherwise.
func digitsWithin(s string, i, least, most int) int {
	end := i
	for end < len(s) && end-i <= most && isDigit(s[end]) {
		end++
	}
	if end-i < least || end-i > most {
		return -1
	}
	return end
}

// number returns the value of a short run of digits.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// anyFold returns the length of the first of words that s begins with, ASCII
// case ignored, 0 if there is none.
func anyFold(s string, words ...string) int {
	for _, w := range words {
		if hasFold(s, w) {
			return len(w)
		}
	}
	return 0
}

// lastWordBefore returns the letters that stand before i, spaces, signs of
// emphasis and underscores between left out.
func lastWordBefore(s string, i int) string {
	end := skipBack(s, i, " \t_*", 3)
	begin := end
	for begin > 0 && end-begin < 24 && isLetter(s[begin-1]) {
		begin--
	}
	return s[begin:end]
}

// sameFold reports whether s is one of words, ASCII case ignored.
func sameFold(s string, words ...string) bool {
	for _, w := range words {
		if len(s) == len(w) && hasFold(s, w) {
			return true
		}
	}
	return false
}
