// Package ingest takes evidence from NATS JetStream into the log.
//
//	srv, err := ingest.StartServer(ctx, ingest.ServerConfig{Dir: dir, Key: log.StreamKey()})
//	nc, err := srv.Connect()
//	js, err := jetstream.New(nc)
//	err = ingest.EnsureStream(ctx, js, ingest.StreamConfig{})
//	consumer, err := ingest.New(ingest.Config{Log: log, JetStream: js, Policy: policyOf})
//	err = consumer.Run(ctx)
//
// A message goes through fetch, decode, validate, redact, classify, prepare
// (these on all cores, in order), append and acknowledge. What cannot be
// stored as it came goes to the log's encrypted quarantine, and the consumer
// goes on.
//
// Invariants:
//
//   - A message is acknowledged to the stream only after each of its events is
//     durable: in the log, known to be in it already, or in quarantine.
//     Whatever stops the consumer in between, the stream delivers the message
//     again and the log absorbs what it has (invariant 1).
//   - A stream feeds one store: another store refuses its consumer, and what
//     leaves the stream is evidence that every durable consumer acknowledged.
//   - The embedded server acknowledges a publisher only after an fsync, and
//     leaves nothing in clear on disk (invariants 1 and 2).
//   - After [Server.Rekey] no copy of the stream's files made before it opens
//     with a key that is still in use; a crash in the middle loses nothing
//     (invariants 1 and 4).
//   - An event whose redaction errs, panics or takes too long is quarantined;
//     it is never appended and never holds up the events behind it
//     (invariant 3).
//   - An event is redacted and classified by one policy, the one that it names,
//     whichever comes into force meanwhile.
//   - The tenant comes from the subject alone, never from a body (invariant 8).
//   - What is in flight is bounded in bytes as decoded, whatever arrives
//     (invariant 9).
//   - Logs and error texts name counts, sizes, causes and stream positions;
//     never subjects, tenants, ids or content.
package ingest
