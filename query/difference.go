package query

import (
	"slices"
	"unicode"
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// maxSteps bounds what one comparison costs, to some 3 ms, measured: what is not
// settled by then counts as different.
const maxSteps = 1 << 19

// differences compares texts that were generated with those that were shown
// instead, and returns the segments of either side: together they are its
// texts.
func differences(generated, shown []string) (removed, added segments) {
	words := lexicon{}
	a, b := words.tokens(generated), words.tokens(shown)
	common(a, b, len(words))
	for _, c := range unlike(tidy(contrasts(a, b))) {
		removed.add(pb.Frame_Segment_EQUAL, c.equal)
		removed.add(pb.Frame_Segment_REMOVED, c.removed)
		added.add(pb.Frame_Segment_EQUAL, c.equal)
		added.add(pb.Frame_Segment_ADDED, c.added)
	}
	return removed, added
}

// segments are the segments of texts, one text after the other.
type segments []*pb.Frame_Segment

// add adds bytes of a kind.
func (s *segments) add(kind pb.Frame_Segment_Kind, bytes int) {
	if bytes == 0 {
		return
	}
	if n := len(*s); n > 0 && (*s)[n-1].GetKind() == kind {
		(*s)[n-1].Bytes += uint32(bytes)
		return
	}
	*s = append(*s, &pb.Frame_Segment{Kind: kind, Bytes: uint32(bytes)})
}

// take cuts off and returns the segments of the next bytes.
func (s *segments) take(bytes int) (taken segments) {
	for bytes > 0 && len(*s) > 0 {
		first := (*s)[0]
		n := min(bytes, int(first.GetBytes()))
		taken.add(first.GetKind(), n)
		bytes -= n
		if first.Bytes -= uint32(n); first.GetBytes() == 0 {
			*s = (*s)[1:]
		}
	}
	return taken
}

// A lexicon numbers words: the same word has the same number.
type lexicon map[string]int32

// A token is a word as it is compared.
type token struct {
	word  int32
	bytes int
	kept  bool // the other text has it too, in the same order
}

// tokens returns the words of texts. Where a text ends, a word does.
func (l lexicon) tokens(texts []string) []token {
	var all []token
	for _, text := range texts {
		for text != "" {
			n := wordLength(text)
			number, known := l[text[:n]]
			if !known {
				number = int32(len(l))
				l[text[:n]] = number
			}
			all = append(all, token{word: number, bytes: n})
			text = text[n:]
		}
	}
	return all
}

// wordLength returns how long the first word of a text is, in bytes: letters
// and digits, or spaces, or one character of what is neither or is written
// without spaces between words.
func wordLength(text string) int {
	r, n := utf8.DecodeRuneInString(text)
	kind := wordKind(r)
	for kind != 0 && n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		if wordKind(r) != kind && !unicode.IsMark(r) {
			break
		}
		n += size
	}
	return n
}

// wordKind tells apart what words are made of, 0 for what is a word by itself.
func wordKind(r rune) int {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return 0
	case unicode.IsLetter(r), unicode.IsDigit(r), r == '_':
		return 1
	case unicode.IsSpace(r):
		return 2
	}
	return 0
}

// common marks what two texts, of so many different words, have in common.
func common(a, b []token, words int) {
	d := differ{a: onBoth(a, b, words), b: onBoth(b, a, words)}
	d.compare(0, len(d.a), 0, len(d.b))
}

// onBoth returns the tokens of a that b has too. The others are not in common
// and need no comparing.
func onBoth(a, b []token, words int) []*token {
	has := make([]bool, words)
	for _, t := range b {
		has[t.word] = true
	}
	out := make([]*token, 0, len(a))
	for i := range a {
		if has[a[i].word] {
			out = append(out, &a[i])
		}
	}
	return out
}

// A differ finds what two texts have in common: in linear space, by Myers, "An
// O(ND) Difference Algorithm and Its Variations" (1986), section 4b.
type differ struct {
	a, b        []*token
	forth, back front
}

// compare compares a[a0:a1] with b[b0:b1].
func (d *differ) compare(a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && d.a[a0].word == d.b[b0].word {
		d.a[a0].kept, d.b[b0].kept = true, true
		a0, b0 = a0+1, b0+1
	}
	for a0 < a1 && b0 < b1 && d.a[a1-1].word == d.b[b1-1].word {
		a1, b1 = a1-1, b1-1
		d.a[a1].kept, d.b[b1].kept = true, true
	}
	if a0 == a1 || b0 == b1 {
		return
	}
	if x, y, found := d.middle(d.a[a0:a1], d.b[b0:b1]); found {
		d.compare(a0, a0+x, b0, b0+y)
		d.compare(a0+x, a1, b0+y, b1)
	}
}

