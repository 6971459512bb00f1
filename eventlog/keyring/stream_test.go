package keyring

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Files that are put under a key which no key file has are lost with the process.
// The keys could not be written: a KMS is away, a rotation runs.
func TestStreamKeyIsKeptBeforeUse(t *testing.T) {
	for name, begin := range map[string]func(*Ring) error{
		"with an epoch": func(r *Ring) error {
			if err := r.PrepareStream(); err != nil {
				return err
			}
			_, err := r.Begin()
			return err
		},
		"alone": (*Ring).BeginStream,
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t)
			key := r.StreamKey()
			write(t, r.Dir(), lockFile, nil)
			lock, err := vfs.Default.Lock(filepath.Join(r.Dir(), lockFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := begin(r); err == nil {
				t.Fatal("the keys were written though somebody else has them locked")
			}
			if r.StreamKey() != key || r.OldStreamKey() != "" {
				t.Error("the files are to be under a key that is in memory alone")
			}
			if err := lock.Close(); err != nil {
				t.Fatal(err)
			}
			if err := begin(r); err != nil {
				t.Fatal(err)
			}
			if r.StreamKey() == key || r.OldStreamKey() != key {
				t.Error("the key does not change")
			}
			again, err := Open(r.Dir())
			if err != nil {
				t.Fatal(err)
			}
			if again.StreamKey() != r.StreamKey() || again.OldStreamKey() != key {
				t.Error("the key that the files are changed to is not in the key file")
			}
		})
	}
}
