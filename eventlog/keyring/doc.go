// Package keyring keeps the keys of a log and does all of its cryptography,
// with Tink's primitives; raw keys never leave it.
//
//	KEK            a Tink AEAD: a local keyset file, or a KMS
//	 └─ epoch key  one at a time, in a file of its own apart from the data
//	     ├─ stream key     encrypts the embedded JetStream's files
//	     ├─ tenant secret  names, ids and pseudonyms of one tenant
//	     └─ bucket secret  AEAD, index PRF and filter PRF of one bucket
//	         └─ block key  random per block
//
// The key directory holds:
//
//	kek.json      the local KEK, a Tink keyset, mode 0600, in clear or under a passphrase
//	epoch.json    which store, which epoch, and the epoch's keyset wrapped by the KEK
//	signing.json  the Ed25519 keyset that signs checkpoints, wrapped by the KEK
//	anchor        the newest checkpoint seen: what the data directory may not fall behind
//	lock          locked while these files change
//	in-use        locked by the process that writes to the store
//	forgotten/    for each epoch, signed, what its beginning made unreadable
//	beside.json   the AEAD keyset of what is in beside/, wrapped by the KEK; it outlives epochs
//	beside/       what must outlive the data, sealed
//
// Invariants:
//
//   - A secret is wrapped with what it is for as associated data: a wrapped
//     key that was moved to another place does not open.
//   - The key files name the KEK that wraps them; a KEK that does not answer
//     changes nothing.
//   - Key files change one at a time, each whole or not at all, and open after
//     every step.
//   - Nothing is created over something that exists, and nothing is created
//     for data that exists already.
//   - Keys are apart from the data: whoever has only a copy of the data
//     directory, of any age, has nothing.
package keyring
