// Package retention is what policy does to the log: which classes are in
// force for a tenant, since when, and who may change that; and what redaction
// makes of events that are stored already.
//
//	policies, err := retention.Open(ctx, log, logger)
//	err = policies.Ensure(ctx, tenant, policy.Default())
//	err = policies.Classify(tenant, event) // before the log's Prepare
//
//	stored := &retention.Stored{Log: log, Tenant: tenant, Redactor: redactor}
//	summary, err := stored.Preview(ctx, seqs, progress)     // changes nothing
//	summary, err = stored.Redact(ctx, seqs, why, progress)  // on record, for good
//
// Invariants:
//
//   - A policy is in force only after the ledger event that says so is
//     durable, and that event carries the document byte for byte: the log is
//     the only truth (invariant 7), and opening it again gives the same.
//   - The last such event of a tenant in the log is the policy in force.
//   - What a policy in force promises (`min`), no later policy shortens.
//   - A stored event is redacted as a whole or stays as it is, and is then told
//     apart; an analyser that does not answer is never passed over (invariant 3).
//   - One tenant's policy never touches another's (invariant 8).
package retention
