package tree

import (
	"fmt"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// A Checkpoint is a signed tree head.
type Checkpoint struct {
	Size uint64
	Root Hash
	Note []byte // as it was signed
}

// Sign returns the checkpoint of a tree, signed under the log's origin, which
// is the signer's name.
func Sign(size uint64, root Hash, signer note.Signer) (Checkpoint, error) {
	text := log.Checkpoint{Origin: signer.Name(), Size: size, Hash: root[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	return Checkpoint{size, root, signed}, nil
}

// Open checks the signature and form of a note and returns its checkpoint.
// The verifier's name is the origin it must have.
func Open(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	cp, rest, _, err := log.ParseCheckpoint(signed, verifier.Name(), verifier)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	if len(rest) != 0 {
		return Checkpoint{}, fmt.Errorf("open checkpoint: it has extension lines")
	}
	if len(cp.Hash) != HashSize {
		return Checkpoint{}, fmt.Errorf("open checkpoint: the root hash has %d bytes: want %d", len(cp.Hash), HashSize)
	}
	return Checkpoint{cp.Size, Hash(cp.Hash), signed}, nil
}
