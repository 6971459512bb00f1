package query

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// alphabet is what words, and what is between them, are made of.
var alphabet = []string{"a", "b", "Ab", "bomb", "Bombay", "é", "e\u0301", "ß", "Σ", "я", "東", "京", "都", "か", "한", "1", "９", " ", " ", ", ", "-", "’", "\u200b", "\u00ad", "\n", "\xff"}

func someText() *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 14).Draw(r, "pieces"), "")
	})
}

// has is what a term means, said slowly: its canonical form stands in that of the
// text where words begin and end.
func has(t textTerm, text string) bool {
	form := " " + string(words.AppendCanonical(nil, text)) + " "
	want := t.form
	if first := []rune(want)[0]; !words.Spaceless(first) {
		want = " " + want
	}
	runes := []rune(want)
	if last := runes[len(runes)-1]; !words.Spaceless(last) && !t.prefix {
		want += " "
	}
	return strings.Contains(form, want)
}

// Whatever a text and a term, the ways in which search is fast find what the slow
// one does, blocks that have it are not left out, and a snippet shows it.
func TestFinder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		said := strings.ToValidUTF8(someText().Draw(r, "said"), "")
		query := `"` + said + `"`
		if rapid.Bool().Draw(r, "prefix") {
			query += "*"
		}
		terms, err := parseText(query)
		if err != nil {
			r.Skip("no word")
		}
		term, q := terms[0], newTextQuery(terms, 0)
		texts := rapid.SliceOfN(someText(), 1, 6).Draw(r, "texts")
		texts = append(texts, texts[0]+" "+said+" "+texts[0], texts[0]+said)
		work := newScratch()
		for range 2 { // The second time texts are known.
			for _, text := range texts {
				want := has(term, text)
				got, err := q.match(storedText(t, text), work)
				if err != nil || got != want {
					r.Errorf("%q in %q: got %t, error %v, want %t", query, text, got, err, want)
				}
				if want && !allows(demanded(terms), text) {
					r.Errorf("%q is in %q, which the filters of blocks deny", query, text)
				}
				places := q.places(text)
				if (len(places) > 0) != want {
					r.Errorf("%q in %q: %d places, want any: %t", query, text, len(places), want)
				}
				for _, p := range places {
					if !has(term, text[p[0]:p[1]]) {
						r.Errorf("%q in %q: not at %d–%d: %q", query, text, p[0], p[1], text[p[0]:p[1]])
					}
				}
			}
		}
	})
}

func storedText(t *testing.T, text string) []byte {
	t.Helper()
	// Not by event.Marshal, which refuses what is not UTF-8.
	wrap := func(field protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
	}
	return wrap(20, wrap(3, wrap(2, wrap(1, []byte(text)))))
}

func demanded(terms []textTerm) (sel eventlog.Selection) {
	demand(terms, &sel)
	return sel
}

// allows tells whether a block with just this text has what a selection demands.
func allows(sel eventlog.Selection, text string) bool {
	set := words.Set{Grams: true}
	set.Add(text)
	for _, anyOf := range sel.Words {
		if !slices.Contains(set.Hashes(), anyOf[0]) {
			return false
		}
	}
	for _, h := range sel.Pairs {
		if !slices.Contains(set.Pairs(), h) {
			return false
		}
	}
	for _, h := range sel.Prefixes {
		if !slices.Contains(set.Prefixes(), h) {
			return false
		}
	}
	return true
}

// What is asked for, and what is wrong with it.
func TestParseText(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"  ":                      "text: has no letter and no digit",
		"Wire":                    "wire",
		`wire "Transfer,  NOW"`:   "wire|transfer now",
		`wire -refund`:            "wire|-refund",
		`wire -"big refund"`:      "wire|-big refund",
		"wire bomb*":              "wire|bomb*",
		`"make a bomb"*`:          "make a bomb*",
		`"make a bomb*"`:          "make a bomb*",
		"e-mail":                  "e mail",
		"東京 猫":                    "東京|猫",
		"東京*":                     "東京",
		"\"a\"b":                  "a|b",
		"--":                      "text: at character 1: \"-\" has no letter and no digit",
		"a -":                     "text: at character 3: \"\" has no letter and no digit",
		`é "b`:                    "text: at character 3: a quotation mark has no other",
		"-a":                      "text: only says what is not wanted: add a word that is",
		"\xff":                    "text: is not valid UTF-8",
		strings.Repeat("a ", 33):  "text: has more than 32 terms",
		strings.Repeat("a", 1025): "text: is longer than 1024 bytes",
	} {
		terms, err := parseText(text)
		var parts []string
		for _, term := range terms {
			part := term.form
			if term.not {
				part = "-" + part
			}
			if term.prefix {
				part += "*"
			}
			parts = append(parts, part)
		}
		got := strings.Join(parts, "|")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A snippet is a piece of the text, around what was found.
func TestSnippet(t *testing.T) {
	long := strings.Repeat("before it ", 20) + "the BOMB went off, " + strings.Repeat("after it ", 40)
	terms, err := parseText("bomb off")
	if err != nil {
		t.Fatal(err)
	}
	q := newTextQuery(terms, 0)
	got := snippet(event.TextOutput|event.TextShown, long, q.places(long))
	if got.GetKind() != pb.TextKind_TEXT_OUTPUT || !got.GetCutBefore() || !got.GetCutAfter() {
		t.Errorf("got %v, cut before %t, after %t", got.GetKind(), got.GetCutBefore(), got.GetCutAfter())
	}
	var whole string
	var hits []string
	for _, s := range got.GetSegments() {
		whole += s.GetText()
		if s.GetMatch() {
			hits = append(hits, s.GetText())
		}
	}
	if !strings.Contains(long, whole) || len([]rune(whole)) > snippetLength {
		t.Errorf("got %q", whole)
	}
	if strings.Join(hits, "|") != "BOMB|off" {
		t.Errorf("got hits %q", hits)
	}
}
