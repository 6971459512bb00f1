package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Local is what Options.KEK calls the local keyset.
const Local = "local"

// kmsTimeout bounds one call of a key management service, its credentials
// included.
const kmsTimeout = 15 * time.Second

// ErrKMS reports that a key management service did not do what it was asked.
var ErrKMS = errors.New("the key management service refuses or cannot be reached")

// Options says which key-encryption key wraps the keys, and how it opens. The
// zero value is the one on record; new keys get a local one without a
// passphrase.
type Options struct {
	// KEK is a Tink URI (aws-kms://, gcp-kms:// or hcvault://) or Local. One
	// that is not on record is refused: Rotate changes it.
	KEK string
	// Passphrase opens the local KEK, or protects it where it is made; empty:
	// there is none.
	Passphrase []byte
	// GCPEndpoint is the host:port of Google's service, where it is not the
	// public one. The other services' addresses stand in the URI and in what
	// their own tools read from the environment.
	GCPEndpoint string
}

// record is how the key files name the KEK: nothing for the local one, so that
// files from before there were others mean the same.
func (o Options) record() string {
	if o.KEK == Local {
		return ""
	}
	return o.KEK
}

// kekName is how errors and people name the KEK of a record.
func kekName(record string) string {
	if record == "" {
		return Local
	}
	return record
}

// openKEK opens the KEK on record.
func (o Options) openKEK(dir, record string) (tink.AEAD, error) {
	if o.KEK != "" && o.record() != record {
		return nil, fmt.Errorf("%w: the keys in %s are wrapped by the KEK %s, not by %s: leave --kek out, or change it with: afterimage keys rotate --kek %s",
			ErrWrongKeys, dir, kekName(record), o.KEK, o.KEK)
	}
	if record == "" {
		return readKEK(dir, o.Passphrase)
	}
	return o.kms(record)
}

// kms returns the AEAD of a key management service. It calls nobody yet.
func (o Options) kms(uri string) (tink.AEAD, error) {
	switch scheme, _, _ := strings.Cut(uri, "://"); scheme {
	case "aws-kms":
		return remote{uri, awsKey}, nil
	case "gcp-kms":
		return remote{uri, googleKey(o.GCPEndpoint)}, nil
	case "hcvault":
		return remote{uri, vaultKey}, nil
	}
	return nil, fmt.Errorf("KEK %q: want %s, or a URI that begins with aws-kms://, gcp-kms:// or hcvault://", uri, Local)
}

// probe finds out whether a KEK wraps and unwraps, before anything is made or
// changed that would need it.
func probe(kek tink.AEAD) error {
	const text, use = "afterimage", "afterimage/probe"
	wrapped, err := kek.Encrypt([]byte(text), []byte(use))
	if err != nil {
		return fmt.Errorf("try the KEK: %w", err)
	}
	got, err := kek.Decrypt(wrapped, []byte(use))
	if err != nil {
		return fmt.Errorf("try the KEK: %w", err)
	}
	if string(got) != text {
		return fmt.Errorf("try the KEK: %w: what it decrypts is not what it encrypted", ErrKMS)
	}
	return nil
}

// attentive keeps the error of a KEK, which Tink's keysets only quote.
type attentive struct {
	tink.AEAD
	err error
}

// Decrypt implements tink.AEAD.
func (a *attentive) Decrypt(sealed, use []byte) ([]byte, error) {
	text, err := a.AEAD.Decrypt(sealed, use)
	a.err = err
	return text, err
}

// Encrypt implements tink.AEAD.
func (a *attentive) Encrypt(text, use []byte) ([]byte, error) {
	sealed, err := a.AEAD.Encrypt(text, use)
	a.err = err
	return sealed, err
}

// explain returns the KEK's own error where there is one to act on.
func (a *attentive) explain(err error) error {
	if errors.Is(a.err, ErrKMS) {
		return a.err
	}
	return err
}

// remedyRotate is what to do where somebody read the keys of the log.
const remedyRotate = "afterimage keys rotate"

// checkPrivate refuses a file of secrets that others may read, as ssh does
// with private keys: it is said before it is used, not after it leaked.
func checkPrivate(path, remedy string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && ownedByUs(info) {
		return fmt.Errorf("%s has mode %04o, so others may read it: chmod 600 %s, and change it if somebody did (%s)", path, mode, path, remedy)
	}
	return nil
}

// Passphrase reads a passphrase from a file that nobody else may read; a
// newline at its end is not part of it.
func Passphrase(path string) ([]byte, error) {
	if err := checkPrivate(path, "take another, for new keys"); err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	b = []byte(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"))
	if err := checkPassphrase(b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func checkPassphrase(b []byte) error {
	const most = 1024
	switch {
	case len(b) == 0:
		return errors.New("the passphrase is empty")
	case len(b) > most:
		return fmt.Errorf("the passphrase has %d bytes: at most %d", len(b), most)
	}
	return nil
}

func kekPath(dir string) string { return filepath.Join(dir, kekFile) }

// newKEK makes the keyset of a local KEK.
func newKEK() (*keyset.Handle, error) {
	handle, err := keyset.NewHandle(kekTemplate())
	if err != nil {
		return nil, fmt.Errorf("make KEK: %w", err)
	}
	return handle, nil
}
