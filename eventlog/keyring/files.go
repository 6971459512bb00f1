package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

func epochUse(store StoreID, epoch uint64) []byte {
	return []byte("afterimage/epoch/" + store.String() + "/" + strconv.FormatUint(epoch, 10))
}

func signingUse(store StoreID) []byte {
	return []byte("afterimage/signing/" + store.String())
}

func readKEK(dir string, passphrase []byte) (tink.AEAD, error) {
	handle, err := loadKEK(dir, passphrase)
	if err != nil {
		return nil, err
	}
	kek, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%s holds no AEAD key: %w", kekPath(dir), ErrWrongKeys)
	}
	return kek, nil
}

func encryptKeyset(h *keyset.Handle, kek tink.AEAD, use []byte) (json.RawMessage, error) {
	var b bytes.Buffer
	heard := &attentive{AEAD: kek}
	if err := h.WriteWithAssociatedData(keyset.NewJSONWriter(&b), heard, use); err != nil {
		return nil, fmt.Errorf("wrap keyset: %w", heard.explain(err))
	}
	return b.Bytes(), nil
}

func decryptKeyset(b []byte, kek tink.AEAD, use []byte) (*keyset.Handle, error) {
	heard := &attentive{AEAD: kek}
	h, err := keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(b)), heard, use)
	if err != nil {
		return nil, heard.explain(fmt.Errorf("%w: it is damaged, or was wrapped by another KEK than %s", ErrWrongKeys, kekFile))
	}
	return h, nil
}

func readJSON(path string, doc any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: %w", path, ErrNoKeys)
	}
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if err := json.Unmarshal(b, doc); err != nil {
		return fmt.Errorf("%s is cut short or damaged: put it back from a copy of the key directory: %w", path, ErrWrongKeys)
	}
	return nil
}

func encodeJSON(doc any) ([]byte, error) {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	return append(b, '\n'), nil
}

func writeJSON(path string, doc any) error {
	b, err := encodeJSON(doc)
	if err != nil {
		return err
	}
	if err := writeFile(path, b); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return nil
}

// writeFile puts the file in place whole or not at all: after a crash there is
// the old one or the new one. It is durable on return.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// makeDir makes a directory that is still there after a power failure: each
// directory that gets a new entry is synced.
func makeDir(dir string) error {
	var grown []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		grown = append(grown, filepath.Dir(d))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range grown {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
