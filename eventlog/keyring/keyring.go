package keyring

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// The files of the key directory.
const (
	kekFile     = "kek.json"
	epochFile   = "epoch.json"
	signingFile = "signing.json"
	anchorFile  = "anchor"
)

// StoreID names a store for life. It is random and no secret.
type StoreID [16]byte

// String returns the id in hexadecimal.
func (id StoreID) String() string { return hex.EncodeToString(id[:]) }

// What callers decide on.
var (
	// ErrNoKeys: the directory holds no keys.
	ErrNoKeys = errors.New("no keys there")
	// ErrWrongKeys: the keys are damaged or belong to another store.
	ErrWrongKeys = errors.New("wrong keys")
)

// A Ring is an open key directory. Safe for concurrent use.
type Ring struct {
	dir     string
	opts    Options // as of the start; see current
	store   StoreID
	signer  *noteKey
	epochs  atomic.Pointer[epochs]
	streams atomic.Pointer[streamKeys]
	beside  atomic.Pointer[beside]
}

// epochDocument is epoch.json.
type epochDocument struct {
	Format int             `json:"format"`        // 2; 1: without stream
	Store  string          `json:"store"`         // hexadecimal
	Epoch  uint64          `json:"epoch"`         // counted from 1
	KEK    string          `json:"kek,omitempty"` // the URI of the KEK; "": the local one
	Keyset json.RawMessage `json:"keyset"`        // a Tink keyset, encrypted by the KEK
	Other  *otherEpoch     `json:"other,omitempty"`
	Stream *sealedStream   `json:"stream,omitempty"`
}

// signingDocument is signing.json.
type signingDocument struct {
	Format int             `json:"format"`        // 1
	Store  string          `json:"store"`         // hexadecimal
	KEK    string          `json:"kek,omitempty"` // the URI of the KEK; "": the local one
	Keyset json.RawMessage `json:"keyset"`        // a Tink keyset, encrypted by the KEK
}

// Create is CreateWith a local KEK without a passphrase.
func Create(dir string) (*Ring, error) { return CreateWith(dir, Options{}) }

// CreateWith makes the keys of a new store in dir, which is made if absent and
// must hold no keys. A crash on the way leaves no epoch.json, and CreateWith
// can be called again. Nothing is made where the KEK does not answer.
func CreateWith(dir string, opts Options) (*Ring, error) {
	var kek tink.AEAD
	if opts.record() != "" {
		var err error
		if kek, err = opts.openKEK(dir, opts.record()); err != nil {
			return nil, err
		}
		if err := probe(kek); err != nil {
			return nil, err
		}
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("make key directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, epochFile)); err == nil {
		return nil, fmt.Errorf("make keys in %s: %w", dir, fs.ErrExist)
	}
	var store StoreID
	if _, err := rand.Read(store[:]); err != nil {
		return nil, fmt.Errorf("make store id: %w", err)
	}
	if kek == nil {
		var err error
		if kek, err = createKEK(dir, opts.Passphrase); err != nil {
			return nil, err
		}
	}
	if err := createSigning(dir, store, kek, opts.record()); err != nil {
		return nil, err
	}
	if err := createBeside(dir, store, kek, opts.record()); err != nil {
		return nil, err
	}
	if err := createEpoch(dir, store, kek, opts.record()); err != nil {
		return nil, err
	}
	return OpenWith(dir, opts)
}

// createKEK makes the local KEK, or reads the one that an earlier attempt or
// the operator left.
func createKEK(dir string, passphrase []byte) (tink.AEAD, error) {
	path := kekPath(dir)
	if _, err := os.Stat(path); err == nil {
		return readKEK(dir, passphrase)
	}
	handle, err := newKEK()
	if err != nil {
		return nil, err
	}
	b, err := encodeKEK(handle, passphrase)
	if err != nil {
		return nil, err
	}
	if err := writeFile(path, b); err != nil {
		return nil, fmt.Errorf("write KEK: %w", err)
	}
	return readKEK(dir, passphrase)
}

func createSigning(dir string, store StoreID, kek tink.AEAD, record string) error {
	handle, err := keyset.NewHandle(signature.ED25519KeyWithoutPrefixTemplate())
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	encrypted, err := encryptKeyset(handle, kek, signingUse(store))
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, signingFile), signingDocument{1, store.String(), record, encrypted})
}

