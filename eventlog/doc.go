// Package eventlog is the log: an append-only, encrypted, tamper-evident
// sequence of events, searchable by its indexed terms.
//
//	l, err := eventlog.Open(ctx, eventlog.Config{Dir: "data", KeysDir: "keys"})
//	p, err := l.Prepare(tenant, e)                  // on all cores
//	results, err := l.Append(ctx, []eventlog.Prepared{p}) // one writer, durable on return
//	for entry, err := range l.Scan(ctx, tenant, eventlog.Selection{…}) { … }
//	for entry, err := range l.Follow(ctx, 0) { … }  // every event, as it comes
//
// What is logical — events, seqs, commitments, the Merkle tree — and what is
// physical — buckets, blocks, keys — are kept apart. They meet in the location
// pages: seq → (block, place in it).
//
// Data goes in through Append (append.go). Where bytes lie changes only by
// rewrite (rewrite.go), which merging, promotion (merge.go), erasure (forget.go) and
// redaction (redact.go) use; what opens them only by changeEpoch (epoch.go), the
// last step of Forget and Redact. Whoever derives something follows the log (project.go).
//
// # Keyspace
//
// Everything is in one Pebble store. Numbers in keys are big-endian.
//
//	key                                  value
//	00                                   magic, format version (4), store id
//	01                                   size, last block, last bucket, last tenant, epoch
//	02                                   what is being forgotten
//	03                                   a rebuild is under way
//	04                                   first and last number of blocks whose sections are being written
//	05                                   what the stream's files may have: seq8, since8
//	t tenant4                            wrapped secret, sealed name
//	b bucket4                            wrapped secret, sealed (tenant4, day4, class, index4)
//	h block8                             block header
//	m block8                             meta section
//	x block8                             text section
//	f block8                             filter over the words of the texts
//	k block8                             sketches of what is said, to find what is nearly the same
//	l page8                              locations of 256 seqs
//	d tenant4 PRF(id)16                  seq8
//	i index4 PRF(field, value)8 seq8     the seqs that follow seq, as distances
//	e bundle8                            256 commitments
//	n level1 tile8                       256 hashes, of level 1 and up
//	r bundle8                            what redacted events of a bundle are committed to
//	c                                    the newest checkpoint
//	c size8                              a checkpoint kept for good
//	w size8                              one that was published, with cosignatures
//	s size8                              the time-stamp of one
//	q tenant4 id16                       bucket4, sealed quarantined entry
//	p tenant4 id16                       bucket4, sealed payload of it
//	v name                               seq8: how far a consumer has come
//	y name 00 PRF(key)16                 sealed value of a projection
//
// # Invariants
//
//   - Invariant 1: when Append returns, its events are on disk, each once, and
//     so are their locations, index entries, tiles and checkpoint: all of it is
//     one Pebble batch, and large sections were durable before it. After a crash
//     there is all of an append or nothing.
//   - Invariant 2: every value that tells of content is sealed; names and terms
//     stand in keys only as values of keyed PRFs.
//   - Invariant 5: any stored byte that is changed is found by Verify, and a log
//     that fell back behind the checkpoint beside its keys is not opened. What
//     is not in the tree can be removed whole without a finding: a quarantined
//     entry, a kept checkpoint.
//   - Invariant 4: what Forget forgot, and what events were before Redact, is
//     readable with no key that exists: its blocks and its index are gone from
//     what is stored, and the keys of every older copy with the epoch before.
//     Ledger events say which positions.
//   - Invariant 7: i, d, l, n, r, f and k can be made again from the blocks (h, m, x)
//     and the commitments (e): Rebuild.
//   - Invariant 8: a read names its tenant, and an event of another is not found.
//   - Seqs and leaves never change. An event's stored bytes hash to its leaf, or,
//     where a later ledger event of its tenant says that it was redacted, to what
//     that says: the only way that what is stored of an event changes.
package eventlog
