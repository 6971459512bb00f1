package known

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStarts holds that whatever Match finds, next stops at, from wherever it
// comes.
func TestStarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) // the same texts each time
	between := []string{" ", "a", "e", "n", "t", "r", "o", "A", ".", "\\", "\\n", "%2F", "%20", "-", "\n", "\u00ad", "é", "7", "@"}
	for _, v := range []string{
		"Jane", "jane.doering@example.com", "Mueller", "Aaron Smith", "Joe Doe", "Ana Aalto", "José", "Łukasz Żak", "O'Neil", "P.O. Box 104", "B.B. King",
		"12 High Street, Flat 3", "CU-1234-5678", "jdoering77", "Ob", "A B", "de la Cruz", "Юлия", "王小明", "+1 415 555 0132", "x", "7x", "Ng", "T-1000", "X Ray Tim", "x Åre", "B Cee",
	} {
		for kind := Other; kind <= Address; kind++ {
			s, err := Compile([]Value{{Text: v, Kind: kind}})
			if err != nil {
				continue
			}
			byFlags := new(Set)
			if err := byFlags.Reset(s.values); err != nil {
				t.Fatal(err)
			}
			met := 0
			written := []string{v, v, strings.ToLower(v), strings.ReplaceAll(strings.ToLower(v), " ", " b. "), strings.ReplaceAll(v, " ", `\n`), strings.ReplaceAll(v, " ", "%C2%A0")}
			for range 300 {
				text := ""
				for at, n := rng.IntN(24), 0; n < 24; n++ {
					if n == at {
						text += written[rng.IntN(len(written))]
					}
					text += between[rng.IntN(len(between))]
				}
				met += stopsAtMatches(t, s, text)
				stopsAtMatches(t, byFlags, text)
			}
			if met == 0 && v != "x" && v != "Ob" && v != "Ng" { // of which some kinds are common words
				t.Errorf("%q of kind %d was never found", v, kind)
			}
		}
	}
}

func stopsAtMatches(t *testing.T, s *Set, text string) (met int) {
	t.Helper()
	for i := range text {
		if _, _, ok := s.Match(text, i); !ok {
			continue
		}
		met++
		for from := range i + 1 {
			at := s.starts.next(text, from)
			for at < i {
				at = s.starts.next(text, at+1)
			}
			if at != i {
				t.Fatalf("from %d of %q next passes over the match of %q at %d", from, text, s.values[0].Text, i)
			}
		}
	}
	return met
}