func createEpoch(dir string, store StoreID, kek tink.AEAD, record string) error {
	e, err := newEpoch(store, 1)
	if err != nil {
		return err
	}
	doc := epochDocument{Format: 2, Store: store.String(), Epoch: e.number, KEK: record}
	key, err := newStreamKey()
	if err != nil {
		return err
	}
	if doc.Stream, err = (streamKeys{current: key}).seal(kek, store); err != nil {
		return err
	}
	if doc.Keyset, err = encryptKeyset(e.handle, kek, epochUse(store, e.number)); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, epochFile), doc)
}

// Open is OpenWith the KEK on record, without a passphrase.
func Open(dir string) (*Ring, error) { return OpenWith(dir, Options{}) }

// OpenWith opens the keys in dir. ErrNoKeys where there are none, ErrWrongKeys
// where they do not open, ErrPassphrase and ErrKMS where the KEK does not; all
// wrapped with what to look at.
func OpenWith(dir string, opts Options) (*Ring, error) {
	var epoch epochDocument
	if err := readJSON(filepath.Join(dir, epochFile), &epoch); err != nil {
		return nil, err
	}
	var signing signingDocument
	if err := readJSON(filepath.Join(dir, signingFile), &signing); err != nil {
		return nil, err
	}
	return open(dir, opts, epoch, signing)
}

// open opens what epoch.json and signing.json hold with the KEK in dir.
func open(dir string, opts Options, epoch epochDocument, signing signingDocument) (*Ring, error) {
	store, err := parseStore(epoch, signing)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	r := &Ring{dir: dir, opts: opts, store: store}
	kek, err := opts.openKEK(dir, epoch.KEK)
	if err != nil {
		return nil, err
	}
	if err := r.openEpochs(epoch, kek); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, epochFile), err)
	}
	b := openBeside(dir, opts, store, kek, epoch.KEK)
	r.beside.Store(&b)
	if signing.KEK != epoch.KEK { // a rotation that did not end
		opts.KEK = ""
		if kek, err = opts.openKEK(dir, signing.KEK); err != nil {
			return nil, err
		}
	}
	if err := r.openSigning(signing, kek); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, signingFile), err)
	}
	return r, nil
}

func parseStore(epoch epochDocument, signing signingDocument) (StoreID, error) {
	if epoch.Format != 1 && epoch.Format != 2 || signing.Format != 1 {
		return StoreID{}, fmt.Errorf("%w: written by a newer version of afterimage: use that", ErrWrongKeys)
	}
	if epoch.Store != signing.Store {
		return StoreID{}, fmt.Errorf("%w: %s and %s belong to different stores", ErrWrongKeys, epochFile, signingFile)
	}
	return parseStoreID(epoch.Store)
}

func parseStoreID(text string) (StoreID, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(StoreID{}) {
		return StoreID{}, fmt.Errorf("%w: %s names no store", ErrWrongKeys, epochFile)
	}
	return StoreID(raw), nil
}

// openEpochs opens the epochs in the key file. Which of them the data is
// wrapped with is for Use to say.
func (r *Ring) openEpochs(doc epochDocument, kek tink.AEAD) error {
	e := &epochs{}
	var err error
	if e.current, err = openEpoch(r.store, doc.Epoch, doc.Keyset, kek); err != nil {
		return err
	}
	if doc.Other != nil {
		if e.other, err = openEpoch(r.store, doc.Other.Epoch, doc.Other.Keyset, kek); err != nil {
			return err
		}
	}
	streams, err := doc.Stream.open(kek, r.store)
	if err != nil {
		return err
	}
	r.epochs.Store(e)
	r.streams.Store(&streams)
	return nil
}

// Store returns the store that the keys belong to.
func (r *Ring) Store() StoreID { return r.store }

// Dir returns the key directory.
func (r *Ring) Dir() string { return r.dir }

// SaveAnchor durably keeps the newest checkpoint beside the keys.
func (r *Ring) SaveAnchor(note []byte) error {
	if err := writeFile(filepath.Join(r.dir, anchorFile), note); err != nil {
		return fmt.Errorf("write anchor: %w", err)
	}
	return nil
}

// Anchor returns the checkpoint that was kept last, nil if none was.
func (r *Ring) Anchor() ([]byte, error) {
	note, err := os.ReadFile(filepath.Join(r.dir, anchorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read anchor: %w", err)
	}
	return note, nil
}
