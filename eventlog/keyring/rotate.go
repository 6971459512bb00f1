package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// lockFile is locked while key files change, so that two processes, or a
// rotation and a new epoch, do not undo each other's work.
const lockFile = "lock"

// Rotate wraps the key files' keysets anew and gives the old KEK
// up: kek is Local for a new local one, under the passphrase in opts, or a URI,
// or "" for the kind that is on record. opts opens what is there.
//
// It may run beside a process that serves. After a crash the keys open as
// before, and Rotate can be called again. After an error nothing is changed,
// or what is left can be opened and Rotate called again. When it has returned,
// copies of epoch.json made before it do not open with the KEK of now; a local
// KEK that is given up is overwritten, as far as the disk does what it is told.
func Rotate(dir string, opts Options, kek string) error {
	return change(dir, func() error {
		steps, err := rotation(dir, opts, kek)
		if err != nil {
			return err
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return fmt.Errorf("rotate the KEK, the keys still open, do it again: %w", err)
			}
		}
		return nil
	})
}

// Rotate is the function Rotate for an open ring, which goes on with the same
// epoch.
func (r *Ring) Rotate(kek string) error { return Rotate(r.dir, r.current(), kek) }

// current is how the KEK opens that is on record now: it may have been rotated
// since the ring was opened.
func (r *Ring) current() Options {
	opts := r.opts
	opts.KEK = ""
	return opts
}

