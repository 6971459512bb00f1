package redaction

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

// A PseudonymKey makes pseudonyms: for a publisher that redacts by itself, and
// for the command line. The store has keys of its own.
//
// Of 60 bits a token leaves one chance in 230 that any two of a hundred million
// values share one (n²/2 ÷ 2⁶⁰).
type PseudonymKey struct{ prf *prf.Set }

// NewPseudonymKey returns the key in a Tink keyset of type PRF.
func NewPseudonymKey(handle *keyset.Handle) (PseudonymKey, error) {
	set, err := prf.NewPRFSet(handle)
	if err != nil {
		return PseudonymKey{}, fmt.Errorf("key of pseudonyms: %w", err)
	}
	return PseudonymKey{set}, nil
}

// RandomPseudonymKey returns a key that lives as long as the process: within it
// the same value carries the same token.
func RandomPseudonymKey() (PseudonymKey, error) {
	handle, err := keyset.NewHandle(prf.AESCMACPRFKeyTemplate())
	if err != nil {
		return PseudonymKey{}, fmt.Errorf("key of pseudonyms: %w", err)
	}
	return NewPseudonymKey(handle)
}

// For returns the pseudonyms of a tenant in a period, such as 2026-Q4: the same
// person carries the same token within both and another one elsewhere.
func (k PseudonymKey) For(tenant, period string) Pseudonym {
	var prefix []byte
	for _, s := range [...]string{tenant, period} {
		prefix = binary.AppendUvarint(prefix, uint64(len(s)))
		prefix = append(prefix, s...)
	}
	return func(value string) (string, error) {
		sum, err := k.prf.ComputePrimaryPRF(append(slices.Clip(prefix), value...), tokenLen*5/8+1)
		if err != nil {
			return "", err
		}
		return strings.ToLower(base32.StdEncoding.EncodeToString(sum)[:tokenLen]), nil
	}
}
