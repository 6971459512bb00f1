package escrow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/hybrid/hpke"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// Use names what private keysets of escrow are for, where a passphrase
// protects them (keyring.CreateKeyset).
const Use = "escrow"

// The errors that people act on where a keyset is not what is wanted.
var (
	// ErrPrivate reports that a private keyset was given where the public one
	// belongs: it has come to where it must not be.
	ErrPrivate = errors.New("this is the private keyset: give the public one, and take the private one off this machine")
	// ErrKeyset reports that something is no keyset of escrow.
	ErrKeyset = errors.New("no keyset of escrow")
)

// Generate makes a private keyset with one key.
func Generate() (*keyset.Handle, error) {
	private, err := keyset.NewHandle(hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template())
	if err != nil {
		return nil, fmt.Errorf("make keyset of escrow: %w", err)
	}
	return private, nil
}

// Public returns the public keyset of a private one: Tink's JSON in one line,
// which holds no secret.
func Public(private *keyset.Handle) ([]byte, error) {
	public, err := private.Public()
	if err != nil {
		return nil, fmt.Errorf("%w: it is no private one", ErrKeyset)
	}
	if _, err := keyIDs(public); err != nil {
		return nil, err
	}
	var spaced, b bytes.Buffer
	if err := public.WriteWithNoSecrets(keyset.NewJSONWriter(&spaced)); err != nil {
		return nil, fmt.Errorf("encode keyset: %w", err)
	}
	if err := json.Compact(&b, spaced.Bytes()); err != nil { // protojson's white space differs by build
		return nil, fmt.Errorf("encode keyset: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// readPublic reads what Public wrote. ErrPrivate and ErrKeyset say what else
// it is.
func readPublic(b []byte) (*keyset.Handle, error) {
	if protected(b) {
		return nil, ErrPrivate
	}
	ks, err := keyset.NewJSONReader(bytes.NewReader(b)).Read()
	if err != nil {
		return nil, ErrKeyset // Tink's error would quote it
	}
	for _, k := range ks.GetKey() {
		if k.GetKeyData().GetKeyMaterialType() == tinkpb.KeyData_ASYMMETRIC_PRIVATE {
			return nil, ErrPrivate
		}
	}
	handle, err := keyset.NewHandleWithNoSecrets(ks)
	if err != nil {
		return nil, ErrKeyset
	}
	return handle, nil
}

// protected reports whether b looks like a keyset under a passphrase.
func protected(b []byte) bool {
	var doc struct {
		KDF    json.RawMessage `json:"kdf"`
		Keyset json.RawMessage `json:"keyset"`
	}
	return json.Unmarshal(b, &doc) == nil && doc.KDF != nil && doc.Keyset != nil
}

// keyIDs returns the ids of the enabled keys, the primary one first. A keyset
// with a key of another kind than those that Generate makes is refused: the
// size and the promises of what it seals would be others.
func keyIDs(handle *keyset.Handle) ([]uint32, error) {
	suite, err := hpke.NewParameters(hpke.ParametersOpts{
		KEMID: hpke.DHKEM_X25519_HKDF_SHA256, KDFID: hpke.HKDFSHA256, AEADID: hpke.AES256GCM, Variant: hpke.VariantTink,
	})
	if err != nil {
		return nil, fmt.Errorf("make parameters of HPKE: %w", err)
	}
	primary, err := handle.Primary()
	if err != nil {
		return nil, fmt.Errorf("%w: it has no primary key", ErrKeyset)
	}
	ids := []uint32{primary.KeyID()}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("read keyset: %w", err)
		}
		if !suite.Equal(entry.Key().Parameters()) {
			return nil, fmt.Errorf("%w: its key %d is none of HPKE with X25519, HKDF-SHA256 and AES-256-GCM", ErrKeyset, entry.KeyID())
		}
		if entry.KeyStatus() == keyset.Enabled && !entry.IsPrimary() {
			ids = append(ids, entry.KeyID())
		}
	}
	return ids, nil
}
