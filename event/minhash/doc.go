// Package minhash says how alike two texts are, and finds texts that are alike
// by sketches of 15 bytes.
//
//	p := minhash.NewProbe(text, 0.4)
//	if score, may := p.Estimate(sketch); may { … }      // of a text that is not at hand
//	alike := minhash.Jaccard(p.Set, minhash.Of(other))  // of one that is
//
// The measure is resemblance by shingles (Broder, On the resemblance and
// containment of documents, 1997): a text is the set of its pairs of neighbouring
// words, its beginning and its end counting as one each; two texts are as alike as
// the share of what both have in what either has (Jaccard). Words are those of
// package words, without case and diacritics. In scripts that are written without
// spaces every two neighbouring characters are one, and a pair is three characters.
//
// A sketch of a text of up to 14 words is these words, a byte of a hash each: what
// it says of resemblance is as good as exact. That of a longer one is how many
// shingles it has, to an eighth, and four bits of each of 28 minima of its
// shingles' hashes (b-bit minwise hashing: Li and König, 2010), chosen as in fast
// similarity sketching (Dahlgaard, Knudsen and Thorup, 2017), for which every
// shingle is hashed once, or a few times in short texts, and not 28 times.
//
// Invariants:
//
//   - A sketch depends on the words of a text alone. It is part of the format of
//     the log (Version), and never changes for a text.
//   - A probe lets a text pass that reaches its threshold with a probability of
//     0.9 or more, and of 0.99 where it is 0.1 above it. One with the same words
//     always passes.
package minhash
