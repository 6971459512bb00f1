package query_test

import (
	"github.com/afterimage/afterimage/event/words"
)

// slowJaccard is how alike two texts are, from what is said of the measure.
func slowJaccard(a, b string) float64 {
	type pair [2]words.Hash
	pairsOf := func(text string) map[pair]bool {
		all := append(append([]words.Hash{0}, words.Of(text)...), 0)
		out := map[pair]bool{}
		for i := range all[1:] {
			out[pair{all[i], all[i+1]}] = true
		}
		return out
	}
	in, of := pairsOf(a), pairsOf(b)
	both, either := 0, len(of)
	for p := range in {
		if of[p] {
			both++
		} else {
			either++
		}
	}
	if a == b {
		return 1
	}
	if len(in) == 1 || len(of) == 1 { // no words
		return 0
	}
	return float64(both) / float64(either)
}
