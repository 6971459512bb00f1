package query

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
)

// The language of text searches: what an event's texts must have, and with a
// minus before it what none of them may have.
//
//	word        a word, whatever its case and diacritics
//	"a phrase"  words that follow one another in one text; what separates them
//	            does not count
//	begin*      a word that begins so
//
// What is no letter and no digit separates words: `e-mail` asks for the phrase
// "e mail".

// Bounds of a text search.
const (
	maxTextQuery = 1 << 10 // bytes
	maxTextTerms = 32
)

// A textTerm is one thing that is looked for in texts.
type textTerm struct {
	not    bool
	form   string       // its canonical form, see words.AppendCanonical
	words  []words.Hash // those in it
	prefix bool         // the last word may go on
}

// parseText parses a text search. The error is a *RequestError.
func parseText(text string) ([]textTerm, error) {
	refuse := func(format string, args ...any) error {
		return &RequestError{"text", fmt.Sprintf(format, args...)}
	}
	if len(text) > maxTextQuery {
		return nil, refuse("is longer than %d bytes", maxTextQuery)
	}
	if !utf8.ValidString(text) {
		return nil, refuse("is not valid UTF-8")
	}
	var terms []textTerm
	positive := false
	for at := 0; ; {
		at += len(text[at:]) - len(strings.TrimLeft(text[at:], spaces))
		if at == len(text) {
			break
		}
		term, n, err := parseTerm(text[at:])
		if err != nil {
			return nil, refuse("at character %d: %s", utf8.RuneCountInString(text[:at])+1, err.Error())
		}
		at += n
		positive = positive || !term.not
		if terms = append(terms, term); len(terms) > maxTextTerms {
			return nil, refuse("has more than %d terms", maxTextTerms)
		}
	}
	if len(terms) == 0 && text != "" {
		return nil, refuse("has no letter and no digit")
	}
	if len(terms) > 0 && !positive {
		return nil, refuse("only says what is not wanted: add a word that is")
	}
	return terms, nil
}

const spaces = " \t\r\n"

// parseTerm parses what text begins with and returns its length in bytes.
func parseTerm(text string) (t textTerm, n int, err error) {
	rest := text
	if rest[0] == '-' {
		t.not, rest = true, rest[1:]
	}
	var said string
	if strings.HasPrefix(rest, `"`) {
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return t, 0, fmt.Errorf(`a quotation mark has no other`)
		}
		said, rest = rest[1:1+end], rest[2+end:]
	} else {
		end := strings.IndexAny(rest, spaces+`"`)
		if end < 0 {
			end = len(rest)
		}
		said, rest = rest[:end], rest[end:]
	}
	said, t.prefix = strings.CutSuffix(said, "*")
	if strings.HasPrefix(rest, "*") {
		t.prefix, rest = true, rest[1:]
	}
	t.form, t.words = string(words.AppendCanonical(nil, said)), words.Of(said)
	if t.form == "" {
		return t, 0, fmt.Errorf("%q has no letter and no digit", said)
	}
	if last, _ := utf8.DecodeLastRuneInString(t.form); words.Spaceless(last) {
		t.prefix = false // There a part of a word is found as it is.
	}
	return t, len(text) - len(rest), nil
}

// demand adds what the terms demand of an event's texts to a selection, so that
// blocks without it are left out.
func demand(terms []textTerm, sel *eventlog.Selection) {
	for _, t := range terms {
		if t.not {
			continue
		}
		whole := t.words
		if t.prefix {
			whole = whole[:len(whole)-1]
		}
		for word := range strings.FieldsSeq(t.form) { // Of whole words too: two filters err less often than one.
			first, _ := utf8.DecodeRuneInString(word)
			if !words.Spaceless(first) && utf8.RuneCountInString(word) >= words.PrefixLength {
				sel.Prefixes = append(sel.Prefixes, words.PrefixOf(word))
			}
		}
		for i, w := range whole {
			sel.Words = append(sel.Words, []words.Hash{w})
			if i > 0 {
				sel.Pairs = append(sel.Pairs, words.Pair(whole[i-1], w))
			}
		}
	}
}
