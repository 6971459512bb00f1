package words

import "unicode/utf8"

// A Hash names a word. It is never 0.
type Hash uint64

// A Set collects the words of texts. The zero value is empty and ready; it is
// not safe for concurrent use.
type Set struct {
	texts map[string]struct{} // seen whole
	table []Hash              // the words, each at its place or after it; at most half full
	all   []Hash              // in the order of their first appearance
	fold  *folding

	recording bool
	record    []Hash // every word as it comes, while recording
}

// Reset empties the set and keeps its memory.
func (s *Set) Reset() {
	clear(s.texts)
	clear(s.table)
	s.all = s.all[:0]
}

// Hashes returns the words, each once, in the order of their first appearance.
// They are valid until Reset.
func (s *Set) Hashes() []Hash { return s.all }

// AppendOf adds the words of a text as Add does, and appends them to all as Of
// returns them.
func (s *Set) AppendOf(all []Hash, text string) []Hash {
	s.recording, s.record = true, all
	s.seen(text)
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
		s.table = make([]Hash, 1<<12)
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
	ascii := &s.fold.ascii
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf && ascii[c] == 0 {
			i++
			continue
		}
		h, start := uint64(fnvOffset), i
		for counts := min(len(text), start+maxWord); i < counts; i++ {
			if c = text[i]; c >= utf8.RuneSelf || ascii[c] == 0 {
				break
			}
			h = (h ^ uint64(ascii[c])) * fnvPrime
		}
		for i < len(text) && text[i] < utf8.RuneSelf && ascii[text[i]] != 0 {
			i++
		}
		if i < len(text) && text[i] >= utf8.RuneSelf {
			i = s.walk(text, start)
			continue
		}
		s.put(nonzero(h))
	}
}

// walk adds the words from start, where one begins, to the next character that
// separates, and returns the place after it.
func (s *Set) walk(text string, start int) int {
	var w walk
	i := start
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		c := s.fold.class(r)
		if h := w.next(c); h != 0 {
			s.put(h)
		}
		if c == separates {
			return i
		}
	}
	if h := w.next(separates); h != 0 {
		s.put(h)
	}
	return i
}

// put adds a word.
func (s *Set) put(h Hash) {
	if s.recording {
		s.record = append(s.record, h)
	}
	mask := uint64(len(s.table) - 1)
	for i := place(h, mask); ; i = (i + 1) & mask {
		switch s.table[i] {
		case h:
			return
		case 0:
			s.table[i] = h
			if s.all = append(s.all, h); 2*len(s.all) > len(s.table) {
				s.grow()
			}
			return
		}
	}
}

func (s *Set) grow() {
	s.table = make([]Hash, 2*len(s.table))
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
