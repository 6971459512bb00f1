package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/crypto/argon2"
)

// ErrPassphrase reports that a file of keys needs a passphrase, or another one.
var ErrPassphrase = errors.New("wrong passphrase")

var (
	errNotGiven     = fmt.Errorf("%w: it is protected and none was given", ErrPassphrase)
	errNotProtected = fmt.Errorf("%w: one was given and the file is not protected", ErrPassphrase)
)

// kekUse is what kek.json is for.
const kekUse = "kek"

func kekTemplate() *tinkpb.KeyTemplate { return aead.AES256GCMKeyTemplate() }

// protectedDocument is a file with a keyset, such as kek.json, under a
// passphrase.
type protectedDocument struct {
	Format int             `json:"format"` // 1
	KDF    kdf             `json:"kdf"`
	Keyset json.RawMessage `json:"keyset"` // a Tink keyset, encrypted by the derived key
}

// kdf is how a key comes from a passphrase: Argon2id, RFC 9106.
type kdf struct {
	Name    string `json:"name"`       // argon2id
	Time    uint32 `json:"time"`       // passes over the memory
	Memory  uint32 `json:"memory_kib"` // KiB
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"` // 16 bytes, in base64
}

const saltSize = 16

// The bounds of what is read: a file cannot ask for all memory or all day.
const (
	maxKDFTime   = 16
	maxKDFMemory = 1 << 20 // KiB
	minKDFMemory = 8 << 10
)

// newKDF returns parameters with a new salt: the second choice of RFC 9106
// §4, for where 2 GiB are too much.
func newKDF() (kdf, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return kdf{}, fmt.Errorf("make salt: %w", err)
	}
	return kdf{"argon2id", 3, 64 << 10, 4, salt}, nil
}

func (k kdf) check() error {
	switch {
	case k.Name != "argon2id":
		return fmt.Errorf("its key derivation %q is unknown", k.Name)
	case k.Time < 1 || k.Time > maxKDFTime, k.Memory < minKDFMemory || k.Memory > maxKDFMemory, k.Threads < 1, len(k.Salt) != saltSize:
		return errors.New("its key derivation is out of bounds")
	}
	return nil
}

// aead derives the key that encrypts the keyset. The parameters must be
// checked.
func (k kdf) aead(passphrase []byte) (tink.AEAD, error) {
	key := argon2.IDKey(passphrase, k.Salt, k.Time, k.Memory, k.Threads, secretSize)
	a, err := newAEAD(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}))
	return a.aead, err
}

// bind returns what binds a keyset to what it is for and to its parameters.
func (k kdf) bind(use string) []byte {
	return fmt.Appendf(nil, "afterimage/%s/%s/%d/%d/%d/%x", use, k.Name, k.Time, k.Memory, k.Threads, k.Salt)
}

// encodeKEK returns kek.json.
func encodeKEK(handle *keyset.Handle, passphrase []byte) ([]byte, error) {
	return encodeKeyset(handle, kekUse, passphrase)
}

// encodeKeyset returns the file of a keyset: in clear, or encrypted if there is
// a passphrase.
func encodeKeyset(handle *keyset.Handle, use string, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("encode keyset: %w", err)
		}
		return b.Bytes(), nil
	}
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	k, err := newKDF()
	if err != nil {
		return nil, err
	}
	key, err := k.aead(passphrase)
	if err != nil {
		return nil, err
	}
	encrypted, err := encryptKeyset(handle, key, k.bind(use))
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(protectedDocument{1, k, encrypted}, "", "  ")
	return append(b, '\n'), err
}

// loadKEK reads kek.json.
func loadKEK(dir string, passphrase []byte) (*keyset.Handle, error) {
	path := kekPath(dir)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: %w", path, ErrNoKeys)
	}
	if err != nil {
		return nil, fmt.Errorf("read KEK: %w", err)
	}
	if err := checkPrivate(path, remedyRotate); err != nil {
		return nil, err
	}
	handle, err := decodeKeyset(b, kekUse, passphrase)
	switch {
	case errors.Is(err, errNotProtected):
		err = fmt.Errorf("%w: protect it with afterimage keys protect, or give none", err)
	case errors.Is(err, errNotGiven):
		err = fmt.Errorf("%w: name its file with --keys-passphrase-file", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return handle, nil
}

// decodeKeyset is the inverse of encodeKeyset.
func decodeKeyset(b []byte, use string, passphrase []byte) (*keyset.Handle, error) {
	var doc protectedDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("it is no Tink keyset: %w", ErrWrongKeys)
	}
	if doc.Format == 0 {
		if len(passphrase) > 0 {
			return nil, errNotProtected
		}
		handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
		if err != nil {
			return nil, fmt.Errorf("it is no Tink keyset: %w", ErrWrongKeys)
		}
		return handle, nil
	}
	if doc.Format != 1 {
		return nil, fmt.Errorf("%w: written by a newer version of afterimage: use that", ErrWrongKeys)
	}
	if err := doc.KDF.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongKeys, err)
	}
	if len(passphrase) == 0 {
		return nil, errNotGiven
	}
	key, err := doc.KDF.aead(passphrase)
	if err != nil {
		return nil, err
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(doc.Keyset)), key, doc.KDF.bind(use))
	if err != nil {
		return nil, fmt.Errorf("%w, or the file is damaged", ErrPassphrase)
	}
	return handle, nil
}

// describeKEK reports whether kek.json needs a passphrase, and how many keys
// it holds: more than one in the middle of a rotation.
func describeKEK(dir string) (protected bool, keys int, err error) {
	var doc struct {
		Format int               `json:"format"`
		Clear  []json.RawMessage `json:"key"`
		Keyset struct {
			Info struct {
				Keys []json.RawMessage `json:"keyInfo"`
			} `json:"keysetInfo"`
		} `json:"keyset"`
	}
	if err := readJSON(kekPath(dir), &doc); err != nil {
		return false, 0, err
	}
	return doc.Format != 0, max(len(doc.Clear), len(doc.Keyset.Info.Keys)), nil
}
