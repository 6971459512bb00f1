package known

// maxWords is how many words of a name change places.
const maxWords = 6

// names adds the patterns of a name: with its words in every order that goes
// round, without its titles, its first word with each other one, the initial
// of the first before the last, and its words alone.
func (s *Set) names(i int) {
	w := &s.raw
	for j := range w.words {
		w.words[j].role = s.role(w.words[j])
	}
	core := s.core()
	s.order(i, w.words, w.tail)
	if len(core) == 1 {
		s.single(i, core[0])
		return
	}
	if len(core) <= maxWords {
		s.rotations(i, core)
		s.shortened(i, core)
	}
	if !s.values[i].Whole {
		s.parts(i, core)
	}
}

// core drops the titles of the value that was read. What is left is all titles
// if there is nothing else.
func (s *Set) core() []span {
	words := s.raw.words
	for len(words) > 1 && words[0].role == title {
		words = words[1:]
	}
	for len(words) > 1 && words[len(words)-1].role == title {
		words = words[:len(words)-1]
	}
	return words
}

// single adds the only word that is no title: it counts however it is written
// unless it could be another word.
func (s *Set) single(i int, word span) {
	if len(s.raw.words) == 1 {
		return // whole did
	}
	s.begin()
	s.putSpan(word)
	s.endName(i, s.caseOf(word), 0)
}

// order adds the words as they are.
func (s *Set) order(i int, words []span, tail int) {
	if len(words) == 1 {
		s.whole(i, named)
		return
	}
	s.begin()
	for _, word := range words {
		s.putSpan(word)
	}
	s.endName(i, 0, tail)
}

// rotations adds the words in every order that goes round, but for the one of
// the value.
func (s *Set) rotations(i int, words []span) {
	for k := range words {
		if k > 0 || len(words) < len(s.raw.words) {
			s.rotation(i, words, k)
		}
	}
}

// rotation adds words[k:] and words[:k]: Doe, Jane.
func (s *Set) rotation(i int, words []span, k int) {
	s.begin()
	for j := range words {
		s.putSpan(words[(j+k)%len(words)])
	}
	last := words[(k+len(words)-1)%len(words)]
	if last.role == initial && last.dot > 0 {
		s.endAt(i, named|joinsNums, last.dot, 1)
		return
	}
	s.endName(i, 0, 0)
}

// shortened adds pairs of the first word and a later one, either way round,
// and the first initial with the last word.
func (s *Set) shortened(i int, core []span) {
	first, last := core[0], core[len(core)-1]
	if len(core) > 2 && first.role <= common {
		for _, word := range core[1:] {
			if word.role <= common {
				s.pair(i, first, word)
				s.pair(i, word, first)
			}
		}
	}
	if last.role == none && first.hi-first.lo > 1 && s.raw.elems[first.lo].rune() < 0x0E00 {
		s.begin()
		s.put(s.raw.elems[first.lo])
		s.putSpan(last)
		s.endName(i, dotted|capital, 0)
	}
}

// pair adds two words of a longer name; if both are words of the language they
// must be capitalised.
func (s *Set) pair(i int, a, b span) {
	f := flags(0)
	if a.role == common && b.role == common {
		f = capital
	}
	s.begin()
	s.putSpan(a)
	s.putSpan(b)
	s.endName(i, f, 0)
}

// minPart is how many letters a word of a name needs to count alone;
// ideographs and syllables say more.
const minPart = 3

// parts adds the words that count alone where they are capitalised.
func (s *Set) parts(i int, core []span) {
	for _, word := range core {
		n := word.hi - word.lo
		if word.role != none || n < minPart && (n < 2 || s.raw.elems[word.lo].rune() < 0x0E00) {
			continue
		}
		s.begin()
		s.putSpan(word)
		s.endName(i, capital, 0)
	}
}

// putSpan adds a word to the pattern, set apart from what stands before it.
func (s *Set) putSpan(w span) {
	for j, e := range s.raw.elems[w.lo:w.hi] {
		if j == 0 {
			e |= hardBreak
		}
		s.put(e)
	}
}

func (s *Set) endName(i int, f flags, tail int) { s.end(i, f|named|joinsNums, tail) }
