package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// What is kept beside the keys outlives the data: no backup that is put in its
// place takes it back. It is sealed by a key of its own, which outlives epochs and
// restores, and which the KEK wraps.
const (
	besideFile = "beside.json" // that key
	besideDir  = "beside"
)

// MaxBeside is the most that can be kept under one name, in bytes.
const MaxBeside = 64 << 20

// besideDocument is beside.json.
type besideDocument struct {
	Format int             `json:"format"`        // 1
	Store  string          `json:"store"`         // hexadecimal
	KEK    string          `json:"kek,omitempty"` // the URI of the KEK; "": the local one
	Keyset json.RawMessage `json:"keyset"`        // a Tink AEAD keyset, encrypted by the KEK
}

// beside is the key of what is kept beside the keys.
type beside struct {
	aead tink.AEAD // nil: there is none yet
	err  error     // why it does not open; everything else does
}

func besideKeyUse(store StoreID) []byte { return []byte("afterimage/beside/" + store.String()) }

func besideUse(store StoreID, name string) []byte {
	return []byte("afterimage/beside/" + store.String() + "/" + name)
}

// createBeside makes the key.
func createBeside(dir string, store StoreID, kek tink.AEAD, record string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("make the key of what is kept beside the keys: %w", err)
	}
	encrypted, err := encryptKeyset(handle, kek, besideKeyUse(store))
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, besideFile), besideDocument{1, store.String(), record, encrypted})
}

// openBeside opens the key. kek is the one of record, where that wraps it.
func openBeside(dir string, opts Options, store StoreID, kek tink.AEAD, record string) beside {
	path := filepath.Join(dir, besideFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return beside{}
	}
	key, err := readBeside(path, opts, store, kek, record)
	switch {
	case errors.Is(err, ErrWrongKeys):
		err = fmt.Errorf("open %s: %w; put it back from a copy of the key directory; if there is none, remove it and %s: then what only they told of holds, erasures and policies is lost",
			path, err, filepath.Join(dir, besideDir))
	case err != nil:
		err = fmt.Errorf("open %s: %w", path, err)
	}
	return beside{key, err}
}

func readBeside(path string, opts Options, store StoreID, kek tink.AEAD, record string) (tink.AEAD, error) {
	var doc besideDocument
	if err := readJSON(path, &doc); err != nil {
		return nil, err
	}
	switch {
	case doc.Format != 1:
		return nil, fmt.Errorf("%w: written by a newer version of afterimage", ErrWrongKeys)
	case doc.Store != store.String():
		return nil, fmt.Errorf("%w: it is of store %s", ErrWrongKeys, doc.Store)
	case doc.KEK != record: // a rotation that did not end
		var err error
		opts.KEK = ""
		if kek, err = opts.openKEK(filepath.Dir(path), doc.KEK); err != nil {
			return nil, err
		}
	}
	handle, err := decryptKeyset(doc.Keyset, kek, besideKeyUse(store))
	if err != nil {
		return nil, err
	}
	key, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: it holds no AEAD key", ErrWrongKeys)
	}
	return key, nil
}

// rewrapBeside wraps the key, if there is one, by another KEK. What it sealed stays
// as it is.
func rewrapBeside(dir string, opts Options, to tink.AEAD, record string) error {
	path := filepath.Join(dir, besideFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var doc besideDocument
	if err := readJSON(path, &doc); err != nil {
		return err
	}
	store, err := parseStoreID(doc.Store)
	if err != nil {
		return err
	}
	from, err := opts.openKEK(dir, doc.KEK)
	if err != nil {
		return err
	}
	if doc.Keyset, err = rewrap(doc.Keyset, from, to, besideKeyUse(store)); err != nil {
		return err
	}
	doc.KEK = record
	return writeJSON(path, doc)
}

// KeepBeside durably keeps content, sealed, under a name of small letters, instead
// of what is there under it: after a crash there is either. It holds MaxBeside
// bytes at most. Errors as of Open.
func (r *Ring) KeepBeside(name string, content []byte) error {
	path := r.besidePath(name)
	if len(content) > MaxBeside {
		return fmt.Errorf("write %s: it would have %d bytes, more than %d", path, len(content), MaxBeside)
	}
	if err := r.makeBeside(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	sealed, err := r.beside.Load().aead.Encrypt(content, besideUse(r.store, name))
	if err != nil {
		return fmt.Errorf("seal %s: %w", path, err)
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(removeMatching(path+".tmp*"), writeFile(path, sealed)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// makeBeside makes the key for keys that were made before there was one.
func (r *Ring) makeBeside() error {
	if b := r.beside.Load(); b.err != nil || b.aead != nil {
		return b.err
	}
	return change(r.dir, func() error {
		var doc epochDocument
		if err := readJSON(filepath.Join(r.dir, epochFile), &doc); err != nil {
			return err
		}
		kek, err := r.current().openKEK(r.dir, doc.KEK)
		if err != nil {
			return err
		}
		if err := createBeside(r.dir, r.store, kek, doc.KEK); err != nil {
			return err
		}
		b := openBeside(r.dir, r.current(), r.store, kek, doc.KEK)
		r.beside.Store(&b)
		return b.err
	})
}

// Beside returns what is kept under a name; nil if nothing is. ErrWrongKeys where it
// is not as the store wrote it.
func (r *Ring) Beside(name string) ([]byte, error) {
	path, key := r.besidePath(name), r.beside.Load()
	info, err := os.Stat(path)
	switch {
	case key.err != nil:
		return nil, key.err
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case key.aead == nil:
		return nil, fmt.Errorf("%w: %s is there, and %s, which opens it, is not: put it back from a copy of the key directory; if there is none, remove the other: then what only that told of is lost",
			ErrWrongKeys, path, besideFile)
	}
	const overhead = 64 // of Tink's prefix, nonce and tag; more than they have
	var sealed, content []byte
	if info.Size() <= MaxBeside+overhead {
		sealed, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if content, err = key.aead.Decrypt(sealed, besideUse(r.store, name)); err != nil {
		return nil, fmt.Errorf("%w: %s is damaged, or was not written by store %s: put it back from a copy of the key directory; if there is none, remove it: then what only it told of is lost",
			ErrWrongKeys, path, r.store)
	}
	return content, nil
}

// CheckBeside returns under which names something is kept, sorted. All of it opens;
// errors as of Beside.
func (r *Ring) CheckBeside() (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, besideDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list what is kept beside the keys: %w", err)
	}
	if err := r.beside.Load().err; err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") { // what a crash left
			continue
		}
		if _, err := r.Beside(e.Name()); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	return names, nil
}

func (r *Ring) besidePath(name string) string { return filepath.Join(r.dir, besideDir, name) }
