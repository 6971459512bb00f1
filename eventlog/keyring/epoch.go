package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Changing the epoch takes three steps, so that at every instant the key file
// has the key that the data is wrapped with:
//
//	Begin    the key file holds two epochs: the current one and the next
//	(commit) the data is wrapped with the next one's key
//	Advance  in memory, the next one is the current one and the old one the previous
//	End      the key file holds the current one alone; the previous one is gone
//
// After a crash [Ring.Use] tells which of the two the data is wrapped with.

// An Epoch is one epoch's keys. Safe for concurrent use.
type Epoch struct {
	number uint64
	store  StoreID
	handle *keyset.Handle
	root   Secret
	wrap   AEAD   // wraps tenant and bucket secrets
	stream string // the key of the stream's files, where they have none of their own
}

// newEpoch makes the keys of an epoch.
func newEpoch(store StoreID, number uint64) (*Epoch, error) {
	handle, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make epoch key: %w", err)
	}
	return deriveEpoch(store, number, handle)
}

func openEpoch(store StoreID, number uint64, encrypted json.RawMessage, kek tink.AEAD) (*Epoch, error) {
	handle, err := decryptKeyset(encrypted, kek, epochUse(store, number))
	if err != nil {
		return nil, err
	}
	return deriveEpoch(store, number, handle)
}

func deriveEpoch(store StoreID, number uint64, handle *keyset.Handle) (*Epoch, error) {
	set, err := prf.NewPRFSet(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: not an epoch key: %w", ErrWrongKeys, err)
	}
	raw, err := set.ComputePrimaryPRF([]byte("afterimage/epoch"), secretSize)
	if err != nil {
		return nil, fmt.Errorf("derive epoch secret: %w", err)
	}
	e := &Epoch{number: number, store: store, handle: handle}
	if e.root, err = newSecret(raw); err != nil {
		return nil, err
	}
	if e.wrap, err = e.root.AEAD("wrap"); err != nil {
		return nil, err
	}
	stream, err := e.root.derive("stream")
	e.stream = hex.EncodeToString(stream)
	return e, err
}

// Number returns the epoch's number, counted from 1.
func (e *Epoch) Number() uint64 { return e.number }

// AEAD returns the epoch's AEAD for one use: what it sealed goes with the epoch.
func (e *Epoch) AEAD(use string) (AEAD, error) { return e.root.AEAD(use) }

// PRF returns the epoch's pseudo-random function for one use.
func (e *Epoch) PRF(use string) (PRF, error) { return e.root.PRF(use) }

// NewSecret makes a random secret and returns it beside its wrapped form,
// WrappedSize bytes, bound to what it is for.
func (e *Epoch) NewSecret(what []byte) (Secret, []byte, error) {
	raw := make([]byte, secretSize)
	if _, err := rand.Read(raw); err != nil {
		return Secret{}, nil, fmt.Errorf("make secret: %w", err)
	}
	wrapped, err := e.wrap.Seal(raw, e.bind(what))
	if err != nil {
		return Secret{}, nil, err
	}
	s, err := newSecret(raw)
	return s, wrapped, err
}

// OpenSecret is the inverse of NewSecret; ErrOpen where it does not open.
func (e *Epoch) OpenSecret(wrapped, what []byte) (Secret, error) {
	raw, err := e.wrap.Open(wrapped, e.bind(what))
	if err != nil {
		return Secret{}, err
	}
	return newSecret(raw)
}

// Rewrap returns what NewSecret of the next epoch would have returned for a
// secret that this one wrapped; ErrOpen where it does not open.
func (e *Epoch) Rewrap(wrapped, what []byte, next *Epoch) ([]byte, error) {
	raw, err := e.wrap.Open(wrapped, e.bind(what))
	if err != nil {
		return nil, err
	}
	return next.wrap.Seal(raw, next.bind(what))
}

func (e *Epoch) bind(what []byte) []byte {
	return append(bytes.Clone(e.store[:]), what...)
}

// epochs are the epochs that the key file holds. They are replaced, never
// changed.
type epochs struct {
	current *Epoch
	other   *Epoch // the next one or the previous one; nil: none
}

// otherEpoch is the second epoch in epoch.json.
type otherEpoch struct {
	Epoch  uint64          `json:"epoch"`
	Keyset json.RawMessage `json:"keyset"`
}

// Current returns the epoch that the data is wrapped with.
func (r *Ring) Current() *Epoch { return r.epochs.Load().current }

// Previous returns the epoch that has ended but for its key, which
// [Ring.End] destroys; nil if there is none.
func (r *Ring) Previous() *Epoch {
	e := r.epochs.Load()
	if e.other != nil && e.other.number < e.current.number {
		return e.other
	}
	return nil
}

