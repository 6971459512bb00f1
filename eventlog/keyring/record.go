package keyring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// forgottenDir holds, for each epoch, a record of what its beginning made
// unreadable. It outlives the data, so that a backup cannot undo it.
const forgottenDir = "forgotten"

// signatureSize is the size of an Ed25519 signature in bytes.
const signatureSize = 64

// maxRecord is the largest record in bytes: 2³² scattered positions take less.
const maxRecord = 1 << 30

// SaveForgotten durably keeps the record of what the beginning of an epoch
// makes unreadable, signed, instead of the one that is there.
func (r *Ring) SaveForgotten(epoch uint64, record []byte) error {
	path := r.forgottenPath(epoch)
	if len(record) > maxRecord {
		return fmt.Errorf("write %s: it would have %d bytes, more than %d", path, len(record), maxRecord)
	}
	signature, err := r.signer.signer.Sign(r.signed(epoch, record))
	if err != nil {
		return fmt.Errorf("sign %s: %w", path, err)
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := writeFile(path, slices.Concat(record, signature)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Forgotten returns the record of an epoch, nil if there is none. ErrWrongKeys
// where it is not as the store wrote it.
func (r *Ring) Forgotten(epoch uint64) ([]byte, error) {
	path := r.forgottenPath(epoch)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > maxRecord+signatureSize {
		err = fmt.Errorf("%w: it has %d bytes", ErrWrongKeys, info.Size())
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	at := max(0, len(b)-signatureSize)
	if r.signer.verifier.Verify(b[at:], r.signed(epoch, b[:at])) != nil {
		return nil, fmt.Errorf("%w: %s is damaged, or was not written by store %s: put it back from a copy of the key directory", ErrWrongKeys, path, r.store)
	}
	return b[:at], nil
}

// ForgottenEpochs returns the epochs that there are records of, ascending.
func (r *Ring) ForgottenEpochs() ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, forgottenDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list what was forgotten: %w", err)
	}
	var epochs []uint64
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 64); err == nil && e.Name() == strconv.FormatUint(n, 10) {
			epochs = append(epochs, n)
		}
	}
	slices.Sort(epochs)
	return epochs, nil
}

func (r *Ring) forgottenPath(epoch uint64) string {
	return filepath.Join(r.dir, forgottenDir, strconv.FormatUint(epoch, 10))
}

// signed is what the signature of a record is over. It begins with a zero byte,
// which no checkpoint may hold: neither can pass for the other.
func (r *Ring) signed(epoch uint64, record []byte) []byte {
	b := append([]byte("\x00afterimage/forgotten\x00"), r.store[:]...)
	return append(binary.BigEndian.AppendUint64(b, epoch), record...)
}
