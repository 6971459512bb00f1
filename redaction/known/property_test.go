package known

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The reference below is for names of two ASCII words without a, e, o and u:
// it tries every place and every way, and shares nothing with the package.

type form struct {
	words        []string
	caps, dotted bool
}

func formsOf(first, last string) []form {
	return []form{
		{words: []string{first, last}}, {words: []string{last, first}}, {words: []string{first[:1], last}, caps: true, dotted: true},
		{words: []string{first}, caps: true}, {words: []string{last}, caps: true},
	}
}

func wordByte(c byte) bool { return isAlnum(c) }

// edge tells how a word can begin between a and b, and c after b: "no", "soft"
// or "hard".
func edgeKind(s string, i int) string {
	if i == 0 || i == len(s) || !wordByte(s[i-1]) || !wordByte(s[i]) {
		return "hard"
	}
	a, b := s[i-1], s[i]
	switch {
	case isDigit(a) != isDigit(b):
		return "soft"
	case isDigit(a), isLower(b):
		return "no"
	case isLower(a):
		return "soft"
	case i+1 < len(s) && isLower(s[i+1]):
		return "soft"
	}
	return "no"
}

func (f form) size() int { return len(strings.Join(f.words, "")) }

func (f form) edgeOK(s string, i int) bool {
	kind := edgeKind(s, i)
	return kind == "hard" || kind == "soft" && f.size() >= 5
}

// longest returns the end of the longest way to read the form at i, 0 if none.
func (f form) longest(s string, i int) int {
	if !f.edgeOK(s, i) || f.caps && isLower(s[i]) {
		return 0
	}
	best := 0
	for _, skip := range []bool{false, true} {
		if end := f.from(s, i, 0, 0, i, skip); end > best && f.edgeOK(s, end) {
			best = end
		}
	}
	return best
}

// from reads the rest of the form, from letter c of word w, at s[pos:]. Nothing
// here has a choice: a separator is passed if one is there.
func (f form) from(s string, pos, w, c, start int, skip bool) int {
	if c == len(f.words[w]) {
		w, c = w+1, 0
	}
	if w == len(f.words) {
		return pos
	}
	next, boundary := pos, c == 0 && w > 0
	for next < len(s) && !wordByte(s[next]) {
		next++
	}
	for skip && next > pos && next+1 < len(s) && isAlpha(s[next]) && !wordByte(s[next+1]) {
		for next++; next < len(s) && !wordByte(s[next]); {
			next++
		}
	}
	if next >= len(s) || s[next]|0x20 != f.words[w][c] || isDigit(s[next]) {
		return 0
	}
	switch gap := next > pos; {
	case f.dotted && boundary && w == 1:
		if !gap || s[pos] != '.' {
			return 0
		}
	case gap && !boundary:
		alone := pos-1 == start || pos > 1 && !wordByte(s[pos-2])
		if !alone || f.size() < 4 || next+1 < len(s) && wordByte(s[next+1]) {
			return 0
		}
	case !gap && boundary && f.size() < 5 && edgeKind(s, next) != "soft":
		return 0
	}
	return f.from(s, next+1, w, c+1, start, skip)
}

func isAlpha(c byte) bool { return isLower(c) || isUpper(c) }

func reference(forms []form, s string) []Match {
	var found []Match
	for i := 0; i < len(s); i++ {
		best := 0
		for _, f := range forms {
			if isAlpha(s[i]) {
				best = max(best, f.longest(s, i))
			}
		}
		if best > 0 {
			found = append(found, Match{Start: i, End: best})
			i = best - 1
		}
	}
	return found
}

// TestReference compares with the reference on texts that are full of what is
// nearly a name.
func TestReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.StringMatching(`[bdrn][bdrny]{1,3}`).Draw(t, "first")
		last := rapid.StringMatching(`[bdrn][bdrny]{1,3}`).Draw(t, "last")
		if roles()[first] != none || roles()[last] != none {
			t.Skip("a word of the lists")
		}
		s := compile(t, Value{Text: first + " " + last, Kind: Name})
		var forms []form
		for _, f := range formsOf(first, last) {
			if len(f.words) > 1 || len(f.words[0]) >= minPart {
				forms = append(forms, f)
			}
		}
		pieces := []string{first, last, strings.ToUpper(first), strings.ToUpper(last), titled(first), titled(last), first[:1], strings.ToUpper(last[:1]),
			" ", ". ", ", ", "-", "_", ".", "x", "X", "7", "B. ", spell(first), first[1:], last[:len(last)-1], "@"}
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, "pieces"), "")
		if got, want := all(s, text), reference(forms, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %v, want %v", first+" "+last, text, got, want)
		}
	})
}

