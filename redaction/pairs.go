package redaction

import "strings"

// pairs says of every two bytes what they mean for the scan: eight bits, from
// which a few operations tell for eight places at once where it must stop.
// For most bytes of a text all it does is one load.
//
// It stops at the first byte of pairStop; where pairNumber ends and
// pairNumeric begins; and where a word may stand, that is where pairFirst
// begins at the end of pairStart, or pairAny, and then pairSecond and
// pairThird follow.
type pairs [1 << 16]uint8

const (
	pairStart   uint8 = 1 << iota // a word may start at the second byte
	pairFirst                     // a word that counts at starts alone begins so
	pairAny                       // a word that counts everywhere begins so
	pairSecond                    // the second and third byte of a word
	pairThird                     // the third and fourth byte of a word
	pairStop                      // something to look at stands at the first
	pairNumber                    // a number may start at the second byte
	pairNumeric                   // numbers begin so, but not those of one digit
)

const (
	digits    = "0123456789"
	hexDigits = digits + "abcdefABCDEF"
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// addStarts notes where words and numbers start: where letters do, where case
// turns from lower to upper, and where digits do.
func (p *pairs) addStarts() {
	for a := range 256 {
		for b := range 256 {
			a, b := byte(a), byte(b)
			if isLetter(b) && !joined(a, b) || isDigit(b) && !isDigit(a) {
				p[pair(a, b)] |= pairStart
			}
			if isDigit(b) && !isDigit(a) {
				p[pair(a, b)] |= pairNumber
			}
		}
	}
	p.add(pairNumeric, digits, digits+separators)
}

// addWord notes the first four bytes of a word.
func (p *pairs) addWord(bit uint8, word string) {
	p.add(bit, bothCases(word[0]), bothCases(word[1]))
	p.add(pairSecond, bothCases(word[1]), bothCases(word[2]))
	p.add(pairThird, bothCases(word[2]), bothCases(word[3]))
}

// add notes bit for every two bytes of first and second.
func (p *pairs) add(bit uint8, first, second string) {
	for _, a := range []byte(first) {
		for _, b := range []byte(second) {
			p[pair(a, b)] |= bit
		}
	}
}

func pair(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// ones has the lowest bit of every byte.
const ones = 0x0101010101010101

// next returns the first place from i on, in steps of eight up to end, where
// the scan must stop at one of eight bytes: bit 0 of byte n of stops says that
// it must at place+n.
func (p *pairs) next(s string, i, end int) (place int, stops uint64) {
	before := uint64(p[pair(at(s, i-1), at(s, i))])
	for ; i < end && i+9 <= len(s); i += 8 {
		v := p.of(load8(s[i:i+8]), load8(s[i+1:i+9]))
		if stops = stopsOf(v, before); stops != 0 {
			return i, stops
		}
		before = v >> 56
	}
	if i >= end {
		return i, 0
	}
	stops = stopsOf(p.of(load(s, i), load(s, i+1)), before)
	if left := len(s) - i; left < 8 {
		stops &= 1<<(8*left) - 1
	}
	return i, stops
}

// stopsOf tells from eight pairs and the one before where the scan must stop.
// What the last of them lack to make a word is taken for granted.
func stopsOf(v, before uint64) uint64 {
	ends := v<<8 | before
	words := (ends&(v>>1) | v>>2) & (v>>(8+3) | 1<<56) & (v>>(16+4) | 1<<56 | 1<<48)
	return (words | v>>5 | ends>>6&(v>>7)) & ones
}

// of looks up the eight pairs of the bytes in x, of which next has the ones
// behind.
func (p *pairs) of(x, next uint64) uint64 {
	return uint64(p[uint16(x)]) | uint64(p[uint16(x>>8)])<<8 | uint64(p[uint16(x>>16)])<<16 | uint64(p[uint16(x>>24)])<<24 |
		uint64(p[uint16(x>>32)])<<32 | uint64(p[uint16(x>>40)])<<40 | uint64(p[uint16(x>>48)])<<48 | uint64(p[uint16(next>>48)])<<56
}

// anyByte has every byte.
var anyByte = func() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}()

// bothCases returns a letter in both cases, another byte as it is.
func bothCases(c byte) string {
	if isLetter(c) {
		return string([]byte{c | 0x20, c &^ 0x20})
	}
	return string([]byte{c})
}

// common has the bytes of texts, most frequent first, up to those that are so
// rare that their order does not matter.
const common = " etaoinsrhldcumfpgwy-bvkxjqz"

// startBonus is what it is worth in rarity that a place is looked at where
// words start alone: one byte in five or six.
const startBonus = 9

// anchor returns where in a word the four bytes stand that texts have least
// often, and whether a word starts there: the scan stops at these, not at
// every the of a text for "the name's". A word that may lie across a number or
// a replacement, behind which the scan goes on, is found by its beginning.
func anchor(lower string, wordStart bool) (place int, atStart bool) {
	rarest := -1
	for i := 0; i+minWord <= len(lower); i++ {
		r, start := 0, opensWord(lower, i, wordStart)
		for _, c := range []byte(lower[i : i+minWord]) {
			r += rarity(c)
		}
		if start {
			r += startBonus
		}
		if r > rarest {
			place, atStart, rarest = i, start, r
		}
		if strings.ContainsAny(lower, "0123456789[]") {
			break
		}
	}
	return place, atStart
}

// opensWord reports whether a word of the text starts at place i of a trigger
// word, which itself does if wordStart says so.
func opensWord(lower string, i int, wordStart bool) bool {
	if i == 0 {
		return wordStart && (isLetter(lower[0]) || isDigit(lower[0]))
	}
	return isLetter(lower[i]) && !isLetter(lower[i-1])
}

func rarity(c byte) int {
	if i := strings.IndexByte(common, c); i >= 0 {
		return i
	}
	return len(common)
}