// Use makes the epoch with the number, which the data names, the current one.
// ErrWrongKeys, with what that means, where the key file does not hold it.
func (r *Ring) Use(number uint64) error {
	e := r.epochs.Load()
	switch {
	case number == e.current.number:
	case e.other != nil && number == e.other.number:
		r.epochs.Store(&epochs{current: e.other, other: e.current})
	case number < e.current.number:
		return fmt.Errorf("%w: the data is of epoch %d, the keys in %s of epoch %d: it is a copy from before something was forgotten, and its keys are gone; use the newer data",
			ErrWrongKeys, number, r.dir, e.current.number)
	default:
		return fmt.Errorf("%w: the keys in %s are of epoch %d, the data of epoch %d: they are an older copy; use the newer one",
			ErrWrongKeys, r.dir, e.current.number, number)
	}
	return nil
}

// Begin makes the keys of the next epoch and durably keeps them beside those
// of the current one. What an earlier Begin made is lost. It fails while the
// key of the previous epoch was not destroyed.
func (r *Ring) Begin() (*Epoch, error) { return r.BeginAfter(0) }

// BeginAfter is Begin of an epoch whose number is above floor too: those up to
// floor were given out, in a past that a restore went back behind.
func (r *Ring) BeginAfter(floor uint64) (*Epoch, error) {
	if p := r.Previous(); p != nil {
		return nil, fmt.Errorf("begin epoch: the key of epoch %d was not destroyed yet", p.number)
	}
	current := r.Current()
	next, err := newEpoch(r.store, max(current.number, floor)+1)
	if err != nil {
		return nil, fmt.Errorf("begin epoch: %w", err)
	}
	e, streams := &epochs{current: current, other: next}, r.keptStream()
	if err := r.saveEpochs(e, streams); err != nil {
		return nil, fmt.Errorf("begin epoch: %w", err)
	}
	r.epochs.Store(e)
	r.streams.Store(&streams)
	return next, nil
}

// Advance makes the epoch that Begin made the current one, after the data was
// durably wrapped with its keys.
func (r *Ring) Advance() {
	e := r.epochs.Load()
	r.epochs.Store(&epochs{current: e.other, other: e.current})
}

// End destroys the key of the previous epoch, and that which the stream's files
// were changed from: what only these open is gone when End returns nil. It does
// nothing if there are none.
func (r *Ring) End() error {
	streams := *r.streams.Load()
	if r.Previous() == nil && streams.next == "" {
		return nil
	}
	e, streams := &epochs{current: r.Current()}, streams.ended()
	if err := r.saveEpochs(e, streams); err != nil {
		return fmt.Errorf("destroy the key of an epoch: %w", err)
	}
	r.epochs.Store(e)
	r.streams.Store(&streams)
	return nil
}

// saveEpochs writes the key file under the KEK that is on record, and overwrites
// the file that it replaces: on most disks and file systems nothing of it is left
// then. Where there are snapshots, or a flash disk that moves what it writes, the
// KEK that wraps it is the guard.
func (r *Ring) saveEpochs(e *epochs, streams streamKeys) error {
	return change(r.dir, func() error {
		path := filepath.Join(r.dir, epochFile)
		var doc epochDocument
		if err := readJSON(path, &doc); err != nil {
			return err
		}
		opts := r.opts
		opts.KEK = "" // The one on record, which may have been changed meanwhile.
		kek, err := opts.openKEK(r.dir, doc.KEK)
		if err != nil {
			return err
		}
		doc.Epoch, doc.Other = e.current.number, nil
		if doc.Stream, err = streams.seal(kek, r.store); err != nil {
			return err
		}
		if doc.Format = 1; doc.Stream != nil {
			doc.Format = 2
		}
		if doc.Keyset, err = encryptKeyset(e.current.handle, kek, epochUse(r.store, e.current.number)); err != nil {
			return err
		}
		if e.other != nil {
			doc.Other = &otherEpoch{Epoch: e.other.number}
			if doc.Other.Keyset, err = encryptKeyset(e.other.handle, kek, epochUse(r.store, e.other.number)); err != nil {
				return err
			}
		}
		b, err := encodeJSON(doc)
		if err != nil {
			return err
		}
		return replaceSecret(path, b)
	})
}

// Tidy removes what a crash may have left of key files.
func (r *Ring) Tidy() error {
	return change(r.dir, func() error { return removeLeftovers(r.dir) })
}

// Begun returns the epoch that Begin made; nil if there is none.
func (r *Ring) Begun() *Epoch {
	e := r.epochs.Load()
	if e.other != nil && e.other.number > e.current.number {
		return e.other
	}
	return nil
}
