package redaction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tried returns a redactor whose detectors look for what the given ones do and
// find nothing, and a function that returns where they were called for a text.
func tried(t *testing.T, ds []Detector) func(s string) map[string]bool {
	t.Helper()
	calls := map[string]bool{}
	recording := slices.Clone(ds)
	for i := range recording {
		d := &recording[i]
		d.Form, d.Find = nil, func(c *Candidate) { calls[call(i, c.Start, c.End)] = true }
		d.Digits, d.Long, d.LongNear, d.Prefixes = Digits{}, 0, false, nil // of words and bytes alone
	}
	r := newRedactor(t, Config{Detectors: recording, ReportKept: true})
	return func(s string) map[string]bool {
		clear(calls)
		if _, _, err := r.Text(t.Context(), s, pseudonym); err != nil {
			t.Fatal(err)
		}
		return calls
	}
}

func call(det, start, end int) string { return fmt.Sprint(det, " ", start, " ", end) }

// allTriggers returns, one by one, the calls that the words of the detectors ask
// for in s.
func allTriggers(ds []Detector, s string) map[string]bool {
	want := map[string]bool{}
	for i := range ds {
		for _, w := range allCases(ds[i].Words) {
			for j := range len(s) - len(w) + 1 {
				if hasFold(s[j:], w) && !(ds[i].WordStart && midWord(s, j)) {
					want[call(i, j, j+len(w))] = true
				}
			}
		}
		for j := range len(s) {
			if strings.IndexByte(ds[i].Bytes, s[j]) >= 0 && (ds[i].Next == "" || strings.IndexByte(ds[i].Next, at(s, j+1)) >= 0) {
				want[call(i, j, j+1)] = true
			}
		}
	}
	return want
}

// allCases returns all ways to write the words.
func allCases(words []string) (all []string) {
	for _, w := range words {
		all = append(all, cases(w)...)
	}
	return all
}

// TestWordsAnywhere holds that the scan meets every trigger word, wherever it
// stands and whatever stands before it.
func TestWordsAnywhere(t *testing.T) {
	ds := Default()
	calls := tried(t, ds)
	before := []string{"", " ", "é", "\n", "x. ", "a b", "ab-", "homeX", `\n`, `.\t`, "%2F", "%3d ", "7", "142", "x12345", "42 ", "2021-05-21 ", "1", "[EMAIL:abcdefghijkl]", "[EMAIL:abcdefghijkl] ", strings.Repeat("-a", 31), strings.Repeat(". ", 31) + "."}
	for i := range ds {
		for _, w := range allCases(ds[i].Words) {
			for _, b := range before {
				for _, after := range []string{"", "q", " and so on, for more than a window of sixty-four places of text"} {
					s, start := b+strings.ToUpper(w[:1])+w[1:]+after, len(b)
					if len(s) != len(b)+len(w)+len(after) || ds[i].WordStart && midWord(s, start) || strings.Trim(b, " 0123456789") != b && strings.ContainsAny(w, digits) && b != " " {
						continue // no word starts there; a number goes on there
					}
					if !calls(s)[call(i, start, start+len(w))] {
						t.Fatalf("%s was not tried at %q in %q", nameOf(&ds[i]), w, s)
					}
				}
			}
		}
	}
}

// TestTriggersAll holds that the scan tries exactly what one look at every place
// for every word would, in texts without numbers and replacements.
func TestTriggersAll(t *testing.T) {
	ds := Default()
	calls := tried(t, ds)
	var words []string
	for i := range ds {
		for _, w := range ds[i].Words {
			if !strings.ContainsAny(w, "0123456789[]") {
				words = append(words, w)
			}
		}
	}
	rng := rand.New(rand.NewPCG(3, 4)) // the same texts each time
	between := []string{"", "", " ", "e", "K", "\n", `\n`, "%2F", ":", "_", "-", "@", ". ", "ß", "年", "the "}
	for range 400 {
		var b strings.Builder
		for range 30 {
			w := words[rng.IntN(len(words))]
			if rng.IntN(3) == 0 {
				w = strings.ToUpper(w)
			}
			if rng.IntN(4) == 0 {
				w = w[:rng.IntN(len(w))]
			}
			b.WriteString(strings.ToValidUTF8(w, "?") + between[rng.IntN(len(between))])
		}
		s := b.String()
		if strings.ContainsAny(s, "0123456789[]") {
			s = strings.Map(func(r rune) rune {
				if strings.ContainsRune("0123456789[]", r) {
					return '~'
				}
				return r
			}, s)
		}
		got, want := calls(s), allTriggers(ds, s)
		for c := range want {
			if !got[c] {
				t.Fatalf("not tried: detector, start, end %s in %q", c, s)
			}
		}
		for c := range got {
			if !want[c] && !hasEscape(s) { // which are searched a second time, without

				t.Fatalf("tried for nothing: detector, start, end %s in %q", c, s)
			}
		}
	}
}

// TestManyWords holds that any words are found, also those whose bytes have the
// same hashes, and thousands, and that each is tried once.
func TestManyWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6)) // the same words each time
	var thousands []string
	for range 5000 {
		w := make([]byte, 4+rng.IntN(8))
		for i := range w {
			w[i] = 'a' + byte(rng.IntN(26))
		}
		thousands = append(thousands, string(w))
	}
	for _, words := range [][]string{{"adca", "begr", "uzly"}, {"aapb", "lxlq", "uwyz"}, {"hello", "HELLO", "Hello"}, {"École:"}, {"n\u212a\u212a\u212a\u212a"}, thousands} {
		calls := 0
		r := newRedactor(t, Config{Detectors: []Detector{{Type: "X", Words: words, Find: func(*Candidate) { calls++ }}}})
		for i, w := range words {
			calls = 0
			if _, _, err := r.Text(t.Context(), strings.Repeat(".", i%9)+w, pseudonym); err != nil {
				t.Fatal(err)
			}
			if calls == 0 || calls > 1 && len(words) < 10 {
				t.Errorf("%q of %d words was tried %d times", w, len(words), calls)
			}
		}
	}
}

// TestWordsBehindNumbers holds that no word begins within a number or a
// replacement, wherever in the text those stand.
func TestWordsBehindNumbers(t *testing.T) {
	calls := tried(t, []Detector{{Type: "X", Words: []string{"1abcdef", "]abcd", "abcd"}, Find: func(*Candidate) {}}})
	for pad := range 9 {
		before := strings.Repeat(".", pad)
		for _, text := range []string{"51abcdef", "551abcdef", "5551abcdef", "[EMAIL:abcdefghijkl]abcd", "x[EMAIL:abcdefghijkl]abcd"} {
			got := 0
			for c := range calls(before + text) {
				if start := strings.Index(before+text, "abcd"); strings.HasSuffix(text, "]abcd") {
					start = len(before+text) - 4
					if c != call(0, start, start+4) {
						t.Errorf("in %q: %s", before+text, c)
					}
				} else if c != call(0, start, start+4) {
					t.Errorf("in %q: %s", before+text, c)
				}
				got++
			}
			if got != 1 {
				t.Errorf("in %q %d words were tried, want abcd alone", before+text, got)
			}
		}
	}
}
