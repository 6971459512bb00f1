// Package retention is what policy does to the log: which classes are in
// force for a tenant, since when, and who may change that.
//
//	policies, err := retention.Open(ctx, log, logger)
//	err = policies.Ensure(ctx, tenant, policy.Default())
//	err = policies.Classify(tenant, event) // before the log's Prepare
//
// Invariants:
//
//   - A policy is in force only after the ledger event that says so is
//     durable, and that event carries the document byte for byte: the log is
//     the only truth (invariant 7), and opening it again gives the same.
//   - The last such event of a tenant in the log is the policy in force.
//   - What a policy in force promises (`min`), no later policy shortens.
//   - One tenant's policy never touches another's (invariant 8).
package retention
