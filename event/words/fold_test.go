package words

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var update = flag.Bool("update", false, "write folding.txt where it is missing")

// madeFrom is the version of Unicode that folding.txt was made from, once.
const madeFrom = "15.0.0"

// spaceless are the scripts that are written without spaces, or whose words
// carry particles.
var spaceless = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

// strokes are letters that Unicode does not decompose, though readers do.
var strokes = map[rune]rune{'ø': 'o', 'ł': 'l', 'đ': 'd', 'ħ': 'h', 'ŧ': 't', 'ı': 'i'}

func isMark(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) }

// folded is what a character folds to, one step of it.
func folded(r rune) rune {
	var bare []rune
	for _, d := range norm.NFKD.String(string(r)) {
		if !isMark(d) {
			bare = append(bare, d)
		}
	}
	if len(bare) == 1 {
		r = bare[0]
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		if !isMark(o) { // iota has one
			least = min(least, o)
		}
	}
	r = unicode.ToLower(least)
	if s, ok := strokes[r]; ok {
		return s
	}
	return r
}

func classOf(r rune) class {
	if isMark(r) {
		return ignored
	}
	for next := folded(r); next != r; next = folded(r) {
		r = next
	}
	switch {
	case !unicode.In(r, unicode.L, unicode.N, unicode.Mc):
		return separates
	case unicode.In(r, spaceless...):
		return class(r) | pairs
	}
	return class(r)
}

// table writes classes as folding.txt.
func table(classOf func(rune) class) string {
	all := make([]class, utf8.MaxRune+1)
	for r := range all {
		all[r] = classOf(rune(r))
	}
	classes := func(r rune) class { return all[r] }
	var b strings.Builder
	fmt.Fprintf(&b, "# What every character is for words (fold.go says how to read it). Made once from Unicode %s;\n", madeFrom)
	b.WriteString("# part of the format of the log: never changed.\n")
	span := func(same func(first, next rune) bool, write func(first, last rune)) {
		for r := rune(0); r <= utf8.MaxRune; r++ {
			first := r
			for r < utf8.MaxRune && same(first, r+1) {
				r++
			}
			write(first, r)
		}
	}
	letter := func(r rune) rune { return rune(classes(r) &^ pairs) }
	kind := func(r rune) byte {
		switch classes(r) {
		case separates:
			return 's'
		case ignored:
			return 'm'
		}
		return 'w'
	}
	constant := func(first rune) bool { return letter(first+1) == letter(first) }
	span(func(first, next rune) bool {
		switch {
		case kind(first) != kind(next) || kind(first) != 'w':
			return kind(first) == kind(next)
		case constant(first):
			return letter(next) == letter(first)
		}
		return letter(next)-next == letter(first)-first
	}, func(first, last rune) {
		switch {
		case kind(first) == 'm':
			fmt.Fprintf(&b, "%X %X mark\n", first, last)
		case kind(first) == 'w' && constant(first):
			fmt.Fprintf(&b, "%X %X =%X\n", first, last, letter(first))
		case kind(first) == 'w':
			fmt.Fprintf(&b, "%X %X +%X\n", first, last, letter(first)-first)
		}
	})
	paired := func(r rune) bool { c := classes(r); return c != ignored && c&pairs != 0 }
	span(func(a, b rune) bool { return paired(a) == paired(b) }, func(first, last rune) {
		if paired(first) {
			fmt.Fprintf(&b, "%X %X pair\n", first, last)
		}
	})
	return b.String()
}

// folding.txt is what it was made from, as long as Go knows that; and what it
// says reads back whatever Go knows.
func TestFoldingTable(t *testing.T) {
	if *update && foldingTable == "" {
		if err := os.WriteFile("folding.txt", []byte(table(classOf)), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Fatal("written: run again")
	}
	if got := table(theFolding().class); got != foldingTable {
		t.Error("folding.txt does not say what is read from it")
	}
	if unicode.Version == madeFrom && table(classOf) != foldingTable {
		t.Error("folding.txt is not what Unicode " + madeFrom + " makes")
	}
}

// What folds to something folds no further, or words found in folded text
// would be others.
func TestFoldingIsIdempotent(t *testing.T) {
	f := theFolding()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		c := f.class(r)
		if c == separates || c == ignored {
			continue
		}
		if again := f.class(rune(c &^ pairs)); again != c {
			t.Errorf("%U is %x, which is %x", r, c, again)
		}
	}
}