func titled(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
func spell(s string) string  { return strings.Join(strings.Split(s, ""), " ") }

// TestFilter makes sure that All, which only looks where two bytes say so,
// finds what Match finds at every place.
func TestFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(drawValue), 1, 8).Draw(t, "values")
		s := compile(t, values...)
		text := drawText(t, values)
		var want []Match
		for i := 0; i < len(text); {
			end, value, ok := s.Match(text, i)
			if ok {
				want = append(want, Match{i, end, value})
				i = end
				continue
			}
			_, size := utf8.DecodeRuneInString(text[i:])
			i += size
		}
		if got := all(s, text); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	})
}

// TestFirstOfSeveral makes sure that a set finds at a place the longest of
// what its values find alone, and of several the first.
func TestFirstOfSeveral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(drawValue), 2, 30).Draw(t, "values")
		s := compile(t, values...)
		text := drawText(t, values)
		alone := make([]*Set, len(values))
		for j, v := range values {
			alone[j] = compile(t, v)
		}
		for i := range text {
			best := Match{Value: -1}
			for j := range alone {
				if end, _, ok := alone[j].Match(text, i); ok && end > best.End {
					best = Match{i, end, j}
				}
			}
			end, value, ok := s.Match(text, i)
			if ok != (best.Value >= 0) || end != best.End {
				t.Fatalf("%q at %d: got %d, %d, %v; want %v", text, i, end, value, ok, best)
			}
			if ok {
				if e, _, found := alone[value].Match(text, i); !found || e != end {
					t.Fatalf("%q at %d: value %d does not match so", text, i, value)
				}
			}
		}
	})
}

var (
	firstNames = []string{"Jane", "Jürgen", "Søren", "François", "Łukasz", "Zoë", "Ana", "Anne-Marie", "Åsa", "Ægir", "Björn", "Đorđe", "Noël", "Joe", "Bao", "Sean", "Ümit", "Íñigo"}
	lastNames  = []string{"Doe", "Müller", "Mueller", "Ångström", "O'Neil", "Strauß", "Muñoz", "Kowalczyk", "Aalto", "Poe", "Søndergård", "Nguyễn", "Þórsson", "Dvořák", "Bauer", "van Gogh", "Ewing", "Œuvrard"}
	others     = []string{"AB-1234-56", "C77", "Fjord & Söhne", "12 High St., Flat 3", "Elm", "Elm Tree", "k_99-x", "Aa", "oe", "U"}
)

func drawValue(t *rapid.T) Value {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return Value{Text: fmt.Sprintf("%s.%s@example.com", drawPart(t, "local"), drawPart(t, "local")), Kind: Email}
	case 1:
		return Value{Text: "+1 415 555 0" + rapid.StringMatching(`[0-9]{3}`).Draw(t, "line"), Kind: Phone}
	case 2:
		return Value{Text: rapid.SampledFrom(others).Draw(t, "other"), Kind: Kind(rapid.SampledFrom([]int{int(Other), int(Address)}).Draw(t, "as"))}
	}
	return Value{Text: rapid.SampledFrom(firstNames).Draw(t, "first") + " " + rapid.SampledFrom(lastNames).Draw(t, "last"), Kind: Name}
}

func drawPart(t *rapid.T, label string) string {
	return rapid.StringMatching(`[a-z]{2,5}`).Draw(t, label)
}

// drawText makes a text of words of the values and others.
func drawText(t *rapid.T, values []Value) string {
	words := []string{" ", " ", ", ", ".", "-", "x", "the", "\u00ad", "\u200b", "7", "e", "A. ", "\u0308", "王", "\n", "%20", "(", "+"}
	for _, v := range values {
		words = append(words, v.Text, strings.ToUpper(v.Text), norm.NFD.String(v.Text))
		words = append(words, strings.Fields(v.Text)...)
	}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 20).Draw(t, "words"), "")
}

// TestRespelled spells a name anew, by a few of the ways that do not matter,
// and puts it into text: it must be found with its own ends, and neither the
// word before nor a possessive after it.
func TestRespelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom(firstNames).Draw(t, "first")
		last := rapid.SampledFrom(lastNames).Draw(t, "last")
		s := compile(t, Value{Text: first + " " + last, Kind: Name})
		name := respell(t, first, last)
		before := rapid.SampledFrom([]string{"", "Dear ", "ask (", "id_", "“", "\u00a0", "to:", "大", "#", "x = "}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", "'s car", "’s", "' car", ".", ", please", "_7", "大", ")", "\u00a0x", "@example.com"}).Draw(t, "after")
		text := before + name + after
		want := []Match{{len(before), len(before) + len(name), 0}}
		if got := all(s, text); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: got %v, want %v", first+" "+last, text, got, want)
		}
	})
}

