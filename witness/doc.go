// Package witness is what others say of a log: the cosignatures of witnesses,
// which saw that it only grew, and the time-stamps of authorities.
//
//	p, err := witness.ParsePolicy(text)          // whom to trust, C2SP tlog-policy
//	cp, seen, err := p.Open(checkpoint)          // a checkpoint that they vouch for
//	c, err := witness.New(witness.Config{…})     // asks witnesses to cosign our log
//	err = c.Run(ctx)
//	s, err := witness.Open(witness.ServerConfig{…}) // is a witness of others' logs
//	http.ListenAndServe(addr, s)
//
// Formats and protocols are C2SP's: tlog-checkpoint, tlog-cosignature,
// tlog-witness, tlog-policy, tlog-proof.
//
// Invariants:
//
//   - A witness cosigns one history of each log: what it cosigned is on disk
//     before it answers, and what does not follow from that is refused.
//   - Only the log's origin, size and root are sent to anybody.
//   - The published checkpoint never becomes smaller, and is one that the log
//     signed, whatever witnesses say or do not say.
package witness
