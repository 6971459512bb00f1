package redaction

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// grams finds trigger words. A text is looked at four bytes at a time, but only
// at every other place: so a word is known by two neighbouring runs of four
// bytes in it, of which one stands at such a place, wherever the word begins.
// A word that has not five bytes to choose from is short: it is known by its
// first four and, one place before them, by its first three with any byte in
// front.
//
// ASCII case is ignored: a letter's bit of case is set in every byte, so that
// some other bytes fall together, too.
type grams struct {
	// bits has one for the hash of every four bytes by which words are found:
	// one in a hundred or so is set.
	bits [1 << gramBits / 32]uint32
	// slots lead from four bytes to words. Each is in one of two places, by two
	// hashes, so that no loop has to find it (Pagh and Rodler: Cuckoo Hashing,
	// 2001).
	slots      []slot
	shift      uint8
	mix, other uint32
	words      [][]word

	loose map[uint32]*slot // until they have their places, by the four bytes
}

// A slot has what all words have in common that are found by four bytes: what
// stands there and behind, and before, and masks of the bytes that differ.
type slot struct {
	here, hereAny     uint64
	before, beforeAny uint32
	words             uint32 // 1 + index into words; 0: the slot is free
	start             bool   // they begin with the four bytes, and where words do
	long              uint8  // 1 if none of them is short
}

// A word leads to a detector.
type word struct {
	lower  string
	det    int
	start  bool // counts at the start of a word alone
	short  bool // has not five bytes by which to find it
	offset int  // where in the word the four bytes stand by which it is found
}

const (
	gramBits = 21
	gramMix  = 0x9E3779B1 // Fibonacci hashing: Knuth, TAOCP 6.4
	anyCase  = 0x20202020
	anyCase8 = anyCase<<32 | anyCase
)

// has returns a number whose lowest bit says that words may be found by four
// bytes.
func (g *grams) has(four uint32) uint32 {
	h := (four | anyCase) * gramMix >> (32 - gramBits)
	return g.bits[uint16(h>>5)] >> (h & 31)
}

// mayStand reports whether a word may be found at i: by the four bytes there,
// or, if it is short, by those from the next one on. What has the hash of a word
// is nearly always something else: so all four slots are compared before
// anything is decided, and that is quicker than to decide one by one.
func (g *grams) mayStand(s string, i int) bool {
	var w string
	if i >= 4 && i+9 <= len(s) {
		w = s[i-4 : i+9]
	} else {
		var part [13]byte
		copy(part[max(0, 4-i):], s[max(0, i-4):])
		w = unsafe.String(&part[0], len(part)) //nolint:gosec // nothing keeps it nor changes it
	}
	here, next := load8(w[4:12])|anyCase8, load8(w[5:13])|anyCase8
	before, beforeNext := uint32(load8(w[:8]))|anyCase, uint32(load8(w[1:9]))|anyCase
	a, b := g.places(uint32(here))
	c, d := g.places(uint32(next))
	return a.differs(here, before)&b.differs(here, before)&(c.differs(next, beforeNext)|uint64(c.long))&(d.differs(next, beforeNext)|uint64(d.long)) == 0
}

// places returns the two slots in which four bytes may stand.
func (g *grams) places(four uint32) (a, b *slot) {
	return &g.slots[four*g.mix>>(g.shift&31)], &g.slots[four*g.other>>(g.shift&31)]
}

// differs returns 1 if what all words of the slot have is not there, and 0 if
// it is. A free slot differs from all: no byte is 0 in whatever case.
func (sl *slot) differs(here uint64, before uint32) uint64 {
	d := (here^sl.here)&^sl.hereAny | uint64((before^sl.before)&^sl.beforeAny)
	return (d | -d) >> 63
}

// midWord reports whether the byte at i does not begin a word. Case turns from
// lower to upper where the next begins, as in homePhone.
func midWord(s string, i int) bool {
	return joined(at(s, i-1), at(s, i)) && !afterEscape(s, i)
}

// slot returns that of four bytes, nil if there is none.
func (g *grams) slot(four uint32) *slot {
	a, b := g.places(four | anyCase)
	switch four |= anyCase; {
	case a.words > 0 && uint32(a.here) == four:
		return a
	case b.words > 0 && uint32(b.here) == four:
		return b
	}
	return nil
}

// at returns the words that are found by the four bytes at i.
func (g *grams) at(s string, i int) []word {
	if slot := g.slot(four(s, i)); slot != nil && !(slot.start && midWord(s, i)) {
		return g.words[slot.words-1]
	}
	return nil
}

// add makes a word findable, once build was called.
func (g *grams) add(w word) {
	if at := choose(w.lower); at >= 0 {
		w.offset = at
		g.put(w)
		w.offset = at + 1
		g.put(w)
		return
	}
	w.short = true
	for before := range uint32(256) {
		g.note(before | four(w.lower, 0)<<8)
	}
	g.put(w)
}

func (g *grams) note(four uint32) {
	h := (four | anyCase) * gramMix >> (32 - gramBits)
	g.bits[h/32] |= 1 << (h % 32)
}

