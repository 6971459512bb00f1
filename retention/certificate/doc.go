// Package certificate makes and verifies certificates of deletion: signed
// statements of what a store forgot, when, for whom and why, which anybody can
// check without the store.
//
//	c, err := certificate.Build(ctx, log, tenant, request, time.Now())
//	os.WriteFile("deleted.json", c.JSON(), 0o600) // or c.HTML(), to be printed
//
//	v, err := certificate.Verify(data, trusted)   // either; offline
//
// A certificate cites the ledger events of a request, as they are stored, and proves
// that they are in the log. What it states follows from them, and Verify derives it
// anew by the same function (derive.go). What follows from no ledger event is the
// log's word, under its signature: the tenant, the KEK, whether the last key is
// destroyed, and which events whole blocks held.
//
// What is always true:
//
//   - It is made from the log and nothing else (invariant 7), so that it can be asked
//     for again; asked for while something is owed, it says so.
//   - It has one encoding. Verify accepts no other, and no byte of it can change.
//   - It says nothing of anybody whose data was deleted: positions and commitments,
//     and what the ledger says.
//   - Format 1 stays as it is, page included: certificates outlive programs.
package certificate
