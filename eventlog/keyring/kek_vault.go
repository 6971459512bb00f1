package keyring

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// vaultKey opens hcvault://HOST:PORT/transit/keys/NAME, over TLS. Without a
// host it is the one of VAULT_ADDR; the token and what to trust come from where
// Vault's tools take them (VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE, …).
func vaultKey(_ context.Context, uri string) (tink.AEADWithContext, func(), error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, nil, fmt.Errorf("not a URI: %w", err)
	}
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, nil, cfg.Error
	}
	cfg.Timeout, cfg.MaxRetries = kmsTimeout, 0
	if u.Host != "" {
		cfg.Address = "https://" + u.Host
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, nil, err
	}
	if u.Host != "" { // not to be overruled by the environment
		if err := client.SetAddress("https://" + u.Host); err != nil {
			return nil, nil, err
		}
	}
	a, err := hcvault.NewAEAD(u.EscapedPath(), client.Logical())
	if err != nil {
		return nil, nil, fmt.Errorf("%w: want /transit/keys/NAME", err)
	}
	done := func() {
		if t, ok := cfg.HttpClient.Transport.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
	return bounded{a}, done, nil
}

// bounded is an AEAD whose calls end by themselves: its client has a timeout.
type bounded struct{ tink.AEAD }

// EncryptWithContext implements tink.AEADWithContext.
func (b bounded) EncryptWithContext(_ context.Context, text, use []byte) ([]byte, error) {
	return b.Encrypt(text, use)
}

// DecryptWithContext implements tink.AEADWithContext.
func (b bounded) DecryptWithContext(_ context.Context, sealed, use []byte) ([]byte, error) {
	return b.Decrypt(sealed, use)
}
