package keyring

import (
	"context"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// remote is a KEK in a key management service. A connection is made for each
// call and closed after it: there are a few of them at each start and rotation.
type remote struct {
	uri  string
	open func(ctx context.Context, uri string) (tink.AEADWithContext, func(), error)
}

// Encrypt implements tink.AEAD, within kmsTimeout.
func (r remote) Encrypt(text, use []byte) ([]byte, error) {
	return r.call(func(ctx context.Context, a tink.AEADWithContext) ([]byte, error) {
		return a.EncryptWithContext(ctx, text, use)
	})
}

// Decrypt implements tink.AEAD, within kmsTimeout.
func (r remote) Decrypt(sealed, use []byte) ([]byte, error) {
	return r.call(func(ctx context.Context, a tink.AEADWithContext) ([]byte, error) {
		return a.DecryptWithContext(ctx, sealed, use)
	})
}

func (r remote) call(do func(context.Context, tink.AEADWithContext) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), kmsTimeout)
	defer cancel()
	a, done, err := r.open(ctx, r.uri)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKMS, r.uri, err)
	}
	defer done()
	b, err := do(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKMS, r.uri, err)
	}
	return b, nil
}
