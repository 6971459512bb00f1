package words

import "unicode/utf8"

// A Hash names a word. It is never 0.
type Hash uint64

// A Set collects the words of texts. The zero value is empty and ready; it is
// not safe for concurrent use.
type Set struct {
	// Grams makes the set collect pairs of words and prefixes too. It is set
	// before the first Add.
	Grams bool

	texts    map[string]struct{} // seen whole
	words    hashSet
	pairs    hashSet // see Pair
	prefixes hashSet // see PrefixOf
	before   Hash    // the word before in the text under way, 0 at its beginning
	fold     *folding

	recording bool
	record    []Hash // every word as it comes, while recording
}

// Reset empties the set and keeps its memory.
func (s *Set) Reset() {
	clear(s.texts)
	for _, h := range []*hashSet{&s.words, &s.pairs, &s.prefixes} {
		h.reset()
	}
}

// Hashes returns the words, each once, in the order of their first appearance.
// They are valid until Reset.
func (s *Set) Hashes() []Hash { return s.words.all }

// Pairs returns the pairs of words that follow one another, likewise.
func (s *Set) Pairs() []Hash { return s.pairs.all }

// Prefixes returns the prefixes of words that are as long or longer, likewise.
func (s *Set) Prefixes() []Hash { return s.prefixes.all }

// AppendOf adds the words of a text as Add does, and appends them to all as Of
// returns them.
func (s *Set) AppendOf(all []Hash, text string) []Hash {
	s.recording, s.record = true, all
	s.seen(text)
	s.before = 0
	s.scan(text)
	all = s.record
	s.recording, s.record = false, nil
	return all
}

// Add adds the words of a text. A text that was added before costs next to
// nothing: conversations repeat their history. The set keeps the text until
// Reset.
func (s *Set) Add(text string) {
	if !s.seen(text) {
		s.scan(text)
	}
}

// seen reports whether a text was added before, and notes that it is.
func (s *Set) seen(text string) bool {
	if s.texts == nil {
		s.texts = map[string]struct{}{}
		s.fold = theFolding()
	}
	if _, seen := s.texts[text]; seen {
		return true
	}
	s.texts[text] = struct{}{}
	return false
}

// scan adds the words of a text. Most text is ASCII: its words are hashed as
// they are found, and only those with other characters are walked.
func (s *Set) scan(text string) {
	s.before = 0
	ascii := &s.fold.ascii
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf && ascii[c] == 0 {
			i++
			continue
		}
		h, start, prefix := uint64(fnvOffset), i, uint64(0)
		for counts := min(len(text), start+maxWord); i < counts; i++ {
			if c = text[i]; c >= utf8.RuneSelf || ascii[c] == 0 {
				break
			}
			h = (h ^ uint64(ascii[c])) * fnvPrime
			if i-start == PrefixLength-1 {
				prefix = h
			}
		}
		for i < len(text) && text[i] < utf8.RuneSelf && ascii[text[i]] != 0 {
			i++
		}
		if i < len(text) && text[i] >= utf8.RuneSelf {
			i = s.walk(text, start)
			continue
		}
		s.put(nonzero(h), prefix)
	}
}

// walk adds the words from start, where one begins, to the next character that
// separates, and returns the place after it.
func (s *Set) walk(text string, start int) int {
	w := walk{}
	i := start
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		c := s.fold.class(r)
		prefix := w.prefix()
		if h := w.next(c); h != 0 {
			s.put(h, prefix)
		}
		if c == separates {
			return i
		}
	}
	prefix := w.prefix()
	if h := w.next(separates); h != 0 {
		s.put(h, prefix)
	}
	return i
}

// put adds a word, the FNV-1a of its first characters, 0 if it has not as many,
// and its pair with the word before.
func (s *Set) put(h Hash, prefix uint64) {
	if s.recording {
		s.record = append(s.record, h)
	}
	s.words.put(h)
	if !s.Grams {
		return
	}
	if s.before != 0 {
		s.pairs.put(Pair(s.before, h))
	}
	s.before = h
	if prefix != 0 {
		s.prefixes.put(prefixHash(prefix))
	}
}

// A hashSet is a set of hashes that keeps their order. The zero value is empty
// and ready.
type hashSet struct {
	table []Hash // each at its place or after it; at most half full
	all   []Hash // in the order of their first appearance
}

func (s *hashSet) reset() {
	clear(s.table)
	s.all = s.all[:0]
}

func (s *hashSet) put(h Hash) {
	if 2*len(s.all) >= len(s.table) {
		s.grow()
	}
	mask := uint64(len(s.table) - 1)
	for i := place(h, mask); ; i = (i + 1) & mask {
		switch s.table[i] {
		case h:
			return
		case 0:
			s.table[i], s.all = h, append(s.all, h)
			return
		}
	}
}

func (s *hashSet) grow() {
	s.table = make([]Hash, max(2*len(s.table), 1<<12))
	mask := uint64(len(s.table) - 1)
	for _, h := range s.all {
		i := place(h, mask)
		for s.table[i] != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = h
	}
}

// place is where a word belongs in a table. The low bits of FNV-1a are its
// worst.
func place(h Hash, mask uint64) uint64 { return uint64(h^h>>32) & mask }