// change runs do while nobody else changes the key files.
func change(dir string, do func() error) (err error) {
	if err := readJSON(filepath.Join(dir, epochFile), new(epochDocument)); err != nil {
		return err
	}
	path := filepath.Join(dir, lockFile)
	// Only where it is absent: closing a locked file would unlock it.
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return fmt.Errorf("lock the keys: %w", err)
		}
	}
	lock, err := vfs.Default.Lock(path)
	if err != nil {
		return fmt.Errorf("the keys in %s are being changed by somebody else: try again: %w", dir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return do()
}

// rotation returns what is to be done, one change of one file at a time. After
// each of them the keys open, and the rotation can begin anew. Nothing is
// changed yet; what is there opens, and the new KEK answers.
func rotation(dir string, opts Options, kek string) ([]func() error, error) {
	var epoch epochDocument
	var signing signingDocument
	if err := errors.Join(readJSON(filepath.Join(dir, epochFile), &epoch), readJSON(filepath.Join(dir, signingFile), &signing)); err != nil {
		return nil, err
	}
	r, err := OpenWith(dir, opts)
	if err != nil {
		return nil, err
	}
	if err := r.beside.Load().err; err != nil { // It would stay wrapped by a KEK that is given up.
		return nil, err
	}
	if kek == "" {
		kek = kekName(epoch.KEK)
	}
	to := Options{KEK: kek, Passphrase: opts.Passphrase, GCPEndpoint: opts.GCPEndpoint}
	target, first, last, err := newTarget(dir, to)
	if err != nil {
		return nil, err
	}
	opts.KEK = ""
	rewrapEpoch := func() error { return rewrapEpoch(dir, epoch, opts, target, to.record()) }
	rewrapBeside := func() error { return rewrapBeside(dir, opts, target, to.record()) }
	rewrapSigning := func() error { return rewrapSigning(dir, signing, opts, target, to.record()) }
	clean := func() error { return removeLeftovers(dir) }
	return append(first, rewrapEpoch, rewrapBeside, rewrapSigning, last, clean), nil
}

// newTarget returns the KEK to be, what brings it into being, and what gives
// up the one before.
func newTarget(dir string, to Options) (target tink.AEAD, first []func() error, last func() error, err error) {
	path := kekPath(dir)
	if to.record() != "" {
		if target, err = to.kms(to.record()); err != nil {
			return nil, nil, nil, err
		}
		return target, nil, func() error { return removeSecret(path) }, probe(target)
	}
	both, alone, err := renewed(dir, to.Passphrase)
	if err != nil {
		return nil, nil, nil, err
	}
	if target, err = aead.New(alone); err != nil {
		return nil, nil, nil, fmt.Errorf("make KEK: %w", err)
	}
	write := func(handle *keyset.Handle) func() error {
		return func() error {
			b, err := encodeKEK(handle, to.Passphrase)
			if err != nil {
				return err
			}
			return replaceSecret(path, b)
		}
	}
	return target, []func() error{write(both)}, write(alone), nil
}

// renewed returns the local KEK with a new key beside those that it had, and
// the new key alone.
func renewed(dir string, passphrase []byte) (both, alone *keyset.Handle, err error) {
	handle, err := loadKEK(dir, passphrase)
	if errors.Is(err, ErrNoKeys) {
		handle, err = newKEK()
	}
	if err != nil {
		return nil, nil, err
	}
	m := keyset.NewManagerFromHandle(handle)
	fresh, err := m.Add(kekTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make KEK: %w", err)
	}
	if err := m.SetPrimary(fresh); err != nil {
		return nil, nil, fmt.Errorf("make KEK: %w", err)
	}
	if both, err = m.Handle(); err != nil {
		return nil, nil, fmt.Errorf("make KEK: %w", err)
	}
	for _, key := range both.KeysetInfo().GetKeyInfo() {
		if id := key.GetKeyId(); id != fresh {
			if err := m.Delete(id); err != nil {
				return nil, nil, fmt.Errorf("make KEK: %w", err)
			}
		}
	}
	if alone, err = m.Handle(); err != nil {
		return nil, nil, fmt.Errorf("make KEK: %w", err)
	}
	return both, alone, nil
}

// rewrapEpoch wraps everything in epoch.json that the KEK wraps by another.
func rewrapEpoch(dir string, doc epochDocument, opts Options, to tink.AEAD, record string) error {
	store, err := parseStoreID(doc.Store)
	if err != nil {
		return err
	}
	from, err := opts.openKEK(dir, doc.KEK)
	if err != nil {
		return err
	}
	if doc.Keyset, err = rewrap(doc.Keyset, from, to, epochUse(store, doc.Epoch)); err != nil {
		return err
	}
	if doc.Other != nil {
		if doc.Other.Keyset, err = rewrap(doc.Other.Keyset, from, to, epochUse(store, doc.Other.Epoch)); err != nil {
			return err
		}
	}
	if doc.Stream != nil {
		if doc.Stream, err = rewrapStream(doc.Stream, from, to, store); err != nil {
			return err
		}
	}
	doc.KEK = record
	return writeJSON(filepath.Join(dir, epochFile), doc)
}

func rewrapSigning(dir string, doc signingDocument, opts Options, to tink.AEAD, record string) error {
	store, err := parseStoreID(doc.Store)
	if err != nil {
		return err
	}
	from, err := opts.openKEK(dir, doc.KEK)
	if err != nil {
		return err
	}
	if doc.Keyset, err = rewrap(doc.Keyset, from, to, signingUse(store)); err != nil {
		return err
	}
	doc.KEK = record
	return writeJSON(filepath.Join(dir, signingFile), doc)
}

func rewrap(encrypted []byte, from, to tink.AEAD, use []byte) ([]byte, error) {
	handle, err := decryptKeyset(encrypted, from, use)
	if err != nil {
		return nil, err
	}
	return encryptKeyset(handle, to, use)
}

// SetPassphrase protects the local KEK with another passphrase, or with none
// if it is empty. After a crash there is the old file or the new one. The KEK
// is the same: where a copy of it got into other hands, rotate it.
func SetPassphrase(dir string, old, passphrase []byte) error {
	return change(dir, func() error {
		handle, err := loadKEK(dir, old)
		if err != nil {
			return err
		}
		b, err := encodeKEK(handle, passphrase)
		if err != nil {
			return err
		}
		if err := replaceSecret(kekPath(dir), b); err != nil {
			return err
		}
		return removeLeftovers(dir)
	})
}

// A Description is what can be told of keys without any secret.
type Description struct {
	Store      string
	Epoch      uint64
	KEK        string // Local, or a URI
	Protected  bool   // the local KEK needs a passphrase
	Unfinished bool   // a rotation did not end: do it again
}

// Describe reads what the key files say of themselves. It opens nothing.
func Describe(dir string) (Description, error) {
	var epoch epochDocument
	if err := readJSON(filepath.Join(dir, epochFile), &epoch); err != nil {
		return Description{}, err
	}
	var signing signingDocument
	if err := readJSON(filepath.Join(dir, signingFile), &signing); err != nil {
		return Description{}, err
	}
	if _, err := parseStore(epoch, signing); err != nil {
		return Description{}, fmt.Errorf("%s: %w", dir, err)
	}
	d := Description{Store: epoch.Store, Epoch: epoch.Epoch, KEK: kekName(epoch.KEK), Unfinished: epoch.KEK != signing.KEK}
	secret, keys, err := describeKEK(dir)
	switch {
	case err == nil && epoch.KEK == "":
		d.Protected, d.Unfinished = secret, d.Unfinished || keys > 1
	case err == nil:
		d.Unfinished = true // the local KEK should be gone
	case epoch.KEK == "" || !errors.Is(err, ErrNoKeys):
		return Description{}, err
	}
	return d, nil
}

// replaceSecret puts a file of secrets in the place of another, as writeFile
// does, and overwrites the one before.
func replaceSecret(path string, b []byte) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return writeFile(path, b)
	}
	if err != nil {
		return err
	}
	if err := writeFile(path, b); err != nil {
		return errors.Join(err, old.Close())
	}
	return overwrite(old)
}

// removeSecret overwrites a file and removes it, if it is there.
func removeSecret(path string) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// First the name: a file of zeros would look like keys that are damaged.
	if err := os.Remove(path); err != nil {
		return errors.Join(err, old.Close())
	}
	return errors.Join(syncDir(filepath.Dir(path)), overwrite(old))
}

// overwrite writes zeros over a file that nobody needs any more, and closes it.
func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// removeLeftovers removes what crashes left of key files that were never put
// in place.
func removeLeftovers(dir string) error {
	var failed error
	for _, file := range []string{kekFile, epochFile, besideFile, signingFile} {
		failed = errors.Join(failed, removeMatching(filepath.Join(dir, file+".tmp*")))
	}
	return failed
}

// removeMatching overwrites and removes the files that match a pattern.
func removeMatching(pattern string) error {
	left, failed := filepath.Glob(pattern)
	for _, path := range left {
		failed = errors.Join(failed, removeSecret(path))
	}
	return failed
}

// KEK names the kind of KEK that is on record now: local, or the scheme of its URI.
func (r *Ring) KEK() (string, error) {
	var doc epochDocument
	if err := readJSON(filepath.Join(r.dir, epochFile), &doc); err != nil {
		return "", err
	}
	kind, _, _ := strings.Cut(kekName(doc.KEK), "://")
	return kind, nil
}
