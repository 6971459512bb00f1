// Package audit answers what retention did: what was kept under which rule until
// when, what was forgotten, held, erased and deferred, who had evidence handed
// out and what for, how much redaction did and where capture had gaps.
//
//	a, err := audit.Make(ctx, log, tenant, audit.Request{Since: since, Until: until, Now: now})
//	err = audit.WriteText(w, a)     // tables, for people
//	err = audit.WriteHTML(w, a)     // the same with charts, to be printed
//	err = audit.WriteRecord(w, a)   // a record of processing activities, as HTML
//
// Invariants:
//
//   - Every figure comes from ledger events alone, those of the tenant and the
//     store's own about its keys, clock and restores: whoever reads the ledger
//     computes the same (docs/audit.md says how). Neither evidence nor buckets nor
//     a clock is looked at; the time that is given only bounds the range.
//   - The same ledger and range give the same audit, byte for byte.
//   - What is counted as it happens is additive: over two ranges that follow one
//     another it is the sum of both, and what is kept at the end of the one is
//     what is kept at the beginning of the other.
//   - It claims nothing that the ledger does not say: what is not on record, or
//     does not add up, is told in words.
//   - Nothing of another tenant is in it (invariant 8).
package audit
