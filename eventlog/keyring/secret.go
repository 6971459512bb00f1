package keyring

import (
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	prf "github.com/tink-crypto/tink-go/v2/prf/subtle"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// secretSize is the size in bytes of every symmetric key here.
const secretSize = 32

// Overhead is by how many bytes sealing makes a text longer: a 12-byte nonce
// before it and a 16-byte tag behind it.
const Overhead = 28

// WrappedSize is the size in bytes of a wrapped secret or block key.
const WrappedSize = secretSize + Overhead

// ErrOpen reports that something sealed does not open: it was changed, moved,
// or sealed with another key.
var ErrOpen = errors.New("does not open with its key")

// A PRF is a keyed pseudo-random function, AES-256-CMAC: twenty times as fast
// as HMAC-SHA-256 on short values, and every event takes several. Safe for
// concurrent use.
type PRF struct{ prf *prf.AESCMACPRF }

// Sum returns the first size bytes, at most 16, of the function's value.
func (p PRF) Sum(data []byte, size int) ([]byte, error) {
	sum, err := p.prf.ComputePRF(data, uint32(size))
	if err != nil {
		return nil, fmt.Errorf("compute PRF: %w", err)
	}
	return sum, nil
}

// An AEAD seals and opens texts. Safe for concurrent use.
type AEAD struct{ aead tink.AEAD }

// Seal encrypts text and binds it to what it is.
func (a AEAD) Seal(text, what []byte) ([]byte, error) {
	sealed, err := a.aead.Encrypt(text, what)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal returned for the same what, else ErrOpen.
func (a AEAD) Open(sealed, what []byte) ([]byte, error) {
	text, err := a.aead.Decrypt(sealed, what)
	if err != nil {
		return nil, ErrOpen
	}
	return text, nil
}

// A Secret is what all keys of one bucket or tenant come from.
type Secret struct{ hkdf *prf.HKDFPRF }

func newSecret(raw []byte) (Secret, error) {
	hkdf, err := prf.NewHKDFPRF("SHA256", raw, nil)
	if err != nil {
		return Secret{}, fmt.Errorf("derive keys: %w", err)
	}
	return Secret{hkdf}, nil
}

func (s Secret) derive(use string) ([]byte, error) {
	key, err := s.hkdf.ComputePRF([]byte("afterimage/"+use), secretSize)
	if err != nil {
		return nil, fmt.Errorf("derive %s key: %w", use, err)
	}
	return key, nil
}

// PRF returns the secret's pseudo-random function for one use.
func (s Secret) PRF(use string) (PRF, error) {
	key, err := s.derive(use)
	if err != nil {
		return PRF{}, err
	}
	p, err := prf.NewAESCMACPRF(key)
	if err != nil {
		return PRF{}, fmt.Errorf("make %s PRF: %w", use, err)
	}
	return PRF{p}, nil
}

// AEAD returns the secret's AEAD for one use.
func (s Secret) AEAD(use string) (AEAD, error) {
	key, err := s.derive(use)
	if err != nil {
		return AEAD{}, err
	}
	return newAEAD(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}))
}

func newAEAD(key secretdata.Bytes) (AEAD, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: secretSize, IVSizeInBytes: 12, TagSizeInBytes: 16,
		Variant: aesgcm.VariantNoPrefix,
	})
	if err != nil {
		return AEAD{}, fmt.Errorf("make AEAD: %w", err)
	}
	k, err := aesgcm.NewKey(key, 0, params)
	if err != nil {
		return AEAD{}, fmt.Errorf("make AEAD: %w", err)
	}
	a, err := aesgcm.NewAEAD(k)
	if err != nil {
		return AEAD{}, fmt.Errorf("make AEAD: %w", err)
	}
	return AEAD{a}, nil
}

// NewKey returns an AEAD with a fresh random key, and that key wrapped by a:
// how a block's key is made under its bucket's.
func (a AEAD) NewKey(what []byte) (AEAD, []byte, error) {
	key, err := secretdata.NewBytesFromRand(secretSize)
	if err != nil {
		return AEAD{}, nil, fmt.Errorf("make key: %w", err)
	}
	wrapped, err := a.Seal(key.Data(insecuresecretdataaccess.Token{}), what)
	if err != nil {
		return AEAD{}, nil, err
	}
	fresh, err := newAEAD(key)
	return fresh, wrapped, err
}

// Rewrap returns what NewKey of another AEAD would have returned for a key that
// this one wrapped. ErrOpen where it does not open.
func (a AEAD) Rewrap(wrapped, what []byte, to AEAD) ([]byte, error) {
	key, err := a.Open(wrapped, what)
	if err != nil {
		return nil, err
	}
	return to.Seal(key, what)
}

// OpenKey is the inverse of NewKey.
func (a AEAD) OpenKey(wrapped, what []byte) (AEAD, error) {
	key, err := a.Open(wrapped, what)
	if err != nil {
		return AEAD{}, err
	}
	if len(key) != secretSize {
		return AEAD{}, ErrOpen
	}
	return newAEAD(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}))
}
