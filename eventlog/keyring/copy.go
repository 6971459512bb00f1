package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Copy is a store's keys as a backup keeps them: wrapped by the KEK, which is
// not part of it.
type Copy struct {
	Epoch   []byte // epoch.json, of the current epoch alone
	Signing []byte // signing.json
}

// Copy returns a copy of the keys as they are now.
func (r *Ring) Copy() (Copy, error) {
	var doc epochDocument
	if err := readJSON(filepath.Join(r.dir, epochFile), &doc); err != nil {
		return Copy{}, err
	}
	current := r.Current()
	switch {
	case doc.Epoch == current.number:
	case doc.Other != nil && doc.Other.Epoch == current.number:
		doc.Epoch, doc.Keyset = doc.Other.Epoch, doc.Other.Keyset
	default:
		return Copy{}, fmt.Errorf("copy keys: %w: %s is not of epoch %d", ErrWrongKeys, epochFile, current.number)
	}
	doc.Other = nil
	doc.Format, doc.Stream = 1, nil // What is restored has no stream files.
	epoch, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return Copy{}, fmt.Errorf("copy keys: %w", err)
	}
	signing, err := os.ReadFile(filepath.Join(r.dir, signingFile))
	if err != nil {
		return Copy{}, fmt.Errorf("copy keys: %w", err)
	}
	return Copy{append(epoch, '\n'), signing}, nil
}

// OpenCopy opens a copy with the KEK in dir. It changes nothing there. Errors as
// of Open.
func OpenCopy(dir string, opts Options, c Copy) (*Ring, error) {
	var epoch epochDocument
	if err := json.Unmarshal(c.Epoch, &epoch); err != nil {
		return nil, fmt.Errorf("the copy of %s is damaged: %w", epochFile, ErrWrongKeys)
	}
	var signing signingDocument
	if err := json.Unmarshal(c.Signing, &signing); err != nil {
		return nil, fmt.Errorf("the copy of %s is damaged: %w", signingFile, ErrWrongKeys)
	}
	return open(dir, opts, epoch, signing)
}

// Install durably puts a copy, and the anchor that belongs to it, in the place of
// the keys in dir, and wipes the key of the epoch that was there. A crash may
// leave some of it undone.
func Install(dir string, c Copy, anchor []byte) error {
	if err := installAnchor(filepath.Join(dir, anchorFile), anchor); err != nil {
		return fmt.Errorf("put the anchor in place: %w", err)
	}
	if err := writeFile(filepath.Join(dir, signingFile), c.Signing); err != nil {
		return fmt.Errorf("put %s in place: %w", signingFile, err)
	}
	return replaceSecret(filepath.Join(dir, epochFile), c.Epoch)
}

// installAnchor writes the anchor, or removes it where there is to be none.
func installAnchor(path string, anchor []byte) error {
	if anchor != nil {
		return writeFile(path, anchor)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Seen returns the store and the epoch that the keys in dir are of, without
// opening them; ErrNoKeys where there are none.
func Seen(dir string) (store StoreID, epoch uint64, err error) {
	var e epochDocument
	if err := readJSON(filepath.Join(dir, epochFile), &e); err != nil {
		return StoreID{}, 0, err
	}
	var s signingDocument
	if err := readJSON(filepath.Join(dir, signingFile), &s); err != nil {
		return StoreID{}, 0, err
	}
	if store, err = parseStore(e, s); err != nil {
		return StoreID{}, 0, fmt.Errorf("%s: %w", dir, err)
	}
	return store, e.Epoch, nil
}