func respell(t *rapid.T, first, last string) string {
	words := []string{first, last}
	separators := []string{" ", "  ", "\u00a0", ".", "_", "-", "\t", "\n", " \u200b ", ", ", " M. ", " X ", "%20", "/"}
	if rapid.Bool().Draw(t, "reversed") {
		slices.Reverse(words)
	}
	if rapid.Bool().Draw(t, "camel") && len(first+last) > 7 {
		separators = []string{"", "\u00ad"}
	}
	name := words[0] + rapid.SampledFrom(separators).Draw(t, "separator") + words[1]
	for _, way := range ways {
		if rapid.Bool().Draw(t, way.name) {
			name = way.spell(t, name)
		}
	}
	return name
}

// ways change how a name is spelled; the order matters.
var ways = []struct {
	name  string
	spell func(*rapid.T, string) string
}{
	{"digraphs", func(_ *rapid.T, s string) string {
		return strings.NewReplacer("ü", "ue", "ö", "oe", "å", "aa", "ø", "oe", "Å", "Aa", "Ü", "Ue", "ß", "ss", "æ", "ae", "Æ", "Ae").Replace(s)
	}},
	{"plain", func(_ *rapid.T, s string) string {
		s = strings.NewReplacer("ß", "ss", "ł", "l", "Ł", "L", "ø", "o", "Æ", "A", "đ", "d", "Đ", "D", "Þ", "Th", "Œ", "O").Replace(s)
		return strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(s))
	}},
	{"upper", func(_ *rapid.T, s string) string { return strings.ToUpper(s) }},
	{"decomposed", func(_ *rapid.T, s string) string { return norm.NFD.String(s) }},
	{"apostrophe", func(_ *rapid.T, s string) string { return strings.ReplaceAll(s, "'", "’") }},
	{"hidden", func(t *rapid.T, s string) string {
		runes := []rune(s)
		i := rapid.IntRange(1, len(runes)-1).Draw(t, "place")
		hidden := rapid.SampledFrom([]rune{0xAD, 0x200B, 0x200D, 0xFEFF, 0x2060}).Draw(t, "hidden")
		if unicode.Is(unicode.Mn, runes[i]) || runes[i-1] == '%' || i > 1 && runes[i-2] == '%' {
			return s
		}
		return string(slices.Insert(runes, i, hidden))
	}},
}

// FuzzAll looks for panics, matches that cut characters, and matches out of
// order.
func FuzzAll(f *testing.F) {
	f.Add("Jane Doe", uint8(Name), "ask Jane M. Doe's")
	f.Add("+1 (415) 555-0100", uint8(Phone), "call 415.555.0100")
	f.Add("Müller", uint8(Name), "mu\u0308ller MUELLER")
	f.Add("Юлия Я.", uint8(Name), "Yuliya")
	f.Add("a@b.c…", uint8(Email), "a at b dot c…")
	f.Add("王", uint8(Other), "王\xff")
	f.Fuzz(func(t *testing.T, value string, kind uint8, text string) {
		v := Value{Text: value, Kind: Kind(kind % 5)}
		_ = v.Normal()
		s, err := Compile([]Value{v, {Text: "Jane Doe", Kind: Name}, {Text: "4155550100", Kind: Phone}})
		if err != nil {
			return
		}
		last := 0
		for m := range s.All(text) {
			if m.Start < last || m.End <= m.Start || m.End > len(text) {
				t.Fatalf("%v after %d in %q", m, last, text)
			}
			if !utf8.RuneStart(text[m.Start]) || m.End < len(text) && utf8.ValidString(text) && !utf8.RuneStart(text[m.End]) {
				t.Fatalf("%v cuts a character of %q", m, text)
			}
			last = m.End
		}
		foundItself(t, v)
	})
}

// foundItself makes sure that a value is found in its own spelling, all of it.
// That of a telephone number begins and ends with digits, and more than a few
// letters that only lengthen one, with gaps between, are too much.
func foundItself(t *testing.T, v Value) {
	t.Helper()
	if v.Text == "" || v.Kind == Phone || strings.ContainsAny(v.Text, `\%`) { // escapes are read as what they stand for
		return
	}
	f, first, last, run := foldings(), -1, 0, 0
	for i, size := 0, 0; i < len(v.Text); i += size {
		var g glyph
		if g, size = f.fold(v.Text[i:]); g.class&word == 0 {
			continue
		}
		last = i + size
		if first < 0 {
			first = i
		}
		if run++; g.elems[0] != 'a' && g.elems[0] != 'e' {
			run = 0
		} else if run == 8 {
			return
		}
	}
	end, _, ok := compile(t, v).Match(v.Text, first)
	if !ok || end < last {
		t.Fatalf("%q of kind %d: matches from %d to %d, want %d", v.Text, v.Kind, first, end, last)
	}
}
