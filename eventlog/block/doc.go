// Package block is the physical form of events: up to some 256 KiB of events
// of one bucket, compressed and encrypted as a unit.
//
// A block has five parts, stored apart so that counting never reads text:
//
//	header  what the block is, in clear, and its wrapped key
//	meta    a column for each property that filters and counts need
//	text    the stored bytes of the events, verbatim
//	filter  which words are in none of its texts
//	sketch  of each text that is said, by which those are found that are like it
//
// Header, big-endian:
//
//	 0  1  version: 10, or 11 of a merged block; 2 and 3 without sketches, 1 without
//	       a filter, as they were once
//	 1  4  bucket
//	 5  4  number of events, at least 1
//	 9  8  first seq
//	17  8  last seq
//	25  8  earliest event time, Unix nanoseconds
//	33  8  latest event time, Unix nanoseconds
//	41  4  meta section's length before compression
//	45  4  text section's length before compression
//	49  4  zstd dictionary, 0 for none
//	53 60  the block's key, wrapped by its bucket's
//
// A section is stored as AES-256-GCM(zstd(section)) under the block's key, filter
// and sketches as they are: there is nothing to compress in them. Its associated
// data is "afterimage/block", the block's number, the header
// without the key, and the section's letter: a section, header or key that was
// changed or moved does not open.
//
// Text section: uvarint n, n uvarint lengths, then the events one after the
// other. Meta section: see meta.go. Filter section: see filter.go. Sketch section:
// see sketch.go.
//
// Invariants:
//
//   - Stored bytes of events are kept to the byte.
//   - Seqs ascend strictly within a block.
//   - The meta section, the filter and the sketches can be made again from the text
//     section.
//   - A filter never denies a word that is there. Its keys are keyed by the
//     bucket's secret and it is sealed under the block's key: without them it
//     tells nothing of words.
package block
