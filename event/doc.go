// Package event holds the words that publisher and store share: tenants,
// seqs, kinds and subjects, what makes an event valid, and how events are
// written and read on the wire and in the log.
//
//	events, err := event.Decode(contentType, contentEncoding, body, event.Limits{})
//	if err == nil {
//		err = event.ValidateBatch(events, time.Now())
//	}
//
// Invariants:
//
//   - Nothing is dropped. What the contract has no place for (an unknown
//     field, a second member of a oneof, a field given twice) is refused with
//     its path, by [Decode], [DecodeJSON], [Unmarshal] and [Validate] alike.
//   - What is decoded from JSON equals what protojson decodes from it.
//   - Memory is bounded before it is allocated: by [Limits], by the window of
//     8 MiB and the output limit of the decompressor, and by the number of
//     messages counted in the encoded form (invariant 9 of the design).
//   - [Marshal] writes exactly one encoding: Marshal(Unmarshal(b)) equals b
//     for every b that Marshal wrote.
//   - Errors carry paths, numbers and times, never content.
//
// All functions are safe for concurrent use on different events.
package event