// middle returns a point about half way on a shortest way from a to b, or
// false if that takes too many steps. As neither begins or ends
// like the other, the point lies between their corners.
func (d *differ) middle(a, b []*token) (x, y int, found bool) {
	n, m := len(a), len(b)
	half := (n + m + 1) / 2
	d.forth.reset(half)
	d.back.reset(half)
	forth := func(x, y int) bool { return a[x].word == b[y].word }
	back := func(x, y int) bool { return a[n-1-x].word == b[m-1-y].word }
	odd := (n-m)%2 != 0
	for depth := 0; depth <= half && d.forth.steps+d.back.steps < maxSteps; depth++ {
		for k := range d.forth.diagonals(depth) {
			x := d.forth.advance(depth, k, n, m, forth)
			if met := d.back.at(n-m-k, depth-1); odd && x >= 0 && met >= 0 && x+met >= n {
				return x, x - k, true
			}
		}
		for k := range d.back.diagonals(depth) {
			x := d.back.advance(depth, k, n, m, back)
			if met := d.forth.at(n-m-k, depth); !odd && x >= 0 && met >= 0 && x+met >= n {
				return n - x, m - (x - k), true
			}
		}
	}
	return 0, 0, false
}

// A front is how far ways of so many changes lead from one corner of two texts
// towards the other: on each diagonal, on which y is x-k, the furthest x.
type front struct {
	ends     []int // by diagonal, shifted by half
	half     int
	from, to int // how many diagonals are left out on either side: they lead out of the texts
	steps    int // that all ways took so far
}

func (f *front) reset(half int) {
	f.half, f.from, f.to = half, 0, 0
	f.ends = slices.Grow(f.ends[:0], 2*half+2)[:2*half+2]
	f.ends[half+1] = 0
}

// diagonals yields those on which the ways of depth changes end.
func (f *front) diagonals(depth int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for k := f.from - depth; k <= depth-f.to; k += 2 {
			if !yield(k) {
				return
			}
		}
	}
}

// advance returns the furthest x on diagonal k after depth changes, -1 if that
// is not in the texts, of n and m words.
func (f *front) advance(depth, k, n, m int, same func(x, y int) bool) int {
	at := f.half + k
	x := f.ends[at+1]
	if k != -depth && (k == depth || f.ends[at-1] >= x) {
		x = f.ends[at-1] + 1
	}
	entered := x
	for x < n && x-k < m && same(x, x-k) {
		x++
	}
	f.ends[at] = x
	f.steps += 1 + x - entered
	switch {
	case x > n:
		f.to += 2
		return -1
	case x-k > m:
		f.from += 2
		return -1
	}
	return x
}

// at returns the furthest x on diagonal k after depth changes, -1 if no way
// ends there.
func (f *front) at(k, depth int) int {
	if k < -depth || k > depth {
		return -1
	}
	return f.ends[f.half+k]
}

// A contrast is what is common, and then what differs until there is more in
// common, in bytes.
type contrast struct{ equal, removed, added int }

func contrasts(a, b []token) []contrast {
	var all []contrast
	for i, j := 0, 0; i < len(a) || j < len(b); {
		var c contrast
		for i < len(a) && j < len(b) && a[i].kept && b[j].kept {
			c.equal += a[i].bytes
			i, j = i+1, j+1
		}
		for i < len(a) && !a[i].kept {
			c.removed += a[i].bytes
			i++
		}
		for j < len(b) && !b[j].kept {
			c.added += b[j].bytes
			j++
		}
		all = append(all, c)
	}
	return all
}

// tidy takes what is common by chance for different: what is no longer than
// the differences before and behind it, such as a "the" between two sentences.
// (The semantic cleanup of Fraser's diff-match-patch.)
func tidy(all []contrast) []contrast {
	out := all[:0]
	for _, c := range all {
		for len(out) > 0 {
			before := out[len(out)-1]
			if c.equal > max(before.removed, before.added) || c.equal > max(c.removed, c.added) {
				break
			}
			c = contrast{before.equal, before.removed + c.equal + c.removed, before.added + c.equal + c.added}
			out = out[:len(out)-1]
		}
		out = append(out, c)
	}
	return out
}

// unlike takes two texts for different altogether where the shorter one has
// less than a quarter of it in common with the other.
func unlike(all []contrast) []contrast {
	var sum contrast
	for _, c := range all {
		sum = contrast{sum.equal + c.equal, sum.removed + c.removed, sum.added + c.added}
	}
	if 4*sum.equal >= sum.equal+min(sum.removed, sum.added) {
		return all
	}
	return []contrast{{removed: sum.equal + sum.removed, added: sum.equal + sum.added}}
}
