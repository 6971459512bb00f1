package redaction

import (
	"math/bits"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/analyzer"
	"github.com/afterimage/afterimage/redaction/identifier"
)

// A scan is the working memory of one call. It is pooled: nothing in it
// outlives the call but the capacity of its slices.
type scan struct {
	t         *tables
	clock     clock
	pseudonym Pseudonym
	escrow    *escrow // nil: nothing is sealed
	event     string  // its id
	sealed    []*pb.Sealed
	earlier   []*pb.Sealed // of the publisher

	depth  int        // of encodings around the text
	static *knowledge // of the redactor; nil: none
	knows  knowledge  // of the call
	lent   *knowledge // of the call, where this scan is within another

	stage    stage
	leaves   []string          // collected for the analyser
	analysed [][]analyzer.Span // what it found in them, those applied cut off

	spans   []span // found in the text being searched
	edits   []edit // resolved, over all of a document
	kept    []edit // what was found and stays
	reports bool   // and what else a span was taken for
	sure    bool   // the detector was told that a word is near
	tokens  int    // replacements already in the text being searched
	groups  []Group
	// clusterEnd is how far groups were looked at; runStart and runEnd are the
	// last run that was, longDone says that what triggers at long runs was, too.
	clusterEnd, runStart, runEnd int
	longDone                     bool
	digits                       []byte
	compact                      [identifier.MaxLen]byte // an identifier without separators
	nest                         []nest                  // JSON: open objects and arrays
	cand                         Candidate

	view      view
	viewSpans []span

	unescaped []byte // JSON: the values of strings with escapes that are being searched

	// Context: the words read so far, the sets that they hit and, behind
	// aheadAt, what was found there; of the groups of a run, what stands before
	// and behind each, once it is asked for.
	sides           [maxRun]sides
	read            int
	words           wordReader
	hits, aheadHits []hit
	ahead           []uint16
	aheadAt         int
	key             string // JSON: the key above the text
	keyRead         bool
	keySet          detSet
}

// A span is what a detector recognised in the text being searched.
type span struct {
	start, end, det int
	sure            bool // a word near it says so
	decoded         bool // found in the view without escapes
}

// never is no place of a text.
const never = -1

func newScan(t *tables) *scan {
	sc := &scan{t: t, hits: make([]hit, 0, maxHits)}
	sc.cand.sc = sc
	return sc
}

// release drops all references to the call's text. Edits have none: their
// replacements are tokens.
func (sc *scan) release() {
	sc.clock = clock{}
	sc.pseudonym = nil
	sc.escrow, sc.event, sc.sealed, sc.earlier = nil, "", nil, nil
	sc.static = nil
	sc.knows.forget()
	sc.stage, sc.leaves, sc.analysed = detecting, nil, nil
	sc.cand.Text = ""
	sc.key = ""
	sc.unescaped = sc.unescaped[:0]
	clear(sc.nest[:cap(sc.nest)])
	sc.nest = sc.nest[:0]
	sc.edits = sc.edits[:0]
	sc.kept = sc.kept[:0]
	sc.spans = sc.spans[:0]
}

// text searches s and leaves what it finds in sc.spans, unresolved. What was
// seen in the key, if s has one, must have been marked before.
func (sc *scan) text(s string) error {
	sc.spans, sc.tokens = sc.spans[:0], 0
	sc.clusterEnd, sc.runStart, sc.runEnd, sc.longDone = 0, 0, 0, true
	sc.cand.Text = s
	for i := 0; i < len(s); {
		end := min(len(s), i+workPerLook)
		if err := sc.clock.spend(end - i); err != nil {
			return err
		}
		var err error
		if i, err = sc.stretch(s, i, end); err != nil {
			return err
		}
	}
	if err := sc.knownIn(s, sc.known(), knownBase); err != nil {
		return err
	}
	return sc.knownIn(s, sc.static, staticBase)
}

