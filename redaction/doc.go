// Package redaction takes personal data and secrets out of events: what a
// detector recognises is replaced by a typed pseudonym such as
// [EMAIL:k7m2qa5d3hx4], so that one person stays one person across events and
// nobody can read who it is.
//
//	r, err := redaction.New(redaction.Config{})
//	counts, err := r.Event(ctx, event, pseudonym) // in place
//	text, findings, err := r.Text(ctx, text, pseudonym)
//
// What is found, what becomes of it and how well that works stands in
// docs/redaction.md; [Describe] lists the detectors.
//
// # The parts
//
//	redactor.go, event.go   the doors: texts, events, and the record of what was done
//	scan.go, pairs.go,      one pass over a text: where something may begin, where a
//	grams.go, tables.go     word may, and which detectors are to look at it
//	number.go, forms.go     numbers, and identifiers by where letters and digits stand
//	context.go              words near a candidate
//	json.go, view.go,       JSON, texts with escapes, base64
//	encoded.go
//	edit.go, operator.go,   overlaps, replacements, tokens
//	token.go
//	knowing.go, analysed.go known values, the remote analyser
//	default.go              the detectors, which are in the files named after them
//	identifier/, phone/     forms and check digits; numbering plans
//	known/, analyzer/,      values that are known, Presidio's API, sealed originals,
//	escrow/, cases/         labelled cases and their score
//
// # How it works
//
// A [Detector] is a value: a type, what triggers it and a function that
// decides. All detectors are compiled into tables, of which one tells by pairs
// of bytes where something may begin and another by four bytes where a word
// may, and a text is passed over once, 64 places at a time: where the tables do
// not answer, which is nearly everywhere, nothing happens. So cost grows with
// candidates, not with detectors. A detector looks a bounded distance around its trigger, which
// keeps the whole linear.
//
// Overlaps resolve by one rule: the leftmost span wins and takes in what goes
// beyond it, then the longest, then what a word near it speaks for, then the
// detector that stands first in [Config].Detectors.
//
// Text that is a JSON object or array (for tools: any JSON value), also one
// that was cut short, is redacted string by string, unescaped, with the key as
// context: JSON within JSON strings likewise, four levels deep. A number that
// must go becomes a string, so valid JSON stays valid, and every byte outside
// replaced spans stays as it was. Personal data in object keys is replaced too.
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