// put makes a word findable by the four bytes at its offset.
func (g *grams) put(w word) {
	key := four(w.lower, w.offset) | anyCase
	g.note(key)
	s := g.loose[key]
	if s == nil {
		g.words = append(g.words, nil)
		here := uint64(key) | uint64(four(w.lower, w.offset+4)|anyCase)<<32
		s = &slot{here: here, before: four(w.lower, w.offset-4) | anyCase, words: uint32(len(g.words)), start: true, long: 1}
		if g.loose == nil {
			g.loose = map[uint32]*slot{}
		}
		g.loose[key] = s
	}
	s.hereAny |= different(uint32(s.here>>32), w.lower, w.offset+4) << 32
	s.beforeAny |= uint32(different(s.before, w.lower, w.offset-4))
	s.start = s.start && w.start && w.offset == 0
	if w.short {
		s.long = 0
	}
	if in := &g.words[s.words-1]; !slices.Contains(*in, w) {
		*in = append(*in, w)
	}
}

// build gives all slots their places: in a table of which they take a quarter
// at most, with the first pair of hashes that has room for all.
func (g *grams) build() {
	for size := 8; ; size++ {
		for n := range uint32(8) {
			if 1<<size >= 4*len(g.loose) && g.placeAll(size, n) {
				g.loose = nil
				return
			}
		}
	}
}

// placeAll reports whether all slots find room in 1<<size places with hashes n.
func (g *grams) placeAll(size int, n uint32) bool {
	g.slots, g.shift = make([]slot, 1<<size), uint8(32-size)
	g.mix, g.other = gramMix+n<<16, 0x85EBCA77+n<<20 // odd ones
	for _, key := range slices.Sorted(maps.Keys(g.loose)) {
		if !g.place(*g.loose[key]) {
			return false
		}
	}
	return true
}

// place puts a slot into one of its places and what was there into its other
// one, and so on, and reports whether there was room.
func (g *grams) place(sl slot) bool {
	at, _ := g.places(uint32(sl.here))
	for range len(g.slots) {
		if *at, sl = sl, *at; sl.words == 0 {
			return true
		}
		a, b := g.places(uint32(sl.here))
		if at == a {
			at = b
		} else {
			at = a
		}
	}
	return false
}

// different returns a mask of the four bytes that are not those at i of a word,
// case ignored.
func different(four uint32, lower string, i int) (mask uint64) {
	for n := range 4 {
		if uint(i+n) >= uint(len(lower)) || lower[i+n]|0x20 != byte(four>>(8*n)) {
			mask |= 0xFF << (8 * n)
		}
	}
	return mask
}

// choose returns where in a word the two runs of four bytes begin by which it
// is best found: that texts have least often. It returns -1 if the word is too
// short for two. A word that may lie across a number or a replacement, behind
// which the scan goes on, is found by what it has before.
func choose(lower string) int {
	best, at := 0, -1
	for i := 0; i+minWord < len(lower) && !strings.ContainsAny(lower[:i+1], "0123456789[]"); i++ {
		if r := min(rarity(lower[i:i+minWord]), rarity(lower[i+1:i+1+minWord])); at < 0 || r > best {
			best, at = r, i
		}
	}
	return at
}

// common has the bytes of texts, most frequent first, up to those that are so
// rare that their order does not matter.
const common = " etaoinsrhldcumfpgwy-bvkxjqz"

// plainWords has words of ordinary texts and talk, in which the bytes by which
// a word is found had better not be; commonCost is what each place where they
// are costs in rarity.
const (
	plainWords = " the and that have for not with you this but his from they say her she will one all would there their what out about who get which " +
		"when make can like time just him know take people into year your good some could them see other than then now look only come its over " +
		"think also back after use two how our work first well way even new want because any these give day most is a of a to a in a as a it is to the " +
		"in the of the on the for the with the was the i am you are we are it was do not can be should be has been using name names user users " +
		"mail email query number numbers word words test tests code function string value values list file files call calls send sent sending " +
		"being having doing going saying making taking used working looking something anything thing things ring bring during string strings " +
		"activity active actions different important information example examples best help please thank thanks very much many more most such " +
		"contain contains content continue country company government business community public service services system systems person " +
		"address number message messages account accounts address order orders place places allow always already really usually finally " +
		"another other further either neither whether rather together ever every never however whatever understand under number member " +
		"-- ---- ==== **** ... .com http https www "
	commonCost = 12
)

// plainGrams counts every four bytes of plainWords.
var plainGrams = sync.OnceValue(func() map[string]int {
	counts := map[string]int{}
	for i := range len(plainWords) - minWord + 1 {
		counts[plainWords[i:i+minWord]]++
	}
	return counts
})

// rarity tells how seldom texts have four bytes.
func rarity(lower string) int {
	r := -commonCost * plainGrams()[lower]
	for _, c := range []byte(lower) {
		if i := strings.IndexByte(common, c); i >= 0 {
			r += i
		} else {
			r += len(common)
		}
	}
	return r
}
