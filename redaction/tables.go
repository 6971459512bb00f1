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

	// stop is not 0 for bytes at which the scan does more than look at the
	// prefix table; slow says, for the hash of four bytes, the same.
	stop   [256]byte
	prefix [prefixSize]byte

	byByte    [128][]int         // detectors by trigger byte
	bucket    [prefixSize]uint16 // 1 + index into words
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

// The prefix table has 16 KiB, so that it stays in the first-level cache, and
// a few hundred entries.
const (
	prefixBits = 14
	prefixSize = 1 << prefixBits
)

// hash maps four bytes, ASCII case ignored, to the prefix table.
func hash(w uint32) uint32 { return (w | 0x20202020) * 0x9E3779B1 >> (32 - prefixBits) }

// load returns the four bytes of s at i, which must be there.
func load(s string, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
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
			t.addPrefix(hash(load(w.lower+string(c), 0)), w)
		}
		return
	}
	t.addPrefix(hash(load(w.lower, 0)), w)
}

// afterShort is what may follow a context word of three bytes: it fills the
// fourth byte of the prefix, as a space does at the end of the text.
const afterShort = " \t\n\r:=.,;#\"'`-_/()[0123456789"

func (t *tables) addPrefix(h uint32, w word) {
	if t.prefix[h] == 0 {
		t.prefix[h] = 1
		t.words = append(t.words, nil)
		t.bucket[h] = uint16(len(t.words))
	}
	b := t.bucket[h] - 1
	if !slices.Contains(t.words[b], w) {
		t.words[b] = append(t.words[b], w)
	}
}

func countryIndex(a, b byte) int { return int(a&0x1f-1)*26 + int(b&0x1f-1) }
