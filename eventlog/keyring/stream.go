package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// The embedded JetStream's files have a key of their own. It outlives epochs: to
// forget what was long ago in the stream no file of it need be written anew, as its
// key of then is gone. It changes like an epoch: the key file holds both keys until
// the files are under the new one alone.
//
// A key file of format 1 has none: then it is derived from the epoch's.

// streamKeys are the keys of the stream's files. They are replaced, never changed.
type streamKeys struct {
	current  string // "": that of the epoch
	next     string // what the files are being changed to, in the key file too; "": nothing
	prepared string // what next is to be; no file may be under it yet, as a crash would lose it
}

// sealedStream is streamKeys in epoch.json, encrypted by the KEK.
type sealedStream struct {
	Key  []byte `json:"key"`
	Next []byte `json:"next,omitempty"`
}

func streamUse(store StoreID) []byte { return []byte("afterimage/stream/" + store.String()) }

// seal encrypts the keys by the KEK; nil if there are none.
func (k streamKeys) seal(kek tink.AEAD, store StoreID) (*sealedStream, error) {
	if k.current == "" {
		return nil, nil
	}
	s := &sealedStream{}
	var err error
	heard := &attentive{AEAD: kek}
	if s.Key, err = heard.Encrypt([]byte(k.current), streamUse(store)); err == nil && k.next != "" {
		s.Next, err = heard.Encrypt([]byte(k.next), streamUse(store))
	}
	if err != nil {
		return nil, fmt.Errorf("wrap the stream's key: %w", heard.explain(err))
	}
	return s, nil
}

// open is the inverse of seal.
func (s *sealedStream) open(kek tink.AEAD, store StoreID) (k streamKeys, err error) {
	if s == nil {
		return streamKeys{}, nil
	}
	heard := &attentive{AEAD: kek}
	for _, of := range []struct {
		sealed []byte
		key    *string
	}{{s.Key, &k.current}, {s.Next, &k.next}} {
		if len(of.sealed) == 0 {
			continue
		}
		plain, err := heard.Decrypt(of.sealed, streamUse(store))
		if err != nil {
			return streamKeys{}, heard.explain(fmt.Errorf("%w: the stream's key is damaged, or was wrapped by another KEK than %s", ErrWrongKeys, kekFile))
		}
		*of.key = string(plain)
	}
	if k.current == "" {
		return streamKeys{}, fmt.Errorf("%w: the stream's key is missing", ErrWrongKeys)
	}
	return k, nil
}

// rewrapStream encrypts the stream's keys by another KEK.
func rewrapStream(s *sealedStream, from, to tink.AEAD, store StoreID) (*sealedStream, error) {
	k, err := s.open(from, store)
	if err != nil {
		return nil, err
	}
	return k.seal(to, store)
}

// StreamKey returns the key for the embedded JetStream's files: the one that they
// are being changed to, if they are.
func (r *Ring) StreamKey() string {
	k := r.streams.Load()
	switch {
	case k.next != "":
		return k.next
	case k.current != "":
		return k.current
	}
	return r.Current().stream
}

// OldStreamKey returns the key that the stream's files may have still; "" if they
// are not being changed.
func (r *Ring) OldStreamKey() string {
	k := r.streams.Load()
	if k.next != "" {
		return k.current
	}
	if p := r.Previous(); k.current == "" && p != nil {
		return p.stream
	}
	return ""
}

// PrepareStream makes another key for the stream's files, unless they are being
// changed already. They are changed to it once [Ring.Begin] or [Ring.BeginStream]
// has kept it.
func (r *Ring) PrepareStream() error {
	k := *r.streams.Load()
	if k.next != "" || k.prepared != "" {
		return nil
	}
	var err error
	if k.prepared, err = newStreamKey(); err != nil {
		return err
	}
	r.streams.Store(&k)
	return nil
}

func newStreamKey() (string, error) {
	raw := make([]byte, secretSize)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("make a key for the stream: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// BeginStream is PrepareStream, and durably keeps both keys.
func (r *Ring) BeginStream() error {
	if r.OldStreamKey() != "" {
		return nil
	}
	if r.epochs.Load().other != nil {
		return errors.New("change the stream's key: an epoch is changing")
	}
	if err := r.PrepareStream(); err != nil {
		return err
	}
	streams := r.keptStream()
	if err := r.saveEpochs(r.epochs.Load(), streams); err != nil {
		return err
	}
	r.streams.Store(&streams)
	return nil
}

// FreshStream is for a store without stream files: their key is one that nothing
// was ever encrypted with. It is kept when Begin keeps it.
func (r *Ring) FreshStream() error {
	key, err := newStreamKey()
	if err == nil {
		r.streams.Store(&streamKeys{current: key})
	}
	return err
}

// keptStream returns the keys as they are to be kept: one that was prepared is what
// the files are being changed to, and one that is derived from an epoch outlives it.
func (r *Ring) keptStream() streamKeys {
	k := *r.streams.Load()
	if k.current == "" {
		k.current = r.Current().stream
	}
	if k.next == "" {
		k.next = k.prepared
	}
	k.prepared = ""
	return k
}

// ended returns the keys once the files are under the new one alone.
func (k streamKeys) ended() streamKeys {
	if k.next == "" {
		return k
	}
	return streamKeys{current: k.next}
}
