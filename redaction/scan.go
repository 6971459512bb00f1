package redaction

import (
	"math/bits"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/analyzer"
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
	nest                         []nest // JSON: open objects and arrays
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
		at, stops := sc.t.pairs.next(s, i, end)
		for i = at + block; stops != 0; {
			stop := at + bits.TrailingZeros8(stops)
			if sc.t.idle(s, stop) {
				stops &= stops - 1
				continue
			}
			next, err := sc.stopAt(s, stop)
			if err != nil {
				return stop, err
			}
			if next >= i {
				i = next
				break
			}
			stops &= ^uint8(0) << (next - at)
		}
	}
	return i, nil
}

// stopAt handles position i and returns the next one to look at.
func (sc *scan) stopAt(s string, i int) (int, error) {
	if words := sc.t.wordsBy(four(s, i)); words != nil {
		if err := sc.wordsAt(s, i, words); err != nil {
			return i, err
		}
	}
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
		if err := sc.byteAt(s, i); err != nil {
			return i, err
		}
	}
	return i + 1, nil
}

// byteAt tries what the byte at i triggers, and the words behind the escape
// that it may begin.
func (sc *scan) byteAt(s string, i int) error {
	if n := escaping(s, i); n > 0 && isLetter(at(s, i+n)) {
		if err := sc.wordsAt(s, i+n, sc.t.wordsBy(four(s, i+n))); err != nil {
			return err
		}
	}
	next := at(s, i+1)
	for _, b := range sc.t.byByte[s[i]] {
		if b.next[next/32]>>(next%32)&1 == 0 {
			continue
		}
		if err := sc.try(b.det, i, i+1); err != nil {
			return err
		}
	}
	return nil
}

// escaping returns the length of an escape such as \n or %3D at i that a word
// can follow, 0 if there is none.
func escaping(s string, i int) int {
	switch next := at(s, i+1); s[i] {
	case '\\':
		if next == 'n' || next == 'r' || next == 't' {
			return 2
		}
	case '%':
		if isHex(next) && isHex(at(s, i+2)) {
			return 3
		}
	}
	return 0
}

// wordsAt tries the words that may be found by the four bytes at i.
func (sc *scan) wordsAt(s string, i int, words []word) error {
	for j := range words {
		w := &words[j]
		start := i - w.anchor
		if start < 0 || !hasFold(s[start:], w.lower) || w.start && joined(at(s, start-1), s[start]) && !afterEscape(s, start) {
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
