// Package export hands evidence over: as a bag (RFC 8493) that stands up without
// this program, as lines of JSON, or as a Parquet file; and checks such a bag.
//
//	exporter := export.New(export.Config{Log: log, Engine: engine, …})
//	go exporter.Run(ctx)                                   // gathers what was asked for
//	op, err := exporter.Start(ctx, tenant, export.Request{Filter: …, Actor: …, Reason: …})
//	op, err = exporter.Get(ctx, tenant, id)                // until it is done
//	handed, err := exporter.Download(ctx, tenant, export.Download{Operation: id}, w)
//
//	report, err := export.Verify(ctx, bundle, trust, func(export.Problem) { … })
//
// What is always true:
//
//   - Invariant 6: that it was asked for, by whom, why and what of, is durable in
//     the log before anything is gathered; how many events and which, before the
//     first byte of them leaves.
//   - Invariants 2, 4, 9: nothing of an export is kept but its ledger events. What
//     is downloaded is made from the log while it is sent, and is gone then.
//   - Invariant 7: what is known of an operation is what the ledger says. It goes
//     on after a restart, and ends once: its last event has an id of its own.
//   - A bag is as of one position of the log. It is the same bytes each time, or
//     refused: where one of its events was forgotten or redacted since it was
//     gathered, no download of it comes to its end.
//   - A bag that was cut short is none, and Verify finds any record that was
//     changed, added or left out, also where all manifests were made anew.
//   - Memory does not grow with what is exported but for some hundred bytes an
//     event.
package export
