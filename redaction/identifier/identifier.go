// Package identifier knows numbers and codes that identify people, companies,
// vehicles, accounts and devices: how they are written and, where they have
// check digits, how these are computed.
//
//	identifier.Valid("IBAN", "", "GB29 NWBK 6016 1331 9268 19")
//	for _, f := range identifier.Forms() { … }
//
// A [Form] is a value; a new identifier is one more entry of a table, with the
// specification it follows named beside it. Nothing here knows of texts: which
// places of a text are looked at, and what words must stand near, is the
// business of package redaction, which makes a detector of every form.
//
// Invariants:
//
//   - Check is called with a string that matches one of the patterns alone,
//     compact and in upper case, so it never has to look at lengths.
//   - No form allocates where its patterns do not match.
package identifier

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Form is one kind of identifier of one country. It is never changed.
type Form struct {
	// Entity is the neutral name of the kind, e.g. PL_PESEL, or of the
	// category where countries share one, e.g. VAT_ID, PASSPORT.
	Entity string
	// Also are further entities that the form belongs to, e.g. NATIONAL_ID and
	// TAX_ID for a PL_PESEL.
	Also []string
	// Country is the ISO 3166-1 alpha-2 code; "" where the form belongs to no
	// country.
	Country string
	// Name is what the issuer calls it, e.g. "PESEL", and Source the
	// specification that patterns and Check follow.
	Name, Source string
	// Patterns are its compact forms, upper case, without separators: # is a
	// digit, @ a letter A–Z, * either, and any other byte, which must be a
	// digit or an upper-case letter, stands for itself. 40 bytes at most.
	Patterns []string
	// Separators are the bytes of which one may stand between characters where
	// the identifier is written in groups; "" allows none.
	Separators string
	// Written, if not nil, are the only ways in which it is written with
	// separators, in the language of Patterns with the separators in place; _
	// is any one of Separators, and only in Written may one be the last byte.
	Written []string
	// Apart is true where it is never written without separators.
	Apart bool
	// CaseSensitive is true where only upper case is written; Match then
	// refuses lower case.
	CaseSensitive bool
	// Check decides about what matches a pattern. nil: the pattern is all.
	Check func(s []byte) bool
	// Words are those that stand near it in texts, lower case, in the
	// languages of the country and in English: "steuernummer", "tax id".
	Words []string
	// Self is true where so few random strings pass pattern and Check that
	// it needs neither a word near it nor its country to be asked for: fewer
	// than one in a thousand, and at least one letter or a structure such as
	// a date within.
	Self bool
}

// Forms returns all forms. The slice is the caller's, what it holds is shared.
func Forms() []Form { return slices.Clone(all()) }

var all = sync.OnceValue(func() []Form { return slices.Concat(nationalForms(), documentForms()) })

// Valid reports whether the whole text, but for space around it, is an
// identifier of the given kind and country. The country is ignored for kinds
// that have none; "" accepts any country's. For an unknown kind or country the
// answer is false. Kinds that are no forms, as URL, allow no space around them
// unless they say so.
func Valid(entity, country, text string) bool {
	for _, w := range wholes() {
		if w.entity == entity && (country == "" || w.country == "" || w.country == country) && w.valid(text) {
			return true
		}
	}
	text = strings.TrimSpace(text)
	for _, f := range all() {
		if f.Is(entity) && (country == "" || f.Country == "" || f.Country == country) && f.Match(text) {
			return true
		}
	}
	return false
}

// Is reports whether the form belongs to the entity.
func (f *Form) Is(entity string) bool { return f.Entity == entity || slices.Contains(f.Also, entity) }

// MaxLen bounds the compact forms, in bytes.
const MaxLen = 40

// Match reports whether the whole text is an identifier of this form. Lower
// case is accepted for upper.
func (f *Form) Match(text string) bool { return f.MatchIn(text, make([]byte, 0, MaxLen)) }

// MatchIn does what Match does in the memory of buf, so that nothing is
// allocated if it has room for MaxLen bytes.
func (f *Form) MatchIn(text string, buf []byte) bool {
	s := buf[:0]
	separated := false
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z' && !f.CaseSensitive:
			c -= 0x20
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		default:
			if strings.IndexByte(f.Separators, c) < 0 || f.Written == nil && !inside(text, i) {
				return false
			}
			separated = true
			continue
		}
		if len(s) == MaxLen {
			return false
		}
		s = append(s, c)
	}
	if !separated && f.Apart || separated && f.Written != nil && !f.isWritten(text) {
		return false
	}
	return f.Compact(s)
}

// inside reports whether a letter or digit stands on both sides of the byte.
func inside(text string, i int) bool {
	return 0 < i && i < len(text)-1 && alphanumeric(text[i-1]) && alphanumeric(text[i+1])
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isWritten reports whether one of the written forms is that of the text.
func (f *Form) isWritten(text string) bool {
	return slices.ContainsFunc(f.Written, func(w string) bool { return matches(w, text, f.Separators) })
}

// Compact reports whether s, which is upper case and without separators, is an
// identifier of this form.
func (f *Form) Compact(s []byte) bool {
	for _, p := range f.Patterns {
		if matches(p, s, "") {
			return f.Check == nil || f.Check(s)
		}
	}
	return false
}

// matches reports whether s, case ignored, has the form of the pattern, in
// which _ is one of the separators.
func matches[T string | []byte](pattern string, s T, separators string) bool {
	if len(pattern) != len(s) {
		return false
	}
	for i := range len(pattern) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 0x20
		}
		digit, letter := '0' <= c && c <= '9', 'A' <= c && c <= 'Z'
		switch p := pattern[i]; {
		case p == '#' && digit, p == '@' && letter, p == '*' && (digit || letter), p == c,
			p == '_' && strings.IndexByte(separators, c) >= 0:
		default:
			return false
		}
	}
	return true
}

// check makes sure that a form is well made; tests call it for all.
func (f *Form) check() error {
	if f.Entity == "" || f.Source == "" || len(f.Patterns) == 0 {
		return fmt.Errorf("%s %s: entity, source or patterns are missing", f.Country, f.Name)
	}
	for _, p := range f.Patterns {
		if len(p) == 0 || len(p) > MaxLen || strings.ContainsFunc(p, func(r rune) bool {
			return !strings.ContainsRune("#@*", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z')
		}) {
			return fmt.Errorf("%s %s: pattern %q is malformed", f.Country, f.Name, p)
		}
	}
	return nil
}
