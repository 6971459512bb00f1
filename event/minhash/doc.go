// Package minhash says how alike two texts are, and finds texts that are alike
// by sketches of 15 bytes.
//
//	p := minhash.NewProbe(text, 0.4)
//	if score, may := p.Estimate(sketch); may { … }      // of a text that is not at hand
//	alike := minhash.Jaccard(p.Set, minhash.Of(other))  // of one that is
//
// The measure is resemblance by shingles (Broder, On the resemblance and
// containment of documents, 1997): a text is the set of its pairs of
// neighbouring units, its beginning and its end counting as one each; two texts
// are as alike as the share of what both have in what either has (Jaccard). A
// unit is a word without case and diacritics, or a character where a script has
// no spaces: see words.AppendUnits.
//
// A sketch of a text of up to 14 units is these units, a byte of a hash each:
// what it says of resemblance is as good as exact. That of a longer one is how
// many shingles it has, to an eighth, and four bits of each of 28 minima of its
// shingles' hashes (b-bit minwise hashing: Li and König, 2010), chosen as in
// fast similarity sketching (Dahlgaard, Knudsen and Thorup, 2017), for which
// every shingle is hashed once, or a few times in short texts, and not 28 times.
//
// Invariants:
//
//   - A sketch depends on the text alone. It is part of the format of the log
//     (Version), and never changes for a text.
//   - A probe lets a text pass that reaches its threshold with a probability of
//     0.95 or more, and of 0.99 where it is 0.15 above it.
package minhash
