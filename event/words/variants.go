package words

import "sync"

// Variants returns the characters that fold to a folded one, itself first, in UTF-8:
// whatever text has the folded one in its canonical form has one of them.
func Variants(folded rune) [][]byte {
	return append([][]byte{[]byte(string(folded))}, theVariants()[folded]...)
}

// theVariants has for each character the others that fold to it.
var theVariants = sync.OnceValue(func() map[rune][][]byte {
	all := map[rune][][]byte{}
	for n, page := range theFolding().pages {
		if page == nil {
			continue
		}
		for i, c := range page {
			r, to := rune(n*pageSize+i), rune(c&^pairs)
			if c != separates && c != ignored && to != r {
				all[to] = append(all[to], []byte(string(r)))
			}
		}
	}
	return all
})
