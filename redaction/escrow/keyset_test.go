package escrow_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/afterimage/afterimage/redaction/escrow"
)

// keysetOf returns a new keyset of another kind.
func keysetOf(t *testing.T, template *tinkpb.KeyTemplate) *keyset.Handle {
	t.Helper()
	handle, err := keyset.NewHandle(template)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

// clear returns a keyset as it is in a file without a passphrase.
func clear(t *testing.T, handle *keyset.Handle) string {
	t.Helper()
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The public keyset goes into configurations and repositories.
func TestPublicHoldsNoSecret(t *testing.T) {
	k := newKeys(t)
	public, err := escrow.Public(k.private)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(public), "\n") != 1 || !bytes.HasSuffix(public, []byte("\n")) || bytes.ContainsAny(public, " \t") {
		t.Errorf("not one line: %s", public)
	}
	if strings.Contains(string(public), "PRIVATE") {
		t.Errorf("holds a private key: %s", public)
	}
	handle, err := keyset.ReadWithNoSecrets(keyset.NewJSONReader(bytes.NewReader(public)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := escrow.NewOpener(handle); !errors.Is(err, escrow.ErrKeyset) {
		t.Errorf("it opens: %v", err)
	}
}

// A private keyset that lands in a service's configuration is told loudly;
// what is none is not taken for one, and never quoted.
func TestNewSealerRefuses(t *testing.T) {
	k := newKeys(t)
	chacha := keysetOf(t, hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_CHACHA20_POLY1305_Key_Template())
	raw := keysetOf(t, hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Raw_Key_Template())
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"private", clear(t, k.private), escrow.ErrPrivate},
		{"private under a passphrase", `{"format":1,"kdf":{"name":"argon2id"},"keyset":{"encryptedKeyset":"AA=="}}`, escrow.ErrPrivate},
		{"another suite", publicOf(t, chacha), escrow.ErrKeyset},
		{"without a prefix", publicOf(t, raw), escrow.ErrKeyset},
		{"symmetric", clear(t, keysetOf(t, aead.AES256GCMKeyTemplate())), escrow.ErrKeyset},
		{"nothing", "", escrow.ErrKeyset},
		{"no key", `{}`, escrow.ErrKeyset},
		{"text", "geheim", escrow.ErrKeyset},
		{"another document", `{"geheim":1}`, escrow.ErrKeyset},
	} {
		s, err := escrow.NewSealer([]byte(test.text))
		if !errors.Is(err, test.want) || s != nil {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error quotes it: %v", test.name, err)
		}
	}
}

// publicOf is Public for keysets that Public refuses.
func publicOf(t *testing.T, private *keyset.Handle) string {
	t.Helper()
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := public.WriteWithNoSecrets(keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOtherKindsOfKeyset(t *testing.T) {
	for name, handle := range map[string]*keyset.Handle{
		"another suite": keysetOf(t, hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_CHACHA20_POLY1305_Key_Template()),
		"symmetric":     keysetOf(t, aead.AES256GCMKeyTemplate()),
	} {
		if _, err := escrow.NewOpener(handle); !errors.Is(err, escrow.ErrKeyset) {
			t.Errorf("%s: opens: %v", name, err)
		}
		if _, err := escrow.Public(handle); !errors.Is(err, escrow.ErrKeyset) {
			t.Errorf("%s: has a public keyset: %v", name, err)
		}
	}
}
