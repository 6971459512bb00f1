package redaction

import (
	"maps"
	"slices"
	"strings"
)

// pairs says of every two bytes what they mean for the scan, in so few bits
// that a few operations tell for eight places at once where it must stop. For
// most bytes of a text all it does is two loads.
//
// It stops at the first byte of pairStop; where pairNumber ends and
// pairNumeric begins; and where the four bytes stand by which a word is found.
// The words are in eight groups: of one group a word's first two bytes have
// its bit in high of flags, the next two in words, the last two in high of
// words. Words that count at starts alone are in the first four groups, and a
// start is where pairStart ends.
type pairs struct {
	flags, words [1 << 16]uint16
}

const (
	pairStart   uint16 = 1 << iota // a word may start at the second byte
	pairStop                       // something to look at stands at the first
	pairNumber                     // a number may start at the second byte
	pairNumeric                    // numbers begin so, but not those of one digit
)

// groups is how many groups of words there are, startGroups how many of those
// count at starts of words alone.
const (
	groups      = 8
	startGroups = 4
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
				p.flags[pair(a, b)] |= pairStart
			}
			if isDigit(b) && !isDigit(a) {
				p.flags[pair(a, b)] |= pairNumber
			}
		}
	}
	p.add(pairNumeric, digits, digits+separators)
}

// addWords spreads words, by the four bytes by which they are found, over the
// groups: neighbours in the alphabet together, so that each group knows few
// pairs.
func (p *pairs) addWords(atStart, anywhere map[string]bool) {
	p.spread(atStart, 0, startGroups)
	p.spread(anywhere, startGroups, groups-startGroups)
}

func (p *pairs) spread(words map[string]bool, first, n int) {
	sorted := slices.Sorted(maps.Keys(words))
	for i, w := range sorted {
		p.addWord(first+i*n/len(sorted), w)
	}
}

// addWord notes the four bytes of a word, in both cases.
func (p *pairs) addWord(group int, four string) {
	for i, half := range [...]*[1 << 16]uint16{&p.flags, &p.words, &p.words} {
		bit := uint16(1) << group
		if i != 1 {
			bit <<= 8
		}
		for _, a := range []byte(bothCases(four[i])) {
			for _, b := range []byte(bothCases(four[i+1])) {
				half[pair(a, b)] |= bit
			}
		}
	}
}

// add notes flag for every two bytes of first and second.
func (p *pairs) add(flag uint16, first, second string) {
	for _, a := range []byte(first) {
		for _, b := range []byte(second) {
			p.flags[pair(a, b)] |= flag
		}
	}
}

func pair(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// block is how many places are looked at together, ahead how many bytes behind
// them it takes.
const (
	block = 8
	ahead = 3
)

// next returns the first place from i on, in steps of eight up to end, where
// the scan must stop at one of eight bytes: bit n of stops says that it must
// at place+n.
func (p *pairs) next(s string, i, end int) (place int, stops uint8) {
	before := uint64(p.flags[pair(at(s, i-1), at(s, i))])
	for ; i < end && i+block+ahead <= len(s); i += block {
		if stops, before = p.of(load8(s[i:i+8]), load8(s[i+3:i+11]), before); stops != 0 {
			return i, stops
		}
	}
	for ; i < end; i += block {
		var rest [block + ahead]byte
		n := copy(rest[:], s[i:])
		if stops, before = p.of(load8(string(rest[:8])), load8(string(rest[3:])), before); n < block {
			stops &= 1<<n - 1
		}
		if stops != 0 {
			return i, stops
		}
	}
	return i, 0
}

// lanes has the lowest bit of every lane of sixteen bits.
const lanes = 0x0001000100010001

// of looks up the pairs of eight places: x has their bytes, y those from the
// fourth on and three more; before has the flags of the pair before. It
// returns where to stop, and the flags of the last pair.
func (p *pairs) of(x, y, before uint64) (stops uint8, last uint64) {
	a0 := uint64(p.flags[uint16(x)]) | uint64(p.flags[uint16(x>>8)])<<16 | uint64(p.flags[uint16(x>>16)])<<32 | uint64(p.flags[uint16(x>>24)])<<48
	a1 := uint64(p.flags[uint16(x>>32)]) | uint64(p.flags[uint16(x>>40)])<<16 | uint64(p.flags[uint16(x>>48)])<<32 | uint64(p.flags[uint16(y>>32)])<<48
	b0 := uint64(p.words[uint16(x>>8)]) | uint64(p.words[uint16(x>>16)])<<16 | uint64(p.words[uint16(x>>24)])<<32 | uint64(p.words[uint16(x>>32)])<<48
	b1 := uint64(p.words[uint16(x>>40)]) | uint64(p.words[uint16(x>>48)])<<16 | uint64(p.words[uint16(y>>32)])<<32 | uint64(p.words[uint16(y>>40)])<<48
	b2 := uint64(p.words[uint16(y>>48)])
	m := stopsOf(a0, a0<<16|before, b0, b0>>16|b1<<48) | stopsOf(a1, a1<<16|a0>>48, b1, b1>>16|b2<<48)<<block
	if m == 0 {
		return 0, a1 >> 48
	}
	return uint8(m&lanes*packed>>48&0x0F | m>>block&lanes*packed>>48&0x0F<<4), a1 >> 48
}

// packed, as a factor, brings bits 0, 16, 32 and 48 to 48, 49, 50 and 51.
const packed = 1<<48 | 1<<33 | 1<<18 | 1<<3

// stopsOf tells from the flags of four pairs, of those before and of the two
// behind each where the scan must stop.
func stopsOf(flags, before, second, third uint64) uint64 {
	starts := before&lanes*0x0F | lanes*0xF0
	words := flags >> 8 & second & (third >> 8) & starts
	return ((words+lanes*0xFF)>>8 | flags>>1 | before>>2&(flags>>3)) & lanes
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

// plainWords has words of ordinary texts and talk, in which the four bytes by
// which a word is found had better not be; commonCost is what each place where
// they are costs in rarity.
const (
	plainWords = " the and that have for not with you this but his from they say her she will one all would there their what out about who get which " +
		"when make can like time just him know take people into year your good some could them see other than then now look only come its over " +
		"think also back after use two how our work first well way even new want because any these give day most is a of a to a in a as a it is to the " +
		"in the of the on the for the with the was the i am you are we are it was do not can be should be has been using name names user users " +
		"mail email query number numbers word words test tests code function string value values list file files call calls send sent sending " +
		"being having doing going saying making taking using working looking something anything thing things ring bring during string strings " +
		"activity active actions different important information example examples best help please thank thanks very much many more most such " +
		"contain contains content continue country company government business community public service services system systems person " +
		"address number message messages account accounts address order orders place places allow always already really usually finally " +
		"another other further either neither whether rather together ever every never however whatever understand under number member " +
		"-- ---- ==== **** ... .com http https www "
	commonCost = 12
)

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
		r -= commonCost * strings.Count(plainWords, lower[i:i+minWord])
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
