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
	rules     []rule // by detector
	keyRules  []rule // of values that go because of their JSON key
	operators map[string]Operator
	regions   map[string]bool
	region    string // the first

	// contexts has the words of context, hasContext the detectors that have
	// any; self those that need none, telling those of forms that are more than
	// a run of digits, regional those of them whose country is asked for.
	contexts                            contexts
	hasContext, self, telling, regional detSet
	shapes                              shapes
	long                                []int // detectors of long runs
	// runPrefix has a bit for the hash of the first bytes of a prefix, by which
	// prefixes has them.
	runPrefix [prefixBits / 64]uint64
	prefixes  map[string][]prefix

	// atStart and anywhere are the four bytes by which words are found, until
	// they are in pairs.
	atStart, anywhere map[string]bool
	// pairs says where the scan stops, and stop what it does there besides
	// looking for words.
	pairs pairs
	stop  [256]uint8
	// prefix has a bit for the hash of the four bytes by which a word is found.
	prefix [prefixSize]uint32

	byByte   [128][]trigger     // detectors by trigger byte
	bucket   [bucketSize]uint16 // 1 + index into words, by hash
	words    [][]word           // by bucket
	byNumber [maxGroups + 1][maxDigits + 1][]int
	least    [maxGroups + 1]int // the least digits that trigger in so many groups or fewer
	most     int                // the most digits that trigger
}

// A trigger leads from a byte to a detector.
type trigger struct {
	det  int
	next [256 / 32]uint32 // bytes that may follow
}

// A word leads to a detector.
type word struct {
	lower  string
	det    int
	start  bool // counts at the start of a word alone
	anchor int  // where the four bytes by which it is found stand in it
}

// A prefix leads from the beginning of a run to a detector.
type prefix struct {
	text string
	det  int
}

// prefixBits is the size of the bitmap of prefixes: one in thirty is set.
const prefixBits = 1 << 13

// prefixHash hashes the first three bytes of s.
func prefixHash(s string) uint32 {
	return (uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16) * 0x9E3779B1 >> (32 - 13)
}

// What the scan does at a byte.
const (
	stopByte = 1 << iota // a detector's trigger byte, or the first of an escape
	stopDigit
	stopBracket // may begin a replacement
	stopRun     // may be in a run with a prefix
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

// idle reports that there is nothing to do at place i of s: it has no trigger
// byte, and its four bytes are none by which a word is found.
func (t *tables) idle(s string, i int) bool {
	if t.stop[s[i]] != 0 || i+4 > len(s) {
		return false
	}
	h := hash(four(s, i))
	return t.prefix[h/32]>>(h%32)&1 == 0
}

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

func compile(ds []Detector, regions []string, ops map[string]Operator) (*tables, error) {
	if len(ds) > maxDetectors {
		return nil, fmt.Errorf("%d detectors: %d is the most", len(ds), maxDetectors)
	}
	t := &tables{detectors: ds, operators: ops, regions: map[string]bool{}, atStart: map[string]bool{}, anywhere: map[string]bool{}, prefixes: map[string][]prefix{}}
	for _, r := range regions {
		t.region = cmp.Or(t.region, r)
		t.regions[r] = true
	}
	t.pairs.addStarts()
	t.stop['['] = stopBracket
	t.pairs.add(pairStop, "[", upperCase)
	for c := '0'; c <= '9'; c++ {
		t.stop[c] = stopDigit
	}
	for i := range t.least {
		t.least[i] = maxDigits + 1
	}
	for _, typ := range [...]string{"PASSWORD", "GENERIC_SECRET", "PERSON", "DATE_OF_BIRTH", "ADDRESS"} {
		t.keyRules = append(t.keyRules, rule{typ, jsonKeyName, 1, operatorOf(ops, &Detector{Type: typ, Name: jsonKeyName}), "the name of a JSON member"})
	}
	words := map[string]*detSet{}
	for i := range ds {
		if err := ds[i].check(); err != nil {
			return nil, err
		}
		t.rules = append(t.rules, rule{ds[i].Type, nameOf(&ds[i]), cmp.Or(ds[i].Version, 1), operatorOf(ops, &ds[i]), ds[i].Source})
		t.addDetector(i, &ds[i])
		t.addContext(i, &ds[i], words)
	}
	t.pairs.addWords(t.atStart, t.anywhere)
	t.atStart, t.anywhere = nil, nil
	t.contexts.build(words)
	t.shapes.build()
	if len(t.long) > 0 { // of which a lone digit among letters may be the only one
		t.pairs.add(pairNumeric, digits, lowerCase+upperCase+"_")
	}
	if len(t.byNumber[1][1]) > 0 {
		t.pairs.add(pairNumeric, digits, anyByte)
	}
	return t, nil
}

// jsonKeyName is the detector of what goes because of its JSON key.
const jsonKeyName = "json_key"

// keyRule returns the rule for what goes as a type because of its JSON key,
// nil for "".
func (t *tables) keyRule(typ string) *rule {
	for i := range t.keyRules {
		if t.keyRules[i].typ == typ {
			return &t.keyRules[i]
		}
	}
	return nil
}

// addContext adds the words that make detector i believe what it finds.
func (t *tables) addContext(i int, d *Detector, words map[string]*detSet) {
	all := d.Context
	if f := d.Form; f != nil {
		all = slices.Concat(all, f.Words)
		if f.Self {
			t.self.put(i)
		}
		if d.telling() {
			t.telling.put(i)
			if t.regions[f.Country] {
				t.regional.put(i)
			}
		}
	}
	for _, w := range all {
		w = strings.ToLower(w)
		if words[w] == nil {
			words[w] = &detSet{}
		}
		words[w].put(i)
		t.hasContext.put(i)
	}
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
		w := word{lower: strings.ToLower(w), det: i, start: d.WordStart}
		var atStart bool
		w.anchor, atStart = anchor(w.lower, d.WordStart)
		t.addWord(w, atStart)
	}
	t.addNumbers(i, d.Digits.withDefaults())
	if d.Form != nil {
		t.shapes.add(i, d.Form, d.Form.Self || t.regions[d.Form.Country])
	}
	if d.Long > 0 {
		t.long = append(t.long, i)
	}
	for _, p := range d.Prefixes {
		for _, c := range "-_" {
			t.stop[c] |= stopRun
			t.pairs.add(pairStop, string(c), lowerCase+upperCase)
		}
		h := prefixHash(p)
		t.runPrefix[h/64] |= 1 << (h % 64)
		t.prefixes[p[:minPrefix]] = append(t.prefixes[p[:minPrefix]], prefix{p, i})
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
	if four := found[:minWord]; atStart {
		t.atStart[four] = true
	} else {
		t.anywhere[four] = true
	}
	t.addPrefix(hash(uint32(load(found, 0))), w)
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

// nameOf returns a detector's name; without one of its own it goes by its type.
func nameOf(d *Detector) string { return cmp.Or(d.Name, strings.ToLower(d.Type)) }
