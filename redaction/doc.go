// Package redaction takes personal data and secrets out of events: what a
// detector recognises is replaced by a typed pseudonym such as
// [EMAIL:k7m2qa5d3hx4], so that one person stays one person across events and
// nobody can read who it is.
//
//	r, err := redaction.New(redaction.Config{})
//	counts, err := r.Event(ctx, event, pseudonym) // in place
//	text, findings, err := r.Text(ctx, text, pseudonym)
//
// # Types
//
//	PRIVATE_KEY  PEM, OpenSSH, PGP and PuTTY private keys, also cut off
//	URL_CREDENTIALS  user and password in a URL, whose scheme and host stay,
//	             or given to curl
//	JWT          JSON web tokens whose header decodes
//	API_KEY      keys of known vendors, by prefix, alphabet and length, or by
//	             the vendor's name before them
//	WEBHOOK_URL  addresses that let everybody who knows them write
//	EMAIL        addresses, also with %40 for @; git@host is none
//	IBAN         by country length and ISO 7064 mod 97
//	CARD         payment cards, by issuer range, length and Luhn sum
//	SSN          US social security numbers, by structure; without dashes
//	             where a word says so
//	IP           IPv4 and IPv6 but loopback, unspecified and broadcast
//	             addresses, which belong to nobody
//	PHONE        international numbers, by numbering plan; national ones where
//	             a word or the configured region says so
//	PASSWORD     what is assigned to a password, in text or by JSON key, given
//	             to commands, and hashes of passwords
//	GENERIC_SECRET  what is assigned to a secret, token or key, in text or by
//	             JSON key, and what follows Bearer and Basic
//	USER         the user of an event
//
// # How it works
//
// A [Detector] is a value: a type, what triggers it and a function that
// decides. All detectors are compiled into tables, of which the first tells by
// two bytes where something may begin and the next by four where a word may,
// and a text is passed over once: where the tables do not answer, which is
// nearly everywhere, nothing happens. So cost grows with candidates, not with
// detectors. A detector looks a bounded distance around
// its trigger, which keeps the whole linear.
//
// Overlaps resolve by one rule: the leftmost span wins, then the longest,
// then the detector that stands first in [Config].Detectors.
//
// Text that is a JSON object or array (for tools: any JSON value) is redacted
// string by string, unescaped, with the key as context: JSON within JSON
// strings likewise, four levels deep. A number that must go becomes a string,
// so valid JSON stays valid, and every byte outside replaced spans stays as
// it was. Personal data in object keys is replaced too.
//
// # Invariants
//
//   - Invariant 3: redaction fails closed. A detector that panics, a
//     pseudonym that cannot be made, a passed deadline: each is an error, and
//     what was given may then be half redacted and must be discarded or
//     quarantined by the caller, never stored.
//   - Redacting redacted text changes nothing: tokens are recognised and
//     stepped over, and a text is searched until nothing more is found.
//   - Spans never overlap and never begin or end within a character: UTF-8 in,
//     UTF-8 out.
//   - The token depends on the normal form of the value alone, not on its
//     type: the same address as user id and in text carries the same token.
//   - Nothing of a text stands in an error.
package redaction
