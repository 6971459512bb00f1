package redaction

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tables are the detectors, compiled. They never change after compile.
type tables struct {
	detectors []Detector
	context   []int16 // by detector: index into scan.seen, -1 for none
	contexts  int

	// pairs says where the scan stops, and stop what it does there besides
	// looking for words.
	pairs pairs
	stop  [256]uint8
	// prefix has a bit for the hash of the four bytes by which a word is found.
	prefix [prefixSize]uint32

	byByte    [128][]trigger     // detectors by trigger byte
	bucket    [bucketSize]uint16 // 1 + index into words, by hash
	words     [][]word           // by bucket
	byNumber  [maxGroups + 1][maxDigits + 1][]int
	least     [maxGroups + 1]int // the least digits that trigger in so many groups or fewer
	most      int                // the most digits that trigger
	byCountry [26 * 26][]int
}

// A trigger leads from a byte to a detector.
type trigger struct {
	det  int
	next [256 / 32]uint32 // bytes that may follow
}

// A word leads to a detector: as trigger or, with mark ≥ 0, as context.
type word struct {
	lower  string
	det    int
	mark   int
	anchor int // where the four bytes by which it is found stand in it
}

// What the scan does at a byte.
const (
	stopByte = 1 << iota // a detector's trigger byte, or the first of an escape
	stopDigit
	stopBracket // may begin a replacement
)

// The prefixes are a bitmap of 16 KiB, which stays in the first-level cache,
// with under a thousand of 131,072 bits set: of four bytes that begin no word
// one in a hundred stops the scan.
const (
	hashBits   = 17
	prefixSize = 1 << hashBits / 32
	bucketBits = 14
	bucketSize = 1 << bucketBits
)

// hash hashes four bytes, ASCII case ignored.
func hash(w uint32) uint32 { return (w | 0x20202020) * 0x9E3779B1 >> (32 - hashBits) }

// wordsBy returns the words that may be found by four bytes.
func (t *tables) wordsBy(four uint32) []word {
	h := hash(four)
	if t.prefix[h/32]>>(h%32)&1 == 0 {
		return nil
	}
	return t.words[t.bucket[h>>(hashBits-bucketBits)]-1]
}

// load returns the eight bytes of s at i, or what there are and zeros.
func load(s string, i int) uint64 {
	if i+8 <= len(s) {
		return load8(s[i : i+8])
	}
	if len(s) >= 8 {
		return load8(s[len(s)-8:]) >> (8 * (i + 8 - len(s)))
	}
	var x uint64
	for j := len(s) - 1; j >= i; j-- {
		x = x<<8 | uint64(s[j])
	}
	return x
}

// four returns the four bytes of s at i, or what there are and zeros.
func four(s string, i int) uint32 {
	if i+4 <= len(s) {
		b := s[i : i+4]
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	return uint32(load(s, i))
}

func load8(b string) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func compile(ds []Detector) (*tables, error) {
	t := &tables{detectors: ds}
	t.pairs.addStarts()
	t.stop['['] = stopBracket
	t.pairs.add(pairStop, "[", upperCase)
	for c := '0'; c <= '9'; c++ {
		t.stop[c] = stopDigit
	}
	for i := range t.least {
		t.least[i] = maxDigits + 1
	}
	for i := range ds {
		if err := ds[i].check(); err != nil {
			return nil, err
		}
		t.addDetector(i, &ds[i])
	}
	if len(t.byNumber[1][1]) > 0 {
		t.pairs.add(pairNumeric, digits, anyByte)
	}
	if t.contexts > 64 {
		return nil, fmt.Errorf("%d detectors have context words: 64 is the most", t.contexts)
	}
	return t, nil
}

func (t *tables) addDetector(i int, d *Detector) {
	t.addBytes(i, d)
	if d.WordStart {
		t.stop['\\'] |= stopByte
		t.pairs.add(pairStop, "\\", "nrt")
		t.stop['%'] |= stopByte
		t.pairs.add(pairStop, "%", hexDigits)
	}
	for _, w := range d.Words {
		w := word{lower: strings.ToLower(w), det: i, mark: -1}
		if !d.WordStart && len(d.Context) == 0 {
			w.anchor = anchor(w.lower)
		}
		t.addWord(w, d.WordStart)
	}
	mark := -1
	if len(d.Context) > 0 {
		mark = t.contexts
		t.contexts++
	}
	t.context = append(t.context, int16(mark))
	for _, w := range d.Context {
		t.addWord(word{lower: strings.ToLower(w), det: i, mark: mark}, true)
	}
	t.addNumbers(i, d.Digits.withDefaults())
	for _, c := range d.Countries {
		at := countryIndex(c[0], c[1])
		t.byCountry[at] = append(t.byCountry[at], i)
		for _, digit := range digits {
			t.pairs.addWord(pairFirst, c+string(digit), anyByte)
		}
	}
}

func (t *tables) addBytes(i int, d *Detector) {
	by := trigger{det: i}
	for c := range 256 {
		if d.Next == "" || strings.IndexByte(d.Next, byte(c)) >= 0 {
			by.next[c/32] |= 1 << (c % 32)
		}
	}
	for _, c := range []byte(d.Bytes) {
		t.stop[c] |= stopByte
		t.byByte[c] = append(t.byByte[c], by)
		t.pairs.add(pairStop, string(c), cmp.Or(d.Next, anyByte))
	}
}

func (t *tables) addNumbers(i int, d Digits) {
	for groups := d.MinGroups; groups <= d.MaxGroups; groups++ {
		for n := max(1, d.Min); n <= d.Max; n++ {
			t.byNumber[groups][n] = append(t.byNumber[groups][n], i)
			t.most = max(t.most, n)
			for more := groups; more <= maxGroups; more++ {
				t.least[more] = min(t.least[more], n)
			}
		}
	}
}

// addWord adds a word that is found at starts of words alone or everywhere.
func (t *tables) addWord(w word, atStart bool) {
	found := w.lower[w.anchor:]
	bit := pairAny
	if c := found[0]; atStart && (isLetter(c) || isDigit(c)) {
		bit = pairFirst
	}
	t.pairs.addWord(bit, found, foldedLike(afterShort))
	if len(found) == minContext {
		for _, c := range []byte(afterShort) {
			t.addPrefix(hash(uint32(load(found+string(c), 0))), w)
		}
		return
	}
	t.addPrefix(hash(uint32(load(found, 0))), w)
}

// afterShort is what may follow a context word of three bytes: it fills the
// fourth byte of the prefix, as a space does at the end of the text.
const afterShort = " \t\n\r:=.,;#\"'`-_/()[0123456789"

// foldedLike returns the bytes that hash takes for one of set.
func foldedLike(set string) string {
	var like []byte
	for _, c := range []byte(anyByte) {
		if strings.ContainsFunc(set, func(r rune) bool { return byte(r)|0x20 == c|0x20 }) {
			like = append(like, c)
		}
	}
	return string(like)
}

func (t *tables) addPrefix(h uint32, w word) {
	t.prefix[h/32] |= 1 << (h % 32)
	b := &t.bucket[h>>(hashBits-bucketBits)]
	if *b == 0 {
		t.words = append(t.words, nil)
		*b = uint16(len(t.words))
	}
	if in := &t.words[*b-1]; !slices.Contains(*in, w) {
		*in = append(*in, w)
	}
}

func countryIndex(a, b byte) int { return int(a&0x1f-1)*26 + int(b&0x1f-1) }
