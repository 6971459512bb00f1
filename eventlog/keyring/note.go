package keyring

import (
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature"
	"github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/mod/sumdb/note"
)

// noteKey is the Ed25519 keyset that signs checkpoints.
type noteKey struct {
	signer   tink.Signer
	verifier tink.Verifier
	public   []byte // 32 bytes
}

func (r *Ring) openSigning(doc signingDocument, kek tink.AEAD) error {
	handle, err := decryptKeyset(doc.Keyset, kek, signingUse(r.store))
	if err != nil {
		return err
	}
	r.signer, err = newNoteKey(handle)
	return err
}

func newNoteKey(handle *keyset.Handle) (*noteKey, error) {
	signer, err := signature.NewSigner(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: not a signing key: %w", ErrWrongKeys, err)
	}
	public, err := handle.Public()
	if err != nil {
		return nil, fmt.Errorf("%w: not a signing key: %w", ErrWrongKeys, err)
	}
	entry, err := public.Primary()
	if err != nil {
		return nil, fmt.Errorf("%w: no primary signing key: %w", ErrWrongKeys, err)
	}
	key, ok := entry.Key().(*ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the signing key is not Ed25519", ErrWrongKeys)
	}
	verifier, err := signature.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("%w: not a signing key: %w", ErrWrongKeys, err)
	}
	return &noteKey{signer, verifier, key.KeyBytes()}, nil
}

// VerifierKey returns the key that verifies what the ring signs under the
// given name, as C2SP signed-note spells it: `<name>+<key id>+<key>`.
func (r *Ring) VerifierKey(name string) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(name, r.signer.public)
	if err != nil {
		return "", fmt.Errorf("make verifier key: %w", err)
	}
	return vkey, nil
}

// Signer returns the signer of notes under the given name.
func (r *Ring) Signer(name string) (note.Signer, error) {
	vkey, err := r.VerifierKey(name)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("make verifier: %w", err)
	}
	return noteSigner{v, r.signer.signer}, nil
}

// noteSigner signs notes with a Tink handle; name and key id are its verifier's.
type noteSigner struct {
	note.Verifier
	signer tink.Signer
}

// Sign returns the bare Ed25519 signature of msg.
func (s noteSigner) Sign(msg []byte) ([]byte, error) { return s.signer.Sign(msg) }
