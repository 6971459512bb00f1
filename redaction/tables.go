package redaction

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tables are the detectors, compiled. They never change after compile.
type tables struct {
	detectors []Detector
	rules     []rule // by detector
	keyRules  []rule // of values that go because of their JSON key
	operators map[string]Operator
	regions   map[string]bool
	region    string // the first

	// contexts has the words of context, hasContext the detectors that have any;
	// telling has those of forms that are more than a run of digits, regional
	// those of them whose country is asked for, alone also those that need no
	// word near them. The others with Plus have also those that a word lets in.
	contexts                                                      contexts
	hasContext, telling, regional, regionalPlus, alone, alonePlus detSet
	shapes                                                        shapes
	long                                                          []int // detectors of long runs
	// runPrefix has a bit for the hash of the first bytes of a prefix, by which
	// prefixes has them.
	runPrefix [prefixBits / 64]uint64
	prefixes  map[string][]prefix

	// pairs and grams say where the scan stops, and stop what it does there
	// besides looking for words.
	pairs    pairs
	grams    grams
	stop     [256]uint8
	stopping *stopping // until they are built

	byByte   [128][]trigger // detectors by trigger byte
	byNumber [maxGroups + 1][maxDigits + 1][]int
	least    [maxGroups + 1]int // the least digits that trigger in so many groups or fewer
	most     int                // the most digits that trigger
}

// A trigger leads from a byte to a detector.
type trigger struct {
	det  int
	next byteSet // bytes that may follow
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
	stopByte = 1 << iota // a detector's trigger byte
	stopDigit
	stopBracket // may begin a replacement
	stopRun     // may be in a run with a prefix
)

// four returns the four bytes of s at i, those that there are and zeros.
func four(s string, i int) uint32 {
	if i >= 0 && i+4 <= len(s) {
		b := s[i : i+4]
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	return uint32(at(s, i)) | uint32(at(s, i+1))<<8 | uint32(at(s, i+2))<<16 | uint32(at(s, i+3))<<24
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
	t := &tables{detectors: ds, operators: ops, regions: map[string]bool{}, stopping: &stopping{}, prefixes: map[string][]prefix{}}
	for _, r := range regions {
		t.region = cmp.Or(t.region, r)
		t.regions[r] = true
	}
	t.stopping.addNumeric(digits + separators)
	t.stop['['] = stopBracket
	t.stopping.add("[", upperCase)
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
	t.alone.unite(&t.regional)
	t.alonePlus, t.regionalPlus = t.alone, t.regional
	t.alonePlus.unite(&t.hasContext)
	t.regionalPlus.unite(&t.telling)
	t.contexts.build(words)
	t.shapes.build()
	if len(t.long) > 0 { // of which a lone digit among letters may be the only one
		t.stopping.addNumeric(lowerCase + upperCase + "_")
	}
	if len(t.byNumber[1][1]) > 0 {
		t.stopping.addNumeric(anyByte)
	}
	t.pairs.build(t.stopping)
	t.stopping = nil
	t.grams.build()
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
			t.alone.put(i)
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
	for _, w := range d.Words {
		for _, written := range cases(w) {
			t.grams.add(word{lower: written, det: i, start: d.WordStart})
		}
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
			t.stopping.add(string(c), lowerCase+upperCase)
		}
		h := prefixHash(p)
		t.runPrefix[h/64] |= 1 << (h % 64)
		t.prefixes[p[:minPrefix]] = append(t.prefixes[p[:minPrefix]], prefix{p, i})
	}
}

// cases returns the ways to write a word besides in ASCII capitals, which count
// as well: in lower case and, if it has letters beyond ASCII, as it is, with a
// capital before, and in capitals alone. ASCII letters are in lower case.
func cases(word string) []string {
	lower := strings.ToLower(word)
	first, n := utf8.DecodeRuneInString(lower)
	all := []string{lower}
	for _, w := range [...]string{word, string(unicode.ToUpper(first)) + lower[n:], strings.ToUpper(lower)} {
		if w = lowerASCII(w); !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// lowerASCII returns s with its ASCII letters in lower case.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && isUpper(byte(r)) {
			return r | 0x20
		}
		return r
	}, s)
}

func (t *tables) addBytes(i int, d *Detector) {
	next := cmp.Or(d.Next, anyByte)
	by := trigger{det: i}
	by.next.addAll(next)
	for _, c := range []byte(d.Bytes) {
		t.stop[c] |= stopByte
		t.byByte[c] = append(t.byByte[c], by)
		t.stopping.add(string(c), next)
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

// nameOf returns a detector's name; without one of its own it goes by its type.
func nameOf(d *Detector) string { return cmp.Or(d.Name, strings.ToLower(d.Type)) }
