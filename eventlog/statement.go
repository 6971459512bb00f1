package eventlog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// SignStatement signs, with the key that signs checkpoints, that the log vouches
// for what has this SHA-256: a document of a kind such as
// `certificate-of-deletion/v1`. The signed note (C2SP signed-note) has two lines,
// the log's origin, a slash and the kind, and the SHA-256 in base64. No statement
// can be taken for a checkpoint, nor for one of another kind: a checkpoint's first
// line is the origin alone, and its second a number.
func (l *Log) SignStatement(kind string, sum [sha256.Size]byte) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: statementText(l.Origin(), kind, sum)}, l.signer)
	if err != nil {
		return nil, fmt.Errorf("sign statement: %w", err)
	}
	return signed, nil
}

func statementText(origin, kind string, sum [sha256.Size]byte) string {
	return origin + "/" + kind + "\n" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
}

// CheckStatement reports whether a note is the statement of a log, named by its
// verifier key, that it vouches for a document of a kind with this SHA-256. One
// spelling of the note is accepted.
func CheckStatement(signed []byte, verifier note.Verifier, kind string, sum [sha256.Size]byte) error {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("%w: the statement's signature: %w", ErrTampered, err)
	}
	text := statementText(verifier.Name(), kind, sum)
	if n.Text != text {
		return fmt.Errorf("%w: what was signed is another document, or this one was changed", ErrTampered)
	}
	// A signature line with other padding decodes to the same signature.
	raw, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	if err != nil || string(signed) != text+"\n— "+verifier.Name()+" "+base64.StdEncoding.EncodeToString(raw)+"\n" {
		return fmt.Errorf("%w: the statement is not spelled as it was signed", ErrTampered)
	}
	return nil
}
