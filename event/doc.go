// Package event holds the words that publisher and store share: tenants,
// seqs, kinds and subjects, what makes an event valid, and how events are
// written and read on the wire.
package event
