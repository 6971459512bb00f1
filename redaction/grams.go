package redaction

import "strings"

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
	// slots, by hash, lead from four bytes to words: open addressing.
	slots [1 << slotBits]slot
	words [][]word
}

// A slot has what all words have in common that are found by four bytes.
type slot struct {
	key                 uint32
	words               uint16 // 1 + index into words; 0: the slot is free
	start               bool   // they begin with the four bytes, and where words do
	short               bool   // some of them are
	before, beforeKnown uint32 // the four bytes before, and a mask of which are known
	behind, behindKnown uint32 // the four bytes behind
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
	slotBits = 12
	gramMix  = 0x9E3779B1 // Fibonacci hashing: Knuth, TAOCP 6.4
	anyCase  = 0x20202020
)

// has returns a number whose lowest bit says that words may be found by four
// bytes.
func (g *grams) has(four uint32) uint32 {
	h := (four | anyCase) * gramMix >> (32 - gramBits)
	return g.bits[uint16(h>>5)] >> (h & 31)
}

// mayStand reports whether a word may be found by the four bytes at i.
func (g *grams) mayStand(s string, i int) bool {
	if slot := g.slot(four(s, i)); slot != nil && slot.mayStand(s, i) {
		return true
	}
	slot := g.slot(four(s, i+1))
	return slot != nil && slot.short && slot.mayStand(s, i+1)
}

// mayStand reports whether a word of the slot may stand about i.
func (sl *slot) mayStand(s string, i int) bool {
	return (four(s, i+4)^sl.behind)&sl.behindKnown == 0 && (four(s, i-4)^sl.before)&sl.beforeKnown == 0 && !(sl.start && midWord(s, i))
}

// midWord reports whether the byte at i does not begin a word. Case turns from
// lower to upper where the next begins, as in homePhone.
func midWord(s string, i int) bool {
	return joined(at(s, i-1), at(s, i)) && !afterEscape(s, i)
}

// slot returns that of four bytes, nil if there is none.
func (g *grams) slot(four uint32) *slot {
	four |= anyCase
	for i := slotOf(four); ; i++ {
		switch s := &g.slots[i%(1<<slotBits)]; {
		case s.words == 0:
			return nil
		case s.key == four:
			return s
		}
	}
}

func slotOf(key uint32) uint32 { return key * gramMix >> (32 - slotBits) }

// at returns the words that are found by the four bytes at i.
func (g *grams) at(s string, i int) []word {
	if slot := g.slot(four(s, i)); slot != nil {
		return g.words[slot.words-1]
	}
	return nil
}

// add makes a word findable.
func (g *grams) add(w word) {
	at := choose(w.lower)
	if at >= 0 {
		w.offset = at
		g.put(w)
		w.offset = at + 1
		g.put(w)
		return
	}
	w.short = true
	g.put(w)
	for before := range uint32(256) {
		g.note(before | four(w.lower, 0)<<8)
	}
}

func (g *grams) note(four uint32) {
	h := (four | anyCase) * gramMix >> (32 - gramBits)
	g.bits[h/32] |= 1 << (h % 32)
}

// put makes a word findable by the four bytes at its offset.
func (g *grams) put(w word) {
	key := four(w.lower, w.offset) | anyCase
	g.note(key)
	i := slotOf(key)
	for ; g.slots[i].words != 0 && g.slots[i].key != key; i = (i + 1) % (1 << slotBits) {
	}
	s := &g.slots[i]
	if s.words == 0 {
		g.words = append(g.words, nil)
		*s = slot{key: key, words: uint16(len(g.words)), start: true, beforeKnown: ^uint32(0), behindKnown: ^uint32(0)}
		s.before, s.behind = four(w.lower, w.offset-4), four(w.lower, w.offset+4)
	}
	s.start = s.start && w.start && w.offset == 0
	s.short = s.short || w.short
	s.beforeKnown &= known4(s.before, w.lower, w.offset-4)
	s.behindKnown &= known4(s.behind, w.lower, w.offset+4)
	g.words[s.words-1] = append(g.words[s.words-1], w)
}

// known4 returns a mask of the bytes at i of a word that are the four, case
// ignored.
func known4(four uint32, lower string, i int) (mask uint32) {
	for n := range 4 {
		if c := at(lower, i+n); uint(i+n) < uint(len(lower)) && c|0x20 == byte(four>>(8*n))|0x20 {
			mask |= 0xDF << (8 * n)
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

// rarity tells how seldom texts have some bytes.
func rarity(lower string) int {
	r := -commonCost * strings.Count(plainWords, lower)
	for _, c := range []byte(lower) {
		if i := strings.IndexByte(common, c); i >= 0 {
			r += i
		} else {
			r += len(common)
		}
	}
	return r
}
