// Package words cuts text into the words by which it is searched, and names
// each by a hash.
//
// A word is a maximal run of letters and digits, folded: case, diacritics and
// compatibility forms (full-width letters, superscripts) make no difference,
// and marks and invisible characters inside a word count for nothing. Scripts
// that are written without spaces (Han, Kana, Hangul, Thai, Lao, Khmer,
// Myanmar) have no such runs: there every two neighbouring characters are a
// word. Everything else separates words.
//
// A word's hash is the 64-bit FNV-1a of its folded form in UTF-8, of the first
// 64 bytes at most; 0 stands as 1. It is no secret-keeping hash: whoever stores
// it keys it.
//
// Invariants:
//
//   - What a word is does not depend on the version of Unicode that the program
//     was built with: folding.txt is part of the format of the log.
//   - Folding is coarse. Texts that some reader may take for the same share
//     their words; only reading tells whether they are.
//   - Words of a part of a text that do not touch the part's ends are words of
//     the text: see Within.
package words
