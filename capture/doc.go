// Package capture is what a service imports to publish evidence. It validates
// events, gathers them into compressed batches and hands these to NATS
// JetStream until JetStream has stored them.
//
//	p, err := capture.New(js, capture.Config{Tenant: tenant})
//	err = p.Publish(ctx, event, func(err error) { … }) // returns at once
//	err = p.Close(ctx)                                 // waits for the rest
//
// Invariants:
//
//   - Invariant 1: done(nil) means that JetStream has stored the event as
//     durably as its stream is set up to. done is called exactly once for
//     every event that Publish accepted.
//   - A message holds events of one kind, which its subject names.
//   - Events of one kind are sent in the order in which Publish took them. A
//     message that must be sent again may come to stand behind others that
//     were under way with it.
//   - A message that is sent again carries the same Nats-Msg-Id, so that
//     within the stream's duplicate window it is stored once. The id covers
//     the content: two different messages never absorb one another.
//   - Invariant 9: at most [Config].MaxPending batches of at most BatchBytes
//     each are held. Publish waits when they are.
//   - The package logs nothing, and its errors carry no content.
package capture
