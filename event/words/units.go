package words

import "unicode/utf8"

// AppendUnits appends the units of a text to all, in order, with those that
// come again. A unit is a word, or, in scripts that are written without spaces,
// a single character: two neighbouring units are there what a word is to Of.
func AppendUnits(all []Hash, text string) []Hash {
	fold := theFolding()
	ascii := &fold.ascii
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
			all, i = fold.appendUnits(all, text, start)
			continue
		}
		all = append(all, nonzero(h))
	}
	return all
}

// appendUnits appends the units from start, where one begins, to the next
// character that separates, and returns the place after it.
func (f *folding) appendUnits(all []Hash, text string, start int) ([]Hash, int) {
	var w walk
	i := start
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		c := f.class(r)
		if c == ignored {
			continue
		}
		alone := c == separates || c&pairs != 0
		if alone && w.size > 0 {
			all = append(all, w.end())
		}
		if c == separates {
			return all, i
		}
		w.add(rune(c &^ pairs))
		if alone {
			all = append(all, w.end())
		}
	}
	if w.size > 0 {
		all = append(all, w.end())
	}
	return all, i
}
