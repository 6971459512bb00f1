// Package known finds values that are known beforehand, the name, address or
// customer number of the user of an event, in text, however they are spelled.
//
//	s, err := known.Compile([]known.Value{{Text: "Jane Doe", Kind: known.Name, Type: "PERSON"}})
//	for m := range s.All(text) {
//		replace(text[m.Start:m.End], values[m.Value])
//	}
//
// A publisher that knows other values for every event keeps sets in a pool and
// calls [Set.Reset].
//
// # What is the same
//
// Values and text are folded to elements, which are compared: lower-case
// letters without diacritics, and digits. So case, composed and decomposed
// letters, full width and ligatures do not matter. The Latin, Cyrillic and
// Greek alphabets become ASCII: ß is ss, ø o, æ a, ł l, ж zh, θ th. A value in
// Cyrillic or Greek is also found in four other common transliterations
// (Iuliia, Yulia, Julija for Юлия); one in Latin letters, in Cyrillic or Greek
// text, by that of the tables alone.
//
// The second letter of ae, oe, ue and aa is not compared, so Müller, Mueller
// and Muller are one. Where neither side has a diacritic that counts in words of
// five letters or more alone: Joe is not Jo.
//
// Characters that are not seen (soft hyphens, zero width spaces) are not there.
// Between words up to 64 bytes of separators may stand, of any kind, also %20
// and \n of text that was not unescaped, or none: jane.doe, jane_doe, JaneDoe,
// and from five letters on janedoe. In a word none may, but between letters and
// digits, at a hyphen and a line's end, in scripts without spaces, and where
// every letter stands apart (J a n e). A customer number, that is an [Other] value
// of seven characters or more with a digit, may be split anywhere.
//
// # Whole words
//
// A match begins and ends with a word. A letter ends one, too, where case turns
// (getJaneDoe) and, for names, at a digit (jane.doe77): of five letters or more.
// Chinese, Japanese, Thai and their like show no words: there a value of two
// characters or more matches anywhere, and in Korean a name of two syllables or
// more also before a particle. A possessive is not part of the match; a letter
// added without apostrophe, as German does (Müllers), makes it another word. The
// signs at the end of a value are part of the match as far as the text has them.
//
// # Kinds
//
// The words of a [Name] may go round (Doe, Jane), with any initials between
// them (Jane M. Doe) and without titles. Of a name of three words or more the
// first and any other count as well, and of any name the first initial with a
// dot and the last word (J. Doe).
//
// Parts of a name count alone, the first as well as the last, if they have three
// letters (two syllables or ideographs), are capitalised in the text, and are no
// title, no particle (van) and no common word or word that is a name too (Will,
// May, Stone). That lets slip a few names alone, but never the full name;
// [Value].Whole switches parts off. A name that is handed in as one word counts
// however it is written, unless it is such a word.
//
// A [Phone] number is found by its last seven digits or more, with any country
// code and trunk prefix before them or none, up to an extension; one of fewer
// digits as it is. An [Email] address is found with its signs written out, too
// (jane at example dot com). An [Address] and any [Other] value is found whole;
// if it is one capitalised word of one or two letters, or a common word, only
// where it is capitalised (IT).
//
// # Invariants
//
//   - Matches do not overlap, and never begin or end within a character.
//   - At one place the longest match wins, then the value handed in first.
//   - Match looks at no more than a value's length of text, with gaps of 64
//     bytes: All is linear in the text.
//   - Nothing is allocated where nothing is found, nor by Reset for values in
//     Latin letters once the memory is there.
//   - No error has a value in it.
package known