// stretch searches s from i to end or a little further and returns how far it
// came.
func (sc *scan) stretch(s string, i, end int) (int, error) {
	for i < end {
		n, stops, found := sc.t.look(s, i)
		at, from := i, i
		for i += n; stops|found != 0; {
			n := bits.TrailingZeros64(stops | found)
			place, next := at+n, at+n+1
			var err error
			if found>>n&1 != 0 && sc.t.grams.mayStand(s, place) {
				err = sc.wordsBy(s, place, from)
			}
			if stops>>n&1 != 0 && err == nil {
				next, err = sc.stopAt(s, place)
			}
			if err != nil {
				return place, err
			}
			if next >= i {
				i = next
				break
			}
			from = next
			stops &= ^uint64(0) << (next - at)
			found &= ^uint64(0) << (max(next-1, place+1) - at) // a short word at next is found before it
		}
	}
	return i, nil
}

// stopAt handles what the byte at i triggers and returns the next place to look
// at.
func (sc *scan) stopAt(s string, i int) (int, error) {
	stop := sc.t.stop[s[i]]
	if stop&stopRun != 0 && i >= sc.runEnd {
		if err := sc.runAt(s, i, false); err != nil {
			return i, err
		}
	}
	switch {
	case stop&^stopRun == 0:
	case stop&stopDigit != 0:
		return sc.digitAt(s, i)
	case stop&stopBracket != 0:
		if n := replacement(s[i:]); n > 0 {
			sc.tokens++
			sc.forget(i + n)
			return i + n, nil
		}
	default:
		next := at(s, i+1)
		for j := range sc.t.byByte[s[i]] {
			b := &sc.t.byByte[s[i]][j]
			if !b.next.has(next) {
				continue
			}
			if err := sc.try(b.det, i, i+1); err != nil {
				return i, err
			}
		}
	}
	return i + 1, nil
}

// wordsBy tries the words that may be found at i and begin at from or behind it.
func (sc *scan) wordsBy(s string, i, from int) error {
	if i >= from {
		if err := sc.wordsAt(s, i, sc.t.grams.at(s, i), false); err != nil {
			return err
		}
	}
	return sc.wordsAt(s, i+1, sc.t.grams.at(s, i+1), true)
}

// wordsAt tries those of the words, or of the short ones among them, that stand
// at their offset from i. None that begins with a digit begins within a number.
func (sc *scan) wordsAt(s string, i int, words []word, short bool) error {
	for j := range words {
		w := &words[j]
		start := i - w.offset
		if short && !w.short || start < 0 || !hasFold(s[start:], w.lower) || w.start && midWord(s, start) || isDigit(w.lower[0]) && isDigit(at(s, start-1)) {
			continue
		}
		if err := sc.try(w.det, start, start+len(w.lower)); err != nil {
			return err
		}
	}
	return nil
}

// joined reports whether two letters belong to one word: case turns from lower
// to upper where the next begins, as in homePhone.
func joined(a, b byte) bool { return isLetter(a) && isLetter(b) && !(isLower(a) && isUpper(b)) }

// try puts a candidate before a detector.
func (sc *scan) try(det, start, end int) error {
	c := &sc.cand
	c.Start, c.End, c.det = start, end, det
	sc.sure = false
	sc.t.detectors[det].Find(c)
	return sc.clock.spend(16)
}

// add notes a span unless it begins in a replacement; where it ends in one it
// takes in the whole.
func (sc *scan) add(det, start, end int) {
	if start < 0 || end > len(sc.cand.Text) || start >= end {
		panic("redaction: span out of bounds")
	}
	if strings.IndexByte(sc.cand.Text[start:end], '[') >= 0 || sc.tokens > 0 {
		var ok bool
		if end, ok = clearOfTokens(sc.cand.Text, start, end); !ok {
			return
		}
	}
	sc.spans = append(sc.spans, span{start: start, end: end, det: det, sure: sc.sure})
}

// maxReplacement is the longest replacement.
const maxReplacement = maxType + maxGeneral + 4

// clearOfTokens returns the end of the span so that no replacement is cut in
// two, and false if one holds its start.
func clearOfTokens(s string, start, end int) (int, bool) {
	for i := max(0, start-maxReplacement); i < end; {
		at := strings.IndexByte(s[i:end], '[')
		if at < 0 {
			break
		}
		i += at
		n := replacement(s[i:])
		if n > 0 && i <= start && start < i+n {
			return end, false
		}
		if n > 0 && i >= start {
			end = max(end, i+n)
		}
		i += max(n, 1)
	}
	return end, true
}
