// Package capture is what a service imports to publish evidence. It validates
// events, gathers them into compressed batches and hands these to NATS
// JetStream until JetStream has stored them.
//
//	p, err := capture.New(js, capture.Config{Tenant: tenant})
//	err = p.Publish(ctx, event, func(err error) { … }) // returns at once
//	err = p.Close(ctx)                                 // waits for the rest
//
// # Redaction
//
// By default events leave as they are, protected by the connection alone, and
// the store redacts them as its policy says. A publisher that redacts by
// itself lets nothing out that it finds, neither to NATS nor to the store:
//
//	redactor, err := redaction.New(redaction.Config{
//		Regions:   []string{"DE", "FR"},
//		Operators: map[string]redaction.Operator{"IP_ADDRESS": redaction.Generalise},
//	})
//	key, err := redaction.NewPseudonymKey(keyset)
//	p, err := capture.New(js, capture.Config{Tenant: tenant, Redactor: redactor, Pseudonym: key.For(string(tenant), "2026-Q4")})
//
// Regions are the countries that the service's users come from: their national
// numbers are found by their form alone, the first country's telephone numbers
// without a prefix too. Operators say what becomes of a type, or TYPE/detector;
// redaction.Types lists them. They should be no laxer than the store's policy
// (afterimage policy show): what stays here that the policy takes out the store
// takes out, and counts as a leak of this service
// (afterimage_ingest_redactions_total).
//
// Pseudonyms come from a Tink keyset of type PRF that the service keeps, in its
// KMS for instance. Instances that share it give a person the same token; a new
// period, which needs a new publisher, gives everybody another. Whoever has the
// keyset can test guesses: the store does not need it. A replacement of the
// publisher's passes through the store as it is.
//
// Escrow and Sealer of the configuration seal originals where they arise, so
// that the store never sees them; the policy's escrow seals what the store
// replaces itself.
//
// What a service knows of the user it serves, such as a name, is what detectors
// find least. Config.Known hands it to the redactor, which replaces it however
// it is spelled; lists of customers or staff are in the redactor's own
// configuration.
//
// An event that cannot be redacted is not sent, and its done is called with the
// error. It may be half redacted: a service that must not lose it makes it anew
// and publishes that, through a publisher without a Redactor if need be.
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
//   - Invariant 3: with a Redactor, an event leaves redacted or not at all.
//   - The package logs nothing, and its errors carry no content.
package capture
