package redaction

import (
	"fmt"
	"slices"
	"strings"
)

// tables are the detectors, compiled. They never change after compile.
type tables struct {
	detectors []Detector
	context   []int16 // by detector: index into scan.seen, -1 for none
	contexts  int

	// stop says at which bytes the scan does more than look at the prefixes.
	stop [256]uint8
	// prefix has a bit for the hash of the first four bytes of every word.
	prefix [prefixSize]uint32

	byByte    [128][]int         // detectors by trigger byte
	bucket    [bucketSize]uint16 // 1 + index into words, by hash
	words     [][]word           // by bucket
	byNumber  [maxGroups + 1][maxDigits + 1][]int
	byCountry [26 * 26][]int
}

// A word leads to a detector: as trigger or, with mark ≥ 0, as context.
type word struct {
	lower string
	det   int
	mark  int
}

// What stops the scan at a byte.
const (
	stopByte = 1 << iota // a detector's trigger byte
	stopDigit
	stopBracket // may begin a replacement
)

// The prefixes are a bitmap of 16 KiB, which stays in the first-level cache,
// with under a thousand of 131,072 bits set: of four bytes that begin no word
// one in a hundred stops the scan (with a byte a bucket it was one in fifteen,
// which halved the speed).
const (
	hashBits   = 17
	prefixSize = 1 << hashBits / 32
	bucketBits = 14
	bucketSize = 1 << bucketBits
)

// hash hashes four bytes, ASCII case ignored.
func hash(w uint32) uint32 { return (w | 0x20202020) * 0x9E3779B1 >> (32 - hashBits) }

// stops is not 0 if the scan has something to do where x begins.
func (t *tables) stops(x uint64) uint32 {
	h := hash(uint32(x))
	return uint32(t.stop[byte(x)]) | t.prefix[h/32]>>(h%32)&1
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

func load8(b string) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func compile(ds []Detector) (*tables, error) {
	t := &tables{detectors: ds}
	t.stop['['] = stopBracket
	for c := '0'; c <= '9'; c++ {
		t.stop[c] = stopDigit
	}
	for i := range ds {
		if err := ds[i].check(); err != nil {
			return nil, err
		}
		t.addDetector(i, &ds[i])
	}
	if t.contexts > 64 {
		return nil, fmt.Errorf("%d detectors have context words: 64 is the most", t.contexts)
	}
	return t, nil
}

func (t *tables) addDetector(i int, d *Detector) {
	for _, c := range []byte(d.Bytes) {
		t.stop[c] |= stopByte
		t.byByte[c] = append(t.byByte[c], i)
	}
	for _, w := range d.Words {
		t.addWord(word{strings.ToLower(w), i, -1})
	}
	mark := -1
	if len(d.Context) > 0 {
		mark = t.contexts
		t.contexts++
	}
	t.context = append(t.context, int16(mark))
	for _, w := range d.Context {
		t.addWord(word{strings.ToLower(w), i, mark})
	}
	t.addNumbers(i, d.Digits.withDefaults())
	for _, c := range d.Countries {
		at := countryIndex(c[0], c[1])
		t.byCountry[at] = append(t.byCountry[at], i)
	}
}

func (t *tables) addNumbers(i int, d Digits) {
	for groups := d.MinGroups; groups <= d.MaxGroups; groups++ {
		for n := max(1, d.Min); n <= d.Max; n++ {
			t.byNumber[groups][n] = append(t.byNumber[groups][n], i)
		}
	}
}

func (t *tables) addWord(w word) {
	if len(w.lower) == minContext {
		for _, c := range []byte(afterShort) {
			t.addPrefix(hash(uint32(load(w.lower+string(c), 0))), w)
		}
		return
	}
	t.addPrefix(hash(uint32(load(w.lower, 0))), w)
}

// afterShort is what may follow a context word of three bytes: it fills the
// fourth byte of the prefix, as a space does at the end of the text.
const afterShort = " \t\n\r:=.,;#\"'`-_/()[0123456789"

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
