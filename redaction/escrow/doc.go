// Package escrow seals originals that redaction replaced, so that whoever holds
// one private keyset, and nobody else, can open them again.
//
//	sealer, err := escrow.NewSealer(public) // what `afterimage escrow keygen` made
//	gathered := sealer.Gather(e.GetId(), e.GetCapture().GetEscrow())
//	err = gathered.Add("EMAIL", "k7m2qa5d3hx4", "alice@example.com")
//	e.Capture.Escrow = gathered.Sealed()
//
//	opener, err := escrow.NewOpener(private)
//	original, err := opener.Open(escrow.Context{e.GetId(), s.GetType(), s.GetToken()}, s.GetCiphertext())
//
// A sealed original is what Tink's hybrid encryption makes, that is HPKE
// (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
// AES-256-GCM:
//
//	 1 byte   0x01                  Tink's output prefix
//	 4 bytes  the key's id          big-endian
//	32 bytes  the encapsulated key  RFC 9180 §4.1
//	 n bytes  the padded original   encrypted
//	16 bytes  the tag of GCM
//
// Its aad is empty. Its info is "afterimage/escrow/1" and a zero byte, then the
// event's id, the type and the token, each behind its length as a uvarint. The
// original is padded as ISO/IEC 7816-4 does, with 0x80 and then zeros, to a
// multiple of 32 bytes. Sealing adds 54 to 85 bytes; what is shorter than 32
// bytes always becomes 85. [Size] computes it.
//
// Invariants:
//
//   - What seals holds no secret: a publisher that is broken into gives away no
//     original that it sealed before.
//   - A sealed original opens for the event, type and token it was sealed for,
//     and nowhere else.
//   - Whoever has no private key learns of an original its type, its token and,
//     to within 32 bytes, its length.
//   - Errors carry no original and no key.
//
// What it does not do: sealing is not signing. Whoever has the public keyset,
// which is no secret, can seal whatever they like; that an original is what
// stood in the event is the word of who published it. And sealing the same
// original twice gives two ciphertexts: events must not be compared by them.
//
// All functions are safe for concurrent use, but those of one [Gathered].
package escrow
